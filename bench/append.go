package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// appendWork measures durable appends by several numbers of writers, each waiting for
// its answer before its next.
func appendWork(h *harness, part *Part) error {
	for _, together := range []int{1, 10} {
		for _, writers := range appendWriters {
			name := appendCase(together, writers)
			kinds := h.kinds
			if writers > 256 && !h.full {
				kinds = slices.DeleteFunc(slices.Clone(kinds), func(k peers.Kind) bool { return secondary(k.Key) })
			}
			h.turns(part, h.rounds, kinds, func(k peers.Kind, p peers.Peer) error {
				n, took, u, err := h.appendFor(p, together, writers)
				if err != nil {
					return err
				}
				part.add(name, k.Key, "events/s", float64(n)/took.Seconds())
				part.add(name, k.Key, "CPU µs/event", float64(u.CPU.Microseconds())/float64(n))
				part.add(name, k.Key, "disk B/event", float64(u.Device)/float64(n))
				return nil
			})
			fmt.Printf("  %s%s\n", name, part.brief(name, "events/s"))
		}
	}
	return nil
}

// leastRecorded is how many events must be recorded for a rate to mean something.
const leastRecorded = 200

var appendWriters = []int{1, 16, 256, 2048}

func appendCase(together, writers int) string {
	if writers == 1 {
		return fmt.Sprintf("%d at once, 1 writer", together)
	}
	return fmt.Sprintf("%d at once, %d writers", together, writers)
}

// appendFor has so many writers append for the length of a round, after a fifth of
// that to warm up, and returns how many events were recorded, in what time, and what
// it took.
func (h *harness) appendFor(p peers.Peer, together, writers int) (int64, time.Duration, usage, error) {
	var recorded atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			from := newSource(uint64(w))
			events := make([]daybook.Event, together)
			for n := 0; !stop.Load(); n++ {
				for i := range events {
					// Ten events a stream, and a stream a writer.
					events[i] = from.event(w*10_000 + (n*together+i)/10%10_000)
				}
				if err := p.Append(h.ctx, events); err != nil {
					failed <- err
					return
				}
				recorded.Add(int64(together))
			}
		})
	}
	time.Sleep(h.length / 5)
	start, before, begun := time.Now(), used(p), recorded.Load()
	time.Sleep(h.length)
	// Where answers come rarely, a few of them at least.
	for recorded.Load()-begun < leastRecorded && time.Since(start) < 5*time.Second {
		time.Sleep(h.length / 10)
	}
	took, u, n := time.Since(start), used(p).minus(before), recorded.Load()-begun
	stop.Store(true)
	wg.Wait()
	select {
	case err := <-failed:
		return 0, 0, u, err
	default:
	}
	if n == 0 {
		return 0, 0, u, fmt.Errorf("nothing was recorded within %v", h.length)
	}
	return n, took, u, nil
}

// brief is one line for who watches.
func (p *Part) brief(in, metric string) (line string) {
	for _, k := range allKinds() {
		if v, ok := p.get(in, k.Key, metric); ok {
			line += fmt.Sprintf("  %s %.4g", k.Key, v)
		}
	}
	return line
}
