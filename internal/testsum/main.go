// Command testsum runs the module's tests and says how many passed, failed and
// were skipped. It is what `make test` calls.
//
//	go run ./internal/testsum [-mode split|race|plain] [-beside DIR] [-- go test flags] [packages]
//
// With -beside, the tests of the module in DIR are run too, in a pass of their
// own without the race detector, beside others, and counted with them.
//
// What counts is a leaf: a test, example or fuzz target without subtests, or a
// subtest without subtests of its own. A parent counts only when it fails by
// itself, that is while every subtest of it passed. A package that does not
// build, or that fails without any test failing, counts as one failure; so does
// each test that was still running when its process died. A leaf that ran in
// both passes counts once, by its worse outcome. Benchmarks do not count.
//
// In mode split (see passes.go) most packages run under the race detector; in
// modes race and plain, all of them with it or without it.
//
// The last line is "N passed, N failed, N skipped", after every skip with its
// reason and every failure by name. The exit code is 1 if anything failed, if
// go test failed for whatever reason, or if nothing ran.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

func main() {
	mode := flag.String("mode", "split", "which packages run under the race detector: split, race (all), plain (none)")
	beside := flag.String("beside", "", "directory of another module, whose tests are run too")
	flag.Parse()
	green, err := run(*mode, *beside, flag.Args(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if !green {
		os.Exit(1)
	}
}

// run runs every pass of the mode and prints the summary to out. It returns
// true only if something ran and nothing failed; an error is what kept it from
// running at all.
func run(mode, beside string, args []string, out, progress io.Writer) (green bool, err error) {
	flags, packages := split(args)
	module, err := goList("-m")
	if err != nil {
		return false, err
	}
	first, lanes, err := passesOf(mode, packages)
	if err != nil {
		return false, err
	}
	if beside != "" {
		lanes[1] = append(lanes[1], pass{name: beside, dir: beside, packages: []string{"./..."}})
	}

	tally := NewTally(strings.TrimSpace(module), out)
	for _, p := range first {
		if err := p.run(flags, tally, progress); err != nil {
			return false, err
		}
	}
	// Each lane has a tally of its own, for one goroutine; what they print is whole lines.
	var others [len(lanes)]*Tally
	var errs [len(lanes)]error
	both := &lockedWriter{w: out}
	var running sync.WaitGroup
	for n, lane := range lanes {
		others[n] = NewTally(strings.TrimSpace(module), both)
		running.Go(func() {
			for _, p := range lane {
				if errs[n] = p.run(flags, others[n], progress); errs[n] != nil {
					return
				}
			}
		})
	}
	running.Wait()
	for n, other := range others {
		if errs[n] != nil {
			return false, errs[n]
		}
		tally.Add(other)
	}
	return tally.Summarize(), nil
}

// A lockedWriter is a writer for several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// run runs one pass and feeds what it prints to the tally.
func (p pass) run(flags []string, tally *Tally, progress io.Writer) error {
	// What is counted was run now, not remembered: hence -count=1. Vet has its
	// own place in `make check`.
	args := append([]string{"test", "-json", "-count=1", "-vet=off"}, p.flags...)
	args = append(append(args, flags...), p.packages...)

	cmd := exec.Command("go", args...)
	cmd.Dir = p.dir
	// Under the race detector each process would sleep for a second before it ends, lest another
	// goroutine has still a race to tell of; those that tests run would too.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=10 "+os.Getenv("GORACE"))
	cmd.Stderr = progress
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	readErr := tally.Read(p.name, stdout)
	waitErr := cmd.Wait()
	tally.End(p.name, errors.Join(readErr, waitErr))
	return nil
}

// split parts the arguments of go test: flags first, then packages, of which
// the default is all.
func split(args []string) (flags, packages []string) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flags, args = append(flags, args[0]), args[1:]
	}
	if len(args) == 0 {
		args = []string{"./..."}
	}
	return flags, args
}

// goList runs go list and returns what it printed.
func goList(args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}
