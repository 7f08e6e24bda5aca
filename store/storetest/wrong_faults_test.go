package storetest

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// wrongFaults are stores that err when they are opened again, restored, or fail.
var wrongFaults = []wrong{
	{mistake: "loses the last event when reopened", breaks: []string{
		"a store opened again has every event as it was",
	}, hooks: reopened(func(kept []daybook.Recorded) []daybook.Recorded { return kept[:max(0, len(kept)-1)] })},
	{mistake: "is another log when reopened", breaks: []string{
		"a store opened again keeps its log and its incarnation",
	}, hooks: reopened(func(kept []daybook.Recorded) []daybook.Recorded { return kept })},
	{mistake: "has forgotten ids when reopened", breaks: []string{
		"ids stay recorded when a store is opened again",
		"conditions and checkpoints stay good when a store is opened again",
	}, hooks: reopened(func(kept []daybook.Recorded) []daybook.Recorded {
		for i := range kept {
			kept[i].ID = uuid.New()
		}
		return kept
	})},
	{mistake: "has an event more when reopened", breaks: []string{
		"an empty store may be opened again",
		"a store opened again goes on with positions and versions",
	}, hooks: reopened(func(kept []daybook.Recorded) []daybook.Recorded {
		return append(kept, daybook.Recorded{Event: daybook.Event{Type: "Reopened"}})
	})},
	{mistake: "goes back in time when reopened", breaks: []string{
		"the time of recording rises when a store is opened again",
	}, hooks: func(subject *Subject) {
		right := subject.Reopen
		subject.Reopen = func(t testing.TB, s daybook.Store) daybook.Store {
			if b, ok := s.(*bent); ok {
				s = b.Store
			}
			next := right(t, s)
			b := onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = r.RecordedAt.Add(-time.Hour); return err })(next)
			b.Store = next
			return b
		}
	}},
	{mistake: "is another log after a restore", breaks: []string{
		"a new incarnation has the same log and the same events",
	}, hooks: func(subject *Subject) {
		var move Subject
		reopened(func(kept []daybook.Recorded) []daybook.Recorded { return kept[:len(kept)-1] })(&move)
		subject.NewIncarnation = move.Reopen
	}},
	{mistake: "keeps its incarnation through a restore", breaks: []string{
		"a condition of an earlier incarnation is a conflict",
		"a checkpoint of an earlier incarnation is not followed",
	}, hooks: func(subject *Subject) { subject.NewIncarnation = subject.Reopen }},

	{mistake: "takes its clock at its word", breaks: []string{
		"the time of recording rises though the clock goes back",
	}, hooks: func(subject *Subject) {
		right := subject.OpenAt
		subject.Reopen = nil
		subject.OpenAt = func(t testing.TB, now func() time.Time) daybook.Store {
			s := right(t, now)
			b := onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = now(); return err })(s)
			b.Store = s
			return b
		}
	}},
	{mistake: "knows at this moment what comes in the same", breaks: []string{
		"what is known at this moment stays the same though the clock stands still",
	}, bend: onSpan(func(s *daybook.Span) {
		if !s.KnownAt.IsZero() {
			s.KnownAt = s.KnownAt.Add(1)
		}
	})},

	{mistake: "acknowledges what a failing disk does not keep", breaks: []string{
		"while its disk fails a store acknowledges nothing",
	}, hooks: func(subject *Subject) {
		right := subject.OpenFaulty
		subject.OpenFaulty = func(t testing.TB) (daybook.Store, func(bool)) {
			s, fail := right(t)
			b := onAnswer(func(r *daybook.Receipt, err error) error {
				if kind(err) == "unavailable" {
					return nil
				}
				return err
			})(s)
			b.Store = s
			return b, fail
		}
	}},
	{mistake: "shows what a failing disk does not keep", breaks: []string{
		"what many clients were answered while the disk began to fail is explained by what is there later",
		"what is not acknowledged is not read",
		"a conflict under a failing disk names only events that exist",
		"an append that was unavailable is not there later, and one that was unknown is there whole or not at all",
	}, hooks: keepsUnder(func() error { return &daybook.UnavailableError{Doing: "append", Err: errors.New("the disk fails")} }, 0)},
	{mistake: "says unknown without ids", breaks: []string{
		"while its disk fails a store acknowledges nothing",
	}, hooks: keepsUnder(func() error { return &daybook.UnknownError{Err: errors.New("the disk fails")} }, 1)},
	{mistake: "loses answers as if nothing had been recorded", breaks: []string{
		"an append whose answer was lost is unknown and names the ids of its events",
		"appending again after an answer was lost tells, and records nothing twice",
	}, hooks: func(subject *Subject) {
		right := subject.LoseAnswer
		subject.LoseAnswer = func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			right(t, s, events, cond)
			return &daybook.UnavailableError{Doing: "append", Err: errors.New("the line went dead")}
		}
	}},
	{mistake: "records again what was appended again after a lost answer", breaks: []string{
		"an append whose answer was lost is unknown and names the ids of its events",
	}, hooks: func(subject *Subject) {
		right := subject.LoseAnswer
		subject.LoseAnswer = func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			others := slices.Clone(events)
			for i := range others {
				others[i].ID = uuid.New()
			}
			return right(t, s, others, cond)
		}
	}},
}

// reopened bends what Reopen returns: the events that the store has, changed, in
// another log.
func reopened(change func([]daybook.Recorded) []daybook.Recorded) func(*Subject) {
	return func(subject *Subject) {
		subject.Reopen = func(t testing.TB, s daybook.Store) daybook.Store {
			reading, err := s.Read(context.Background(), daybook.All(), daybook.Span{})
			if err != nil {
				t.Fatal(err)
			}
			kept, err := reading.Collect()
			if err != nil {
				t.Fatal(err)
			}
			next := openRig(t)
			for _, e := range change(kept) {
				if _, err := next.Append(context.Background(), []daybook.Event{e.Event}, nil); err != nil {
					t.Fatal(err)
				}
			}
			return next
		}
	}
}

// keepsUnder bends the faulty store so that it records while its disk fails and
// answers an error: every append, or none.
func keepsUnder(answer func() error, least int) func(*Subject) {
	return func(subject *Subject) {
		subject.OpenFaulty = func(t testing.TB) (daybook.Store, func(bool)) {
			s := openRig(t)
			var failing atomic.Bool
			b := &bent{Store: s, append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
				on := failing.Load() && len(events) > 0
				if on && least > 0 {
					return daybook.Receipt{}, answer()
				}
				receipt, err := s.Append(ctx, events, cond)
				if err == nil && on {
					return daybook.Receipt{}, answer()
				}
				return receipt, err
			}}
			return b, failing.Store
		}
		reopen := subject.Reopen
		subject.Reopen = func(t testing.TB, s daybook.Store) daybook.Store {
			if b, ok := s.(*bent); ok {
				s = b.Store
			}
			return reopen(t, s)
		}
	}
}
