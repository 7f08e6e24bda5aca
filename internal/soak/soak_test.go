package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func newLedger(t *testing.T, path string) *ledger {
	t.Helper()
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.close() })
	return l
}

func TestARunGoesOnWhereTheOneBeforeWasStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	cuts, rot := kind{name: "cuts", unit: "cuts", share: 3}, kind{name: "rot", unit: "damages", share: 1}
	do := func(l *ledger, want string, result string) {
		t.Helper()
		p := l.next([]kind{cuts, rot}, 7)
		e := entry{Kind: p.name, Seed: p.seed, Number: p.number, Cases: 1000, Unit: p.unit, Result: result, Seconds: 30, Commit: "c", At: time.Now()}
		if got := p.name + string(rune('0'+p.number)); got != want {
			t.Errorf("%s is next, want %s", got, want)
		}
		if err := l.add(e); err != nil {
			t.Fatal(err)
		}
	}
	l := newLedger(t, path)
	do(l, "cuts0", passed)
	do(l, "rot0", failed)
	do(l, "cuts1", passed) // what has failed is not tried again by the run that saw it
	do(l, "cuts2", passed)
	do(l, "cuts3", passed)
	do(l, "rot1", passed)
	if totals := l.totals(); !strings.Contains(totals, "6 pieces in") || !strings.Contains(totals, "1 failed") || !strings.Contains(totals, "rot, seed 7, piece 0 (c)") || !strings.Contains(totals, "4,000") {
		t.Errorf("the totals are%s", totals)
	}

	// The one before was stopped while it wrote a line.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"kind":"rot","see`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l = newLedger(t, path)
	do(l, "rot0", passed)
	if totals := l.totals(); !strings.Contains(totals, "0 failed") {
		t.Errorf("the totals are%s", totals)
	}
	do(l, "cuts4", passed)
	if l = newLedger(t, path); len(l.entries) != 8 {
		t.Errorf("the ledger has %d entries, want 8", len(l.entries))
	}
	if p := l.next([]kind{cuts, rot}, 8); p.number != 0 {
		t.Errorf("with another seed piece %d is the first", p.number)
	}
}

func TestWhatFailedIsTriedAgainFromTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l := newLedger(t, path)
	for number := range 20 {
		if err := l.add(entry{Kind: "rot", Seed: 7, Number: 19 - number, Result: failed}); err != nil {
			t.Fatal(err)
		}
	}
	l = newLedger(t, path)
	for number := range 20 {
		p := l.next([]kind{{name: "rot", share: 1}}, 7)
		if p.number != number {
			t.Fatalf("piece %d is tried again, want %d", p.number, number)
		}
		if err := l.add(entry{Kind: "rot", Seed: 7, Number: p.number, Result: passed}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryKindNamesATestThatThereIs(t *testing.T) {
	all, err := kinds("../..")
	if err != nil {
		t.Fatal(err)
	}
	fuzzed := 0
	for _, k := range all {
		if k.fuzz {
			fuzzed++
		}
		files, err := filepath.Glob(filepath.Join("../..", k.dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		there := false
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			there = there || strings.Contains(string(b), "\nfunc "+k.test+"(")
		}
		if !there {
			t.Errorf("%s: there is no %s in %s", k.name, k.test, k.dir)
		}
	}
	if fuzzed < 4 {
		t.Errorf("%d fuzz targets were found, want at least the four that there have been", fuzzed)
	}
}

// What a test would do for hours is done only if somebody asks for it.
func TestEveryTestThatSoaksIsAKind(t *testing.T) {
	all, err := kinds("../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("../..", engine, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	soaking := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range strings.Split(string(b), "\nfunc ")[1:] {
			name, body, _ := strings.Cut(test, "(")
			if !strings.HasPrefix(name, "Test") || !strings.Contains(body, ":= soaking(t)") {
				continue
			}
			soaking++
			if !slices.ContainsFunc(all, func(k kind) bool { return k.test == name }) {
				t.Errorf("%s asks how much it is to do when it soaks, and is no kind of work", name)
			}
		}
	}
	if soaking == 0 {
		t.Error("no test was found that soaks")
	}
}

func TestCasesAreCountedFromWhatATestSays(t *testing.T) {
	out := "=== RUN   TestX\n=== ATTR  TestX cases 120\n    === ATTR  TestX/closed cases 3\n--- PASS: TestX (0.00s)\n"
	if n := (piece{}).cases(out); n != 123 {
		t.Errorf("%d cases are counted, want 123", n)
	}
	out = "fuzz: elapsed: 3s, execs: 1200 (400/sec), new interesting: 1\nfuzz: elapsed: 6s, execs: 2500 (433/sec)\nPASS\n"
	if n := (piece{kind: kind{fuzz: true}}).cases(out); n != 2500 {
		t.Errorf("%d inputs are counted, want 2500", n)
	}
}
