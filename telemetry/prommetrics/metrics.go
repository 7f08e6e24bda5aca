package prommetrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what a program tells of itself. Make them with [New]. They are safe for use by
// many goroutines, and are a [prometheus.Collector].
type Metrics struct {
	commands *prometheus.CounterVec
	took     *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	rules    rules

	appends        *prometheus.CounterVec
	appendTook     *prometheus.HistogramVec
	appendedEvents *prometheus.CounterVec
	appendedBytes  *prometheus.CounterVec
	reads          *prometheus.CounterVec
	readEvents     *prometheus.CounterVec
	readBytes      *prometheus.CounterVec

	calls    *prometheus.CounterVec
	callTook *prometheus.HistogramVec

	silent *prometheus.CounterVec

	mu     sync.Mutex
	asked  []source
	counts []prometheus.Collector
}

var _ prometheus.Collector = (*Metrics)(nil)

// A source is asked whenever the metrics are collected.
type source struct {
	of  string // what it tells of, for those who wonder why it does not
	ask func(context.Context, *gathering) error
}

// seconds are the buckets of everything that waits for a disk: a sync of a good one takes a
// tenth of a millisecond, and whoever waits for ten seconds has gone away.
var seconds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// New returns metrics that know of nothing yet.
func New() *Metrics {
	m := new(Metrics)
	m.commands = m.counter("daybook_commands_total", "Commands that were run, by type and outcome.", "command", "outcome")
	m.took = m.histogram("daybook_command_seconds", "How long commands took, whatever came of them.", "command")
	m.refusals = m.counter("daybook_refusals_total", "Commands that the domain refused, by the rule that said no.", "command", "rule")
	m.appends = m.counter("daybook_appends_total", "Appends, by log and outcome.", "log", "outcome")
	m.appendTook = m.histogram("daybook_append_seconds", "How long appends took, whatever came of them.", "log")
	m.appendedEvents = m.counter("daybook_appended_events_total", "Events that were recorded.", "log")
	m.appendedBytes = m.counter("daybook_appended_bytes_total", "The sizes of the events that were recorded.", "log")
	m.reads = m.counter("daybook_reads_total", "Readings that were begun, by log and outcome: ok, or failed.", "log", "outcome")
	m.readEvents = m.counter("daybook_read_events_total", "Events that were read.", "log")
	m.readBytes = m.counter("daybook_read_bytes_total", "The sizes of the events that were read.", "log")
	m.calls = m.counter("daybook_effects_total", "Calls of effects, by process, effect and outcome: ok, permanent, or failed.", "process", "effect", "outcome")
	m.callTook = m.histogram("daybook_effect_seconds", "How long calls of effects took.", "process", "effect")
	m.silent = m.counter("daybook_status_failures_total", "How often something could not tell where it stands when it was asked.", "of")
	return m
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.counts = append(m.counts, c)
	return c
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds}, labels)
	m.counts = append(m.counts, h)
	return h
}

func (m *Metrics) add(of string, ask func(context.Context, *gathering) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, source{of, ask})
	m.silent.WithLabelValues(of) // so that it is there, at zero, to be compared with later
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.counts {
		c.Describe(out)
	}
	for _, all := range [][]*gauge{storeGauges, diskGauges, expiryGauges, projectionGauges, processGauges, publisherGauges} {
		for _, g := range all {
			out <- g.desc
		}
	}
}

// askWithin is how long something may take to tell where it stands. Prometheus waits for ten
// seconds for everything.
const askWithin = time.Second

// Collect implements [prometheus.Collector]. What cannot tell where it stands is left out.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	asked := m.asked[:len(m.asked):len(m.asked)]
	m.mu.Unlock()
	for _, s := range asked {
		ctx, cancel := context.WithTimeout(context.Background(), askWithin)
		if err := s.ask(ctx, &gathering{out}); err != nil {
			m.silent.WithLabelValues(s.of).Inc()
		}
		cancel()
	}
	for _, c := range m.counts {
		c.Collect(out)
	}
}

// A gauge is something that is told when it is asked for.
type gauge struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// gauges makes gauges of one kind of thing known.
type gauges []*gauge

func (g *gauges) add(kind prometheus.ValueType, name, help string, labels ...string) *gauge {
	added := &gauge{prometheus.NewDesc(name, help, labels, nil), kind}
	*g = append(*g, added)
	return added
}

// A gathering is where gauges are told.
type gathering struct{ out chan<- prometheus.Metric }

func (g *gathering) tell(of *gauge, value float64, labels ...string) {
	g.out <- prometheus.MustNewConstMetric(of.desc, of.kind, value, labels...)
}

// one returns 1 for what is so, and 0 for what is not.
func one(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// since returns how many seconds ago something was; 0 if it never was, or is to come.
func since(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, time.Since(t).Seconds())
}
