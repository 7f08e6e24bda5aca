package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inPrograms are the licences under which a module may be linked into a program. What only
// tests use may also be under one that asks for more of those who hand it on.
var inPrograms = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unlicense", "blessing"}

func TestEveryDependencysLicenceIsKnownAndAllowed(t *testing.T) {
	modules := func(args ...string) map[string]string {
		t.Helper()
		command := exec.Command("go", append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}"}, args...)...)
		command.Dir, command.Stderr = filepath.Join("..", ".."), os.Stderr
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for line := range strings.Lines(string(out)) {
			if path, dir, is := strings.Cut(strings.TrimSpace(line), " "); is {
				all[path] = dir
			}
		}
		return all
	}
	packages, err := programs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	linked, tested := modules(packages...), modules("-test", "./...")
	if len(linked) == 0 || len(tested) <= len(linked) {
		t.Fatalf("%d modules are linked, %d are used by tests", len(linked), len(tested))
	}
	for path, dir := range tested {
		ids, err := licencesIn(dir)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if linked[path] != "" {
			for _, id := range ids {
				if !slices.Contains(inPrograms, id) {
					t.Errorf("%s is linked, and under %s", path, id)
				}
			}
		}
	}
	t.Logf("%d modules are linked into programs, %d more are used by tests", len(linked), len(tested)-len(linked))
}

func TestALicenceThatIsNotKnownIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\nVersion 2.0, January 2004\nTERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION":                                                            "Apache-2.0",
		"// Permission is hereby granted, free of charge, to any person obtaining a copy\n// of it. The above copyright notice and this permission notice shall be included": "MIT",
		"Redistribution and use in source and binary forms, with or without\nmodification, are permitted":                                                                    "BSD-2-Clause",
		"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007":                                                                                                                "",
		"All rights reserved.": "",
		"Redistribution and use in source and binary forms, with or without modification, are permitted. All advertising materials must … to endorse or promote products": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "LICENSE.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ids, err := licencesIn(dir)
		if strings.Join(ids, " ") != want || (err == nil) != (want != "") {
			t.Errorf("%.40q: %v, %v; want %q", text, ids, err, want)
		}
	}
	if ids, err := licencesIn(t.TempDir()); err == nil {
		t.Errorf("a module without a licence has %v", ids)
	}
}

// The bill of this test's own program: what Go knows of it, in the same words each time.
func TestABillSaysWhatIsInAProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "release")
	build := exec.Command("go", "build", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var first, second bytes.Buffer
	for _, w := range []*bytes.Buffer{&first, &second} {
		if err := printBill(w, program); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("it has two bills")
	}
	var b bill
	if err := json.Unmarshal(first.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range b.Components {
		names = append(names, c.Name)
		if len(c.Licences) == 0 || c.PURL == "" || c.Version == "" {
			t.Errorf("%s is listed as %+v", c.Name, c)
		}
	}
	if !slices.Equal(names, []string{"std", "github.com/google/uuid"}) {
		t.Errorf("in it are %v", names)
	}
	sum, err := checksum(program)
	if main := b.Metadata.Component; err != nil || main.Name != "release" || main.Hashes[0].Content != sum || main.Licences[0].Licence.ID != "Apache-2.0" {
		t.Errorf("it is %+v, %v", main, err)
	}
}
