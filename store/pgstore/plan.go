package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
)

// A plan is what is recorded of a group, and what each of its requests is answered once
// that is durable.
type plan struct {
	events   []daybook.Recorded
	receipts []daybook.Receipt
	errs     []error

	// The head behind it.
	at, stamp, about int64
}

// decide makes the plan. Each request is checked against what is recorded and against what
// those before it in the group will have recorded, in the order that all stores keep:
// validity, which was looked at, then ids, tombstones and the condition.
func (g *group) decide(ctx context.Context, w *writer) error {
	g.plan = &plan{at: g.head.position, stamp: g.head.stamp, about: g.head.about}
	durability := w.store.promised()
	for i, r := range g.requests {
		before, err := g.check(ctx, w, i, r)
		var receipt daybook.Receipt
		switch failed := (*lookError)(nil); {
		case errors.As(err, &failed):
			return failed.err
		case err != nil:
		case len(r.events) == 0:
			receipt = daybook.Receipt{Point: g.here(), Durability: durability}
		case before != nil:
			receipt = daybook.ReceiptOf(g.life(), before, durability, true)
		default:
			events := g.place(r)
			if err = w.store.synchronous.apply(ctx, w.conn, events, g.here()); errors.As(err, &failed) {
				return failed.err
			}
			if err == nil {
				g.take(events)
				receipt = daybook.ReceiptOf(g.life(), events, durability, false)
			}
		}
		g.plan.receipts, g.plan.errs = append(g.plan.receipts, receipt), append(g.plan.errs, err)
	}
	return nil
}

// A lookError is a question that a check had, and that was not answered.
type lookError struct{ err error }

func (e *lookError) Error() string { return e.err.Error() }

// life is the log in its incarnation.
func (g *group) life() daybook.Point { return g.head.point() }

// here is the head as the next request finds it.
func (g *group) here() daybook.Point { return g.life().At(daybook.Position(g.plan.at)) }

// check returns the error that a request is answered with, or the events that it repeats.
// If both are nil its condition holds, and its events are new.
func (g *group) check(ctx context.Context, w *writer, i int, r *request) ([]daybook.Recorded, error) {
	if before, err := g.repeated(ctx, w, r.events); err != nil || before != nil {
		return before, err
	}
	for n, e := range r.events {
		if at := g.streams[e.Stream].Horizon.Tombstoned; e.Stream != "" && at > 0 {
			return nil, daybook.RefuseTombstoned(n, e.Stream, at)
		}
	}
	var failures []daybook.Failure
	searched := 0
	for _, c := range r.cond {
		holds, newest := false, daybook.Position(0)
		if c.Kind == daybook.NothingSelected {
			holds, newest = g.nothing(c, g.newest[i][searched])
			searched++
		} else {
			holds, newest = c.Holds(g.streams[c.Stream])
		}
		if !holds {
			failures = append(failures, daybook.Failure{Clause: c, Position: newest})
		}
	}
	if failures != nil {
		return nil, &daybook.ConflictError{Failures: failures, At: g.here()}
	}
	return nil, nil
}

// nothing reports whether a clause over a query holds, where the newest event in the
// database that it selects is known, and if not, which is the newest of all.
func (g *group) nothing(c daybook.Clause, stored int64) (holds bool, newest daybook.Position) {
	if !c.After.SameLife(g.life()) {
		return false, 0
	}
	newest = daybook.Position(stored)
	guarded := c.Query.Guarded()
	for _, e := range slices.Backward(g.plan.events) {
		if e.Position <= c.After.Position {
			break
		}
		if guarded.SelectsRecorded(e) {
			newest = e.Position
			break
		}
	}
	return newest == 0, newest
}

// repeated returns the events as they were recorded if this append repeats them, a
// ReusedError if it has some of their ids but is no repeat, and nil if all of its ids are
// new.
func (g *group) repeated(ctx context.Context, w *writer, events []daybook.Event) ([]daybook.Recorded, error) {
	first := slices.IndexFunc(events, func(e daybook.Event) bool { _, is := g.byID[e.ID]; return is })
	if first < 0 {
		return nil, nil
	}
	at := g.byID[events[first].ID].Position
	reused := &daybook.ReusedError{ID: events[first].ID, Position: at}
	if first > 0 {
		return nil, reused
	}
	before := make([]daybook.Recorded, len(events))
	for i, e := range events {
		recorded, is := g.byID[e.ID]
		if !is || !recorded.Repeats(e) || i > 0 && recorded.Position <= before[i-1].Position {
			return nil, reused
		}
		before[i] = recorded.Recorded
	}
	// Between the positions of a log that was restored from another there may be gaps: then
	// what stands next to each other must be counted.
	last := before[len(before)-1].Position
	if uint64(last-at) == uint64(len(events)-1) {
		return before, nil
	}
	between, err := g.between(ctx, w, int64(at), int64(last))
	if err != nil {
		return nil, &lookError{err}
	}
	if between != int64(len(events)) {
		return nil, reused
	}
	return before, nil
}

// between returns how many events there are from one position up to another, those of the
// group included.
func (g *group) between(ctx context.Context, w *writer, first, last int64) (count int64, err error) {
	j := w.journey(ctx)
	j.send(betweenSQL, w.store.number, first, last)
	if err := j.depart(); err != nil {
		return 0, j.failed(err)
	}
	if _, err := j.answer(func(v [][]byte) { count = int8Of(v[0]) }); err != nil {
		return 0, j.failed(fmt.Errorf("count events: %w", err))
	}
	for _, e := range g.plan.events {
		if at := int64(e.Position); at >= first && at <= last {
			count++
		}
	}
	return count, j.end()
}

// place returns the events of a request as they are recorded behind what is planned.
func (g *group) place(r *request) []daybook.Recorded {
	at := daybook.Position(g.plan.at)
	stamp := timeOf(max(g.head.clock, g.plan.stamp+1, g.head.known+1))
	events := make([]daybook.Recorded, len(r.events))
	versions := make(map[string]daybook.Version)
	for i, e := range r.events {
		at++
		events[i] = daybook.Recorded{Event: e, Position: at, RecordedAt: stamp}
		if e.Stream != "" {
			versions[e.Stream] = max(versions[e.Stream], g.streams[e.Stream].Version) + 1
			events[i].Version = versions[e.Stream]
		}
	}
	return events
}

// take plans to record events that were placed, and takes note of what the requests behind
// them find.
func (g *group) take(events []daybook.Recorded) {
	p := g.plan
	p.events = append(p.events, events...)
	for _, e := range events {
		p.at, p.stamp = int64(e.Position), e.RecordedAt.UnixNano()
		if e.Stream != "" {
			state := g.streams[e.Stream]
			state.Version, state.Newest = e.Version, e.Position
			g.streams[e.Stream] = state
		}
		if stream, about := daybook.AboutStream(e.Stream); about {
			p.about = p.at
			state := g.streams[stream]
			state.Horizon = state.Horizon.With(e)
			g.streams[stream] = state
		}
		g.byID[e.ID] = placed{e}
	}
}
