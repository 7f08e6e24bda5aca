package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

// reopenWork kills a process that appends to its filled store, and measures how long
// the next one takes to open it.
func reopenWork(h *harness, part *Part) error {
	for _, k := range h.some("logstore", "pebble", "sqlite", "bbolt", "jetstream") {
		dir, _, err := h.filled(k, false)
		if err == nil {
			err = touch(dir)
		}
		kills := 4
		if h.full {
			kills = 8
		}
		if secondary(k.Key) {
			kills = 2
		}
		for n := 0; n < kills && err == nil; n++ {
			// A different number each time, so that the unsealed tail is now short, now
			// nearly a whole segment.
			err = h.killed(part, k, dir, 10_000+n*37_000, n%2 == 1)
		}
		if err != nil {
			part.note(k.Name + " failed: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
		}
	}
	for _, c := range []string{"open, warm", "open, cold"} {
		fmt.Printf("  %s%s\n", c, part.brief(c, "ms"))
	}
	return nil
}

func (h *harness) killed(part *Part, k peers.Kind, dir string, appended int, cold bool) error {
	begin := time.Now()
	err := h.child(func(line []byte) bool {
		var events int
		return json.Unmarshal(line, &events) != nil || events < appended && time.Since(begin) < 4*time.Second
	}, "append", k.Key, dir, "0")
	if err != nil {
		return err
	}
	name := "open, warm"
	if cold {
		name = "open, cold"
		if err := dropCaches(dir); err != nil {
			return err
		}
	}
	return h.child(func(line []byte) bool {
		var o opening
		if json.Unmarshal(line, &o) == nil {
			part.add(name, k.Key, "ms", o.Opened*1000)
			part.add(name, k.Key, "ms to first event", o.Read*1000)
		}
		return true
	}, "open", k.Key, dir, "0")
}
