package storetest

import (
	"context"
	"runtime"
	"slices"

	"github.com/daybook-es/daybook"
)

// wrongConditions are stores that err about conditions and conflicts.
var wrongConditions = []wrong{
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
				if found, _ := reading.Collect(); len(found) > 0 && len(events) > 1 {
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
			got, err := reading.Collect()
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

// onConflict bends conflicts.
func onConflict(change func(*daybook.ConflictError)) func(daybook.Store) *bent {
	return onAnswer(func(_ *daybook.Receipt, err error) error {
		if conflict, ok := err.(*daybook.ConflictError); ok {
			change(conflict)
		}
		return err
	})
}
