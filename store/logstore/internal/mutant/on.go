//go:build mutants

package mutant

import "os"

var planted = os.Getenv("DAYBOOK_MUTANT")

// Planted reports whether a known bug is planted here: the one that the environment variable DAYBOOK_MUTANT names.
func Planted(name string) bool { return name == planted }
