package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// known are the licences that a dependency may have, by their SPDX identifiers, each with
// sentences that all of its texts have and those of no other.
var known = []struct {
	id     string
	has    []string
	hasNot []string
}{
	{id: "Apache-2.0", has: []string{"apache license version 2.0", "terms and conditions for use, reproduction, and distribution"}},
	{id: "MIT", has: []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice and this permission notice shall be included"}},
	{id: "ISC", has: []string{"permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted"}},
	{id: "ISC", has: []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
	{id: "BSD-3-Clause", has: []string{"redistribution and use in source and binary forms, with or without modification, are permitted", "to endorse or promote products"}, hasNot: []string{"all advertising materials"}},
	{id: "BSD-2-Clause", has: []string{"redistribution and use in source and binary forms, with or without modification, are permitted"}, hasNot: []string{"to endorse or promote products"}},
	{id: "MPL-2.0", has: []string{"mozilla public license version 2.0", "covered software"}, hasNot: []string{"apache license"}},
	{id: "Unlicense", has: []string{"this is free and unencumbered software released into the public domain"}},
	{id: "blessing", has: []string{"all of the code and documentation in sqlite has been dedicated to the public domain by the authors"}},
	{id: "CC0-1.0", has: []string{"creative commons cc0 1.0 universal"}},
}

// pictures is how the names of licences end that are those of pictures, which are in no program.
const pictures = "-LOGO"

// licencesIn returns the SPDX identifiers of the licences whose texts stand in the directory of
// a module. It is an error if there are none, or if it does not know one of the texts.
func licencesIn(dir string) ([]string, error) {
	if dir == "" {
		return nil, errors.New("its files are not here")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if entry.IsDir() || strings.HasSuffix(name, pictures) || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		found := licencesOf(string(text))
		if len(found) == 0 {
			return nil, fmt.Errorf("the licence in %s is none that is known", entry.Name())
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return nil, errors.New("it has no licence")
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// licencesOf returns the identifiers of the licences whose sentences stand in a text.
func licencesOf(text string) []string {
	plain := strings.ToLower(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n*#/>\"`", r) }), " "))
	plain = strings.ReplaceAll(plain, "license, version", "license version")
	var ids []string
	for _, l := range known {
		missing := func(sentence string) bool { return !strings.Contains(plain, sentence) }
		if !slices.ContainsFunc(l.has, missing) && !slices.ContainsFunc(l.hasNot, func(s string) bool { return !missing(s) }) {
			ids = append(ids, l.id)
		}
	}
	return ids
}
