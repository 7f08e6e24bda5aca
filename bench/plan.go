package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// A plan says which events fill a store: a tenth as many streams as events, chosen by
// chance for each event, and among them some of exactly a hundred events that are
// loaded later. Of these, the scattered ones have their events spread evenly over the
// whole log, each in an append with nine events of others; the gathered ones were
// appended ten by ten in a short time.
type plan struct{ events int }

const (
	together      = 10  // events in an append
	loadedEvents  = 100 // in a stream that is loaded
	fillWriters   = 256
	firstOrdinary = 10_000_000 // the number of the first stream that is not loaded
	firstGathered = 5_000_000
)

// loaded returns how many scattered streams there are, and as many gathered.
func (p plan) loaded() int { return max(20, p.events/20_000) }

// streams returns how many streams the ordinary events are in.
func (p plan) streams() int { return p.events / 10 }

// stream returns the stream of the n-th event.
func (p plan) stream(n int, from source) int {
	block := p.events / loadedEvents
	stride := block / p.loaded()
	if r := n % block; r%stride == 0 && r/stride < p.loaded() && n/block < loadedEvents {
		return r / stride
	}
	return firstOrdinary + from.chance.IntN(p.streams())
}

// A sample is how far a filling has come, and what it has used.
type sample struct {
	Events  int
	Seconds float64
	Usage   usage
	Memory  memory
	Done    bool // closed too
}

// fill appends the planned events, until time is up, and reports every twentieth of
// the way.
func (p plan) fill(ctx context.Context, peer peers.Peer, most time.Duration, report func(sample)) error {
	var next, recorded atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, fillWriters)
	start, before := time.Now(), used(peer)
	done := make(chan struct{})
	every := p.events / together / p.loaded() // appends from one gathered stream to the next
	for w := range fillWriters {
		wg.Go(func() {
			from := newSource(uint64(w))
			events := make([]daybook.Event, together)
			appendAll := func() bool {
				if err := peer.Append(ctx, events); err != nil {
					failed <- err
					return false
				}
				recorded.Add(together)
				return true
			}
			for time.Since(start) < most {
				n := int(next.Add(1)) - 1
				if n >= p.events/together {
					return
				}
				for i := range events {
					events[i] = from.event(p.stream(n*together+i, from))
				}
				if !appendAll() {
					return
				}
				if n%every != 0 || n/every >= p.loaded() {
					continue
				}
				for range loadedEvents / together {
					for i := range events {
						events[i] = from.event(firstGathered + n/every)
					}
					if !appendAll() {
						return
					}
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(done)
	}()
	now := func() sample {
		return sample{Events: int(recorded.Load()), Seconds: time.Since(start).Seconds(), Usage: used(peer).minus(before), Memory: held()}
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for reported := 0; ; {
		select {
		case <-tick.C:
			if int(recorded.Load())*20/p.events > reported {
				reported = int(recorded.Load()) * 20 / p.events
				report(now())
			}
			continue
		case err := <-failed:
			return err
		case <-done:
		}
		select {
		case err := <-failed:
			return err
		default:
		}
		s := now()
		report(s)
		closed := peer.Close()
		after := now()
		after.Events, after.Seconds, after.Done = s.Events, s.Seconds, true
		if _, ok := peer.(peers.Served); ok {
			after.Usage = s.Usage // its processes have ended
		}
		report(after)
		if closed != nil {
			return fmt.Errorf("close: %w", closed)
		}
		return nil
	}
}
