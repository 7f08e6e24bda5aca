package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A worker does pieces, one at a time.
type worker struct {
	dir    string            // where it keeps what it builds, and what failing pieces say
	commit string            // what is being tested
	built  map[string]string // the test binaries, by the directory of their package
}

// The environment of a test that is to do a piece. What the tests do with it is theirs to say.
const (
	seedVariable  = "DAYBOOK_SOAK_SEED"
	pieceVariable = "DAYBOOK_SOAK_PIECE"
)

// fuzzTime is how long a piece of fuzzing takes; that of a test is the test's own affair.
const fuzzTime = 30 * time.Second

// do does a piece. It returns an error if it could not be begun.
func (w *worker) do(ctx context.Context, p piece) (entry, error) {
	command, err := w.command(ctx, p)
	if err != nil {
		return entry{}, err
	}
	// Ctrl-C reaches only this program, which then stops the piece.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out

	begun := time.Now()
	err = command.Run()
	done := entry{
		Kind: p.name, Seed: p.seed, Number: p.number, Unit: p.unit, Cases: p.cases(out.String()),
		Result: passed, Seconds: time.Since(begun).Seconds(), Commit: w.commit, At: begun.UTC(),
	}
	if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
		return done, err
	}
	if err == nil && done.Cases > 0 {
		return done, nil
	}
	if err == nil {
		fmt.Fprintf(&out, "soak: nothing was tested\n")
	}
	done.Result = failed
	name := fmt.Sprintf("%s-%d-%d.log", strings.NewReplacer(" ", "-", "/", "-").Replace(p.name), p.seed, p.number)
	return done, os.WriteFile(filepath.Join(w.dir, name), out.Bytes(), 0o644)
}

// command returns the command that does a piece.
func (w *worker) command(ctx context.Context, p piece) (*exec.Cmd, error) {
	if p.fuzz {
		command := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+p.test+"$", "-fuzztime="+fuzzTime.String(), "-fuzzminimizetime=10x", ".")
		command.Dir = p.dir
		return command, nil
	}
	if w.built[p.dir] == "" {
		dir, err := filepath.Abs(w.dir)
		if err != nil {
			return nil, err
		}
		binary := filepath.Join(dir, strings.ReplaceAll(p.dir, "/", "-")+".test")
		if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./"+p.dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the tests of %s: %w\n%s", p.dir, err, out)
		}
		w.built[p.dir] = binary
	}
	command := exec.CommandContext(ctx, w.built[p.dir], "-test.v", "-test.timeout=30m", "-test.run=^"+p.test+"$")
	command.Dir = p.dir
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%d", seedVariable, p.seed), fmt.Sprintf("%s=%d", pieceVariable, p.number))
	return command, nil
}

var (
	// A test says how many cases it has tried with testing.T.Attr, each of its parts for itself.
	casesOfTest = regexp.MustCompile(`(?m)^ *=== ATTR +\S+ cases (\d+)$`)
	casesOfFuzz = regexp.MustCompile(`execs: (\d+)`)
)

// cases returns how many cases a piece has tried, as its output has it.
func (p piece) cases(out string) int {
	sum := 0
	if p.fuzz {
		for _, m := range casesOfFuzz.FindAllStringSubmatch(out, -1) {
			sum, _ = strconv.Atoi(m[1]) // it counts from the beginning each time
		}
		return sum
	}
	for _, m := range casesOfTest.FindAllStringSubmatch(out, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
	}
	return sum
}
