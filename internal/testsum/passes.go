package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A pass is one call of go test.
type pass struct {
	name     string   // what the progress lines say
	flags    []string // for go test, before the packages
	packages []string
	dir      string // where it is called; empty for the module itself
}

// slowUnderRace is a module whose packages are left out of the race pass, with
// everything that reaches it. SQLite is C compiled to Go: under the race
// detector it takes minutes to build and is some thirty times slower to run,
// and the code that it would check is not ours.
const slowUnderRace = "modernc.org/sqlite"

// passesOf says what to run: the first passes one after the other, and then two
// lanes of passes at the same time, so that what runs alone at the end of one
// does not have the machine to itself. Mode split runs each test once, in one of
// these:
//
//   - race: every package whose tests do not reach SQLite, with -race;
//   - plain: those that do;
//   - beside that, for each package of the first, the tests that only the build
//     without -race contains. A test that is too slow under the race detector (a
//     hundred thousand simulated power cuts, say) lies in a file with the line
//     "//go:build !race", and nobody has to list it.
func passesOf(mode string, packages []string) (first []pass, lanes [2][]pass, err error) {
	switch mode {
	case "race":
		return []pass{{name: "race", flags: []string{"-race"}, packages: packages}}, lanes, nil
	case "plain":
		return []pass{{name: "plain", packages: packages}}, lanes, nil
	case "split":
	default:
		return nil, lanes, fmt.Errorf("unknown mode %q: split, race or plain", mode)
	}

	plainList, err := listed(append([]string{"-test"}, packages...))
	if err != nil {
		return nil, lanes, err
	}
	raceList, err := listed(append([]string{"-race"}, packages...))
	if err != nil {
		return nil, lanes, err
	}
	race, plain, rest := divide(plainList, raceList)

	if len(race) > 0 {
		first = append(first, pass{name: "race", flags: []string{"-race"}, packages: race})
	}
	if len(plain) > 0 {
		lanes[0] = append(lanes[0], pass{name: "plain", packages: plain})
	}
	for _, l := range rest {
		tests, err := testsIn(l)
		if err != nil {
			return nil, lanes, err
		}
		if len(tests) > 0 {
			lanes[1] = append(lanes[1], pass{name: "plain", flags: []string{"-run=^(" + strings.Join(tests, "|") + ")$"}, packages: []string{l.ImportPath}})
		}
	}
	return first, lanes, nil
}

// testFunc is the line with which a test, an example or a fuzz target begins.
var testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Example|Fuzz)\w*)\(`)

// testsIn returns the names of the tests in the files of a listing. Of what only
// looks like one go test says nothing.
func testsIn(l listing) (names []string, err error) {
	for _, file := range l.tests() {
		text, err := os.ReadFile(filepath.Join(l.Dir, file))
		if err != nil {
			return nil, err
		}
		for _, match := range testFunc.FindAllSubmatch(text, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names, nil
}

// A listing is what go list says of one package.
type listing struct {
	ImportPath   string
	Dir          string
	ForTest      string
	Deps         []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// tests are the names of the package's test files.
func (l listing) tests() []string {
	return slices.Concat(l.TestGoFiles, l.XTestGoFiles)
}

// divide takes what go list says without -race (but with -test, for what the
// tests reach) and with it, and returns the packages of the first two passes,
// and of those in the first the test files that it leaves out. Packages without
// tests are nowhere.
func divide(plainList, raceList []listing) (race, plain []string, rest []listing) {
	slow := make(map[string]bool)
	for _, l := range plainList {
		pkg, isTest := strings.CutSuffix(l.ImportPath, ".test")
		if isTest && slices.ContainsFunc(l.Deps, isSlow) {
			slow[pkg] = true
		}
	}
	underRace := make(map[string][]string)
	for _, l := range raceList {
		underRace[l.ImportPath] = l.tests()
	}

	for _, l := range plainList {
		if l.ForTest != "" || strings.HasSuffix(l.ImportPath, ".test") || len(l.tests()) == 0 {
			continue
		}
		with := underRace[l.ImportPath]
		if slow[l.ImportPath] || len(with) == 0 {
			plain = append(plain, l.ImportPath)
			continue
		}
		race = append(race, l.ImportPath)
		isThere := func(file string) bool { return slices.Contains(with, file) }
		if left := slices.DeleteFunc(l.tests(), isThere); len(left) > 0 {
			rest = append(rest, listing{ImportPath: l.ImportPath, Dir: l.Dir, TestGoFiles: left})
		}
	}
	return race, plain, rest
}

// isSlow tells whether an import path belongs to the module slowUnderRace.
func isSlow(path string) bool {
	return path == slowUnderRace || strings.HasPrefix(path, slowUnderRace+"/")
}

// listed calls go list and decodes its answer.
func listed(args []string) ([]listing, error) {
	// With -e a package that does not load is listed too; go test then says why.
	const fields = "-json=ImportPath,Dir,ForTest,Deps,TestGoFiles,XTestGoFiles"
	out, err := goList(append([]string{"-e", fields}, args...)...)
	if err != nil {
		return nil, err
	}
	var all []listing
	dec := json.NewDecoder(strings.NewReader(out))
	for {
		var l listing
		switch err := dec.Decode(&l); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("decode go list: %w", err)
		}
		all = append(all, l)
	}
}
