// Package mutant plants known bugs in the packages below the engine, as the engine does for itself, to see whether its
// tests catch them. Only a program that is built with the tag mutants has any.
package mutant
