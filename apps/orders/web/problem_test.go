package web

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/command"
)

// The table of errors, each as a store, a bus or a view returns it: wrapped, or not.
func TestWhichProblemAnErrorIs(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err    error
		kind   kind
		detail string
	}{
		{&command.DeniedError{Principal: "bob", Type: "PayOrder", Err: cause}, denied, `"bob" may not send PayOrder: cause`},
		{daybook.Refused(fmt.Errorf("%w: it is cancelled", orders.ErrOrderEnded), daybook.Point{Position: 7}), refused, "The order has ended: it is cancelled"},
		{&command.ReusedError{Event: &daybook.ReusedError{Position: 7}}, keyReused, "This key has been used for another command"},
		{&daybook.LifeError{Given: daybook.Point{Position: 7}}, foreignToken, ""},
		{&daybook.ConflictError{}, conflict, ""},
		{&daybook.InvalidError{What: "total", Reason: "is negative"}, invalid, "Total is negative"},
		{&daybook.UnknownError{Err: context.DeadlineExceeded}, unknownOutcome, "The log did not answer in time"},
		{&daybook.UnavailableError{Doing: "append", Err: context.DeadlineExceeded}, unavailable, "The log cannot take it"},
		{daybook.ErrClosed, unavailable, "The shop is closing"},
		{context.DeadlineExceeded, unavailable, "The time for this request ran out"},
		{context.Canceled, unavailable, "The time for this request ran out"},
		{&daybook.CorruptError{Where: "segment 1", Err: cause}, internal, ""},
		{cause, internal, ""},
		{tooLarge.problem("too much"), tooLarge, "Too much"},
	} {
		for _, err := range []error{c.err, fmt.Errorf("on the way: %w", c.err)} {
			p := problemOf(err)
			if p.kind != c.kind || p.Status != c.kind.status || c.detail != "" && p.Detail != c.detail {
				t.Errorf("%v is told as %+v, want the problem %s with %q", err, p, c.kind.name, c.detail)
			}
			if c.kind == internal && p.Detail != "" {
				t.Errorf("what went on inside is told outside: %q", p.Detail)
			}
			if !errors.Is(err, p) && !errors.Is(p, c.err) {
				t.Errorf("the problem of %v has forgotten it", err)
			}
		}
	}
	if p := problemOf(daybook.Refused(orders.ErrNotPaid, daybook.Point{Position: 7})); p.Rule != "paid-before-shipped" || p.Position != 7 {
		t.Errorf("a refusal is told as %+v", p)
	}
}
