package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

// tallied runs a recorded stream, testdata/NAME.json, through a tally. The
// streams are what go test -json printed, without times and goroutine traces.
func tallied(t *testing.T, err error, names ...string) (output string, green bool) {
	t.Helper()
	var out strings.Builder
	tally := NewTally("example.com/m", &out)
	for _, name := range names {
		f, openErr := os.Open("testdata/" + name + ".json")
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer f.Close()
		if err := tally.Read("race", f); err != nil {
			t.Fatal(err)
		}
		tally.End("race", err)
	}
	green = tally.Summarize()
	return out.String(), green
}

// summary is the line that others look for.
var summary = regexp.MustCompile(`(?m)^\d+ passed, \d+ failed, \d+ skipped$`)

func TestTally(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, c := range []struct {
		name    string
		streams []string
		err     error
		green   bool
		last    string
		says    []string
	}{
		{
			name:    "a parent counts only when it fails by itself, and a skip says why",
			streams: []string{"leaves"},
			err:     exit,
			last:    "5 passed, 2 failed, 3 skipped",
			says: []string{
				"Skipped:\n  ok TestMany/b: because of two lines\n  ok TestMany/c: gives no reason\n  ok TestSkip: no browser: install chromium\n",
				"Failed:\n  ok TestHalf\n  ok TestSub/a/deep\n",
				"a_test.go:6: parent itself\n",
				"a_test.go:7: deep failure\n",
			},
		},
		{
			name:    "a run in which all passed is green",
			streams: []string{"green"},
			green:   true,
			last:    "2 passed, 0 failed, 0 skipped",
			says:    []string{"ok   race  .  "},
		},
		{
			name:    "a package that does not build is one failure, with the compiler's words",
			streams: []string{"build"},
			err:     exit,
			last:    "0 passed, 1 failed, 0 skipped",
			says:    []string{"  broken: does not build\n", "broken/a_test.go:3:31: undefined: undefined\n"},
		},
		{
			name:    "a process that exits after its tests is one failure, with its last words",
			streams: []string{"exit"},
			err:     exit,
			last:    "1 passed, 1 failed, 0 skipped",
			says:    []string{"  exits: failed outside its tests\n", "leaked a goroutine\n"},
		},
		{
			name:    "a panic fails the subtest it happened in",
			streams: []string{"panic"},
			err:     exit,
			last:    "2 passed, 1 failed, 0 skipped",
			says:    []string{"  panics TestParent/b\n", "panic: assignment to entry in nil map"},
		},
		{
			name:    "a time-out fails every test that was running",
			streams: []string{"timeout"},
			err:     exit,
			last:    "1 passed, 2 failed, 0 skipped",
			says: []string{
				"Failed:\n  timeout TestHang: did not finish\n  timeout TestHang2/sub: did not finish\n",
				"panic: test timed out after 2s\n",
			},
		},
		{
			name:    "a stream that stops in the middle fails what was running",
			streams: []string{"killed"},
			err:     errors.New("signal: killed"),
			last:    "1 passed, 1 failed, 0 skipped",
			says:    []string{"  killed TestTwo: did not finish\n"},
		},
		{
			name:    "a go test that fails and does not say why is a failure",
			streams: []string{"green"},
			err:     exit,
			last:    "2 passed, 1 failed, 0 skipped",
			says:    []string{"  go test (race): exit status 1\n"},
		},
		{
			name:    "what is not JSON is printed",
			streams: []string{"refused"},
			err:     exit,
			last:    "0 passed, 1 failed, 0 skipped",
			says:    []string{"no required module provides package example.com/away\n"},
		},
		{
			name:    "a run without tests is not green",
			streams: []string{"empty"},
			last:    "0 passed, 0 failed, 0 skipped",
			says:    []string{"No test ran.\n"},
		},
		{
			name:    "a test that ran in two passes counts once",
			streams: []string{"green", "green"},
			green:   true,
			last:    "2 passed, 0 failed, 0 skipped",
		},
		{
			name:    "of two passes the worse one counts, and a pass outdoes a skip",
			streams: []string{"green", "worse"},
			err:     nil,
			last:    "1 passed, 1 failed, 0 skipped",
			says:    []string{"  . TestOne\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, green := tallied(t, c.err, c.streams...)
			if green != c.green {
				t.Errorf("green is %v, want %v", green, c.green)
			}
			if !strings.HasSuffix(got, "\n"+c.last+"\n") {
				t.Errorf("the last line is not %q:\n%s", c.last, got)
			}
			if n := len(summary.FindAllString(got, -1)); n != 1 {
				t.Errorf("%d lines are a summary, want 1:\n%s", n, got)
			}
			for _, s := range c.says {
				if !strings.Contains(got, s) {
					t.Errorf("does not say %q:\n%s", s, got)
				}
			}
		})
	}
}

func TestTheTalliesOfTwoLanesAreAdded(t *testing.T) {
	var all strings.Builder
	sum := NewTally("example.com/m", &all)
	for _, name := range []string{"leaves", "green"} {
		f, err := os.Open("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lane := NewTally("example.com/m", &all)
		if err := lane.Read("plain", f); err != nil {
			t.Fatal(err)
		}
		lane.End("plain", nil)
		sum.Add(lane)
	}
	green := sum.Summarize()
	if last := "\n7 passed, 2 failed, 3 skipped\n"; green || !strings.HasSuffix(all.String(), last) {
		t.Errorf("green is %v, and the last line is not %q:\n%s", green, last, &all)
	}
}
