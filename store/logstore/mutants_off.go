//go:build !mutants

package logstore

// planted reports whether a known bug is planted here. Only a program that is built
// with the tag mutants has any.
func planted(string) bool { return false }
