package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

// counting is a peer that only counts the events of each stream.
type counting struct {
	mu     sync.Mutex
	events map[string]int
}

func (c *counting) Append(_ context.Context, events []daybook.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range events {
		c.events[events[i].Stream]++
	}
	return nil
}
func (*counting) Replay(context.Context, func([]byte)) error       { return nil }
func (*counting) Load(context.Context, string, func([]byte)) error { return nil }
func (*counting) Head(context.Context, string) (uint64, error)     { return 0, nil }
func (*counting) Close() error                                     { return nil }

// Streams that are loaded must have what is said that they have, whatever the size of
// the store; else ratios would compare different work.
func TestEveryLoadedStreamHasAHundredEvents(t *testing.T) {
	for _, events := range []int{5_000, 60_000, 100_000, 1_000_000} {
		p, c := plan{events}, &counting{events: map[string]int{}}
		var last sample
		if err := p.fill(t.Context(), c, time.Hour, func(s sample) { last = s }); err != nil {
			t.Fatal(err)
		}
		for n := range p.loaded() {
			for _, first := range []int{0, firstGathered} {
				if got := c.events[streamName(first+n)]; got != loadedEvents {
					t.Errorf("of %d events, %s has %d, want %d", events, streamName(first+n), got, loadedEvents)
				}
			}
		}
		if want := events + p.loaded()*loadedEvents; !last.Done || last.Events != want {
			t.Errorf("filled %d events, want %d", last.Events, want)
		}
	}
}

func TestEveryEventHasTheSizeThatIsClaimed(t *testing.T) {
	from := newSource(1)
	for _, stream := range []int{0, 7, firstGathered, firstOrdinary + 123} {
		if got := from.event(stream).Size(); got != recordBytes {
			t.Errorf("an event of %s has %d bytes, want %d", streamName(stream), got, recordBytes)
		}
	}
}
