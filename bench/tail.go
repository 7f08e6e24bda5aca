package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// The tail workload: so many appends a second, by enough writers to keep to it.
const (
	tailRate    = 20_000
	tailWriters = 256
)

// tailCases are who follows what.
var tailCases = []struct {
	name       string
	followers  int
	everything bool
}{
	{"1000 followers, each of a tag of its own", 1000, false},
	{"100 followers, each of everything", 100, true},
	{"1000 followers, each of everything", 1000, true},
}

// tailWork measures how long after an event was due to be appended a follower has it,
// which includes making it durable, and checks that each has all that it follows, in
// order. The load is open: appends are due by the clock, however the store keeps up.
func tailWork(h *harness, part *Part) error {
	for _, k := range h.some("logstore") {
		for _, c := range tailCases {
			if err := h.fresh(k, func(p peers.Peer) error {
				return h.tail(part, c.name, p.(*peers.Logstore), c.followers, c.everything)
			}); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Printf("  %s:%s p50 ms\n", c.name, part.brief(c.name, "p50 ms"))
		}
	}
	return nil
}

// sentAt is where in an event's data the time stands at which it was due, in
// hexadecimal: in the place of the customer.
const sentAt = len(`{"customer":"`)

func (h *harness) tail(part *Part, name string, p *peers.Logstore, followers int, everything bool) error {
	length := 2 * time.Second
	if h.full {
		length = 5 * time.Second
	}
	store := p.Store()
	appends := int(length.Seconds() * tailRate)
	ctx, cancel := context.WithTimeout(h.ctx, 10*length)
	defer cancel()

	start := time.Now().Add(100 * time.Millisecond) // when everybody is ready
	before := used(p)
	lags := make([][]int64, followers)
	var delivered atomic.Int64
	failed := make(chan error, followers+tailWriters)
	var reading, writing sync.WaitGroup
	for f := range followers {
		reading.Go(func() {
			query, want := daybook.Query{{Tags: customerTags[f][:]}}, appends/followers
			if everything {
				query, want = daybook.All(), appends
			}
			var err error
			if lags[f], err = follow(ctx, store, query, want, everything, start, &delivered); err != nil {
				failed <- fmt.Errorf("follower %d: %w", f, err)
			}
		})
	}
	var recorded atomic.Int64
	for w := range tailWriters {
		writing.Go(func() {
			from := newSource(uint64(w))
			for n := w; n < appends; n += tailWriters {
				due := time.Duration(n) * time.Second / tailRate
				if early := time.Until(start.Add(due)); early > 0 {
					time.Sleep(early)
				}
				// The n-th event is in the stream of one follower, and carries its tag.
				e := from.event(n % followers)
				e.Tags = customerTags[n%followers][:]
				e.Data = slices.Clone(e.Data)
				hex.Encode(e.Data[sentAt:], fmt.Appendf(nil, "%08x", due.Microseconds()))
				if _, err := store.Append(ctx, []daybook.Event{e}, nil); err != nil {
					failed <- fmt.Errorf("append: %w", err)
					return
				}
				recorded.Add(1)
			}
		})
	}
	writing.Wait()
	wrote := time.Since(start)
	reading.Wait()
	read := time.Since(start)
	u := used(p).minus(before)
	part.add(name, "logstore", "appends/s", float64(recorded.Load())/wrote.Seconds())
	part.add(name, "logstore", "deliveries/s", float64(delivered.Load())/read.Seconds())
	part.add(name, "logstore", "CPUs busy", u.CPU.Seconds()/read.Seconds())
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			return err
		}
		part.note(fmt.Sprintf("%s: not complete after %v, ten times as long as it should take: this machine cannot.", name, 10*length))
		return nil
	default:
	}
	times := newTimes()
	for _, of := range lags {
		for _, lag := range of {
			times.RecordValue(max(1, lag))
		}
	}
	part.add(name, "logstore", "p50 ms", float64(times.ValueAtQuantile(50))/1e6)
	part.add(name, "logstore", "p99 ms", float64(times.ValueAtQuantile(99))/1e6)
	part.note(name + ": complete and in order for every follower.")
	return nil
}

// follow reads so many events as they come, and returns the lags of some of them. It
// fails if one is missing or out of order.
func follow(ctx context.Context, store daybook.Store, query daybook.Query, want int, everything bool, start time.Time, delivered *atomic.Int64) (lags []int64, err error) {
	every := 1
	if everything {
		every = 97 // enough to know the lag, and not in step with anything
	}
	var after, last daybook.Position
	for seen := 0; seen < want; {
		if _, err := store.Wait(ctx, query, after); err != nil {
			return nil, fmt.Errorf("after %d of %d events: %w", seen, want, err)
		}
		reading, err := store.Read(ctx, query, daybook.Span{After: after, Borrowed: true})
		if err != nil {
			return nil, err
		}
		before := seen
		for e, err := range reading.Events() {
			if err != nil {
				return nil, fmt.Errorf("after %d of %d events: %w", seen, want, err)
			}
			seen++
			if everything && e.Position != last+1 || !everything && uint64(e.Version) != uint64(seen) || e.Position <= last {
				return nil, fmt.Errorf("the event at %d came after the one at %d", e.Position, last)
			}
			last = e.Position
			if seen%every == 0 {
				due, err := dueOf(e.Data)
				if err != nil {
					return nil, err
				}
				lags = append(lags, int64(time.Since(start)-due))
			}
		}
		delivered.Add(int64(seen - before))
		after = reading.Snapshot().Position
	}
	return lags, nil
}

// dueOf returns when an event was due, since the start.
func dueOf(data []byte) (time.Duration, error) {
	var digits [8]byte
	if _, err := hex.Decode(digits[:], data[sentAt:sentAt+16]); err != nil {
		return 0, err
	}
	var microseconds int64
	if _, err := fmt.Sscanf(string(digits[:]), "%x", &microseconds); err != nil {
		return 0, errors.New("an event does not say when it was due")
	}
	return time.Duration(microseconds) * time.Microsecond, nil
}
