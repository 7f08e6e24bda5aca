package storetest

import (
	"context"
	"errors"
	"strings"

	"github.com/daybook-es/daybook"
)

// What a store answers when it cannot do what it is asked.
var errorPromises = []promise{
	{sentence: "after it was closed a store answers ErrClosed to everything", check: checkClosed},
	{sentence: "a reading begun before the store was closed is read whole or ends with an error", check: checkReadingAcrossClose},
	{sentence: "an append whose context ended before is unavailable and records nothing", check: checkAppendContext},
	{sentence: "a read whose context ended before is unavailable", check: checkReadContext},
	{sentence: "an info whose context ended before is unavailable", check: checkInfoContext},
	{sentence: "a reading whose context ends stops with an error and does not pretend to be whole", check: checkReadingContext},
	{sentence: "an error is of one kind only", check: checkKinds},
	{sentence: "an error says what was wrong", check: checkErrorTexts},
}

func checkClosed(t *trial) {
	head := t.record(event("order-1", "Placed")).Point
	t.close()
	for _, events := range [][]daybook.Event{nil, {event("order-1", "Paid")}} {
		for _, cond := range []daybook.Condition{nil, daybook.At("order-1", 1), daybook.New("order-1"), daybook.Nothing(daybook.All(), head)} {
			if receipt, err := t.store.Append(t.ctx, events, cond); !errors.Is(err, daybook.ErrClosed) {
				t.Errorf("append of %s after close answers %s, want ErrClosed", list(events), answer(receipt, err))
			}
		}
	}
	for _, q := range []daybook.Query{nil, daybook.All(), tagged("x")} {
		if _, err := t.store.Read(t.ctx, q, daybook.Span{}); !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("read after close answers %v, want ErrClosed", err)
		}
		if _, err := t.store.Wait(t.ctx, q, 0); !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("wait after close answers %v, want ErrClosed", err)
		}
	}
	if _, err := t.store.Info(t.ctx); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("info after close answers %v, want ErrClosed", err)
	}
}

func checkReadingAcrossClose(t *trial) {
	for range 5 {
		t.record(events(50, "order-1", "Placed")...)
	}
	begun := t.reading(daybook.All(), daybook.Span{})
	untouched := t.reading(daybook.Stream("order-1"), daybook.Span{})
	n := 0
	var ended error
	for _, err := range begun.Events() {
		if err != nil {
			ended = err
			break
		}
		if n++; n == 10 {
			t.close()
		}
	}
	if n != 250 && !errors.Is(ended, daybook.ErrClosed) {
		t.Errorf("a reading across a close had %d events of 250 and ended with %v", n, ended)
	}
	if got, err := untouched.Collect(); len(got) != 250 && !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("a reading ranged over after a close had %d events of 250 and ended with %v", len(got), err)
	}
}

func checkAppendContext(t *trial) {
	t.record(event("order-1", "Placed"))
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	for _, events := range [][]daybook.Event{{event("order-1", "Paid")}, nil} {
		receipt, err := t.store.Append(ended, events, nil)
		if kind(err) != "unavailable" || !errors.Is(err, context.Canceled) {
			t.Errorf("append of %s answers %s, want it to be unavailable and wrap the context's error", list(events), answer(receipt, err))
		}
	}
	if n := len(t.all()); n != 1 {
		t.Errorf("%d events are recorded, want 1", n)
	}
}

func checkReadContext(t *trial) {
	t.record(event("order-1", "Placed"))
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	reading, err := t.store.Read(ended, daybook.All(), daybook.Span{})
	if err == nil {
		_, err = reading.Collect()
	}
	if kind(err) != "unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("read answers %v, want it to be unavailable and wrap the context's error", err)
	}
}

func checkInfoContext(t *trial) {
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	if _, err := t.store.Info(ended); kind(err) != "unavailable" || !errors.Is(err, context.Canceled) {
		t.Errorf("info answers %v, want it to be unavailable and wrap the context's error", err)
	}
}

func checkReadingContext(t *trial) {
	for range 4 {
		t.record(events(500, "order-1", "Placed")...)
	}
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	reading, err := t.store.Read(ctx, daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var ended error
	for _, err := range reading.Events() {
		if err != nil {
			ended = err
			break
		}
		if n++; n == 3 {
			cancel()
		}
	}
	if n != 2000 && (kind(ended) != "unavailable" || !errors.Is(ended, context.Canceled)) {
		t.Errorf("a reading whose context ended had %d events of 2000 and ended with %v", n, ended)
	}
	if got, err := reading.Collect(); err == nil && len(got) != 2000 {
		t.Errorf("ranged over again, it has %d events of 2000 and no error", len(got))
	}
}

// someErrors brings about an error of each kind that any store can be brought to.
func (t *trial) someErrors() map[string]error {
	t.Helper()
	old := event("order-1", "Placed", "x")
	t.record(old)
	errs := make(map[string]error)
	_, errs["conflict"] = t.store.Append(t.ctx, []daybook.Event{event("order-1", "Paid")}, and(daybook.New("order-1"), daybook.Exists("order-77")))
	_, errs["invalid"] = t.store.Append(t.ctx, []daybook.Event{event("order-1", "Paid"), event("order-1", "Paid", "x", "y\x00")}, nil)
	_, errs["reused"] = t.store.Append(t.ctx, []daybook.Event{event("order-1", "Paid"), old}, nil)
	ended, cancel := context.WithCancel(t.ctx)
	cancel()
	_, errs["unavailable"] = t.store.Append(ended, []daybook.Event{event("order-1", "Paid")}, nil)
	return errs
}

func checkKinds(t *trial) {
	for want, err := range t.someErrors() {
		if err == nil {
			t.Errorf("no error where one is %s", want)
			continue
		}
		var (
			conflict    *daybook.ConflictError
			invalid     *daybook.InvalidError
			reused      *daybook.ReusedError
			unavailable *daybook.UnavailableError
			unknown     *daybook.UnknownError
		)
		kinds := 0
		for _, is := range []bool{errors.As(err, &conflict), errors.As(err, &invalid), errors.As(err, &reused), errors.As(err, &unavailable), errors.As(err, &unknown), errors.Is(err, daybook.ErrClosed)} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || kind(err) != want {
			t.Errorf("%v is of %d kinds, among them %s; want %s alone", err, kinds, kind(err), want)
		}
	}
}

func checkErrorTexts(t *trial) {
	words := map[string][]string{
		"conflict":    {"conflict", "order-1", "position 1", "order-77"},
		"invalid":     {"invalid", "event 2", "tag 2"},
		"reused":      {"reused", "position 1"},
		"unavailable": {"unavailable", "context canceled"},
	}
	for kind, err := range t.someErrors() {
		for _, word := range words[kind] {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("the text of %s is %q and does not say %q", kind, err, word)
			}
		}
	}
}
