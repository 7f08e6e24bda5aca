package daybook

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestErrorsSayWhatWasWrong(t *testing.T) {
	ids := []uuid.UUID{{15: 1}, {15: 2}, {15: 3}, {15: 4}}
	for want, err := range map[string]error{
		`daybook: invalid: event 3: tag 1 "$x" begins with "$"`: &InvalidError{What: "event 3: tag 1", Value: "$x", Reason: `begins with "$"`},
		`daybook: invalid: append has 7 events`:                 &InvalidError{What: "append", Reason: "has 7 events"},
		`daybook: reused: event 00000000-0000-0000-0000-000000000001 is recorded already at position 9, and not as this append has it`: &ReusedError{ids[0], 9},
		`daybook: unavailable: append: context canceled`:                                                                                                       &UnavailableError{"append", context.Canceled},
		`daybook: unknown: the append of 00000000-0000-0000-0000-000000000001 may have been recorded: no answer`:                                               &UnknownError{ids[:1], errors.New("no answer")},
		`daybook: unknown: the append of 00000000-0000-0000-0000-000000000001, 00000000-0000-0000-0000-000000000002, 2 more may have been recorded: no answer`: &UnknownError{ids, errors.New("no answer")},
		`daybook: corrupt: 00000042.seg at 4096 (sound up to position 7): checksum`:                                                                            &CorruptError{"00000042.seg at 4096", 7, errors.New("checksum")},
	} {
		if err.Error() != want {
			t.Errorf("the error says\n%s\nwant\n%s", err, want)
		}
	}
}

func TestErrorsUnwrap(t *testing.T) {
	for _, err := range []error{
		&UnavailableError{"append", context.DeadlineExceeded}, &UnknownError{nil, context.DeadlineExceeded}, &CorruptError{"x", 0, context.DeadlineExceeded},
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}

func TestRefusals(t *testing.T) {
	paidInFull := NewRule("paid-in-full", "an order is paid in full")
	twin := NewRule("paid-in-full", "an order is paid in full")
	at := Point{Log: aLog, Incarnation: aLife, Position: 7}
	wrapped := fmt.Errorf("%w: 5 of 9", paidInFull)
	plain := errors.New("no")
	for _, c := range []struct {
		err        error
		rule, text string
	}{
		{paidInFull, "paid-in-full", "daybook: refused (paid-in-full): an order is paid in full"},
		{wrapped, "paid-in-full", "daybook: refused (paid-in-full): an order is paid in full: 5 of 9"},
		{plain, "no", "daybook: refused: no"},
	} {
		refused := Refused(c.err, at)
		if refused.Rule != c.rule || refused.At != at || refused.Error() != c.text {
			t.Errorf("%v is refused as %+v: %s", c.err, refused, refused)
		}
		if !errors.Is(refused, c.err) || refused.Unwrap() != c.err {
			t.Errorf("%v does not come back unchanged", c.err)
		}
	}
	if !errors.Is(Refused(wrapped, at), paidInFull) || errors.Is(Refused(wrapped, at), twin) {
		t.Error("a rule equals itself alone")
	}
	if paidInFull.Name() != "paid-in-full" {
		t.Errorf("the rule is called %s", paidInFull.Name())
	}
}

func TestTrace(t *testing.T) {
	trace := Trace{Correlation: "c", Causation: "d", Actor: "ada"}
	if got := TraceOf(WithTrace(context.Background(), trace)); got != trace {
		t.Errorf("the context carries %+v", got)
	}
	if got := TraceOf(context.Background()); got != (Trace{}) {
		t.Errorf("an empty context carries %+v", got)
	}
	if got := string(trace.Metadata()); got != `{"correlation_id":"c","causation_id":"d","actor":"ada"}` {
		t.Errorf("as metadata the trace is %s", got)
	}
	if got := (Trace{Actor: "ada"}).Metadata(); string(got) != `{"actor":"ada"}` {
		t.Errorf("as metadata the trace is %s", got)
	}
	if (Trace{}).Metadata() != nil {
		t.Error("the zero trace is some metadata")
	}
	for metadata, want := range map[string]Trace{
		string(trace.Metadata()):            trace,
		`{"actor":"ada","command":{"n":1}}`: {Actor: "ada"},
		"":                                  {},
		"not JSON":                          {},
		`"text"`:                            {},
		`{"actor":5}`:                       {},
	} {
		if got := (Event{Metadata: []byte(metadata)}).Trace(); got != want {
			t.Errorf("the metadata %q says %+v, want %+v", metadata, got, want)
		}
	}
}

func TestDurabilityText(t *testing.T) {
	for d, name := range map[Durability]string{Memory: "memory", Disk: "disk", Quorum: "quorum"} {
		text, err := d.MarshalText()
		var back Durability
		if err != nil || string(text) != name || back.UnmarshalText(text) != nil || back != d {
			t.Errorf("%d is written %s (%v) and read as %v", d, text, err, back)
		}
	}
	var d Durability
	if err := d.UnmarshalText([]byte("paper")); err == nil || d != 0 {
		t.Errorf("paper is read as %v (%v)", d, err)
	}
	if got := Durability(9).String(); got != "durability 9" {
		t.Errorf("an unknown durability is called %s", got)
	}
}

func TestReceiptOf(t *testing.T) {
	life := Point{Log: aLog, Incarnation: aLife, Position: 99}
	at := time.Unix(5, 0).UTC()
	receipt := ReceiptOf(life, []Recorded{
		{Event: Event{Stream: "a"}, Position: 4, Version: 1, RecordedAt: at.Add(-1)},
		{Event: Event{Stream: "b"}, Position: 5, Version: 7, RecordedAt: at},
		{Position: 6, RecordedAt: at},
		{Event: Event{Stream: "a"}, Position: 7, Version: 2, RecordedAt: at},
	}, Disk, true)
	if receipt.Point != life.At(7) || len(receipt.Versions) != 2 || receipt.Versions["a"] != 2 || receipt.Versions["b"] != 7 || receipt.RecordedAt != at || receipt.Durability != Disk || !receipt.Repeated {
		t.Errorf("the receipt is %+v", receipt)
	}
}

func TestHappened(t *testing.T) {
	r := Recorded{RecordedAt: time.Unix(9, 0)}
	if r.Happened() != r.RecordedAt {
		t.Errorf("what nobody dated happened at %v", r.Happened())
	}
	if r.HappenedAt = time.Unix(3, 0); r.Happened() != r.HappenedAt {
		t.Errorf("what was dated happened at %v", r.Happened())
	}
}
