// Package history judges a store by what it answered to many clients at once.
//
// A [Recorder] stands between clients and a store and writes down every question
// with its answer, and when each was asked and answered. When the clients are done,
// [History.Check] holds what was written down against the log as it is in the end,
// in time proportional to both: it names every answer that a store which keeps its
// promises could not have given. [History.CheckStreams] asks the same about each
// stream of a general checker of linearizability, which knows nothing of logs.
//
// [Boundaries] and [Apart] are clients to be judged so.
package history

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
)

// A History is what clients asked a store, and what it answered.
type History struct {
	Appends    []Append
	Reads      []Read
	Followings []Following
}

// An Interval is when a client asked and when it was answered, on a clock that only
// counts: what returned at a smaller number than another was called had ended before
// the other began.
type Interval struct {
	Called, Returned int64
}

// before reports whether i had ended when j began.
func (i Interval) before(j Interval) bool { return i.Returned < j.Called }

// An Append is one call of Append. Its events have their ids.
type Append struct {
	Interval
	Client    int
	Events    []daybook.Event
	Condition daybook.Condition
	Receipt   daybook.Receipt
	Err       error
}

// A Read is one call of Read and what was read: all that the reading yielded.
type Read struct {
	Interval
	Client   int
	Query    daybook.Query
	Span     daybook.Span
	Snapshot daybook.Point
	Events   []daybook.Recorded
	Err      error
}

// A Following is what a follower of the log saw, from one point up to another.
type Following struct {
	Name     string
	Query    daybook.Query
	From, To daybook.Position
	Seen     []daybook.Recorded
}

// A Recorder writes down what the clients of a store do. It may be used by many
// goroutines.
type Recorder struct {
	store daybook.Store
	clock atomic.Int64

	mu      sync.Mutex
	history History
}

// Record returns a recorder of what is asked of a store.
func Record(store daybook.Store) *Recorder { return &Recorder{store: store} }

// Client returns the store as one client uses it.
func (r *Recorder) Client(number int) daybook.Store { return &client{r, number} }

// Followed writes down what a follower saw.
func (r *Recorder) Followed(s Following) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Followings = append(r.history.Followings, s)
}

// History returns what was written down. The clients must be done.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history
}

// A client is a store whose use is recorded.
type client struct {
	recorder *Recorder
	number   int
}

// Append implements [daybook.Store]. The events must have ids.
func (c *client) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	called := c.recorder.clock.Add(1)
	receipt, err := c.recorder.store.Append(ctx, events, cond)
	returned := c.recorder.clock.Add(1)

	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.recorder.history.Appends = append(c.recorder.history.Appends, Append{Interval{called, returned}, c.number, events, cond, receipt, err})
	return receipt, err
}

// Read implements [daybook.Store]. It reads all events at once.
func (c *client) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	read := Read{Client: c.number, Query: q, Span: span}
	read.Called = c.recorder.clock.Add(1)
	reading, err := c.recorder.store.Read(ctx, q, span)
	read.Returned = c.recorder.clock.Add(1)
	if err != nil {
		return reading, err
	}
	read.Snapshot = reading.Snapshot()
	read.Events, read.Err = reading.Collect()

	c.recorder.mu.Lock()
	c.recorder.history.Reads = append(c.recorder.history.Reads, read)
	c.recorder.mu.Unlock()
	return daybook.NewReading(q, span, read.Snapshot, func(yield func(daybook.Recorded, error) bool) {
		for _, e := range read.Events {
			if !yield(e, nil) {
				return
			}
		}
		if read.Err != nil {
			yield(daybook.Recorded{}, read.Err)
		}
	}), nil
}

// Wait implements [daybook.Store].
func (c *client) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return c.recorder.store.Wait(ctx, q, after)
}

// Info implements [daybook.Store].
func (c *client) Info(ctx context.Context) (daybook.Info, error) {
	return c.recorder.store.Info(ctx)
}
