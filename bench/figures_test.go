package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheMedianIsTheMiddleOfTheRounds(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 9}, 3}} {
		given := slices.Clone(c.values)
		if got := (Figure{Values: given}).Median(); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.values, got, c.want)
		}
		if diff := cmp.Diff(c.values, given); diff != "" {
			t.Errorf("the rounds changed their order (-want +got):\n%s", diff)
		}
	}
}

// A run with -only must replace what it measured, and nothing else.
func TestAWorkloadMeasuredAgainReplacesItsFiguresOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	measured := func(work string, value float64) *Part {
		p := &Part{Work: work}
		p.add("a case", "logstore", "events/s", value)
		return p
	}
	r, err := loadResults(path)
	if err != nil {
		t.Fatal(err)
	}
	r.put(measured("append", 1))
	r.put(measured("replay", 2))
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	if r, err = loadResults(path); err != nil {
		t.Fatal(err)
	}
	r.put(measured("append", 3))
	for work, want := range map[string]float64{"append": 3, "replay": 2} {
		if got, ok := r.part(work).get("a case", "logstore", "events/s"); !ok || got != want {
			t.Errorf("%s is %v, want %v", work, got, want)
		}
	}
}

// What was not measured must never count as reached.
func TestAnAimIsMetOnlyByWhatWasMeasured(t *testing.T) {
	p := &Part{Work: "latency"}
	for _, a := range aims {
		if v := a.measure(&Results{Parts: []*Part{p}}, p); v.known {
			t.Errorf("%s (%s) has a verdict without a figure: %q", a.work, a.aim, v.measured)
		}
	}
	p.add(latencyCase, "logstore", "p50 µs", 120)
	p.add(latencyCase, plainKey, "p50 µs", 100)
	i := slices.IndexFunc(aims, func(a aim) bool { return a.part == "latency" })
	v := aims[i].measure(&Results{}, p)
	if diff := cmp.Diff([]string{"p50"}, v.missed); !v.known || diff != "" {
		t.Errorf("120 µs against 100 µs: known %v, missed (-want +got):\n%s", v.known, diff)
	}
}
