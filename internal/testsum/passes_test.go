package main

import (
	"slices"
	"testing"
)

func TestDivide(t *testing.T) {
	const crash = "crash_test.go" // has the line "//go:build !race"
	plainList := []listing{
		{ImportPath: "m/fast", TestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/fast.test", Deps: []string{"m/fast", "testing"}},
		{ImportPath: "m/engine", TestGoFiles: []string{"a_test.go", crash}},
		{ImportPath: "m/engine [m/engine.test]", ForTest: "m/engine", TestGoFiles: []string{"a_test.go", crash}},
		{ImportPath: "m/engine.test", Deps: []string{"m/engine [m/engine.test]"}},
		{ImportPath: "m/onlycrash", XTestGoFiles: []string{crash}},
		{ImportPath: "m/onlycrash.test", Deps: []string{"testing"}},
		{ImportPath: "m/view", XTestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/view.test", Deps: []string{"modernc.org/sqlite/lib", "testing"}},
		{ImportPath: "m/near", TestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/near.test", Deps: []string{"modernc.org/sqlitelike"}},
		{ImportPath: "m/untested"},
	}
	raceList := []listing{
		{ImportPath: "m/fast", TestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/engine", TestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/onlycrash"},
		{ImportPath: "m/view", XTestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/near", TestGoFiles: []string{"a_test.go"}},
		{ImportPath: "m/untested"},
	}

	race, plain := divide(plainList, raceList)
	if want := []string{"m/fast", "m/engine", "m/near"}; !slices.Equal(race, want) {
		t.Errorf("under race run %q, want %q", race, want)
	}
	if want := []string{"m/engine", "m/onlycrash", "m/view"}; !slices.Equal(plain, want) {
		t.Errorf("without race run %q, want %q", plain, want)
	}
}

func TestSplit(t *testing.T) {
	flags, packages := split([]string{"-short", "-run=TestX", "./store/..."})
	if !slices.Equal(flags, []string{"-short", "-run=TestX"}) || !slices.Equal(packages, []string{"./store/..."}) {
		t.Errorf("split gives flags %q and packages %q", flags, packages)
	}
	if _, packages := split(nil); !slices.Equal(packages, []string{"./..."}) {
		t.Errorf("without packages split gives %q, want all", packages)
	}
}
