package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// An outcome is how a test ended. Of two, the greater one counts: a test that
// was skipped in one pass and passed in the other has passed.
type outcome int

const (
	skipped outcome = iota
	passed
	failed
)

// A result is one line of the account.
type result struct {
	outcome outcome
	reason  string // why it was skipped, or failed without an outcome of its own
}

// A Tally counts the tests of one or several streams of go test -json. It is
// for one goroutine.
type Tally struct {
	module  string
	out     io.Writer
	results map[name]result
	running map[string]*packageRun // packages begun and not ended, by import path
	builds  map[string][]string    // compiler output, by the import path it names
	failed  int                    // failures of the pass being read
}

// A name is a package and the full name of one of its tests; without a test it
// is the package itself.
type name struct{ pkg, test string }

// NewTally returns an empty tally that prints to out, and names packages
// relative to the module.
func NewTally(module string, out io.Writer) *Tally {
	return &Tally{
		module:  module,
		out:     out,
		results: make(map[name]result),
		running: make(map[string]*packageRun),
		builds:  make(map[string][]string),
	}
}

// An event is one line of go test -json; see `go doc test2json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// Read counts one stream to its end, printing one line per package as it ends
// and the output of what failed. Lines that are not JSON are printed as they
// are: that is how go test reports what keeps it from starting.
func (t *Tally) Read(pass string, stream io.Reader) error {
	t.failed = 0
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				t.take(pass, e)
			} else {
				fmt.Fprintf(t.out, "%s\n", strings.TrimRight(string(line), "\n"))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read go test: %w", err)
		}
	}
}

// End closes the pass that was read last. Packages without an end were cut off;
// and an error of go test that no failure explains is a failure itself.
func (t *Tally) End(pass string, err error) {
	for _, pkg := range slices.Sorted(maps.Keys(t.running)) {
		t.endPackage(pass, event{Action: "fail", Package: pkg}, "was cut off")
	}
	if err != nil && t.failed == 0 {
		t.add(name{pkg: "go test (" + pass + ")"}, result{failed, err.Error()})
	}
}

// Add counts what another tally has counted, of which all passes have ended.
func (t *Tally) Add(other *Tally) {
	for n, r := range other.results {
		t.add(n, r)
	}
}

// take counts one event.
func (t *Tally) take(pass string, e event) {
	switch {
	case e.Action == "build-output":
		t.builds[e.ImportPath] = append(t.builds[e.ImportPath], e.Output)
	case e.Package == "":
		// Build failures come back in the package's own end.
	case e.Test != "":
		t.run(e.Package).take(e)
	case e.Action == "output":
		run := t.run(e.Package)
		run.output = append(run.output, e.Output)
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		t.endPackage(pass, e, "failed outside its tests")
	}
}

// run returns the state of a package that has not ended.
func (t *Tally) run(pkg string) *packageRun {
	if t.running[pkg] == nil {
		t.running[pkg] = &packageRun{tests: make(map[string]*testRun)}
	}
	return t.running[pkg]
}

// endPackage settles all tests of a package. If the package failed and none of
// its tests did, the package counts as one failure, for the reason given.
func (t *Tally) endPackage(pass string, e event, reason string) {
	run := t.run(e.Package)
	delete(t.running, e.Package)
	leaves := run.leaves()

	var n [failed + 1]int
	for test, r := range leaves {
		t.add(name{t.short(e.Package), test}, r)
		n[r.outcome]++
	}
	if e.Action == "fail" && n[failed] == 0 {
		if e.FailedBuild != "" {
			reason = "does not build"
		}
		t.add(name{pkg: t.short(e.Package)}, result{failed, reason})
		n[failed]++
	}

	var said strings.Builder // written at once, so that nothing else comes in between
	if n[failed] > 0 {
		said.WriteString(strings.Join(slices.Concat(t.builds[e.FailedBuild], run.failures()), ""))
		if len(leaves) == 0 || len(run.failures()) == 0 {
			said.WriteString(strings.Join(run.output, ""))
		}
	}
	if n != [failed + 1]int{} {
		word := "ok"
		if n[failed] > 0 {
			word = "FAIL"
		}
		fmt.Fprintf(&said, "%-4s %-5s %-32s %s  %.1f s\n", word, pass, t.short(e.Package), counts(n), e.Elapsed)
	}
	io.WriteString(t.out, said.String())
}

// add enters one result, unless a worse one for the same test is there.
func (t *Tally) add(n name, r result) {
	if r.outcome == failed {
		t.failed++
	}
	if old, ok := t.results[n]; ok && old.outcome >= r.outcome {
		return
	}
	t.results[n] = r
}

// Summarize prints every skip with its reason, every failure, and the line of
// three numbers. It returns true if something passed and nothing failed.
func (t *Tally) Summarize() bool {
	names := slices.SortedFunc(maps.Keys(t.results), func(a, b name) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.test, b.test))
	})
	var n [failed + 1]int
	list := func(o outcome, heading string) {
		for _, name := range names {
			r := t.results[name]
			if r.outcome != o {
				continue
			}
			if n[o] == 0 {
				fmt.Fprintf(t.out, "\n%s:\n", heading)
			}
			n[o]++
			line := strings.TrimSpace(name.pkg + " " + name.test)
			if r.reason != "" {
				line += ": " + r.reason
			}
			fmt.Fprintf(t.out, "  %s\n", line)
		}
	}
	list(skipped, "Skipped")
	list(failed, "Failed")
	for _, r := range t.results {
		if r.outcome == passed {
			n[passed]++
		}
	}
	if n == [failed + 1]int{} {
		fmt.Fprintf(t.out, "\nNo test ran.")
	}
	fmt.Fprintf(t.out, "\n%d passed, %d failed, %d skipped\n", n[passed], n[failed], n[skipped])
	return n[failed] == 0 && n[passed] > 0
}

// short is a package's path below the module.
func (t *Tally) short(pkg string) string {
	if pkg == t.module {
		return "."
	}
	return strings.TrimPrefix(pkg, t.module+"/")
}

// counts is the middle of a progress line.
func counts(n [failed + 1]int) string {
	s := fmt.Sprintf("%4d passed", n[passed])
	if n[failed] > 0 {
		s += fmt.Sprintf(", %d failed", n[failed])
	}
	if n[skipped] > 0 {
		s += fmt.Sprintf(", %d skipped", n[skipped])
	}
	return s
}

// A packageRun is what is known of one package that is being tested.
type packageRun struct {
	tests  map[string]*testRun
	order  []string // names of tests in the order in which they began
	output []string // what belongs to no test
}

// A testRun is what is known of one test.
type testRun struct {
	action string // pass, fail or skip; empty while it runs
	parent bool   // it has subtests
	output []string
}

// take takes in one event of one of the package's tests.
func (p *packageRun) take(e event) {
	test := p.tests[e.Test]
	if test == nil {
		test = &testRun{}
		p.tests[e.Test] = test
		p.order = append(p.order, e.Test)
		for above := path.Dir(e.Test); above != "."; above = path.Dir(above) {
			if p.tests[above] != nil {
				p.tests[above].parent = true
			}
		}
	}
	switch e.Action {
	case "output":
		test.output = append(test.output, e.Output)
	case "pass", "fail", "skip":
		test.action = e.Action
	}
}

// leaves returns what counts among the package's tests.
func (p *packageRun) leaves() map[string]result {
	leaves := make(map[string]result)
	for test, run := range p.tests {
		if r := run.result(); !run.parent || (r.outcome == failed && !p.failedBelow(test)) {
			leaves[test] = r
		}
	}
	return leaves
}

// failedBelow tells whether a subtest explains why its parent failed.
func (p *packageRun) failedBelow(parent string) bool {
	for test, run := range p.tests {
		if strings.HasPrefix(test, parent+"/") && run.result().outcome == failed {
			return true
		}
	}
	return false
}

// failures is the output of all tests that failed, parents too: a panic is
// often printed by the parent.
func (p *packageRun) failures() []string {
	var lines []string
	for _, test := range p.order {
		run := p.tests[test]
		if run.result().outcome != failed {
			continue
		}
		lines = append(lines, "--- "+test+"\n")
		lines = append(lines, run.said()...)
	}
	return lines
}

// result says how the test ended. One that has no end was running when its
// process died, which is a failure.
func (r *testRun) result() result {
	switch r.action {
	case "pass":
		return result{outcome: passed}
	case "skip":
		return result{skipped, r.reason()}
	case "fail":
		return result{outcome: failed}
	}
	return result{failed, "did not finish"}
}

// said is the output without go test's own marks.
func (r *testRun) said() []string {
	return slices.DeleteFunc(slices.Clone(r.output), func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ")
	})
}

// place is the file and line that the testing package puts before a message.
var place = regexp.MustCompile(`^\S+\.go:\d+: `)

// reason is what a skipped test said.
func (r *testRun) reason() string {
	var words []string
	for _, line := range r.said() {
		if line = place.ReplaceAllString(strings.TrimSpace(line), ""); line != "" {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return "gives no reason"
	}
	return strings.Join(words, " ")
}
