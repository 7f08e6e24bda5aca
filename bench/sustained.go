package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

const (
	sustainedCase = "10 at once, 256 writers"
	growthCase    = "after %3.0f %%"
)

// eventsFor returns how many events a peer's filled store has: fewer where filling takes
// long.
func (h *harness) eventsFor(key string) int {
	switch key {
	case "logstore":
		return h.events
	case "bare", "pebble":
		return min(h.events, h.peerEvents)
	case "bbolt":
		return min(h.events, h.slowEvents/2)
	case "jetstream":
		return min(h.events, h.slowEvents/20)
	}
	return min(h.events, h.slowEvents)
}

// sustainedWork fills a store of each peer, in a process of its own, and keeps them for
// the workloads that read.
func sustainedWork(h *harness, part *Part) error {
	for _, k := range h.kinds {
		if err := os.RemoveAll(h.filledDir(k)); err != nil {
			return err
		}
		if err := h.fill(k, part); err != nil {
			part.note(k.Name + " failed: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
		}
	}
	return nil
}

// filledDir is where a peer's filled store is.
func (h *harness) filledDir(k peers.Kind) string {
	return filepath.Join(h.dir, "filled", fmt.Sprintf("%s-%d", k.Key, h.eventsFor(k.Key)))
}

// filled returns the directory of a peer's filled store, filling it if nobody has, and
// how many events were filled in. If it must be untouched, one to which more was
// appended since does not do.
func (h *harness) filled(k peers.Kind, untouched bool) (dir string, events int, err error) {
	dir = h.filledDir(k)
	if _, err := os.Stat(dir + ".touched"); err == nil && untouched {
		if err := errors.Join(os.Remove(dir+".touched"), os.Remove(dir+".events")); err != nil {
			return "", 0, err
		}
	}
	count := func() (int, error) {
		b, err := os.ReadFile(dir + ".events")
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(string(b))
	}
	if events, err = count(); err == nil {
		return dir, events, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", 0, err
	}
	if h.filling == nil {
		h.filling = &Part{Work: "sustained", Command: h.command("sustained"), Started: time.Now().UTC().Format(time.RFC3339)}
	}
	if err := h.fill(k, h.filling); err != nil {
		return "", 0, fmt.Errorf("fill: %w", err)
	}
	events, err = count()
	return dir, events, err
}

// touch takes note that more is appended to a filled store than was planned.
func touch(dir string) error { return os.WriteFile(dir+".touched", nil, 0o644) }

// fill fills a peer's store and takes down what it cost.
func (h *harness) fill(k peers.Kind, part *Part) error {
	dir := h.filledDir(k)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	planned := h.eventsFor(k.Key)
	most := h.fillTime
	if secondary(k.Key) {
		most /= 2
	}
	var samples []sample
	err := h.child(func(line []byte) bool {
		var s sample
		if json.Unmarshal(line, &s) == nil {
			samples = append(samples, s)
		}
		return true
	}, "fill", k.Key, dir, strconv.Itoa(planned), fmt.Sprint(most.Seconds()), h.fillProfile(k))
	if err != nil {
		return err
	}
	if len(samples) < 2 || !samples[len(samples)-1].Done {
		return fmt.Errorf("it said nothing of %d events", planned)
	}
	last := samples[len(samples)-1]
	n := float64(last.Events)
	part.add(sustainedCase, k.Key, "events", n)
	part.add(sustainedCase, k.Key, "events/s", n/last.Seconds)
	part.add(sustainedCase, k.Key, "CPU µs/event", float64(last.Usage.CPU.Microseconds())/n)
	part.add(sustainedCase, k.Key, "disk B/event", float64(last.Usage.Device)/n)
	if k.Key != "pg" && k.Key != "pg-group" { // whose calls of write are also their talk
		part.add(sustainedCase, k.Key, "written B/event", float64(last.Usage.Written)/n)
	}
	total, index := sizes(dir)
	part.add(sustainedCase, k.Key, "kept B/event", float64(total)/n)
	if k.Key == "logstore" {
		part.add(sustainedCase, k.Key, "index B/event", float64(index)/n)
	}
	greatest := memory{}
	for _, s := range samples {
		greatest.Heap, greatest.Anon = max(greatest.Heap, s.Memory.Heap), max(greatest.Anon, s.Memory.Anon)
		part.add(fmt.Sprintf(growthCase, min(100, math.Round(float64(s.Events)*20/float64(planned))*5)), k.Key, "anonymous MB", float64(s.Memory.Anon)/1e6)
	}
	part.add(sustainedCase, k.Key, "most heap MB", float64(greatest.Heap)/1e6)
	part.add(sustainedCase, k.Key, "most anonymous MB", float64(greatest.Anon)/1e6)
	// The first and the last fifth, to see whether appends slow down as the log grows.
	if fifth := len(samples) / 5; fifth > 0 {
		a, b := samples[fifth], samples[len(samples)-2-fifth]
		if end := samples[len(samples)-2]; a.Seconds > 0 && end.Events > b.Events {
			part.add(sustainedCase, k.Key, "first fifth events/s", float64(a.Events)/a.Seconds)
			part.add(sustainedCase, k.Key, "last fifth events/s", float64(end.Events-b.Events)/(end.Seconds-b.Seconds))
		}
	}
	if last.Events < planned {
		part.note(fmt.Sprintf("%s had recorded %d of %d events when its %v were over.", k.Name, last.Events, planned, most))
	}
	fmt.Printf("  %s: %.0f events, %.0f/s, %.2f µs CPU, %.0f B to disk, %.0f B kept each\n", k.Key, n, n/last.Seconds,
		float64(last.Usage.CPU.Microseconds())/n, float64(last.Usage.Device)/n, float64(total)/n)
	return os.WriteFile(dir+".events", []byte(strconv.Itoa(last.Events)), 0o644)
}

// fillProfile is where the profile of a filling goes; empty if none was asked for.
func (h *harness) fillProfile(k peers.Kind) string {
	if !h.profile {
		return ""
	}
	return filepath.Join(h.out, "sustained-"+k.Key+".pprof")
}

// sizes returns the bytes that a directory's files take on the disk, and those of the
// embedded store's index files.
func sizes(dir string) (total, index int64) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what cannot be read is not counted
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
			if strings.HasSuffix(path, ".idx") {
				index += info.Size()
			}
		}
		return nil
	})
	return total, index
}
