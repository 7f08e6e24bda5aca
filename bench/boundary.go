package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// Writers of the boundary workload: enough that the processors are busy, so that their
// time is what is measured.
const boundaryWriters = 256

const (
	noCondition       = "no condition"
	versionCondition  = "stream at a version"
	boundaryCondition = "boundary of a type and a tag"
)

// boundaryWork measures what a condition on every append costs: none, a stream's
// version, and a boundary of a type and a tag since the writer's last append.
func boundaryWork(h *harness, part *Part) error {
	for range h.rounds {
		for _, c := range []string{noCondition, versionCondition, boundaryCondition} {
			for _, k := range h.some("logstore") {
				err := h.fresh(k, func(p peers.Peer) error { return h.bounded(part, c, p.(*peers.Logstore)) })
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (h *harness) bounded(part *Part, c string, p *peers.Logstore) error {
	store := p.Store()
	var recorded atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	failed := make(chan error, boundaryWriters)
	for w := range boundaryWriters {
		wg.Go(func() {
			from := newSource(uint64(w))
			tag := fmt.Sprintf("account:%06d", w)
			query := daybook.Query{{Types: []string{eventType}, Tags: []string{tag}}}
			reading, err := store.Read(h.ctx, query, daybook.Span{})
			if err != nil {
				failed <- err
				return
			}
			cond, stream := reading.Condition(), streamName(w)
			for n := daybook.Version(0); !stop.Load(); n++ {
				e := from.event(w)
				e.Tags = []string{tag}
				var on daybook.Condition
				switch c {
				case versionCondition:
					on = daybook.At(stream, n)
				case boundaryCondition:
					on = cond
				}
				receipt, err := store.Append(h.ctx, []daybook.Event{e}, on)
				if err != nil {
					failed <- err
					return
				}
				if len(cond) > 0 {
					cond[0].After = receipt.Point
				}
				recorded.Add(1)
			}
		})
	}
	time.Sleep(h.length / 5)
	start, before, begun := time.Now(), used(p), recorded.Load()
	if err := h.profiled(part.Work+"-"+strings.ReplaceAll(c, " ", "-"), "logstore", func() error {
		time.Sleep(h.length)
		return nil
	}); err != nil {
		return err
	}
	took, u, n := time.Since(start), used(p).minus(before), float64(recorded.Load()-begun)
	stop.Store(true)
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	part.add(c, "logstore", "events/s", n/took.Seconds())
	part.add(c, "logstore", "CPU µs/event", float64(u.CPU.Microseconds())/n)
	fmt.Printf("  %s: %.2f µs\n", c, float64(u.CPU.Microseconds())/n)
	return nil
}
