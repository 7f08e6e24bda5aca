package logstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/daybook-es/daybook"
)

// Goal: whoever reads beside the owner is not shown less of the past because the owner
// forgets and scavenges meanwhile. Method: a reading is begun, and ranged over only when
// the files that it was to read have been replaced.
func TestAReadingBesideTheOwnerGoesOnOverWhatWasScavengedSince(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendAll := func(events ...daybook.Event) {
		for _, e := range events {
			if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		appendAll(daybook.Event{Stream: "order-1", Type: "Placed", Data: make([]byte, 200)}, daybook.Event{Stream: "order-2", Type: "Placed", Data: make([]byte, 200)})
	}
	appendAll(daybook.Truncated("order-1", 3))
	r, err := OpenReader(dir, &Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()

	begin := func(span daybook.Span) daybook.Reading {
		reading, err := r.Read(t.Context(), daybook.Stream("order-1"), span)
		if err != nil {
			t.Fatal(err)
		}
		return reading
	}
	all, three, backward, forgotten := begin(daybook.Span{}), begin(daybook.Span{Limit: 3}), begin(daybook.Span{Backward: true, Limit: 2}), begin(daybook.Span{Forgotten: true})
	appendAll(daybook.Deleted("order-1"))
	if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		reading daybook.Reading
		want    string
	}{
		"everything":        {all, "[3 4 5 6 7 8 9 10]"},
		"three":             {three, "[3 4 5]"},
		"the last two":      {backward, "[10 9]"},
		"what is forgotten": {forgotten, "[1 2 3 4 5 6 7 8 9 10]"},
	} {
		var versions []daybook.Version
		for e, err := range c.reading.Events() {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if e.Forgotten != (e.Stub != nil) {
				t.Errorf("%s: version %d is forgotten %v, with the stub %v", what, e.Version, e.Forgotten, e.Stub)
			}
			versions = append(versions, e.Version)
		}
		if got := fmt.Sprint(versions); got != c.want {
			t.Errorf("a reading of %s begun before yields the versions %s, want %s", what, got, c.want)
		}
	}
}

// An interrupting context does something when it is asked, for a time, whether it has ended.
type interrupting struct {
	context.Context
	asked, at int
	do        func()
}

func (c *interrupting) Err() error {
	if c.asked++; c.asked == c.at {
		c.do()
	}
	return c.Context.Err()
}

// Goal: what a reading hides is one thing from its first event to its last, also if
// somebody else's look at the log lets it begin with a later head than it had meant to.
// Method: the owner forgets a stream, and the reader is made to look, each time that the
// reading's beginning asks its context; then the files are replaced.
func TestAReadingThatGoesOnHidesWhatWasHiddenAtItsSnapshot(t *testing.T) {
	for at := 1; ; at++ {
		s, err := Open(t.TempDir(), &Options{SegmentBytes: 1000, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		r := (*Reader)(nil)
		recorded := func(e daybook.Event) {
			t.Helper()
			if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			recorded(daybook.Event{Stream: "order-1", Type: "Placed", Data: make([]byte, 200)})
		}
		if r, err = OpenReader(s.home.dir, &Options{Logger: quiet}); err != nil {
			t.Fatal(err)
		}
		interrupted := false
		ctx := &interrupting{Context: t.Context(), at: at, do: func() {
			interrupted = true
			recorded(daybook.Deleted("order-1"))
			if err := r.look(); err != nil {
				t.Fatal(err)
			}
		}}
		reading, err := r.Read(ctx, daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		forgotten := reading.Snapshot().Position > 10 // the reading sees that the stream was deleted
		over := !interrupted
		if over {
			recorded(daybook.Deleted("order-1"))
		}
		if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			if e.Stream == "order-1" {
				seen++
			}
		}
		if forgotten && seen != 0 || !forgotten && seen != 10 {
			t.Errorf("with its snapshot at %v the reading has %d events of the stream (asked %d times)", reading.Snapshot().Position, seen, at)
		}
		if err := errors.Join(r.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if over {
			return
		}
	}
}

func TestAViewUntilAPositionHasWhatWasRecordedByThen(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heads := []daybook.Position{0}
	for i := range 20 {
		receipt, err := s.Append(t.Context(), slices.Repeat([]daybook.Event{{Type: "Placed", Data: make([]byte, 100)}}, 1+i%3), nil)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, receipt.Position)
	}
	for _, head := range heads {
		then, err := s.view.Load().until(head)
		if err != nil {
			t.Fatal(err)
		}
		last := daybook.Position(0)
		for in := (&fetcher{}); ; {
			p, err := then.next(in, last)
			if err != nil {
				t.Fatal(err)
			}
			if p == 0 {
				break
			}
			last = p
		}
		if then.head != head || last != head {
			t.Errorf("the view until %d has the head %d, and events up to %d", head, then.head, last)
		}
	}
}
