package web

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/apps/library"
)

// viewMetrics tell where the read model stands at the moment it is asked.
type viewMetrics struct{ inventory *library.Inventory }

var (
	headMetric  = prometheus.NewDesc("library_log_head_position", "The newest position of the log.", nil, nil)
	shownMetric = prometheus.NewDesc("library_view_position", "The position up to which the read model shows the log.", nil, nil)
	lagMetric   = prometheus.NewDesc("library_view_lag_positions", "How many positions the read model still has to go.", nil, nil)
	readyMetric = prometheus.NewDesc("library_view_ready", "1 if the read model has shown all that was recorded when it was opened.", nil, nil)
	stuckMetric = prometheus.NewDesc("library_view_stuck", "1 if something keeps the read model from going on.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (v *viewMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{headMetric, shownMetric, lagMetric, readyMetric, stuckMetric} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (v *viewMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := v.inventory.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(shownMetric, err)
		return
	}
	is := map[bool]float64{true: 1}
	for d, value := range map[*prometheus.Desc]float64{
		headMetric: float64(status.Head.Position), shownMetric: float64(status.Checkpoint.Position), lagMetric: float64(status.Lag),
		readyMetric: is[v.inventory.Ready()], stuckMetric: is[status.Stuck != nil],
	} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
