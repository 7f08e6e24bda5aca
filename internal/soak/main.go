// Command soak does the tests that are never done for hours, and keeps an account of it. It is what `make soak`
// calls.
//
//	go run ./internal/soak [-hours H] [-seed S] [-dir DIR] [kind ...]
//
// The work is cut into pieces of about half a minute, each of a kind (see [kinds]) and with a number; the number and
// the seed decide what the piece does. A piece is a test of this module, which finds both in the environment, or a
// fuzz target. A ledger, ledger.jsonl in DIR, has a line for each piece that was finished, so a run that
// is stopped, in whatever way, goes on where it was: with the kind that has had the least of its share of
// the time, and first of all with what failed last. Zero hours do nothing but print what the ledger says.
//
// What a piece that failed has printed is kept beside the ledger. The exit code is 1 if one failed in this run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	hours := flag.Float64("hours", 2, "for how long; zero only prints what was done so far")
	seed := flag.Uint64("seed", 1, "what decides, with its number, what a piece does")
	dir := flag.String("dir", "soak", "where the ledger lies")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, *dir, *seed, time.Duration(*hours*float64(time.Hour)), flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run does pieces of the kinds that are named, or of all of them, until the time is over or ctx ends, and then prints the totals. It
// returns false if a piece failed.
func run(ctx context.Context, dir string, seed uint64, long time.Duration, only []string) (ok bool, err error) {
	chosen, err := choose(only)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	l, err := openLedger(filepath.Join(dir, "ledger.jsonl"))
	if err != nil {
		return false, err
	}
	defer l.close()
	w := &worker{dir: dir, commit: commit(), built: make(map[string]string)}

	ok = true
	for end := time.Now().Add(long); time.Now().Before(end) && ctx.Err() == nil; {
		p := l.next(chosen, seed)
		done, err := w.do(ctx, p)
		if ctx.Err() != nil {
			break // what was stopped is not finished
		}
		if err != nil {
			return false, err
		}
		if err := l.add(done); err != nil {
			return false, err
		}
		fmt.Println(done)
		ok = ok && done.Result == passed
	}
	fmt.Print(l.totals())
	return ok, nil
}

// choose returns the kinds of these names; all of them, if none is named.
func choose(names []string) ([]kind, error) {
	all, err := kinds(".")
	if err != nil || len(names) == 0 {
		return all, err
	}
	var chosen []kind
	for _, name := range names {
		n := len(chosen)
		for _, k := range all {
			if k.name == name || strings.HasPrefix(k.name, name+" ") {
				chosen = append(chosen, k)
			}
		}
		if len(chosen) == n {
			return nil, fmt.Errorf("there is no kind %q; there are %s", name, strings.Join(namesOf(all), ", "))
		}
	}
	return chosen, nil
}

func namesOf(kinds []kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, fmt.Sprintf("%q", k.name))
	}
	slices.Sort(names)
	return names
}

// commit names what is being tested.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
