package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// An aim is one thing that the engine is built to reach.
type aim struct {
	work, aim string
	part      string // the workload that measures it
	measure   func(r *Results, p *Part) verdict
}

// noAim stands in place of an aim where there is none, and a figure beside those that have
// one.
const noAim = "(none)"

// A verdict is what was measured of an aim.
type verdict struct {
	measured string
	missed   []string // in what; empty if met
	known    bool
}

// A check collects a verdict, one number after the other.
type check struct {
	v     verdict
	words []string
}

// atLeast and atMost take down a number and whether it reaches its bound; ok says
// whether it was measured at all.
func (c *check) atLeast(label, format string, value, bound float64, ok bool) {
	c.take(label, format, value, value >= bound, ok)
}
func (c *check) atMost(label, format string, value, bound float64, ok bool) {
	c.take(label, format, value, value <= bound, ok)
}

func (c *check) take(label, format string, value float64, met, ok bool) {
	if !ok {
		c.words = append(c.words, "–")
		return
	}
	c.v.known = true
	c.words = append(c.words, fmt.Sprintf(format, value))
	if !met {
		c.v.missed = append(c.v.missed, label)
	}
}

func (c *check) verdict(format string, args ...any) verdict {
	c.v.measured = strings.Join(c.words, " / ") + fmt.Sprintf(format, args...)
	return c.v
}

// ratio returns one figure over another.
func (p *Part) ratio(in, metric, peer, over string) (float64, bool) {
	a, ok := p.get(in, peer, metric)
	b, ok2 := p.get(in, over, metric)
	return a / b, ok && ok2 && b > 0
}

// aims are those of the embedded engine, in their order.
var aims = []aim{
	{"durable append, one event, 1 / 16 / 256 / 2048 writers", "≥ 1.3 / 1.3 / 2 / 2.5 × Pebble", "append", func(_ *Results, p *Part) verdict {
		return ratios(p, 1, "pebble", map[int]float64{1: 1.3, 16: 1.3, 256: 2, 2048: 2.5})
	}},
	{"the same", "≥ 0.85 × the bare log", "append", func(_ *Results, p *Part) verdict {
		return ratios(p, 1, "bare", map[int]float64{1: 0.85, 16: 0.85, 256: 0.85, 2048: 0.85})
	}},
	{"durable append, ten events, 16 / 256 / 2048 writers", "≥ 3 × Pebble", "append", func(_ *Results, p *Part) verdict {
		return ratios(p, 10, "pebble", map[int]float64{16: 3, 256: 3, 2048: 3})
	}},
	{"latency of a lone append, p50 / p99", "≤ 1.15 × write + fdatasync", "latency", func(_ *Results, p *Part) verdict {
		var c check
		for _, q := range []string{"p50 µs", "p99 µs"} {
			r, ok := p.ratio(latencyCase, q, "logstore", plainKey)
			c.atMost(strings.TrimSuffix(q, " µs"), "%.2f ×", r, 1.15, ok)
		}
		a, _ := p.get(latencyCase, "logstore", "p50 µs")
		b, _ := p.get(latencyCase, plainKey, "p50 µs")
		return c.verdict(" (p50 %.0f and %.0f µs)", a, b)
	}},
	{"CPU per appended event, sustained", "≤ 0.25 × Pebble", "sustained", sustainedRatio("CPU µs/event", 0.25, "µs")},
	{"bytes written per appended event, sustained", "≤ 0.35 × Pebble", "sustained", sustainedRatio("disk B/event", 0.35, "B")},
	{"a boundary condition on every append", "≤ 1.5 × the CPU of none", "boundary", func(_ *Results, p *Part) verdict {
		var c check
		none, ok := p.get(noCondition, "logstore", "CPU µs/event")
		for _, with := range []string{boundaryCondition, versionCondition} {
			v, ok2 := p.get(with, "logstore", "CPU µs/event")
			c.atMost(with, "%.2f ×", v/none, 1.5, ok && ok2)
		}
		return c.verdict(" (a boundary / a stream's version)")
	}},
	{"replay everything", "≥ 10 M events per CPU second", "replay", func(_ *Results, p *Part) verdict {
		var c check
		v, ok := p.get(replayCase, "logstore", "events/CPU s")
		n, _ := p.get(replayCase, "logstore", "events")
		c.atLeast("rate", "%.1f M", v/1e6, 10, ok)
		return c.verdict(" (of %s events)", count(n))
	}},
	{"the same, per CPU second", "≥ 8 × Pebble / SQLite", "replay", func(_ *Results, p *Part) verdict {
		var c check
		for _, over := range []string{"pebble", "sqlite"} {
			r, ok := p.ratio(replayCase, "events/CPU s", "logstore", over)
			c.atLeast(over, "%.1f ×", r, 8, ok)
		}
		return c.verdict("")
	}},
	{"tail to 1,000 followers at 20,000 appends/s, each a tag of its own", "complete, in order, p50 ≤ 5 ms", "tail", tailVerdict(0)},
	{"the same, each everything", "complete, in order, p50 ≤ 5 ms", "tail", tailVerdict(2)},
	{"load a 100-event stream, warm, scattered / gathered", "≤ 50 µs", "load", loadVerdict(50, "%.0f µs", 1, scatteredWarm, gatheredWarm)},
	{"the same, cold", "≤ 1 ms", "load", loadVerdict(1, "%.1f ms", 1000, scatteredCold, gatheredCold)},
	{"the same, cold, the store just opened", noAim, "load", loadVerdict(math.Inf(1), "%.1f ms", 1000, scatteredNew, gatheredNew)},
	{"open after kill -9, worst", "< 0.5 s", "reopen", func(r *Results, p *Part) verdict {
		var c check
		for _, in := range []string{"open, warm", "open, cold"} {
			most, ok := p.worst(in, "logstore", "ms")
			c.atMost(in, "%.0f ms", most, 500, ok)
		}
		return c.verdict(" (warm / cold%s)", r.size())
	}},
	{"memory beside the page cache: open / replaying / appending / while filled", "≤ 300 MB", "memory", func(r *Results, p *Part) verdict {
		var c check
		for _, in := range []string{"open", "replaying", "appending"} {
			v, ok := p.get(in, "logstore", "anonymous MB")
			c.atMost(in, "%.0f MB", v, 300, ok)
		}
		v, ok := r.part("sustained").get(sustainedCase, "logstore", "most anonymous MB")
		c.atMost("filling", "%.0f MB", v, 300, ok)
		return c.verdict("%s", r.size())
	}},
	{"the same, flat as the log grows", "all of it ≤ 1.2 × half of it", "sustained", func(_ *Results, p *Part) verdict {
		var c check
		half, ok := p.grown("logstore", 0.3, 0.5)
		whole, ok2 := p.grown("logstore", 0.8, 1)
		c.atMost("growth", "%.2f ×", whole/half, 1.2, ok && ok2)
		return c.verdict(" (%.0f MB in the fifth before half way, %.0f MB in the last)", half, whole)
	}},
	{"head of a stream", "≤ 3 µs", "load", loadVerdict(3, "%.1f µs", 1, headCase)},
	{"index", "≤ 30 B an event", "sustained", func(_ *Results, p *Part) verdict {
		var c check
		v, ok := p.get(sustainedCase, "logstore", "index B/event")
		c.atMost("size", "%.1f B", v, 30, ok)
		return c.verdict("")
	}},
	{"appends as the log grows", "no slower at its end", "sustained", func(_ *Results, p *Part) verdict {
		var c check
		first, ok := p.get(sustainedCase, "logstore", "first fifth events/s")
		last, ok2 := p.get(sustainedCase, "logstore", "last fifth events/s")
		c.atLeast("rate", "%.2f ×", last/first, 0.9, ok && ok2)
		return c.verdict(" (the last fifth's rate over the first's)")
	}},
}

func ratios(p *Part, together int, over string, bounds map[int]float64) verdict {
	var c check
	for _, writers := range appendWriters {
		bound, asked := bounds[writers]
		if !asked {
			continue
		}
		r, ok := p.ratio(appendCase(together, writers), "events/s", "logstore", over)
		c.atLeast(fmt.Sprint(writers), "%.2f", r, bound, ok)
	}
	return c.verdict(" ×")
}

func sustainedRatio(metric string, bound float64, unit string) func(*Results, *Part) verdict {
	return func(_ *Results, p *Part) verdict {
		var c check
		r, ok := p.ratio(sustainedCase, metric, "logstore", "pebble")
		c.atMost("ratio", "%.2f ×", r, bound, ok)
		ours, _ := p.get(sustainedCase, "logstore", metric)
		theirs, _ := p.get(sustainedCase, "pebble", metric)
		n, _ := p.get(sustainedCase, "logstore", "events")
		m, _ := p.get(sustainedCase, "pebble", "events")
		return c.verdict(" (%s and %s %s, over %s and %s events)", number(ours), number(theirs), unit, count(n), count(m))
	}
}

func tailVerdict(which int) func(*Results, *Part) verdict {
	return func(_ *Results, p *Part) verdict {
		var c check
		in := tailCases[which].name
		v, ok := p.get(in, "logstore", "p50 ms")
		if delivered, ran := p.get(in, "logstore", "deliveries/s"); ran && !ok {
			return verdict{fmt.Sprintf("not complete in ten times its time (%s deliveries/s)", number(delivered)), []string{"completeness"}, true}
		}
		c.atMost("p50", "%.1f ms", v, 5, ok)
		p99, _ := p.get(in, "logstore", "p99 ms")
		rate, _ := p.get(in, "logstore", "appends/s")
		return c.verdict(" (p99 %.1f ms, %.0f appends/s reached)", p99, rate)
	}
}

func loadVerdict(bound float64, format string, unit float64, cases ...string) func(*Results, *Part) verdict {
	return func(r *Results, p *Part) verdict {
		var c check
		for _, in := range cases {
			v, ok := p.get(in, "logstore", "p50 µs")
			c.atMost(strings.Split(in, ",")[0], format, v/unit, bound, ok)
		}
		return c.verdict(" (p50%s)", r.size())
	}
}

// worst returns the greatest value of a figure.
func (p *Part) worst(in, peer, metric string) (float64, bool) {
	if p == nil {
		return 0, false
	}
	for _, f := range p.Figures {
		if f.Case == in && f.Peer == peer && f.Metric == metric {
			return slices.Max(f.Values), true
		}
	}
	return 0, false
}

// grown returns the most memory that a peer held while it had between two parts of its
// events.
func (p *Part) grown(peer string, from, to float64) (most float64, ok bool) {
	if p == nil {
		return 0, false
	}
	for _, f := range p.Figures {
		var percent float64
		if f.Peer != peer || f.Metric != "anonymous MB" {
			continue
		}
		if n, _ := fmt.Sscanf(f.Case, "after %f", &percent); n == 1 && percent >= from*100 && percent <= to*100+3 {
			most, ok = max(most, slices.Max(f.Values)), true
		}
	}
	return most, ok
}

// size says how large our filled store was.
func (r *Results) size() string {
	n, ok := r.part("sustained").get(sustainedCase, "logstore", "events")
	if !ok {
		return ""
	}
	return fmt.Sprintf("; %s events in %s streams", count(n), count(n/10))
}

// count writes a number of events for people.
func count(n float64) string {
	if n >= 1e6 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n/1e6), ".0") + " M"
	}
	return fmt.Sprintf("%.0f k", n/1e3)
}
