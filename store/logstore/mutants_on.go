//go:build mutants

package logstore

import "os"

var mutant = os.Getenv("DAYBOOK_MUTANT")

// planted reports whether a known bug is planted here: the one that the environment
// variable DAYBOOK_MUTANT names. It exists to show that the tests catch it.
func planted(name string) bool { return name == mutant }
