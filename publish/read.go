package publish

import (
	"context"
	"time"

	"github.com/daybook-es/daybook"
)

// A batch is what the reader hands over: the next events, or why there are none.
type batch struct {
	events []daybook.Recorded
	upTo   daybook.Position // everything selected up to here was handed over
	err    error
}

// A batch ends with the event that brings it to so many events or bytes: few enough that
// reading goes on before the window is empty, many enough that handing over does not count.
const (
	batchEvents = 256
	batchBytes  = 1 << 20
)

// batch returns how many events a batch has at most.
func (o *Options) batch() int { return max(1, min(batchEvents, o.Window/4)) }

// follow hands over what the query selects after a point, until ctx ends or trying again
// cannot help.
func (p *Publisher) follow(ctx context.Context, after daybook.Point, out chan<- batch) {
	pauses := p.pauses()
	for {
		before := after
		err := p.followOnce(ctx, &after, out)
		if ctx.Err() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case out <- batch{err: err}:
		}
		if hopeless(err) {
			return
		}
		if after != before {
			pauses.Reset()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pauses.NextBackOff()):
		}
	}
}

// followOnce does the same until anything fails. It moves after along with what it handed
// over.
func (p *Publisher) followOnce(ctx context.Context, after *daybook.Point, out chan<- batch) error {
	for reading, err := range daybook.Follow(ctx, p.store, p.query, *after) {
		if err != nil {
			return err
		}
		var b batch
		bytes := 0
		hand := func(upTo daybook.Position) error {
			b.upTo = upTo
			select {
			case <-ctx.Done():
				return ctx.Err()
			case out <- b:
			}
			*after = reading.Snapshot().At(upTo)
			b, bytes = batch{}, 0
			return nil
		}
		for e, err := range reading.Events() {
			if err != nil {
				return err
			}
			if passedOver(e) {
				continue
			}
			b.events, bytes = append(b.events, e), bytes+e.Size()
			if len(b.events) >= p.options.batch() || bytes >= batchBytes {
				if err := hand(e.Position); err != nil {
					return err
				}
			}
		}
		if err := hand(reading.Snapshot().Position); err != nil {
			return err
		}
	}
	return nil
}

// waiting returns the first events of a key after a position, up to another one, and
// whether there may be more.
func (p *Publisher) waiting(ctx context.Context, a Aside, after, upTo daybook.Position) (events []daybook.Recorded, more bool, err error) {
	reading, err := p.store.Read(ctx, p.narrow(a), daybook.Span{After: after, Before: upTo + 1})
	if err != nil {
		return nil, false, err
	}
	bytes := 0
	for e, err := range reading.Events() {
		if err != nil {
			return nil, false, err
		}
		if passedOver(e) || p.keyOf(e) != a.Key {
			continue
		}
		if len(events) >= batchEvents || bytes >= batchBytes {
			return events, true, nil
		}
		events, bytes = append(events, e), bytes+e.Size()
	}
	return events, false, nil
}

// narrow returns a query that selects, of what the publisher's selects, at least what is of
// the key. Where the key is a stream, the rest of the log need not be read.
func (p *Publisher) narrow(a Aside) daybook.Query {
	if p.options.Key != nil || a.Key == a.ID.String() {
		return p.query
	}
	var narrow daybook.Query
	for _, item := range p.query {
		switch {
		case item.IsAll():
			return daybook.Stream(a.Key)
		case len(item.Streams) == 0 || contains(item.Streams, a.Key):
			item.Streams = []string{a.Key}
			narrow = append(narrow, item)
		}
	}
	return narrow
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
