// Command bench measures the embedded store against named peers, and writes tables of
// ratios, a table of what was aimed at, and a plot of each workload.
//
// Every peer keeps the same events under the same terms, with everything on the disk
// before it answers. Peers take turns within a round, and each figure is the median of
// the rounds, so that a noisy machine disturbs all alike. Read the ratios; the rates
// are this machine's. README.md says how to run it and how to read what it writes.
//
//	go run . -out results/today
//	go run . -out results/today -full
//	go run . -out results/today -only replay,load -peers logstore,pebble
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

// A settings is what the command line asks for.
type settings struct {
	out, dir    string
	only, peers string
	full, keep  bool
	profile     bool
	rounds      int
	length      time.Duration
	events      int
	peerEvents  int
	slowEvents  int
	fillTime    time.Duration
	minutes     float64
}

// works are the workloads, in the order in which they run. Those that read share the
// stores that sustained fills.
var works = []struct {
	name string
	run  func(*harness, *Part) error
}{
	{"append", appendWork},
	{"latency", latencyWork},
	{"boundary", boundaryWork},
	{"tail", tailWork},
	{"backup", backupWork},
	{"sustained", sustainedWork},
	{"replay", replayWork},
	{"load", loadWork},
	{"memory", memoryWork},
	{"reopen", reopenWork},
	{"views", viewsWork},
	{"aside", asideWork},
	{"rebuild", rebuildWork},
	{"postgres", postgresWork},
	{"nats", natsWork},
	{"elsewhere", elsewhereWork},
	{"orders", ordersWork},
	{"catalog", catalogWork},
	{"queueing", queueingWork},
	{"steady", steadyWork},
}

func main() {
	var s settings
	flag.StringVar(&s.out, "out", "", "directory of the tables and plots; results of earlier runs there are kept, workload by workload")
	flag.StringVar(&s.dir, "dir", "", "where to keep the stores; a temporary directory by default")
	flag.StringVar(&s.only, "only", "", "comma-separated workloads; all by default")
	flag.StringVar(&s.peers, "peers", "", "comma-separated peers; all by default")
	flag.BoolVar(&s.full, "full", false, "the sizes of the aims, in a quarter of an hour rather than a few minutes")
	flag.BoolVar(&s.keep, "keep", false, "keep the filled stores in -dir, and use those that are there")
	flag.BoolVar(&s.profile, "profile", false, "write a CPU profile of each workload and peer beside the results")
	flag.IntVar(&s.rounds, "rounds", 0, "rounds, of which the median is shown")
	flag.DurationVar(&s.length, "time", 0, "how long each peer appends in a round")
	flag.IntVar(&s.events, "events", 0, "events in our store for the workloads that read, a tenth as many streams")
	flag.IntVar(&s.peerEvents, "peer-events", 0, "events in Pebble's and the bare log, at most")
	flag.IntVar(&s.slowEvents, "slow-events", 0, "events in the others', at most; half of it in bbolt's, a twentieth in JetStream's")
	flag.DurationVar(&s.fillTime, "fill-time", 0, "how long to fill a store at most")
	flag.Float64Var(&s.minutes, "minutes", 1, "how long steady goes on")
	child := flag.String("child", "", "internal: what to do for the process that started this one")
	render := flag.Bool("render", false, "measure nothing; write the tables and plots again")
	flag.Parse()

	if *child != "" {
		if err := runChild(*child, flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	s.defaults()
	if err := run(s, *render); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// defaults fills in what was not said.
func (s *settings) defaults() {
	set := func(n *int, short, full int) {
		if *n == 0 && s.full {
			*n = full
		} else if *n == 0 {
			*n = short
		}
	}
	set(&s.rounds, 3, 5)
	set(&s.events, 300_000, 10_000_000)
	set(&s.peerEvents, 300_000, 5_000_000)
	set(&s.slowEvents, 100_000, 300_000)
	length, fill := int(s.length), int(s.fillTime)
	set(&length, int(500*time.Millisecond), int(600*time.Millisecond))
	set(&fill, int(30*time.Second), int(4*time.Minute))
	s.length, s.fillTime = time.Duration(length), time.Duration(fill)
	if s.out == "" {
		s.out = filepath.Join("results", time.Now().UTC().Format(time.DateOnly)+"-short")
	}
}

// A harness is what workloads share.
type harness struct {
	settings
	ctx   context.Context
	kinds []peers.Kind
	// results are those of this run, and of earlier ones into the same directory.
	results *Results
	// filling is what filling stores has cost that a workload found missing.
	filling *Part
}

func run(s settings, render bool) error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	file := filepath.Join(s.out, "results.json")
	results, err := loadResults(file)
	if err != nil {
		return err
	}
	if render {
		return report(results, s.out)
	}
	results.Machine = machine()
	h := &harness{settings: s, ctx: context.Background(), results: results}
	if err := h.choose(); err != nil {
		return err
	}
	if h.dir == "" {
		if h.dir, err = os.MkdirTemp("", "bench"); err != nil {
			return err
		}
		defer os.RemoveAll(h.dir)
	}
	// The user postgres must pass.
	if err := os.Chmod(h.dir, 0o755); err != nil {
		return err
	}

	for _, work := range works {
		if s.only != "" && !slices.Contains(strings.Split(s.only, ","), work.name) {
			continue
		}
		part := &Part{Work: work.name, Command: h.command(work.name), Started: time.Now().UTC().Format(time.RFC3339)}
		start, busy, own, waits := time.Now(), busyCPU(), ownCPU(), memoryWaits()
		fmt.Printf("%s  %s\n", start.UTC().Format(time.TimeOnly), work.name)
		if err := work.run(h, part); err != nil {
			part.note("It ended early: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", work.name, err)
		}
		part.Seconds = time.Since(start).Seconds()
		if waited := (memoryWaits() - waits).Seconds() / part.Seconds; waited > 0.05 {
			part.note(fmt.Sprintf("Memory was short on this machine for %.0f %% of the time, so the rates are too low.", waited*100))
		}
		part.Others = max(0, (busyCPU()-busy-(ownCPU()-own)).Seconds()/part.Seconds)
		results.put(part)
		if h.filling != nil && results.part("sustained") == nil {
			results.put(h.filling) // a store had to be filled for this workload
		}
		// After each workload, so that what is measured is kept whatever comes.
		if err := results.save(file); err != nil {
			return err
		}
		if err := report(results, s.out); err != nil {
			return err
		}
	}
	if !h.keep {
		if err := os.RemoveAll(filepath.Join(h.dir, "filled")); err != nil {
			return err
		}
	}
	fmt.Println("the tables are in", filepath.Join(s.out, "README.md"))
	return nil
}

// choose picks the peers that were asked for.
func (h *harness) choose() error {
	if h.peers == "" {
		h.kinds = peers.Kinds
		return nil
	}
	for key := range strings.SplitSeq(h.peers, ",") {
		i := slices.IndexFunc(peers.Kinds, func(k peers.Kind) bool { return k.Key == key })
		if i < 0 {
			return fmt.Errorf("there is no peer %q", key)
		}
		h.kinds = append(h.kinds, peers.Kinds[i])
	}
	return nil
}

// command returns what repeats a workload.
func (h *harness) command(work string) string {
	c := "go -C bench run . -only " + work
	if h.full {
		c += " -full"
	}
	c += fmt.Sprintf(" -rounds %d -time %s -events %d -peer-events %d -slow-events %d", h.rounds, h.length, h.events, h.peerEvents, h.slowEvents)
	if work == "steady" {
		c += fmt.Sprintf(" -minutes %g", h.minutes)
	}
	if h.peers != "" {
		c += " -peers " + h.peers
	}
	return c
}

// secondary reports whether a peer is measured in one round only, to save time: those
// that no aim names.
func secondary(key string) bool {
	return !slices.Contains([]string{"logstore", "bare", "pebble", "sqlite"}, key)
}

// rounds runs work once per round over each of the kinds, each in a directory of its
// own, freshly opened. A peer that fails is noted and left out from then on.
func (h *harness) turns(part *Part, rounds int, kinds []peers.Kind, work func(k peers.Kind, p peers.Peer) error) {
	failed := map[string]bool{}
	for round := range rounds {
		for _, k := range kinds {
			if failed[k.Key] || secondary(k.Key) && round >= 1 {
				continue
			}
			if err := h.fresh(k, func(p peers.Peer) error {
				return h.profiled(part.Work, k.Key, func() error { return work(k, p) })
			}); err != nil {
				failed[k.Key] = true
				part.note(k.Name + " failed: " + err.Error())
				fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, k.Name, err)
			}
		}
	}
}

// fresh opens a peer in a new directory and removes it afterwards.
func (h *harness) fresh(k peers.Kind, work func(peers.Peer) error) error {
	return h.patiently(k, func() (err error) {
		home, err := os.MkdirTemp(h.dir, k.Key+"-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(home)
		peer, err := k.Open(home)
		if err != nil {
			return err
		}
		settle()
		err = work(peer)
		if closed := peer.Close(); err == nil {
			err = closed
		}
		return err
	})
}

// patience is after how long a peer that does not answer is given up.
const patience = 3 * time.Minute

// patiently does some work on a peer. If it does not end, what all goroutines were
// doing is written beside the results, and the peer is left behind: the other figures
// are worth more than a tidy end.
func (h *harness) patiently(k peers.Kind, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		stacks := make([]byte, 64<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		name := "stuck-" + k.Key + ".txt"
		return errors.Join(fmt.Errorf("it did not come back within %v; %s tells what it was doing", patience, name),
			os.WriteFile(filepath.Join(h.out, name), stacks, 0o644))
	}
}

// some returns those of the chosen kinds that have one of the keys; without keys, all.
func (h *harness) some(keys ...string) (kinds []peers.Kind) {
	for _, k := range h.kinds {
		if slices.Contains(keys, k.Key) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
