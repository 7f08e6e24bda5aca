//go:build mutants && !race

package logstore

import (
	"slices"
	"testing"
)

func TestTheRegisterOfMutantsIsComplete(t *testing.T) {
	var registered []string
	for _, m := range mutants {
		registered = append(registered, m.name)
	}
	if !slices.Equal(registered, Mutants) {
		t.Errorf("registered are\n%q, and planted can be\n%q", registered, Mutants)
	}
}
