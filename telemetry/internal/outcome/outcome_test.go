package outcome

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

func TestEveryOutcomeHasItsName(t *testing.T) {
	trouble := errors.New("trouble")
	for name, c := range map[string]struct {
		receipt daybook.Receipt
		err     error
		fails   bool
	}{
		"recorded":    {receipt: daybook.Receipt{RecordedAt: time.Unix(1, 0)}},
		"repeated":    {receipt: daybook.Receipt{RecordedAt: time.Unix(1, 0), Repeated: true}},
		"nothing":     {},
		"refused":     {err: fmt.Errorf("place: %w", daybook.Refused(trouble, daybook.Point{}))},
		"conflict":    {err: fmt.Errorf("gave up: %w", &daybook.ConflictError{})},
		"denied":      {err: &command.DeniedError{Err: trouble}},
		"invalid":     {err: &daybook.InvalidError{}},
		"reused":      {err: &command.ReusedError{Event: &daybook.ReusedError{}}},
		"cancelled":   {err: &daybook.UnavailableError{Err: context.Canceled}},
		"unavailable": {err: &daybook.UnavailableError{Err: context.DeadlineExceeded}, fails: true},
		"unknown":     {err: &daybook.UnknownError{Err: context.Canceled}, fails: true},
		"corrupt":     {err: &daybook.CorruptError{Err: trouble}, fails: true},
		"closed":      {err: daybook.ErrClosed, fails: true},
		"failed":      {err: trouble, fails: true},
	} {
		if got := Of(c.receipt, c.err); got != name {
			t.Errorf("%v is called %s, want %s", c.err, got, name)
		}
		if IsFailure(name) != c.fails {
			t.Errorf("that %s is a failure is %t", name, IsFailure(name))
		}
	}
}
