package main

import (
	"os"
	"path/filepath"
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

	race, plain, rest := divide(plainList, raceList)
	if want := []string{"m/fast", "m/engine", "m/near"}; !slices.Equal(race, want) {
		t.Errorf("under race run %q, want %q", race, want)
	}
	if want := []string{"m/onlycrash", "m/view"}; !slices.Equal(plain, want) {
		t.Errorf("without race run %q, want %q", plain, want)
	}
	if len(rest) != 1 || rest[0].ImportPath != "m/engine" || !slices.Equal(rest[0].tests(), []string{crash}) {
		t.Errorf("what is left of those under race is %+v, want %s of m/engine", rest, crash)
	}
}

func TestTestsIn(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"a_test.go": "package a\n\nfunc TestA(t *testing.T) { helper(t) }\n\nfunc helper(t *testing.T) {}\n\n\tfunc TestInside(",
		"b_test.go": "package a\n\nfunc FuzzB(f *testing.F) {}\n\nfunc Example_ofC() {}\n\nfunc BenchmarkD(b *testing.B) {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, err := testsIn(listing{Dir: dir, TestGoFiles: []string{"a_test.go"}, XTestGoFiles: []string{"b_test.go"}})
	if want := []string{"TestA", "FuzzB", "Example_ofC"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("there are %q, %v; want %q", names, err, want)
	}
	if _, err := testsIn(listing{Dir: dir, TestGoFiles: []string{"c_test.go"}}); err == nil {
		t.Error("a file that is not there has tests")
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
