package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
	"github.com/google/uuid"
)

// What the reading workloads read: few enough to set up in seconds, and enough that
// no peer's caches of single events matter.
const (
	streams      = 1000
	streamEvents = 100
	replayed     = streams * streamEvents
)

// data is a JSON object of the size that orders have.
var data = []byte(`{"customer":"5aa9e4fdd4dfd20959cad2d772509598","lines":[{"product":"bdcf6a834e8faa30dac3886c7a58e92e","quantity":1,"price":3590}],"total":3590,"note":"leave it with the neighbours if nobody opens"}`)

// sample returns the n-th event of a stream.
func sample(stream, n int) daybook.Event {
	return daybook.Event{
		ID:     uuid.Must(uuid.NewV7()),
		Stream: fmt.Sprintf("order-%08d", stream),
		Type:   "OrderPlaced",
		Tags:   []string{fmt.Sprintf("customer:%06d", stream%9973), fmt.Sprintf("day:%03d", n%365)},
		Data:   data,
	}
}

// appends returns how many events a second so many writers got recorded, each
// waiting for its answer before its next.
func appends(ctx context.Context, p peers.Peer, writers int, length time.Duration) (float64, error) {
	var recorded atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	start := time.Now()
	for w := range writers {
		wg.Go(func() {
			for n := 0; time.Since(start) < length; n++ {
				if err := p.Append(ctx, []daybook.Event{sample(w*1_000_000+n/10, n)}); err != nil {
					failed <- err
					return
				}
				recorded.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	return float64(recorded.Load()) / time.Since(start).Seconds(), nil
}

// fill records the events that reading workloads read, ten to an append, the streams
// interleaved as they are in a shop.
func fill(ctx context.Context, p peers.Peer) error {
	const together = 10
	for n := range streamEvents {
		var wg sync.WaitGroup
		failed := make(chan error, streams/together)
		for first := 0; first < streams; first += together {
			wg.Go(func() {
				batch := make([]daybook.Event, 0, together)
				for stream := first; stream < first+together; stream++ {
					batch = append(batch, sample(stream, n))
				}
				failed <- p.Append(ctx, batch)
			})
		}
		wg.Wait()
		close(failed)
		for err := range failed {
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// replay returns how many events a second one reader reads of the whole log.
func replay(ctx context.Context, p peers.Peer) (float64, error) {
	if err := fill(ctx, p); err != nil {
		return 0, err
	}
	if _, err := timed(func(visit func([]byte)) error { return p.Replay(ctx, visit) }, replayed); err != nil {
		return 0, err
	}
	took, err := timed(func(visit func([]byte)) error { return p.Replay(ctx, visit) }, replayed)
	return replayed / took.Seconds(), err
}

// load returns how many streams a second one reader loads, picked by chance.
func load(ctx context.Context, p peers.Peer) (float64, error) {
	if err := fill(ctx, p); err != nil {
		return 0, err
	}
	chance := rand.New(rand.NewPCG(1, 2))
	var spent time.Duration
	loads := 0
	for ; loads < 2000 && spent < 2*time.Second; loads++ {
		took, err := timed(func(visit func([]byte)) error {
			return p.Load(ctx, fmt.Sprintf("order-%08d", chance.IntN(streams)), visit)
		}, streamEvents)
		if err != nil {
			return 0, err
		}
		spent += took
	}
	return float64(loads) / spent.Seconds(), nil
}

// timed returns how long a reading took, which must have read so many events.
func timed(read func(visit func([]byte)) error, events int) (time.Duration, error) {
	seen, sum := 0, uint64(0)
	start := time.Now()
	err := read(func(data []byte) {
		seen++
		sum += binary.LittleEndian.Uint64(data)
	})
	took := time.Since(start)
	if err == nil && seen != events {
		err = fmt.Errorf("read %d events, and there are %d", seen, events)
	}
	return took, err
}
