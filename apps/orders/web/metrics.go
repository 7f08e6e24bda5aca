package web

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/apps/orders"
)

// viewMetrics tell where the views stand at the moment they are asked.
type viewMetrics struct{ shop *orders.Shop }

var viewLabels = []string{"view", "version", "edition"}

var (
	headMetric    = prometheus.NewDesc("orders_log_head_position", "The newest position of the log.", nil, nil)
	viewMetric    = prometheus.NewDesc("orders_view_position", "The position up to which the views show the log.", viewLabels, nil)
	lagMetric     = prometheus.NewDesc("orders_view_lag_positions", "How many positions the views still have to go.", viewLabels, nil)
	appliedMetric = prometheus.NewDesc("orders_view_applied_total", "Events that this process has applied to the views.", viewLabels, nil)
	rateMetric    = prometheus.NewDesc("orders_view_events_per_second", "Events applied to the views in a second, lately, by this process.", viewLabels, nil)
	ageMetric     = prometheus.NewDesc("orders_view_age_seconds", "How old the oldest event is that the views do not show; 0 if they show all.", viewLabels, nil)
	asideMetric   = prometheus.NewDesc("orders_view_set_aside", "Events that could not be applied to the views, or that follow one that could not.", viewLabels, nil)
	answersMetric = prometheus.NewDesc("orders_view_answers", "1 for the views that readers are given.", viewLabels, nil)
	stuckMetric   = prometheus.NewDesc("orders_view_stuck", "1 if something keeps the views from going on.", viewLabels, nil)
)

// Describe implements [prometheus.Collector].
func (v *viewMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{headMetric, viewMetric, lagMetric, appliedMetric, rateMetric, ageMetric, asideMetric, answersMetric, stuckMetric} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (v *viewMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	models, err := v.shop.ReadModels(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(viewMetric, err)
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(headMetric, float64(models[0].Head.Position))
	for _, m := range models {
		labels := []string{m.Name, strconv.Itoa(m.Version), strconv.Itoa(m.Edition)}
		gauge(viewMetric, float64(m.Checkpoint.Position), labels...)
		gauge(lagMetric, float64(m.Lag), labels...)
		out <- prometheus.MustNewConstMetric(appliedMetric, prometheus.CounterValue, float64(m.Applied), labels...)
		gauge(rateMetric, m.Rate, labels...)
		gauge(ageMetric, m.Age.Seconds(), labels...)
		gauge(asideMetric, float64(m.Aside), labels...)
		gauge(answersMetric, one(m.Answers), labels...)
		gauge(stuckMetric, one(m.Stuck != nil), labels...)
	}
}

// one returns 1 for what is so, and 0 for what is not.
func one(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// processMetrics tell where the processes stand at the moment they are asked; nothing in a
// shop without providers.
type processMetrics struct{ shop *orders.Shop }

var (
	liveMetric      = prometheus.NewDesc("orders_process_live", "Instances that are not done.", []string{"process"}, nil)
	finishedMetric  = prometheus.NewDesc("orders_process_done", "Instances that are done.", []string{"process"}, nil)
	openMetric      = prometheus.NewDesc("orders_process_open_steps", "Commands and effects without an outcome.", []string{"process"}, nil)
	deadlineMetric  = prometheus.NewDesc("orders_process_deadlines", "Deadlines that are pending.", []string{"process"}, nil)
	setAsideMetric  = prometheus.NewDesc("orders_process_set_aside", "Instances that cannot go on.", []string{"process"}, nil)
	processLag      = prometheus.NewDesc("orders_process_lag_positions", "How many positions have not reached the instances.", []string{"process"}, nil)
	processStuckFor = prometheus.NewDesc("orders_process_stuck", "1 if something keeps the process from going on, or its deadlines from firing.", []string{"process"}, nil)
)

// Describe implements [prometheus.Collector].
func (p *processMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{liveMetric, finishedMetric, openMetric, deadlineMetric, setAsideMetric, processLag, processStuckFor} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (p *processMetrics) Collect(out chan<- prometheus.Metric) {
	if p.shop.Processes() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	statuses, err := p.shop.Processes().Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(liveMetric, err)
		return
	}
	for _, s := range statuses {
		live := 0
		for _, n := range s.Live {
			live += n
		}
		stuck := 0
		if s.Stuck != nil || s.Clock != nil {
			stuck = 1
		}
		for _, m := range []struct {
			of    *prometheus.Desc
			value int
		}{
			{liveMetric, live}, {finishedMetric, s.Done}, {openMetric, s.Open}, {deadlineMetric, s.Deadlines},
			{setAsideMetric, len(s.SetAside)}, {processLag, int(s.Lag)}, {processStuckFor, stuck},
		} {
			out <- prometheus.MustNewConstMetric(m.of, prometheus.GaugeValue, float64(m.value), s.Process)
		}
	}
}
