package alert

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A key names what a rule is about: the rule, and the labels of the series.
type key struct{ Rule, Labels string }

// A reading is what was found about one key.
type reading struct {
	rule  rule
	of    string
	value float64
	wrong bool
}

// A sample is one value of a series.
type sample struct {
	labels map[string]string
	value  float64
}

// samplesOf returns what is gathered, by name. What cannot tell is left out, as in a page of
// metrics.
func samplesOf(gatherer prometheus.Gatherer) (map[string][]sample, error) {
	families, err := gatherer.Gather()
	all := make(map[string][]sample)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			s := sample{labels: make(map[string]string), value: valueOf(m)}
			for _, l := range m.GetLabel() {
				s.labels[l.GetName()] = l.GetValue()
			}
			all[f.GetName()] = append(all[f.GetName()], s)
		}
	}
	return all, err
}

func valueOf(m *dto.Metric) float64 {
	switch {
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Counter != nil:
		return m.Counter.GetValue()
	}
	return 0 // no rule is about a histogram
}

// labelsText writes labels so that equal ones are equal.
func labelsText(labels map[string]string) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text = append(text, name+"="+labels[name])
	}
	return strings.Join(text, ",")
}

// a tally is what a counter stood at, some time ago.
type tally struct {
	at       time.Time
	bad, all float64
}

// look reads the metrics by the rules.
func (w *Watch) look(now time.Time) (map[key]reading, error) {
	samples, err := samplesOf(w.gatherer)
	w.derive(samples, now)
	found := make(map[key]reading)
	for _, r := range rules {
		if r.share != nil {
			w.lookAtShare(r, samples, now, found)
			continue
		}
		for _, s := range samples[r.metric] {
			if r.beside != "" && !slices.ContainsFunc(samples[r.beside], func(other sample) bool { return other.value == 1 && maps.Equal(other.labels, s.labels) }) {
				continue
			}
			found[key{r.name, labelsText(s.labels)}] = reading{r, s.labels[r.of], s.value, r.wrong(s.value)}
		}
	}
	return found, err
}

// derive adds the values that are made of several metrics.
func (w *Watch) derive(samples map[string][]sample, now time.Time) {
	for _, free := range samples["daybook_disk_free_bytes"] {
		for _, size := range samples["daybook_disk_size_bytes"] {
			if maps.Equal(free.labels, size.labels) && size.value > 0 {
				samples[diskLeft] = append(samples[diskLeft], sample{free.labels, free.value / size.value})
			}
		}
	}
	for _, s := range samples["daybook_expires_timestamp_seconds"] {
		samples[expiresIn] = append(samples[expiresIn], sample{s.labels, s.value - float64(now.Unix())})
	}
}

// lookAtShare finds which share of what was counted in the last minutes is bad.
func (w *Watch) lookAtShare(r rule, samples map[string][]sample, now time.Time, found map[key]reading) {
	for name, series := range samples {
		if name != r.metric && !(strings.HasPrefix(r.metric, "_") && strings.HasSuffix(name, r.metric)) {
			continue
		}
		t := tally{at: now}
		for _, s := range series {
			t.all += s.value
			if r.share(s.labels) {
				t.bad += s.value
			}
		}
		k := key{r.name, name}
		past := append(w.tallies[k], t)
		// The oldest that is kept is the last one from before the window.
		for len(past) > 1 && !past[1].at.After(now.Add(-window)) {
			past = past[1:]
		}
		w.tallies[k] = past
		bad, all := t.bad-past[0].bad, t.all-past[0].all
		share := 0.0
		if all > 0 {
			share = bad / all
		}
		found[k] = reading{r, "", share, bad >= leastFailures && r.wrong(share)}
	}
}
