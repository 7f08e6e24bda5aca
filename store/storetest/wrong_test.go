package storetest

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A bent store does some of its methods wrongly.
type bent struct {
	daybook.Store
	append func(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error)
	read   func(context.Context, daybook.Query, daybook.Span) (daybook.Reading, error)
	wait   func(context.Context, daybook.Query, daybook.Position) (daybook.Position, error)
	info   func(context.Context) (daybook.Info, error)
	close  func() error
}

func (b *bent) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if b.append != nil {
		return b.append(ctx, events, cond)
	}
	return b.Store.Append(ctx, events, cond)
}

func (b *bent) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if b.read != nil {
		return b.read(ctx, q, span)
	}
	return b.Store.Read(ctx, q, span)
}

func (b *bent) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if b.wait != nil {
		return b.wait(ctx, q, after)
	}
	return b.Store.Wait(ctx, q, after)
}

func (b *bent) Info(ctx context.Context) (daybook.Info, error) {
	if b.info != nil {
		return b.info(ctx)
	}
	return b.Store.Info(ctx)
}

func (b *bent) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Store.(io.Closer).Close()
}

// A wrong store is a right one with one mistake, and the promises that it must be
// found to break. It may break others too.
type wrong struct {
	mistake string
	bend    func(s daybook.Store) *bent
	hooks   func(*Subject) // a mistake in what a hook does
	breaks  []string
}

func (w wrong) subject() Subject {
	right := rigged()
	bend := func(s daybook.Store) daybook.Store {
		if w.bend == nil {
			return s
		}
		b := w.bend(s)
		b.Store = s
		return b
	}
	straight := func(s daybook.Store) daybook.Store {
		if b, ok := s.(*bent); ok {
			return b.Store
		}
		return s
	}
	subject := Subject{
		Open:           func(t testing.TB) daybook.Store { return bend(right.Open(t)) },
		Reopen:         func(t testing.TB, s daybook.Store) daybook.Store { return bend(right.Reopen(t, straight(s))) },
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store { return bend(right.NewIncarnation(t, straight(s))) },
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			s, fail := right.OpenFaulty(t)
			return bend(s), fail
		},
		LoseAnswer: right.LoseAnswer,
	}
	if w.hooks != nil {
		w.hooks(&subject)
	}
	return subject
}

// onAppend bends what is handed to Append.
func onAppend(change func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			events, cond = change(events, cond)
			return s.Append(ctx, events, cond)
		}}
	}
}

// onCondition bends conditions.
func onCondition(change func(daybook.Condition) daybook.Condition) func(daybook.Store) *bent {
	return onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		return events, change(cond)
	})
}

// without bends conditions by forgetting some clauses.
func without(forget func(daybook.Clause) bool) func(daybook.Store) *bent {
	return onCondition(func(cond daybook.Condition) daybook.Condition { return slices.DeleteFunc(slices.Clone(cond), forget) })
}

// onEvent bends events before they are recorded.
func onEvent(change func(*daybook.Event)) func(daybook.Store) *bent {
	return onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		events = slices.Clone(events)
		for i := range events {
			change(&events[i])
		}
		return events, cond
	})
}

// onAnswer bends what Append answers.
func onAnswer(change func(*daybook.Receipt, error) error) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			err = change(&receipt, err)
			return receipt, err
		}}
	}
}

// onConflict bends conflicts.
func onConflict(change func(*daybook.ConflictError)) func(daybook.Store) *bent {
	return onAnswer(func(_ *daybook.Receipt, err error) error {
		if conflict, ok := err.(*daybook.ConflictError); ok {
			change(conflict)
		}
		return err
	})
}

// onRead bends what is handed to Read.
func onRead(change func(daybook.Query, daybook.Span) (daybook.Query, daybook.Span)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			q, span = change(q, span)
			return s.Read(ctx, q, span)
		}}
	}
}

// onSpan bends spans.
func onSpan(change func(*daybook.Span)) func(daybook.Store) *bent {
	return onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		change(&span)
		return q, span
	})
}

// onReading bends the events that a reading yields and the point up to which it goes.
func onReading(change func(q daybook.Query, span daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error]) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			snapshot := reading.Snapshot()
			events := change(q, span, &snapshot, reading.Events())
			return daybook.NewReading(q, span, snapshot, events), nil
		}}
	}
}

// onYield bends each event that is read; returning false hides it.
func onYield(change func(*daybook.Recorded) bool) func(daybook.Store) *bent {
	return onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if err == nil && !change(&e) {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
		}
	})
}

// onInfo bends what Info says.
func onInfo(change func(*daybook.Info)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{info: func(ctx context.Context) (daybook.Info, error) {
			info, err := s.Info(ctx)
			change(&info)
			return info, err
		}}
	}
}

// onWait bends Wait.
func onWait(wait func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{wait: func(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
			return wait(ctx, s, q, after)
		}}
	}
}

// liesValid bends an append so that what is invalid is answered with a receipt.
func liesValid(about func(text string) bool) func(daybook.Store) *bent {
	return onAnswer(func(r *daybook.Receipt, err error) error {
		if kind(err) == "invalid" && about(err.Error()) {
			return nil
		}
		return err
	})
}

func says(words ...string) func(string) bool {
	return func(text string) bool {
		for _, word := range words {
			if strings.Contains(text, word) {
				return true
			}
		}
		return false
	}
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
			kept, err := collect(reading)
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

// counting returns a function that is true every n-th time.
func counting(n int64) func() bool {
	var count atomic.Int64
	return func() bool { return count.Add(1)%n == 0 }
}

var wrongStores = []wrong{
	{mistake: "forgets conditions", breaks: []string{
		"an append whose condition does not hold records nothing",
	}, bend: onCondition(func(daybook.Condition) daybook.Condition { return nil })},
	{mistake: "ignores expected versions", breaks: []string{
		"a condition on the version of a stream holds at this version and at no other",
		"of appenders that race for one version of a stream, one wins",
		"a stream without events is at version zero",
	}, bend: without(func(c daybook.Clause) bool { return c.Kind == daybook.StreamAt })},
	{mistake: "ignores whether a stream is new", breaks: []string{
		"a condition that a stream is new holds while it has no events",
		"of appenders that race for a new stream, one wins",
	}, bend: without(func(c daybook.Clause) bool { return c.Kind == daybook.StreamNew })},
	{mistake: "ignores whether a stream exists", breaks: []string{
		"a condition that a stream exists holds while it has events",
		"a clause that no event failed is named with position zero",
	}, bend: without(func(c daybook.Clause) bool { return c.Kind == daybook.StreamExists })},
	{mistake: "ignores conditions on queries", breaks: []string{
		"a condition on a query fails for every event that it selects after its point",
		"of appenders that race for one boundary, one wins",
	}, bend: without(func(c daybook.Clause) bool { return c.Kind == daybook.NothingSelected })},
	{mistake: "ignores conditions of other incarnations", breaks: []string{
		"a condition read in another log or incarnation is a conflict",
		"a clause that can never be checked is invalid",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Receipt{}, err
			}
			cond = slices.Clone(cond)
			for i := range cond {
				if cond[i].Kind == daybook.NothingSelected {
					cond[i].After = info.Head.At(cond[i].After.Position)
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "checks the first clause alone", breaks: []string{
		"all clauses of a condition must hold",
		"the conditions of several readings combine",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition { return c[:min(1, len(c))] })},
	{mistake: "checks the last clause alone", breaks: []string{
		"all clauses of a condition must hold",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition { return c[max(0, len(c)-1):] })},
	{mistake: "guards everything from the latest point of any clause", breaks: []string{
		"each clause on a query guards from a point of its own",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition {
		c = slices.Clone(c)
		var latest daybook.Point
		for i := range c {
			if c[i].After.Position > latest.Position {
				latest = c[i].After
			}
		}
		for i := range c {
			if c[i].Kind == daybook.NothingSelected {
				c[i].After = latest
			}
		}
		return c
	})},
	{mistake: "guards from one position too late", breaks: []string{
		"an event at or before a condition's point is no conflict",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition {
		c = slices.Clone(c)
		for i := range c {
			if c[i].After.Position > 0 {
				c[i].After.Position++
			}
		}
		return c
	})},
	{mistake: "guards from one position too early", breaks: []string{
		"an event at or before a condition's point is no conflict",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition {
		c = slices.Clone(c)
		for i := range c {
			if c[i].After.Position > 0 {
				c[i].After.Position--
			}
		}
		return c
	})},
	{mistake: "guards everything, whatever the query", breaks: []string{
		"clients that decide over boundaries apart do not conflict",
		"an event that a condition's query does not select is no conflict",
		"a condition on a query from the zero point guards from the beginning",
		"the condition of a reading holds until something that it selects is recorded",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition {
		c = slices.Clone(c)
		for i := range c {
			if c[i].Kind == daybook.NothingSelected && c[i].Query.Validate() == nil && len(c[i].Query) > 0 {
				c[i].Query = daybook.All()
			}
		}
		return c
	})},
	{mistake: "forgets what is more than a few appends old", breaks: []string{
		"a condition forgets nothing, however many appends came between",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Receipt{}, err
			}
			cond = slices.Clone(cond)
			for i := range cond {
				if head := info.Head.Position; cond[i].Kind == daybook.NothingSelected && head > 20 && cond[i].After.Position < head-20 {
					cond[i].After = info.Head.At(head - 20)
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "takes streams that the append does not write for unguarded", breaks: []string{
		"a condition may be about streams and tags that the append does not write",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		return events, slices.DeleteFunc(slices.Clone(cond), func(c daybook.Clause) bool {
			return c.Kind != daybook.NothingSelected && !slices.ContainsFunc(events, func(e daybook.Event) bool { return e.Stream == c.Stream })
		})
	})},
	{mistake: "counts its own events against the condition", breaks: []string{
		"a condition is not about the events of its own append",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			for _, c := range cond {
				if c.Kind == daybook.NothingSelected && slices.ContainsFunc(events, c.Query.Selects) {
					return daybook.Receipt{}, &daybook.ConflictError{Failures: []daybook.Failure{{Clause: c}}}
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "checks the condition before the ids", breaks: []string{
		"a repeat is answered whatever its condition",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if _, err := s.Append(ctx, nil, cond); err != nil {
				return daybook.Receipt{}, err
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "checks ids before validity", breaks: []string{
		"one id twice in an append is invalid",
		"validity is checked before ids, and ids before the condition",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			for _, e := range events {
				reading, err := s.Read(ctx, identified(e.ID), daybook.Span{})
				if err != nil {
					return daybook.Receipt{}, err
				}
				if found, _ := collect(reading); len(found) > 0 && len(events) > 1 {
					if _, err := s.Append(ctx, events, nil); kind(err) == "invalid" {
						return daybook.Receipt{}, &daybook.ReusedError{ID: e.ID, Position: found[0].Position}
					}
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "checks conditions outside the serial section", breaks: []string{
		"clients that decide over overlapping boundaries keep every rule",
		"of appenders that race for one version of a stream, one wins",
		"of appenders that race for a new stream, one wins",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if _, err := s.Append(ctx, nil, cond); err != nil {
				return daybook.Receipt{}, err
			}
			for range 10 {
				runtime.Gosched()
			}
			return s.Append(ctx, events, nil)
		}}
	}},
	{mistake: "records what conflicts", breaks: []string{
		"an append whose condition does not hold records nothing",
		"a condition may be about streams and tags that the append does not write",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) == "conflict" {
				s.Append(ctx, events, nil)
			}
			return receipt, err
		}}
	}},
	{mistake: "records the events in front of an invalid one", breaks: []string{
		"an append that is refused leaves no trace",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) == "invalid" && len(events) > 1 {
				s.Append(ctx, events[:1], nil)
			}
			return receipt, err
		}}
	}},
	{mistake: "does not check the condition of an append of no events", breaks: []string{
		"an append without events checks its condition",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) == 0 && cond.Validate() == nil {
			cond = nil
		}
		return events, cond
	})},
	{mistake: "takes the condition of half a past", breaks: []string{
		"the condition of a reading with a limit or an upper bound is invalid",
	}, bend: onCondition(func(c daybook.Condition) daybook.Condition {
		c = slices.Clone(c)
		for i := range c {
			c[i].Partial = false
		}
		return c
	})},
	{mistake: "takes every reading with a direction or a lower bound for half a past", breaks: []string{
		"the condition of a backward reading or one with a lower bound is valid",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if span.Backward || span.After > 0 || span.AfterVersion > 0 {
				span.Limit = 1
			}
			return daybook.NewReading(q, span, reading.Snapshot(), reading.Events()), err
		}}
	}},
	{mistake: "lets a clause on the zero query hold", breaks: []string{
		"a clause on the zero query is invalid",
	}, bend: without(func(c daybook.Clause) bool { return c.Kind == daybook.NothingSelected && len(c.Query) == 0 })},
	{mistake: "lets clauses hold that can never be checked", breaks: []string{
		"a clause that can never be checked is invalid",
	}, bend: without(func(c daybook.Clause) bool {
		return daybook.Condition{c}.Validate() != nil && (c.Kind != daybook.NothingSelected || len(c.Query) > 0)
	})},
	{mistake: "names one failed clause", breaks: []string{
		"a conflict gives for each clause the position of the newest event that failed it",
		"an error says what was wrong",
	}, bend: onConflict(func(c *daybook.ConflictError) { c.Failures = c.Failures[:1] })},
	{mistake: "names the failed clauses in another order", breaks: []string{
		"a conflict names every clause that failed, in the order of the condition",
	}, bend: onConflict(func(c *daybook.ConflictError) { slices.Reverse(c.Failures) })},
	{mistake: "names no position in a conflict", breaks: []string{
		"a conflict gives for each clause the position of the newest event that failed it",
	}, bend: onConflict(func(c *daybook.ConflictError) {
		for i := range c.Failures {
			c.Failures[i].Position = 0
		}
	})},
	{mistake: "names the head in a conflict", breaks: []string{
		"what many clients were answered has an explanation in one order",
		"a conflict gives for each clause the position of the newest event that failed it",
	}, bend: onConflict(func(c *daybook.ConflictError) {
		for i := range c.Failures {
			c.Failures[i].Position = c.At.Position
		}
	})},
	{mistake: "does not say where a conflict was found", breaks: []string{
		"a conflict states the point at which the condition was checked",
		"receipts, readings and conflicts carry the log and its incarnation",
	}, bend: onConflict(func(c *daybook.ConflictError) { c.At = daybook.Point{} })},
	{mistake: "lets the condition of a reading follow the iteration", breaks: []string{
		"the snapshot of a reading is the head at which it began, also when nothing was selected",
		"following moves its checkpoint past what is not selected",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, daybook.Span{})
			if err != nil {
				return reading, err
			}
			got, err := collect(reading)
			if err != nil {
				return reading, err
			}
			reading, err = s.Read(ctx, q, span)
			var last daybook.Position
			if len(got) > 0 {
				last = got[len(got)-1].Position
			}
			return daybook.NewReading(q, span, reading.Snapshot().At(last), reading.Events()), err
		}}
	}},

	{mistake: "skips an event", breaks: []string{
		"events are read in the order in which they were appended",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Position != 5 })},
	{mistake: "skips the first event", breaks: []string{
		"events are read in the order in which they were appended",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Position != 1 })},
	{mistake: "shows an event twice", breaks: []string{
		"a query selects what any of its items selects, each event once and in order",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if !yield(e, err) || e.Position == 3 && !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "ends long readings early", breaks: []string{
		"a long reading is read whole",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			n := 0
			for e, err := range events {
				if n++; n > 1000 || !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "hides what ends a reading", breaks: []string{
		"a reading whose context ends stops with an error and does not pretend to be whole",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if err != nil || !yield(e, err) {
					return
				}
			}
		}
	})},
	{mistake: "can be ranged over once", breaks: []string{
		"a reading may be ranged over again and yields the same",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		var ranged atomic.Bool
		return func(yield func(daybook.Recorded, error) bool) {
			if !ranged.Swap(true) {
				events(yield)
			}
		}
	})},
	{mistake: "goes on where the last range stopped", breaks: []string{
		"a reading may be left early",
		"several ranges over one reading do not disturb each other",
	}, bend: onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		at := 0
		return func(yield func(daybook.Recorded, error) bool) {
			i := 0
			for e, err := range events {
				if i++; i <= at {
					continue
				}
				at++
				if !yield(e, err) {
					return
				}
			}
			at = 0
		}
	})},
	{mistake: "reads on into what comes later", breaks: []string{
		"a reading holds what was recorded when it began and nothing recorded later",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
				again, err := s.Read(ctx, q, span)
				if err != nil {
					yield(daybook.Recorded{}, err)
					return
				}
				again.Events()(yield)
			}), nil
		}}
	}},
	{mistake: "states the last event read as the snapshot", breaks: []string{
		"the snapshot of a reading is the head at which it began, also when nothing was selected",
	}, bend: onReading(func(_ daybook.Query, span daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		var last daybook.Position
		for e := range events {
			last = max(last, e.Position)
		}
		snapshot.Position = last
		return events
	})},
	{mistake: "states the head as the snapshot, whatever the bounds", breaks: []string{
		"an upper bound lowers the snapshot",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil {
				return reading, err
			}
			info, err := s.Info(ctx)
			return daybook.NewReading(q, span, info.Head, reading.Events()), err
		}}
	}},
	{mistake: "reads what was so a moment ago", breaks: []string{
		"a read begun after an append sees it",
		"whoever has a receipt reads what it stands for, whatever others do",
	}, bend: func(s daybook.Store) *bent {
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Reading{}, err
			}
			if span.Before == 0 && info.Head.Position > 0 {
				span.Before = info.Head.Position
			}
			return s.Read(ctx, q, span)
		}}
	}},
	{mistake: "now and then reads what was so a moment ago", breaks: []string{
		"a read begun after an append sees it",
	}, bend: func(s daybook.Store) *bent {
		stale := counting(5)
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			info, err := s.Info(ctx)
			if err != nil {
				return daybook.Reading{}, err
			}
			if span.Before == 0 && info.Head.Position > 2 && stale() {
				span.Before = info.Head.Position - 1
			}
			return s.Read(ctx, q, span)
		}}
	}},
	{mistake: "shows a later event before an earlier one now and then", breaks: []string{
		"no reader sees an event appear before one that it has read",
	}, bend: func(s daybook.Store) *bent {
		hide := counting(2)
		return &bent{read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
			reading, err := s.Read(ctx, q, span)
			if err != nil || !hide() {
				return reading, err
			}
			last := reading.Snapshot().Position
			return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
				for e, err := range reading.Events() {
					if e.Position+1 != last && !yield(e, err) {
						return
					}
				}
			}), nil
		}}
	}},
	{mistake: "shows the event of a checkpoint again", breaks: []string{
		"following shows every event once and in order, while others append",
		"following goes on from a checkpoint without skipping or repeating",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.After > 0 {
			s.After--
		}
	})},
	{mistake: "takes every query for everything once it is past the beginning", breaks: []string{
		"following a query shows what it selects once and in order, while others append",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if span.After > 0 && q.Validate() == nil {
			q = daybook.All()
		}
		return q, span
	})},
	{mistake: "ignores the direction", breaks: []string{
		"a backward reading is of the same interval, the newest event first",
	}, bend: onSpan(func(s *daybook.Span) { s.Backward = false })},
	{mistake: "ignores limits", breaks: []string{
		"a limit yields the first so many, and backward the last",
	}, bend: onSpan(func(s *daybook.Span) { s.Limit = min(s.Limit, 0) })},
	{mistake: "takes one event more than the limit", breaks: []string{
		"a limit yields the first so many, and backward the last",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Limit > 0 {
			s.Limit++
		}
	})},
	{mistake: "begins with the position itself", breaks: []string{
		"a reading after a position begins with the next",
	}, bend: onSpan(func(s *daybook.Span) { s.After -= min(s.After, 1) })},
	{mistake: "ends with the position itself", breaks: []string{
		"a reading before a position ends with the one before it",
		"reading page by page shows every event once",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Before > 0 {
			s.Before++
		}
	})},
	{mistake: "ignores lower bounds that cross the upper", breaks: []string{
		"bounds beyond the log are no bounds, and bounds that cross hold nothing",
	}, bend: onSpan(func(s *daybook.Span) {
		if s.Before > 0 && s.After >= s.Before {
			s.After = 0
		}
	})},
	{mistake: "begins with the version itself", breaks: []string{
		"a reading of one stream may be bounded by versions",
	}, bend: onSpan(func(s *daybook.Span) { s.AfterVersion -= min(s.AfterVersion, 1) })},
	{mistake: "bounds whatever it is asked by versions", breaks: []string{
		"bounds of versions need a query of exactly one stream",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if len(q) != 1 || len(q[0].Streams) != 1 {
			span.AfterVersion, span.BeforeVersion = 0, 0
		}
		return q, span
	})},
	{mistake: "takes any span", breaks: []string{
		"a span that can bound nothing is invalid",
	}, bend: onSpan(func(s *daybook.Span) {
		s.Limit = max(s.Limit, 0)
		if y := s.KnownAt.Year(); !s.KnownAt.IsZero() && (y < 1678 || y > 2261) {
			s.KnownAt = time.Time{}
		}
	})},
	{mistake: "knows at a time what was recorded before it", breaks: []string{
		"what was known at a time is what had been recorded by then",
	}, bend: onSpan(func(s *daybook.Span) {
		if !s.KnownAt.IsZero() {
			s.KnownAt = s.KnownAt.Add(-1)
		}
	})},
	{mistake: "knows at a time what was recorded a moment later", breaks: []string{
		"what was known at a time stays the same for ever",
	}, bend: onSpan(func(s *daybook.Span) {
		if !s.KnownAt.IsZero() {
			s.KnownAt = s.KnownAt.Add(time.Second)
		}
	})},
	{mistake: "selects everything by the zero query", breaks: []string{
		"the zero query selects nothing",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if len(q) == 0 {
			q = daybook.All()
		}
		return q, span
	})},
	{mistake: "passes over items that name nothing", breaks: []string{
		"an item that names nothing is invalid",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		return slices.DeleteFunc(slices.Clone(q), func(it daybook.Item) bool {
			return !it.IsAll() && len(it.IDs)+len(it.Streams)+len(it.Categories)+len(it.Types)+len(it.Tags) == 0
		}), span
	})},
	{mistake: "reads as nothing what cannot be asked", breaks: []string{
		"a query that can never be asked is invalid",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		if err := q.Validate(); err != nil && !strings.Contains(err.Error(), "names nothing") {
			return nil, span
		}
		return q, span
	})},
	{mistake: "has no events in no stream", breaks: []string{
		"the query of everything selects every event",
	}, bend: onYield(func(e *daybook.Recorded) bool { return e.Stream != "" })},
	{mistake: "looks at the first item alone", breaks: []string{
		"a query selects what any of its items selects, each event once and in order",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		return q[:min(1, len(q))], span
	})},
	{mistake: "looks at the first tag alone", breaks: []string{
		"any of several ids, streams, categories or types satisfies, and all of several tags must",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			q[i].Tags = q[i].Tags[:min(1, len(q[i].Tags))]
		}
		return q, span
	})},
	{mistake: "looks at the first type alone", breaks: []string{
		"any of several ids, streams, categories or types satisfies, and all of several tags must",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			q[i].Types = q[i].Types[:min(1, len(q[i].Types))]
		}
		return q, span
	})},
	{mistake: "forgets the types where there are tags", breaks: []string{
		"an item selects what satisfies all of its fields",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Tags) > 0 {
				q[i].Types = nil
			}
		}
		return q, span
	})},
	{mistake: "takes categories for streams", breaks: []string{
		"a query selects by ids, streams, categories, types and tags",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Categories) > 0 && q[i].Categories[0] != "" {
				q[i].Streams, q[i].Categories = q[i].Categories, nil
			}
		}
		return q, span
	})},
	{mistake: "takes tags for types where there are no types", breaks: []string{
		"a name means nothing in another field",
	}, bend: onRead(func(q daybook.Query, span daybook.Span) (daybook.Query, daybook.Span) {
		q = slices.Clone(q)
		for i := range q {
			if len(q[i].Types) == 0 && len(q[i].Tags) == 1 {
				q = append(q, daybook.Item{Types: q[i].Tags})
			}
		}
		return q, span
	})},

	{mistake: "loses the last tag", breaks: []string{
		"an event is read with everything that it was recorded with",
		"tags keep their order",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		e.Tags = e.Tags[:max(0, len(e.Tags)-1)]
		return true
	})},
	{mistake: "sorts tags", breaks: []string{
		"tags keep their order",
	}, bend: onEvent(func(e *daybook.Event) {
		e.Tags = slices.Clone(e.Tags)
		slices.Sort(e.Tags)
	})},
	{mistake: "keeps sixteen tags", breaks: []string{
		"an event may have many tags, and each of them finds it",
	}, bend: onEvent(func(e *daybook.Event) { e.Tags = e.Tags[:min(16, len(e.Tags))] })},
	{mistake: "lets tags through that are there twice", breaks: []string{
		"a tag twice on one event is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		var tags []string
		for _, tag := range e.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
		e.Tags = tags
	})},
	{mistake: "trims names", breaks: []string{
		"streams whose names differ in a byte are different streams",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.TrimSpace(e.Stream) })},
	{mistake: "writes names in small letters", breaks: []string{
		"streams whose names differ in a byte are different streams",
		"a category is what stands before the first hyphen of a stream's name",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.ToLower(e.Stream) })},
	{mistake: "cuts long names", breaks: []string{
		"names of 512 bytes are kept, and one byte more is invalid",
		"names in any script and with any sign are kept and found",
	}, bend: onEvent(func(e *daybook.Event) { e.Type = e.Type[:min(255, len(e.Type))] })},
	{mistake: "mends names that are not UTF-8", breaks: []string{
		"a name that is not UTF-8 is invalid",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.ToValidUTF8(e.Stream, "\ufffd") })},
	{mistake: "drops control characters from names", breaks: []string{
		"a name with a control character is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		e.Stream = strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				return '.'
			}
			return r
		}, e.Stream)
	})},
	{mistake: "lets anybody write system events", breaks: []string{
		"a name that begins with $ belongs to the system and is invalid",
	}, bend: onEvent(func(e *daybook.Event) { e.Type = strings.TrimPrefix(e.Type, "$") + "x"[:btoi(e.Type == "$")] })},
	{mistake: "gives a type to events without", breaks: []string{
		"an event without a type or with an empty tag is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		if e.Type == "" {
			e.Type = "Event"
		}
	})},
	{mistake: "normalises JSON", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onEvent(func(e *daybook.Event) { e.Data = []byte(strings.ReplaceAll(string(e.Data), "  ", " ")) })},
	{mistake: "loses the metadata", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Metadata = nil; return true })},
	{mistake: "ends data at a zero byte", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if i := strings.IndexByte(string(e.Data), 0); i >= 0 {
			e.Data = e.Data[:i]
		}
		return true
	})},
	{mistake: "says that everything is JSON", breaks: []string{
		"data without a content type is JSON, and any other content type is kept",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.ContentType = daybook.JSON; return true })},
	{mistake: "keeps the bytes that it was given", breaks: []string{
		"the caller may use its events, bytes and tags again after an append",
	}, bend: func(s daybook.Store) *bent {
		given := make(map[uuid.UUID]daybook.Event)
		var mu sync.Mutex
		b := onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := given[e.ID]; ok {
				e.Data, e.Tags = before.Data, before.Tags
			}
			return true
		})(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			mu.Lock()
			for _, e := range events {
				given[e.ID] = e
			}
			mu.Unlock()
			return s.Append(ctx, events, cond)
		}
		return b
	}},
	{mistake: "completes the caller's own events", breaks: []string{
		"an append does not change what it is given",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			for i := range events {
				if events[i].ID == uuid.Nil {
					events[i].ID = uuid.Must(uuid.NewV7())
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "reads into one buffer", breaks: []string{
		"whoever has read an event may keep it",
		"a store may be opened again many times",
	}, bend: func(s daybook.Store) *bent {
		buffer := make([]byte, 1<<20)
		var mu sync.Mutex
		return onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			e.Data = buffer[:copy(buffer, e.Data)]
			return true
		})(s)
	}},
	{mistake: "takes the time that nobody gave for 1970", breaks: []string{
		"a time that nobody gave stays zero, and 1970 is a time",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if e.HappenedAt.IsZero() {
			e.HappenedAt = time.Unix(0, 0).UTC()
		}
		return true
	})},
	{mistake: "keeps microseconds", breaks: []string{
		"times are kept in nanoseconds and read in UTC",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.HappenedAt = e.HappenedAt.Truncate(time.Microsecond); return true })},
	{mistake: "reads times in another zone", breaks: []string{
		"times are kept in nanoseconds and read in UTC",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.HappenedAt = e.HappenedAt.In(time.FixedZone("", 3600)); return true })},
	{mistake: "takes any time", breaks: []string{
		"times from 1678 to 2261 are kept, and others are invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		if y := e.HappenedAt.Year(); !e.HappenedAt.IsZero() && (y < 1677 || y > 2262) {
			e.HappenedAt = time.Time{}
		}
	})},
	{mistake: "stamps every event apart", breaks: []string{
		"a receipt states the time that the events carry",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		e.RecordedAt = e.RecordedAt.Add(time.Duration(e.Position))
		return true
	})},
	{mistake: "stamps whole seconds", breaks: []string{
		"the time of recording rises with every append",
	}, bend: func(s daybook.Store) *bent {
		b := onYield(func(e *daybook.Recorded) bool { e.RecordedAt = e.RecordedAt.Truncate(time.Second); return true })(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			receipt.RecordedAt = receipt.RecordedAt.Truncate(time.Second)
			return receipt, err
		}
		return b
	}},
	{mistake: "swaps the first two events of an append", breaks: []string{
		"the events of one append stand next to each other, in their order",
		"appends at the same time do not mix",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) > 1 {
			events = slices.Clone(events)
			events[0], events[1] = events[1], events[0]
		}
		return events, cond
	})},
	{mistake: "records the events of an append one by one", breaks: []string{
		"all events of an append carry the same time of recording",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if len(events) < 2 {
				return s.Append(ctx, events, cond)
			}
			var receipt daybook.Receipt
			for i, e := range events {
				if i > 0 {
					cond = nil
				}
				next, err := s.Append(ctx, []daybook.Event{e}, cond)
				if err != nil {
					return next, err
				}
				for stream, version := range receipt.Versions {
					if next.Versions[stream] == 0 {
						next.Versions[stream] = version
					}
				}
				receipt = next
				runtime.Gosched()
			}
			return receipt, nil
		}}
	}},
	{mistake: "leaves gaps in the positions", breaks: []string{
		"positions begin at 1 and have no gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Position *= 2; return true })},
	{mistake: "begins at position zero", breaks: []string{
		"positions begin at 1 and have no gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Position--; return true })},
	{mistake: "begins at version zero", breaks: []string{
		"the versions of a stream are 1, 2, 3 and so on",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Version--; return true })},
	{mistake: "numbers streams by the log", breaks: []string{
		"streams are numbered independently",
		"each event of an append over several streams has the version of its own stream",
		"an event in no stream has version zero and is read by no stream and no category",
		"appends at the same time get positions and versions without gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Version = daybook.Version(e.Position); return true })},
	{mistake: "gives positions that it does not keep", breaks: []string{
		"an append that is refused leaves no trace",
	}, bend: func(s daybook.Store) *bent {
		var spent atomic.Uint64
		b := onYield(func(e *daybook.Recorded) bool { e.Position += daybook.Position(spent.Load()); return true })(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if err != nil {
				spent.Add(uint64(len(events)))
			}
			receipt.Position += daybook.Position(spent.Load())
			return receipt, err
		}
		return b
	}},
	{mistake: "states the first position in receipts", breaks: []string{
		"the events of one append stand next to each other, in their order",
		"a receipt names the log, its incarnation and the position of the last event",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if len(events) > 0 {
				receipt.Position -= daybook.Position(len(events) - 1)
			}
			return receipt, err
		}}
	}},
	{mistake: "states no log in receipts", breaks: []string{
		"a receipt names the log, its incarnation and the position of the last event",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		r.Log, r.Incarnation = uuid.Nil, uuid.Nil
		return err
	})},
	{mistake: "states one version too many in receipts", breaks: []string{
		"a receipt names for each stream the version of its last event",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		if r.Versions != nil {
			r.Versions["extra"] = 1
		}
		return err
	})},
	{mistake: "keeps the receipts that it gave", breaks: []string{
		"a receipt belongs to whoever asked for it",
		"events recorded next to each other by two appends are a repeat together",
	}, bend: func(s daybook.Store) *bent {
		given := make(map[daybook.Position]daybook.Receipt)
		var mu sync.Mutex
		return onAnswer(func(r *daybook.Receipt, err error) error {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := given[r.Position]; ok && r.Repeated {
				r.Versions = before.Versions
			} else if err == nil {
				given[r.Position] = *r
			}
			return err
		})(s)
	}},
	{mistake: "states its own time in receipts", breaks: []string{
		"a receipt states the time that the events carry",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = r.RecordedAt.Add(1); return err })},
	{mistake: "states no durability", breaks: []string{
		"a receipt states the durability that the store promises",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.Durability = 0; return err })},
	{mistake: "states the zero receipt for an append of no events", breaks: []string{
		"the receipt of an append without events has the position of the head, no versions and no time",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		if r.RecordedAt.IsZero() {
			r.Position = 0
		}
		return err
	})},
	{mistake: "records that nothing was recorded", breaks: []string{
		"an append without events records nothing",
		"the zero condition always holds",
		"the condition of a reading is the same however far one iterates",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) == 0 && cond.Validate() == nil {
			events = []daybook.Event{{Type: "Nothing"}}
		}
		return events, cond
	})},
	{mistake: "takes few events", breaks: []string{
		"an append may have a thousand events",
	}, bend: limited(100, 1<<30)},
	{mistake: "takes few bytes", breaks: []string{
		"an append may have 900 KiB in one event",
	}, bend: limited(1<<20, 64<<10)},
	{mistake: "does not keep its own limits", breaks: []string{
		"an append past the stated limits is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Limits = daybook.Limits{AppendEvents: 1000, AppendBytes: 1 << 20} })},
	{mistake: "states small limits", breaks: []string{
		"an append past the stated limits is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Limits.AppendBytes = 1000 })},
	{mistake: "states no stride", breaks: []string{
		"a store states its head, its durability, its limits and its stride",
		"a wait sleeps through what its query does not select, up to a stride",
	}, bend: onInfo(func(i *daybook.Info) { i.Stride = 0 })},
	{mistake: "states an old head", breaks: []string{
		"a store states its head, its durability, its limits and its stride",
		"following goes on from a checkpoint without skipping or repeating",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Position = min(i.Head.Position, 1) })},
	{mistake: "has one identity for all", breaks: []string{
		"two logs have different identities",
		"an empty log reads as nothing, up to position zero",
	}, bend: sameLife},
	{mistake: "has another incarnation each time it is asked", breaks: []string{
		"a log has an identity and an incarnation, which stay",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Incarnation = uuid.New() })},

	{mistake: "gives random ids", breaks: []string{
		"an event without an id gets one of version 7",
	}, bend: onEvent(func(e *daybook.Event) {
		if e.ID == uuid.Nil {
			e.ID = uuid.New()
		}
	})},
	{mistake: "keeps the ids of RFC 4122 alone", breaks: []string{
		"an id of any version is kept",
	}, bend: onEvent(func(e *daybook.Event) {
		if v := e.ID.Version(); v < 1 || v > 5 && v != 7 {
			e.ID = uuid.New()
		}
	})},
	{mistake: "lets one id through twice", breaks: []string{
		"one id twice in an append is invalid",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		events = slices.Clone(events)
		for i := range events {
			for j := range i {
				if events[i].ID == events[j].ID {
					events[i].ID = uuid.New()
				}
			}
		}
		return events, cond
	})},
	{mistake: "records repeats again", breaks: []string{
		"an append repeated records nothing and gives the receipt of the first",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if receipt.Repeated {
				events = slices.Clone(events)
				for i := range events {
					events[i].ID = uuid.New()
				}
				return s.Append(ctx, events, cond)
			}
			return receipt, err
		}}
	}},
	{mistake: "forgets ids after a while", breaks: []string{
		"a repeat is a repeat whatever was recorded since",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if info, _ := s.Info(ctx); receipt.Repeated && info.Head.Position > receipt.Position+100 {
				return daybook.Receipt{}, &daybook.ReusedError{ID: events[0].ID}
			}
			return receipt, err
		}}
	}},
	{mistake: "does not say that a repeat is one", breaks: []string{
		"an append repeated records nothing and gives the receipt of the first",
		"an event appended by many at once is recorded once, and all get its position",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.Repeated = false; return err })},
	{mistake: "knows whole appends alone as repeats", breaks: []string{
		"some events of an append, next to each other, are a repeat of their own",
	}, bend: func(s daybook.Store) *bent {
		sizes := make(map[daybook.Position]int)
		var mu sync.Mutex
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && !receipt.Repeated {
				sizes[receipt.Position] = len(events)
			}
			if receipt.Repeated && sizes[receipt.Position] != len(events) {
				return daybook.Receipt{}, &daybook.ReusedError{ID: events[0].ID}
			}
			return receipt, err
		}}
	}},
	{mistake: "takes what a repeat brings", breaks: []string{
		"a repeat keeps what was recorded, not what it brings",
	}, bend: func(s daybook.Store) *bent {
		latest := make(map[uuid.UUID]daybook.Event)
		var mu sync.Mutex
		b := onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			if l, ok := latest[e.ID]; ok {
				e.Data = l.Data
			}
			return true
		})(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if err == nil && receipt.Repeated {
				mu.Lock()
				defer mu.Unlock()
				for _, e := range events {
					latest[e.ID] = e
				}
			}
			return receipt, err
		}
		return b
	}},
	{mistake: "records the new ones beside recorded ids", breaks: []string{
		"recorded and new ids in one append are reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return true }, true)},
	{mistake: "takes recorded ids in any order and place", breaks: []string{
		"recorded ids in another order are reused",
		"recorded ids that do not stand next to each other are reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Stream == r.Stream && e.Type == r.Type }, false)},
	{mistake: "takes a recorded id in any stream", breaks: []string{
		"a recorded id in another stream is reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Type == r.Type }, false)},
	{mistake: "takes a recorded id with any type", breaks: []string{
		"a recorded id with another type is reused",
	}, bend: lenient(func(e daybook.Event, r daybook.Recorded) bool { return e.Stream == r.Stream }, false)},
	{mistake: "names the oldest id that is reused", breaks: []string{
		"reused names the first overlapping id in the append's order, and its position",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) != "reused" {
				return receipt, err
			}
			var ids []uuid.UUID
			for _, e := range events {
				ids = append(ids, e.ID)
			}
			reading, err := s.Read(ctx, identified(ids...), daybook.Span{})
			if err != nil {
				return receipt, err
			}
			found, err := collect(reading)
			if err != nil {
				return receipt, err
			}
			return receipt, &daybook.ReusedError{ID: found[0].ID, Position: found[0].Position}
		}}
	}},
	{mistake: "remembers the ids of what it refused", breaks: []string{
		"a refused id may be used again",
	}, bend: func(s daybook.Store) *bent {
		refused := make(map[uuid.UUID]bool)
		var mu sync.Mutex
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range events {
				if refused[e.ID] {
					return daybook.Receipt{}, &daybook.ReusedError{ID: e.ID}
				}
			}
			receipt, err := s.Append(ctx, events, cond)
			if err != nil {
				for _, e := range events {
					refused[e.ID] = true
				}
			}
			return receipt, err
		}}
	}},

	{mistake: "never wakes who waits", breaks: []string{
		"a wait ends when something that its query selects is recorded",
		"a wait for a position that has not come yet waits",
		"every one of many waits ends",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, _ daybook.Query, _ daybook.Position) (daybook.Position, error) {
		return s.Wait(ctx, nil, 1<<62)
	})},
	{mistake: "wakes at every append", breaks: []string{
		"a wait sleeps through what its query does not select, up to a stride",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		if q.Validate() == nil {
			q = daybook.All()
		}
		return s.Wait(ctx, q, after)
	})},
	{mistake: "does not know a stride", breaks: []string{
		"a wait ends when the head is a stride past its position",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		for {
			position, err := s.Wait(ctx, q, after)
			if err != nil {
				return position, err
			}
			reading, err := s.Read(ctx, q, daybook.Span{After: after, Limit: 1})
			if err != nil {
				return position, err
			}
			if got, _ := collect(reading); len(got) > 0 {
				return position, nil
			}
			after = position
		}
	})},
	{mistake: "wakes one of those who wait", breaks: []string{
		"every one of many waits ends",
	}, bend: func(s daybook.Store) *bent {
		var one sync.Mutex
		return &bent{wait: func(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
			if !one.TryLock() {
				return s.Wait(ctx, nil, 1<<62)
			}
			defer one.Unlock()
			return s.Wait(ctx, q, after)
		}}
	}},
	{mistake: "returns from a wait ahead of the reads", breaks: []string{
		"a read begun after a wait sees what it returned for",
		"a wait for what is there already returns at once, above its position",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		return position + 1, err
	})},
	{mistake: "returns from a wait at once", breaks: []string{
		"a wait ends when something that its query selects is recorded",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		info, err := s.Info(ctx)
		return info.Head.Position, err
	})},
	{mistake: "answers a wait with the bare error of the context", breaks: []string{
		"a wait whose context ends is unavailable and wraps the context's error",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return position, err
	})},
	{mistake: "answers a wait with unavailable when closed", breaks: []string{
		"a wait ends with ErrClosed when the store is closed",
		"following ends with its context, and when the store is closed",
	}, bend: onWait(func(ctx context.Context, s daybook.Store, q daybook.Query, after daybook.Position) (daybook.Position, error) {
		position, err := s.Wait(ctx, q, after)
		if errors.Is(err, daybook.ErrClosed) {
			err = &daybook.UnavailableError{Doing: "wait", Err: errors.New("closing")}
		}
		return position, err
	})},
	{mistake: "shows the zero point as its head", breaks: []string{
		"following from a point of another log or incarnation is a LifeError",
	}, bend: func(s daybook.Store) *bent {
		zero := func(ctx context.Context) (daybook.Info, error) {
			info, err := s.Info(ctx)
			info.Head = daybook.Point{Position: 0}
			return info, err
		}
		b := onReading(func(_ daybook.Query, _ daybook.Span, snapshot *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
			*snapshot = daybook.Point{}
			return events
		})(s)
		b.info = zero
		return b
	}},
	{mistake: "states a head of the future", breaks: []string{
		"following from a point that has not come yet is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Position += 10 })},

	{mistake: "cannot be closed", breaks: []string{
		"after it was closed a store answers ErrClosed to everything",
	}, bend: func(daybook.Store) *bent { return &bent{close: func() error { return nil }} }},
	{mistake: "ends readings silently when closed", breaks: []string{
		"a reading begun before the store was closed is read whole or ends with an error",
	}, bend: func(s daybook.Store) *bent {
		var closed atomic.Bool
		b := onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
			return func(yield func(daybook.Recorded, error) bool) {
				for e, err := range events {
					if closed.Load() || !yield(e, err) {
						return
					}
				}
			}
		})(s)
		b.close = func() error {
			closed.Store(true)
			return s.(io.Closer).Close()
		}
		return b
	}},
	{mistake: "does not look at contexts", breaks: []string{
		"an append whose context ended before is unavailable and records nothing",
		"a read whose context ended before is unavailable",
	}, bend: func(s daybook.Store) *bent {
		return &bent{
			append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
				return s.Append(context.WithoutCancel(ctx), events, cond)
			},
			read: func(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
				return s.Read(context.WithoutCancel(ctx), q, span)
			},
		}
	}},
	{mistake: "answers with errors of two kinds", breaks: []string{
		"an error is of one kind only",
	}, bend: onAnswer(func(_ *daybook.Receipt, err error) error {
		if err == nil {
			return nil
		}
		return errors.Join(err, &daybook.UnavailableError{Doing: "append", Err: errors.New("")})
	})},
	{mistake: "does not say what was wrong", breaks: []string{
		"an error says what was wrong",
	}, bend: onAnswer(func(_ *daybook.Receipt, err error) error {
		switch err.(type) {
		case *daybook.InvalidError:
			return &daybook.InvalidError{What: "append", Reason: "is bad"}
		case *daybook.ConflictError:
			return &daybook.ConflictError{}
		}
		return err
	})},

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
			b := onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = r.RecordedAt.Add(-time.Hour); return err })(nil)
			next := right(t, s)
			b = onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = r.RecordedAt.Add(-time.Hour); return err })(next)
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

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// limited bends a store so that it takes little.
func limited(n, bytes int) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if _, err := daybook.Prepare(events, cond, daybook.Limits{AppendEvents: n, AppendBytes: bytes}); err != nil {
				return daybook.Receipt{}, err
			}
			return s.Append(ctx, events, cond)
		}}
	}
}

// sameLife bends a store so that all have one identity.
func sameLife(s daybook.Store) *bent {
	b := onInfo(func(i *daybook.Info) {
		i.Head.Log, i.Head.Incarnation = uuid.NameSpaceDNS, uuid.NameSpaceURL
	})(s)
	return b
}

// lenient bends a store so that recorded ids are taken for repeats if each looks
// like what was recorded, in whatever company; others may be recorded beside them.
func lenient(alike func(daybook.Event, daybook.Recorded) bool, beside bool) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if kind(err) != "reused" {
				return receipt, err
			}
			var fresh []daybook.Event
			for _, e := range events {
				reading, readErr := s.Read(ctx, identified(e.ID), daybook.Span{})
				if readErr != nil {
					return receipt, readErr
				}
				found, _ := collect(reading)
				switch {
				case len(found) == 0 && beside:
					fresh = append(fresh, e)
				case len(found) == 0 || !alike(e, found[0]):
					return receipt, err
				}
			}
			return s.Append(ctx, fresh, nil)
		}}
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

// Every sentence must be one that some wrong store breaks, and every wrong store be
// found out by the sentences that are about its mistake.
func TestEveryPromiseIsBrokenByAWrongStore(t *testing.T) {
	promises := make(map[string]promise)
	for _, p := range chapters() {
		promises[p.sentence] = p
	}
	broken := make(map[string]bool)
	for _, w := range wrongStores {
		for _, sentence := range w.breaks {
			broken[sentence] = true
		}
		t.Run(w.mistake, func(t *testing.T) {
			t.Parallel()
			for _, sentence := range w.breaks {
				p, known := promises[sentence]
				if !known {
					t.Errorf("%q is no sentence of the suite", sentence)
					continue
				}
				// A mistake that shows in a race need not show at once.
				found := false
				for try := 0; try < 30 && !found; try++ {
					failures, _ := judgePromise(p, w.subject())
					found = len(failures) > 0
				}
				if !found {
					t.Errorf("a store that %s is not found out by %q", w.mistake, sentence)
				}
			}
		})
	}
	for _, p := range chapters() {
		if !broken[p.sentence] {
			t.Errorf("no wrong store breaks %q: it may be a check that cannot fail", p.sentence)
		}
	}
}
