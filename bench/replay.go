package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

const replayCase = "everything, one reader, warm"

// replayWork measures reading a whole filled store in order. Every peer is opened once
// and read once before; then they take turns.
func replayWork(h *harness, part *Part) error {
	return h.read(part, func(k peers.Kind, p peers.Peer, events, round int) error {
		before, start := used(p), time.Now()
		seen, sum := 0, uint64(0)
		err := p.Replay(h.ctx, func(data []byte) {
			seen++
			sum += binary.LittleEndian.Uint64(data) // so that the bytes are touched
		})
		took, u := time.Since(start), used(p).minus(before)
		if err != nil {
			return err
		}
		if seen != events {
			return fmt.Errorf("read %d events, and there are %d", seen, events)
		}
		if round < 0 {
			return nil // warming up
		}
		part.add(replayCase, k.Key, "events", float64(seen))
		part.add(replayCase, k.Key, "events/s", float64(seen)/took.Seconds())
		part.add(replayCase, k.Key, "events/CPU s", float64(seen)/u.CPU.Seconds())
		return nil
	}, func() { fmt.Println(" ", part.brief(replayCase, "events/CPU s")) })
}

// read opens the filled stores of all kinds one after the other in each round, calls
// work, with round -1 first, and done at the end. A kind that fails is noted.
func (h *harness) read(part *Part, work func(k peers.Kind, p peers.Peer, events, round int) error, done func()) error {
	failed := map[string]bool{}
	fail := func(k peers.Kind, err error) {
		failed[k.Key] = true
		part.note(k.Name + " failed: " + err.Error())
		fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
	}
	for round := range h.rounds {
		for _, k := range h.kinds {
			if failed[k.Key] || secondary(k.Key) && round >= 1 {
				continue
			}
			dir, events, err := h.filled(k, true)
			if err != nil {
				fail(k, err)
				continue
			}
			if err := h.patiently(k, func() error {
				p, err := k.Open(dir)
				if err != nil {
					return err
				}
				settle()
				if err = work(k, p, events, -1); err == nil {
					err = h.profiled(part.Work, k.Key, func() error { return work(k, p, events, round) })
				}
				return errors.Join(err, p.Close())
			}); err != nil {
				fail(k, err)
			}
		}
	}
	done()
	return nil
}
