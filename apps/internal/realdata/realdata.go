// Package realdata finds the public data that tests import. Only tests import it.
package realdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns a directory of public data, such as olist, and skips the test where a file is
// not in it: below what the environment variable DAYBOOK_DATA names, or else in shared/data
// beside the project.
func Dir(t *testing.T, name, file string) string {
	t.Helper()
	root := os.Getenv("DAYBOOK_DATA")
	if root == "" {
		root = filepath.Join(project(t), "..", "shared", "data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		t.Skipf("there is no data to import: %v; see DAYBOOK_DATA", err)
	}
	return dir
}

// project returns the directory of the project, in which some package is being tested.
func project(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			t.Fatal("no go.mod is in any directory above the test")
		}
		dir = above
	}
}
