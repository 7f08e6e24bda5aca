// Command bench measures the embedded store against named peers and prints tables
// of ratios.
//
// Every peer keeps the same events, with everything on the disk before it answers.
// The peers take turns within a round, and each figure is the median of the rounds,
// so that a noisy machine disturbs all alike. Read the ratios; the rates are this
// machine's.
//
//	go run . -rounds 5 -time 2s
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/daybook-es/daybook/bench/peers"
)

// opened in this order in each round; the first is ours, to which the ratios are.
var openers = []func(dir string) (peers.Peer, error){peers.OpenLogstore, peers.OpenSQLite, peers.OpenBare}

func main() {
	rounds := flag.Int("rounds", 5, "rounds, of which the median is shown")
	length := flag.Duration("time", 2*time.Second, "how long each peer appends in a round")
	dir := flag.String("dir", "", "where to keep the stores; a temporary directory by default")
	flag.Parse()
	if err := run(*dir, *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(dir string, rounds int, length time.Duration) error {
	ctx := context.Background()
	fmt.Printf("%s, %s/%s, %d CPUs; %s; median of %d rounds\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().Format(time.DateOnly), rounds)
	fmt.Printf("an event has %d bytes in the canonical encoding, a stream, a category, a type and two tags\n", sample(0, 0).Size())

	for _, writers := range []int{1, 16, 256} {
		results, err := measure(dir, rounds, func(p peers.Peer) (float64, error) { return appends(ctx, p, writers, length) })
		if err != nil {
			return err
		}
		table(fmt.Sprintf("durable appends of one event, %d writers", writers), "events/s", results)
	}
	results, err := measure(dir, rounds, func(p peers.Peer) (float64, error) { return replay(ctx, p) })
	if err != nil {
		return err
	}
	table(fmt.Sprintf("replay of %d events, warm", replayed), "events/s", results)
	results, err = measure(dir, rounds, func(p peers.Peer) (float64, error) { return load(ctx, p) })
	if err != nil {
		return err
	}
	table(fmt.Sprintf("loading a stream of %d events among %d streams, warm", streamEvents, streams), "streams/s", results)
	return nil
}

// A result is what one peer did in each round.
type result struct {
	name, synced string
	rates        []float64
}

func (r result) median() float64 {
	sorted := slices.Sorted(slices.Values(r.rates))
	return sorted[len(sorted)/2]
}

// measure runs work once per round over each peer, freshly opened.
func measure(dir string, rounds int, work func(peers.Peer) (float64, error)) ([]result, error) {
	results := make([]result, len(openers))
	for range rounds {
		for i, open := range openers {
			rate, err := fresh(dir, open, func(p peers.Peer) (float64, error) {
				results[i].name, results[i].synced = p.Name(), p.Synced()
				return work(p)
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", results[i].name, err)
			}
			results[i].rates = append(results[i].rates, rate)
		}
	}
	return results, nil
}

// fresh opens a peer in a directory of its own and removes it afterwards.
func fresh(dir string, open func(string) (peers.Peer, error), work func(peers.Peer) (float64, error)) (rate float64, err error) {
	home, err := os.MkdirTemp(dir, "bench")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(home)
	peer, err := open(home)
	if err != nil {
		return 0, err
	}
	rate, err = work(peer)
	if closed := peer.Close(); err == nil {
		err = closed
	}
	return rate, err
}

func table(title, unit string, results []result) {
	fmt.Printf("\n%s\n", title)
	for _, r := range results {
		low, high := slices.Min(r.rates), slices.Max(r.rates)
		fmt.Printf("  %-10s %12.0f %s  (%.0f to %.0f)  %s ×  %s\n", r.name, r.median(), unit, low, high, ratio(results[0].median()/r.median()), r.synced)
	}
}

func ratio(of float64) string { return fmt.Sprintf("%6.2f", of) }
