package logstore

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// contentsOf returns everything that a log holds, forgotten or not.
func contentsOf(t *testing.T, s daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{Forgotten: true})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// forgetful returns a log with appends of one and of several events, of which some are
// forgotten and some are stubs, and with gaps between and within appends.
func forgetful(t *testing.T) *memstore.Store {
	t.Helper()
	dense := memstore.New()
	for i := range 60 {
		events := make([]daybook.Event, 1+i%3)
		for n := range events {
			events[n] = daybook.Event{Stream: fmt.Sprintf("order-%d", (i+n)%7), Type: "Paid", Tags: []string{fmt.Sprintf("n:%d", i)}, Data: []byte(`{}`)}
		}
		switch i {
		case 20:
			events = []daybook.Event{daybook.Truncated("order-1", 4), daybook.Deleted("order-2"), {Stream: "order-2", Type: "Again"}}
		case 25:
			if err := dense.Scavenge(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 40:
			events = []daybook.Event{daybook.Deleted("order-3")}
		}
		if _, err := dense.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	events := contentsOf(t, dense)
	for i := range events {
		events[i].Position += daybook.Position(i / 4 * 3)
	}
	sparse := memstore.New()
	if err := sparse.Restore(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return sparse
}

func TestALogIsCopiedFromOneStoreToAnother(t *testing.T) {
	model := forgetful(t)
	want := contentsOf(t, model)
	for _, segmentBytes := range []int64{600, 5000, 0} {
		s := openSubject(t, inMemory(), &Options{SegmentBytes: segmentBytes, Logger: quiet})
		if _, err := daybook.Copy(t.Context(), s.Store, model); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
			t.Fatalf("what is in the log is not what was copied: %s", diff)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s.open(t)
		if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
			t.Fatalf("after opening again: %s", diff)
		}

		again := memstore.New()
		if _, err := daybook.Copy(t.Context(), again, s.Store); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contentsOf(t, again)); diff != "" {
			t.Fatalf("the copy of the copy: %s", diff)
		}

		for _, e := range []daybook.Event{{Stream: "order-5", Type: "Paid"}, {Stream: "order-2", Type: "Paid"}} {
			a, err := model.Append(t.Context(), []daybook.Event{e}, nil)
			b, other := s.Append(t.Context(), []daybook.Event{e}, nil)
			if err = errors.Join(err, other); err != nil || a.Versions[e.Stream] != b.Versions[e.Stream] || b.Position != a.Position || !b.RecordedAt.After(want[len(want)-1].RecordedAt) {
				t.Errorf("the copy goes on with %v, and the log with %v: %v", b, a, err)
			}
			model = memstore.New()
			if _, err := daybook.Copy(t.Context(), model, s.Store); err != nil {
				t.Fatal(err)
			}
		}
		model = forgetful(t)
		want = contentsOf(t, model)
	}
}

func TestARestoreGoesOnWhereItWasInterrupted(t *testing.T) {
	want := contentsOf(t, forgetful(t))
	s := openSubject(t, inMemory(), &Options{SegmentBytes: 2000, Logger: quiet})
	for n := 0; n < len(want); {
		n += daybook.FirstAppend(want[n:])
		if err := s.Restore(t.Context(), want[:n]); err != nil {
			t.Fatalf("up to position %d: %v", want[n-1].Position, err)
		}
	}
	if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
		t.Fatal(diff)
	}
}

func TestARestoreTakesNothingThatDoesNotFit(t *testing.T) {
	all := contentsOf(t, forgetful(t))
	held, next := all[:6], all[6]
	at := func(change func(*daybook.Recorded)) []daybook.Recorded {
		e := next
		change(&e)
		return []daybook.Recorded{e}
	}
	for name, events := range map[string][]daybook.Recorded{
		"other event at a position that is there": at(func(e *daybook.Recorded) { *e = held[3]; e.Data = []byte(`"other"`) }),
		"event in a gap":              at(func(e *daybook.Recorded) { e.Position = held[4].Position - 1 }),
		"id that is there":            at(func(e *daybook.Recorded) { e.ID = held[1].ID }),
		"version that its stream has": at(func(e *daybook.Recorded) { e.Stream, e.Version = held[1].Stream, held[1].Version }),
		"time that is no later":       at(func(e *daybook.Recorded) { e.RecordedAt = held[5].RecordedAt }),
		"id that a later one repeats": {next, all[7], func() daybook.Recorded { e := all[8]; e.ID = held[0].ID; return e }()},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSubject(t, inMemory(), &Options{Logger: quiet})
			if err := s.Restore(t.Context(), held); err != nil {
				t.Fatal(err)
			}
			err := s.Restore(t.Context(), events)
			if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) {
				t.Errorf("the answer is %v", err)
			}
			got := contentsOf(t, s)
			same := func(a, b daybook.Recorded) bool { return a.Digest() == b.Digest() } // what is to hide it may be missing
			if n := len(got); n < len(held) || n > len(held)+2 || !slices.EqualFunc(got, all[:n], same) {
				t.Errorf("the log holds %v", got)
			}
			if err := s.Restore(t.Context(), all); err != nil {
				t.Errorf("what does fit afterwards: %v", err)
			}
		})
	}
}

// Restored events have gaps between their positions; in the log they are neighbours all
// the same.
func TestAnAppendIsRepeatedOverAGap(t *testing.T) {
	stamp := time.Unix(1000, 0).UTC()
	var given []daybook.Recorded
	var events []daybook.Event
	for i, p := range []daybook.Position{3, 10, 500, 501, 9000} {
		e := daybook.Event{ID: uuid.New(), Stream: "s", Type: "T", ContentType: daybook.JSON}
		events = append(events, e)
		given = append(given, daybook.Recorded{Event: e, Position: p, Version: daybook.Version(2*i + 1), RecordedAt: stamp.Add(time.Duration(i/2) * time.Second)})
	}
	for _, segmentBytes := range []int64{1, 0} {
		s := openSubject(t, inMemory(), &Options{SegmentBytes: segmentBytes, Logger: quiet})
		if err := s.Restore(t.Context(), given); err != nil {
			t.Fatal(err)
		}
		for from := range events {
			for to := from + 1; to <= len(events); to++ {
				receipt, err := s.Append(t.Context(), events[from:to], nil)
				if err != nil || !receipt.Repeated || receipt.Position != given[to-1].Position || receipt.Versions["s"] != given[to-1].Version {
					t.Errorf("appending events %d to %d again: %+v, %v", from+1, to, receipt, err)
				}
			}
		}
		reused := (*daybook.ReusedError)(nil)
		if _, err := s.Append(t.Context(), []daybook.Event{events[0], events[2]}, nil); !errors.As(err, &reused) || reused.Position != 3 {
			t.Errorf("appending events with one between them: %v", err)
		}
	}
}

// Goal: what Restore takes is a sound log in every way. Method: times at and before the
// beginning of 1970, which are not above zero, and an append of which an event is missing.
func TestARestoredLogIsSoundWheneverItWasRecorded(t *testing.T) {
	for name, events := range map[string][]daybook.Recorded{
		"1970":   {restored(1, 1, 0)},
		"before": {restored(1, 1, -500), restored(2, 2, -400)},
		"gap":    {restored(1, 1, 100), restored(3, 3, 100)},
		"jump":   {restored(1, 1, 100), restored(2, 7, 101)},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSubject(t, inMemory(), &Options{Logger: quiet})
			if err := s.Restore(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			want := contentsOf(t, s)
			for range 2 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				found, err := verify(t.Context(), s.real, s.dir, nil)
				if err != nil || !found.Sound() {
					t.Errorf("%v: %v", found, err)
				}
				if _, err := backup(t.Context(), s.real, s.dir, s.dir+"-backup", nil); err != nil {
					t.Error(err)
				}
				s.open(t)
				if diff := cmp.Diff(want, contentsOf(t, s)[:len(want)]); diff != "" {
					t.Error(diff)
				}
				if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Paid"}}, daybook.Exists("order-1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func restored(p daybook.Position, v daybook.Version, second int64) daybook.Recorded {
	return daybook.Recorded{Event: daybook.Event{ID: uuid.New(), Stream: "order-1", Type: "Placed"}, Position: p, Version: v, RecordedAt: time.Unix(second, 0)}
}
