package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A piece is work to be done, or that was done.
type piece struct {
	kind
	number int // from 0, among those of the kind and the seed
	seed   uint64
}

// An entry is a line of the ledger: a piece that was finished.
type entry struct {
	Kind    string    `json:"kind"`
	Seed    uint64    `json:"seed"`
	Number  int       `json:"number"`
	Cases   int       `json:"cases"`
	Unit    string    `json:"unit"`
	Result  string    `json:"result"`
	Seconds float64   `json:"seconds"`
	Commit  string    `json:"commit"`
	At      time.Time `json:"at"`
}

const (
	passed = "ok"
	failed = "failed"
)

// String is the entry as a person reads it while it scrolls by.
func (e entry) String() string {
	return fmt.Sprintf("%s %-6s %s, seed %d, piece %d: %s %s in %.0f s", e.At.Format(time.TimeOnly), e.Result, e.Kind, e.Seed, e.Number, thousands(e.Cases), e.Unit, e.Seconds)
}

// A ledger is a file of entries, one a line, and what it says in all. It is for one goroutine.
type ledger struct {
	file    *os.File
	entries []entry
	before  int // entries of earlier runs
}

// openLedger reads the ledger at a path, and makes one if there is none. A last line without an end is of a
// run that was stopped while it wrote, and is taken away.
func openLedger(path string) (_ *ledger, err error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	l := new(ledger)
	for n, line := range bytes.Split(bytes.TrimSuffix(b[:whole], []byte("\n")), []byte("\n")) {
		var e entry
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d of %s: %w", n+1, path, err)
		}
		l.entries = append(l.entries, e)
	}
	l.before = len(l.entries)
	if l.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if err := l.file.Truncate(int64(whole)); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	_, err = l.file.Seek(int64(whole), 0)
	return l, err
}

func (l *ledger) close() error { return l.file.Close() }

func (l *ledger) add(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.entries = append(l.entries, e)
	_, err = l.file.Write(append(line, '\n'))
	return err
}

// next returns the piece to be done next: the first that failed when an earlier run did it last, else the first that was
// not done of the kind that has had the least of its share of the time.
func (l *ledger) next(kinds []kind, seed uint64) piece {
	type state struct {
		seconds float64
		next    int
		failed  map[int]bool
	}
	states := make(map[string]*state)
	for _, k := range kinds {
		states[k.name] = &state{failed: make(map[int]bool)}
	}
	for i, e := range l.entries {
		s := states[e.Kind]
		if s == nil || e.Seed != seed {
			continue
		}
		s.seconds += e.Seconds
		s.next = max(s.next, e.Number+1)
		delete(s.failed, e.Number)
		if e.Result == failed && i < l.before {
			s.failed[e.Number] = true
		}
	}

	var next piece
	least := -1.0
	for _, k := range kinds {
		s := states[k.name]
		if len(s.failed) > 0 {
			return piece{k, slices.Min(slices.Collect(maps.Keys(s.failed))), seed}
		}
		if had := s.seconds / float64(k.share); least < 0 || had < least {
			next, least = piece{k, s.next, seed}, had
		}
	}
	return next
}

// totals says what the ledger holds: how much was done of each kind, and what failed and has not passed since.
func (l *ledger) totals() string {
	type total struct {
		pieces, cases int
		seconds       float64
		unit          string
		commits       map[string]bool
	}
	var kinds []string
	totals := make(map[string]*total)
	open := make(map[string]entry)
	var all total
	for _, e := range l.entries {
		t := totals[e.Kind]
		if t == nil {
			t = &total{unit: e.Unit, commits: make(map[string]bool)}
			kinds, totals[e.Kind] = append(kinds, e.Kind), t
		}
		t.pieces, t.cases, t.seconds = t.pieces+1, t.cases+e.Cases, t.seconds+e.Seconds
		t.commits[e.Commit] = true
		all.pieces, all.seconds = all.pieces+1, all.seconds+e.Seconds
		name := fmt.Sprintf("%s, seed %d, piece %d", e.Kind, e.Seed, e.Number)
		if e.Result == failed {
			open[name] = e
		} else {
			delete(open, name)
		}
	}

	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nkind\tpieces\tcases\t\tminutes\tcommits\n")
	for _, k := range kinds {
		t := totals[k]
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%.1f\t%d\n", k, t.pieces, thousands(t.cases), t.unit, t.seconds/60, len(t.commits))
	}
	table.Flush()
	fmt.Fprintf(&out, "\n%d pieces in %.1f hours, %d failed and not passed since\n", all.pieces, all.seconds/3600, len(open))
	for _, e := range l.entries {
		name := fmt.Sprintf("%s, seed %d, piece %d", e.Kind, e.Seed, e.Number)
		if last, is := open[name]; is && last == e {
			fmt.Fprintf(&out, "  %s (%s)\n", name, e.Commit)
		}
	}
	return out.String()
}

// thousands writes a number with commas.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
