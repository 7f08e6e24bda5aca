package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook/bench/peers"
)

const (
	headCase      = "head of a stream, warm"
	scatteredWarm = "100 events scattered, warm"
	gatheredWarm  = "100 events gathered, warm"
	scatteredCold = "100 events scattered, cold"
	gatheredCold  = "100 events gathered, cold"
	scatteredNew  = "100 events scattered, cold, just opened"
	gatheredNew   = "100 events gathered, cold, just opened"
)

// loadWork measures loading a stream of a hundred events among many streams, and
// finding the head of one, warm and cold: with the files in the page cache, and with
// none of them there, of which the store knows what it remembers, or was just opened.
func loadWork(h *harness, part *Part) error {
	err := h.read(part, func(k peers.Kind, p peers.Peer, events, round int) error {
		if k.Key == "bare" || round < 0 {
			return nil // without an index there is nothing to compare
		}
		pl := plan{h.eventsFor(k.Key)}
		whole := events >= pl.events
		if !whole {
			part.note(fmt.Sprintf("%s: its store was filled to %d of %d events, so its streams are that much shorter.", k.Name, events, pl.events))
		}
		for _, c := range []struct {
			name  string
			first int
		}{{scatteredWarm, 0}, {gatheredWarm, firstGathered}} {
			if err := h.warmLoads(part, k.Key, c.name, p, c.first, pl.loaded(), whole); err != nil {
				return err
			}
		}
		return h.warmHeads(part, k.Key, p, pl)
	}, func() {
		for _, c := range []string{scatteredWarm, gatheredWarm, headCase} {
			fmt.Printf("  %s%s\n", c, part.brief(c, "p50 µs"))
		}
	})
	if err != nil {
		return err
	}
	for _, k := range h.kinds {
		if k.Key == "bare" {
			continue
		}
		if err := h.patiently(k, func() error { return h.coldLoads(part, k) }); err != nil {
			part.note(k.Name + " failed: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
		}
	}
	for _, c := range []string{scatteredCold, gatheredCold, scatteredNew, gatheredNew} {
		fmt.Printf("  %s%s\n", c, part.brief(c, "p50 µs"))
	}
	return nil
}

// loadOne loads a stream that was planned to have a hundred events, and has fewer only if
// the store was not filled to the end.
func (h *harness) loadOne(p peers.Peer, stream int, whole bool) (time.Duration, error) {
	seen := 0
	start := time.Now()
	err := p.Load(h.ctx, streamName(stream), func([]byte) { seen++ })
	took := time.Since(start)
	if err == nil && (seen == 0 || whole && seen != loadedEvents) {
		err = fmt.Errorf("%s has %d events, and should have %d", streamName(stream), seen, loadedEvents)
	}
	return took, err
}

// warmLoads loads streams picked by chance, each at least once before it is timed.
func (h *harness) warmLoads(part *Part, key, name string, p peers.Peer, first, streams int, whole bool) error {
	streams = min(streams, 100)
	for s := range streams {
		if _, err := h.loadOne(p, first+s, whole); err != nil {
			return err
		}
	}
	settle()
	times, chance := newTimes(), rand.New(rand.NewPCG(1, 2))
	before, begin := used(p), time.Now()
	for time.Since(begin) < h.length/2 {
		took, err := h.loadOne(p, first+chance.IntN(streams), whole)
		if err != nil {
			return err
		}
		times.RecordValue(int64(took))
	}
	part.addTimes(name, key, times)
	part.add(name, key, "CPU µs", float64(used(p).minus(before).CPU.Microseconds())/float64(times.TotalCount()))
	return nil
}

// warmHeads asks for the heads of streams picked by chance.
func (h *harness) warmHeads(part *Part, key string, p peers.Peer, pl plan) error {
	chance := rand.New(rand.NewPCG(3, 4))
	var there []string
	begin := time.Now()
	for range min(5000, pl.streams()) {
		stream := streamName(firstOrdinary + chance.IntN(pl.streams()))
		if _, err := p.Head(h.ctx, stream); err == nil { // a few have no event
			there = append(there, stream)
		}
		if time.Since(begin) > h.length {
			break
		}
	}
	if len(there) == 0 {
		return errors.New("no stream has a head")
	}
	times := newTimes()
	for begin := time.Now(); time.Since(begin) < h.length/2; {
		stream := there[chance.IntN(len(there))]
		start := time.Now()
		if _, err := p.Head(h.ctx, stream); err != nil {
			return err
		}
		times.RecordValue(int64(time.Since(start)))
	}
	part.addTimes(headCase, key, times)
	return nil
}

// coldLoads loads each stream, which was not loaded before, with the files out of the
// page cache.
func (h *harness) coldLoads(part *Part, k peers.Kind) error {
	dir, events, err := h.filled(k, true)
	if err != nil {
		return err
	}
	loads := 8
	if secondary(k.Key) {
		loads = 3
	} else if h.full {
		loads = 20
	}
	for _, c := range []struct {
		name  string
		first int
		isNew bool // the store was just opened; else it was asked for a stream that it has not
	}{{scatteredCold, 0, false}, {gatheredCold, firstGathered, false}, {scatteredNew, 0, true}, {gatheredNew, firstGathered, true}} {
		times := newTimes()
		for n := range loads {
			p, err := k.Open(dir)
			if err != nil {
				return err
			}
			if !c.isNew {
				_, _ = p.Head(h.ctx, "order-none") // an error: there is none
			}
			if err := dropCaches(dir); err != nil {
				return errors.Join(err, p.Close())
			}
			took, err := h.loadOne(p, c.first+n, events >= h.eventsFor(k.Key))
			if err := errors.Join(err, p.Close()); err != nil {
				return err
			}
			times.RecordValue(int64(took))
		}
		part.addTimes(c.name, k.Key, times)
	}
	return nil
}

func (p *Part) addTimes(name, key string, times *hdrhistogram.Histogram) {
	p.add(name, key, "p50 µs", float64(times.ValueAtQuantile(50))/1000)
	p.add(name, key, "p99 µs", float64(times.ValueAtQuantile(99))/1000)
}

// dropCaches puts a directory's files out of the page cache. Of the files of others it
// leaves what is there.
func dropCaches(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return dropFile(path)
	})
}
