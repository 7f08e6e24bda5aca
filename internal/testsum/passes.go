package main

import (
	"encoding/json"
	"fmt"
	"io"
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

// passesOf says what to run. Mode split has two passes:
//
//   - race: every package whose tests do not reach SQLite, with -race;
//   - plain: those that do, and every package that has a test file only the
//     build without -race contains. A test that is too slow under the race
//     detector (a hundred thousand simulated power cuts, say) lies in a file
//     with the line "//go:build !race", and so runs here and is not skipped
//     there.
//
// Packages of the second kind run in both, so that nobody has to list tests.
func passesOf(mode string, packages []string) ([]pass, error) {
	switch mode {
	case "race":
		return []pass{{name: "race", flags: []string{"-race"}, packages: packages}}, nil
	case "plain":
		return []pass{{name: "plain", packages: packages}}, nil
	case "split":
	default:
		return nil, fmt.Errorf("unknown mode %q: split, race or plain", mode)
	}

	plainList, err := listed(append([]string{"-test"}, packages...))
	if err != nil {
		return nil, err
	}
	raceList, err := listed(append([]string{"-race"}, packages...))
	if err != nil {
		return nil, err
	}
	race, plain := divide(plainList, raceList)

	var passes []pass
	if len(race) > 0 {
		passes = append(passes, pass{name: "race", flags: []string{"-race"}, packages: race})
	}
	if len(plain) > 0 {
		passes = append(passes, pass{name: "plain", packages: plain})
	}
	return passes, nil
}

// A listing is what go list says of one package.
type listing struct {
	ImportPath   string
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
// tests reach) and with it, and returns the packages of each pass. Packages
// without tests are in neither.
func divide(plainList, raceList []listing) (race, plain []string) {
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
		if l.ForTest != "" || strings.HasSuffix(l.ImportPath, ".test") {
			continue
		}
		with, without := underRace[l.ImportPath], l.tests()
		if len(with) > 0 && !slow[l.ImportPath] {
			race = append(race, l.ImportPath)
		}
		if len(without) > 0 && (slow[l.ImportPath] || len(with) < len(without)) {
			plain = append(plain, l.ImportPath)
		}
	}
	return race, plain
}

// isSlow tells whether an import path belongs to the module slowUnderRace.
func isSlow(path string) bool {
	return path == slowUnderRace || strings.HasPrefix(path, slowUnderRace+"/")
}

// listed calls go list and decodes its answer.
func listed(args []string) ([]listing, error) {
	// With -e a package that does not load is listed too; go test then says why.
	const fields = "-json=ImportPath,ForTest,Deps,TestGoFiles,XTestGoFiles"
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
