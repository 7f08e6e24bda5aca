package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/command"
)

var (
	errEnded   = daybook.NewRule("order-open", "the order has ended")
	errNotPaid = daybook.NewRule("paid-before-shipped", "nothing ships unpaid")
)

// The table of errors, each as a store, a bus or a view returns it: wrapped, or not.
func TestWhichProblemAnErrorIs(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err    error
		kind   Kind
		detail string
	}{
		{&command.DeniedError{Principal: "bob", Type: "PayOrder", Err: cause}, Denied, `"bob" may not send PayOrder: cause`},
		{daybook.Refused(fmt.Errorf("%w: it is cancelled", errEnded), daybook.Point{Position: 7}), Refused, "The order has ended: it is cancelled"},
		{&command.ReusedError{Event: &daybook.ReusedError{Position: 7}}, KeyReused, "This key has been used for another command"},
		{&daybook.LifeError{Given: daybook.Point{Position: 7}}, ForeignToken, ""},
		{&daybook.ConflictError{}, Conflict, ""},
		{&daybook.InvalidError{What: "total", Reason: "is negative"}, Invalid, "Total is negative"},
		{&daybook.UnknownError{Err: context.DeadlineExceeded}, UnknownOutcome, "The log did not answer in time"},
		{&daybook.UnavailableError{Doing: "append", Err: context.DeadlineExceeded}, Unavailable, "The log cannot take it"},
		{&daybook.UnreadableError{Type: "OrderDoubled", Position: 7, Reason: "no kind has this name"}, Unreadable, "OrderDoubled at position 7 is none of what this program knows, or damaged"},
		{&access.DeniedError{Principal: "walt", Act: access.Ask("Order"), Reason: "no rule allows it"}, Denied, "To ask Order is denied to walt: no rule allows it"},
		{daybook.ErrClosed, Unavailable, "The server is closing"},
		{context.DeadlineExceeded, Unavailable, "The time for this request ran out"},
		{context.Canceled, Unavailable, "The time for this request ran out"},
		{&daybook.CorruptError{Where: "segment 1", Err: cause}, Internal, ""},
		{cause, Internal, ""},
		{TooLarge.Problem("too much"), TooLarge, "Too much"},
	} {
		for _, err := range []error{c.err, fmt.Errorf("on the way: %w", c.err)} {
			p := ProblemOf(err)
			if p.Kind != c.kind || p.Status != c.kind.Status || c.detail != "" && p.Detail != c.detail {
				t.Errorf("%v is told as %+v, want the problem %s with %q", err, p, c.kind.Name, c.detail)
			}
			if c.kind == Internal && p.Detail != "" {
				t.Errorf("what went on inside is told outside: %q", p.Detail)
			}
			if !errors.Is(err, p) && !errors.Is(p, c.err) {
				t.Errorf("the problem of %v has forgotten it", err)
			}
		}
	}
	if p := ProblemOf(daybook.Refused(errNotPaid, daybook.Point{Position: 7})); p.Rule != "paid-before-shipped" || p.Position != 7 {
		t.Errorf("a refusal is told as %+v", p)
	}
}

func TestANumberThatIsNotTakenIsToldAsItIsWritten(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for text, want := range map[string]string{
		`{"total": 1.5}`:                            "/total: 1.5 is not a whole number",
		`{"total": 1e2}`:                            "/total: 1e2 is not a whole number",
		`{"total": "1"}`:                            "/total is text, which it cannot be",
		`{"lines": [{}, {"quantity": []}]}`:         "/lines/1/quantity is an array, which it cannot be",
		`{"lines": [{"quantity": 1` + zeros + `}]}`: "/lines/0/quantity: 1" + zeros[:39] + " is beyond all numbers that are taken",
	} {
		if got := ProblemOf(Decode(strings.NewReader(text), new(bought))).Detail; got != want {
			t.Errorf("%s is told as %q, want %q", text, got, want)
		}
	}
}
