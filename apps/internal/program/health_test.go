package program

import (
	"errors"
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// An unwell store says what is wrong with it.
type unwell struct {
	daybook.Store
	err error
}

func (u unwell) Health() error { return u.err }

func TestOnlyAFailedDiskKeepsAServiceFromBeingReady(t *testing.T) {
	trouble := errors.New("no room, or nobody there")
	for what, c := range map[string]struct {
		err  error
		well bool
	}{
		"nothing":                  {nil, true},
		"a disk that is full":      {&logstore.HealthError{Err: trouble}, true},
		"a clock that jumped":      {&logstore.ClockError{}, true},
		"servers that are away":    {fmt.Errorf("nothing arrives: %w", trouble), true},
		"a disk that failed":       {&logstore.HealthError{ReadOnly: true, Err: trouble}, false},
		"that, and servers beside": {errors.Join(&logstore.HealthError{ReadOnly: true, Err: trouble}, trouble), false},
	} {
		if err := Health(unwell{err: c.err})(); (err == nil) != c.well {
			t.Errorf("%s is told as %v", what, err)
		}
	}
	if err := Health(nil)(); err != nil {
		t.Errorf("of a store that does not know: %v", err)
	}
}
