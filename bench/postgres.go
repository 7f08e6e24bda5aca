package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// postgresCallers are how many callers append at the same time.
var postgresCallers = []int{1, 16, 64}

// postgresWork measures appends of one event under the version of its stream on one
// PostgreSQL server, each peer in a new database.
func postgresWork(h *harness, part *Part) error {
	server, database, err := h.postgres()
	if err != nil {
		part.note("PostgreSQL: " + err.Error())
		return nil
	}
	defer server.Close()
	emmett, err := h.emmett()
	if err != nil {
		part.note(err.Error())
	}
	failed := map[string]bool{}
	for _, callers := range postgresCallers {
		for range h.rounds {
			for _, key := range []string{"pgstore", "pg-plain", "pg-locked", "emmett"} {
				if failed[key] || key == "emmett" && emmett == nil {
					continue
				}
				url, err := database()
				if err != nil {
					return err
				}
				settle()
				if key == "emmett" {
					err = h.emmettFor(part, emmett, server, url, callers)
				} else {
					err = h.onPostgres(part, key, server, url, callers)
				}
				if err != nil {
					failed[key] = true
					part.note(peerName(key) + " failed: " + err.Error())
					fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(key), err)
				}
			}
		}
		fmt.Printf("  %s%s\n", callersCase(callers), part.brief(callersCase(callers), "events/s"))
	}
	return nil
}

func callersCase(callers int) string {
	if callers == 1 {
		return "1 caller"
	}
	return fmt.Sprintf("%d callers", callers)
}

// onPostgres measures a peer that is a part of this process.
func (h *harness) onPostgres(part *Part, key string, server *peers.Postgres, url string, callers int) (err error) {
	p, err := openOnPostgres(h, key, url)
	if err != nil {
		return err
	}
	m, err := h.appendAt(p, callers, func() usage { return used(server) })
	if closed := p.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	m.add(part, callersCase(callers), key)
	return nil
}

func openOnPostgres(h *harness, key, url string) (peers.Versioned, error) {
	if key == "pgstore" {
		return peers.OpenPgstore(h.ctx, url)
	}
	return peers.OpenPlain(h.ctx, url, key == "pg-locked")
}

// emmett installs Emmett.
func (h *harness) emmett() (*peers.Emmett, error) {
	dir := filepath.Join(h.dir, "emmett")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return peers.InstallEmmett(h.ctx, dir)
}

// emmettWarm is how long Emmett appends before it is counted: its process begins anew each
// time, and V8 compiles what it finds to be used much.
const emmettWarm = 2 * time.Second

// emmettFor measures Emmett, which is a process of its own.
func (h *harness) emmettFor(part *Part, emmett *peers.Emmett, server *peers.Postgres, url string, callers int) error {
	var begin, end usage
	usedBy := func(process int) usage {
		u := used(server)
		u.addTree(process)
		return u
	}
	a, err := emmett.Append(h.ctx, url, callers, emmettWarm, h.length, leastRecorded, len(payloads[0]),
		func(process int) { begin = usedBy(process) }, func(process int) { end = usedBy(process) })
	if err != nil {
		return err
	}
	in := callersCase(callers)
	part.add(in, "emmett", "events/s", float64(a.Events)/a.Seconds)
	part.add(in, "emmett", "p50 ms", a.P50)
	part.add(in, "emmett", "p99 ms", a.P99)
	part.add(in, "emmett", "CPU µs/event", float64(end.minus(begin).CPU.Microseconds())/float64(a.Events))
	return nil
}

// A measured is what callers got in a round.
type measured struct {
	events int64
	took   time.Duration
	used   usage
	times  *hdrhistogram.Histogram
}

func (m measured) add(part *Part, in, key string) {
	part.add(in, key, "events/s", float64(m.events)/m.took.Seconds())
	for _, q := range []float64{50, 99} {
		part.add(in, key, fmt.Sprintf("p%.0f ms", q), float64(m.times.ValueAtQuantile(q))/1e6)
	}
	part.add(in, key, "CPU µs/event", float64(m.used.CPU.Microseconds())/float64(m.events))
}

// appendAt has so many callers append one event at a time, each to streams of its own of
// ten events, under the version that the stream has. What is counted begins after a fifth
// of a round's time.
func (h *harness) appendAt(p peers.Versioned, callers int, used func() usage) (measured, error) {
	var stop, counting atomic.Bool
	var recorded atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, callers)
	times := make([]*hdrhistogram.Histogram, callers)
	for c := range callers {
		times[c] = newTimes()
		wg.Go(func() {
			from := newSource(uint64(c))
			for n := 0; !stop.Load(); n++ {
				event := from.event(c*100_000 + n/10)
				begin := time.Now()
				if err := p.AppendAt(h.ctx, event, daybook.Version(n%10)); err != nil {
					failed <- err
					return
				}
				if counting.Load() {
					_ = times[c].RecordValue(int64(time.Since(begin))) // longer than a minute is a failure
					recorded.Add(1)
				}
			}
		})
	}
	time.Sleep(h.length / 5)
	start, before := time.Now(), used()
	counting.Store(true)
	time.Sleep(h.length)
	for recorded.Load() < leastRecorded && time.Since(start) < 5*time.Second {
		time.Sleep(h.length / 10)
	}
	counting.Store(false)
	m := measured{recorded.Load(), time.Since(start), used().minus(before), newTimes()}
	stop.Store(true)
	wg.Wait()
	select {
	case err := <-failed:
		return m, err
	default:
	}
	if m.events == 0 {
		return m, fmt.Errorf("nothing was recorded within %v", h.length)
	}
	for _, each := range times {
		m.times.Merge(each)
	}
	return m, nil
}
