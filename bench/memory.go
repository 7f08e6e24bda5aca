package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

// memoryWork measures what a process holds beside the page cache with a filled store
// open, while it replays all of it, and while it appends to it.
func memoryWork(h *harness, part *Part) error {
	for _, k := range h.some("logstore", "pebble", "sqlite", "bbolt", "jetstream") {
		dir, events, err := h.filled(k, false)
		if err == nil {
			err = touch(dir)
		}
		if err == nil {
			err = h.child(func(line []byte) bool {
				var m memories
				if json.Unmarshal(line, &m) != nil {
					return true
				}
				for _, c := range []struct {
					name string
					held memory
				}{{"open", m.Open}, {"replaying", m.Replay}, {"appending", m.Append}} {
					part.add(c.name, k.Key, "anonymous MB", float64(c.held.Anon)/1e6)
					part.add(c.name, k.Key, "heap MB", float64(c.held.Heap)/1e6)
					part.add(c.name, k.Key, "with mapped files MB", float64(c.held.RSS)/1e6)
				}
				part.add("open", k.Key, "events", float64(events))
				return true
			}, "memory", k.Key, dir, strconv.Itoa(events/20))
		}
		if err != nil {
			part.note(k.Name + " failed: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
		}
	}
	for _, c := range []string{"open", "replaying", "appending"} {
		fmt.Printf("  %s%s\n", c, part.brief(c, "anonymous MB"))
	}
	return nil
}
