package pgstore

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"

	"github.com/daybook-es/daybook"
)

// A request is an append on its way. It holds nothing of the caller's, who may have gone
// away.
type request struct {
	events []daybook.Event
	cond   daybook.Condition
	bytes  int
	// searches are the statements of the clauses over queries, in order.
	searches []clauseSearch

	taken atomic.Bool // by the sequencer, or by its own caller, who no longer wants it

	// The answer is there when done is closed.
	done    chan struct{}
	receipt daybook.Receipt
	err     error
}

// A clauseSearch finds the newest event that fails a clause.
type clauseSearch struct {
	text  string
	after int64
	args  []any
}

// Append implements [daybook.Store]. Appends that wait at the same time are checked and
// recorded in one transaction, each with an answer of its own.
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	events, err := daybook.Prepare(events, cond, limits)
	if err != nil {
		return daybook.Receipt{}, err
	}
	if err := s.records(ctx, "append"); err != nil {
		return daybook.Receipt{}, err
	}
	s.writing.Do(func() { s.work(s.sequence) })
	r := newRequest(events, cond)
	select {
	case s.queue <- r:
	case <-ctx.Done():
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: ctx.Err()}
	case <-s.closing:
		return daybook.Receipt{}, daybook.ErrClosed
	}
	select {
	case <-r.done:
		return r.receipt, r.err
	case <-ctx.Done():
	case <-s.closing:
		// What was taken is answered, and what was not is no longer.
		if r.taken.Swap(true) {
			<-r.done
			return r.receipt, r.err
		}
		return daybook.Receipt{}, daybook.ErrClosed
	}
	select {
	case <-r.done:
		return r.receipt, r.err
	default:
	}
	if mine := !r.taken.Swap(true); mine || len(events) == 0 {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: ctx.Err()}
	}
	return daybook.Receipt{}, daybook.Unknown(r.events, ctx.Err())
}

// newRequest makes a request of events and a condition that [daybook.Prepare] passed. It
// copies what the caller may change.
func newRequest(events []daybook.Event, cond daybook.Condition) *request {
	r := &request{events: events, cond: slices.Clone(cond), done: make(chan struct{})}
	for i := range r.events {
		e := &r.events[i]
		e.Tags, e.Data, e.Metadata = slices.Clone(e.Tags), bytes.Clone(e.Data), bytes.Clone(e.Metadata)
		r.bytes += e.Size()
	}
	for i := range r.cond {
		c := &r.cond[i]
		if c.Kind != daybook.NothingSelected {
			continue
		}
		c.Query = clone(c.Query)
		text, args := searchNewest(c.Query.Guarded())
		r.searches = append(r.searches, clauseSearch{text, within(c.After.Position), args})
	}
	return r
}

// clone returns a query that shares nothing with another.
func clone(q daybook.Query) daybook.Query {
	q = slices.Clone(q)
	for i := range q {
		it := &q[i]
		it.IDs, it.Streams, it.Categories = slices.Clone(it.IDs), slices.Clone(it.Streams), slices.Clone(it.Categories)
		it.Types, it.Tags = slices.Clone(it.Types), slices.Clone(it.Tags)
	}
	return q
}

// answer tells whoever waits. It is called once.
func (r *request) answer(receipt daybook.Receipt, err error) {
	r.receipt, r.err = receipt, err
	close(r.done)
}
