package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daybook-es/daybook/apps/orders"
)

// metrics count what a site does. They have a registry of their own, so that a program
// may have several sites.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	commands *prometheus.CounterVec
	live     prometheus.Gauge
}

func newMetrics(shop *orders.Shop) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "orders_http_request_seconds", Help: "How long requests took, by route. Live streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_commands_total", Help: "Commands sent, by type and outcome: recorded, repeated, nothing, or the name of a problem.",
		}, []string{"command", "outcome"}),
		live: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "orders_live_streams", Help: "Live streams that are open.",
		}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.took, m.commands, m.live, &viewMetrics{shop},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// serve writes the metrics as Prometheus reads them.
func (m *metrics) serve(w http.ResponseWriter, r *http.Request) error {
	if _, err := ask(r); err != nil {
		return err
	}
	m.handler.ServeHTTP(w, r)
	return nil
}

func (m *metrics) request(route route, status int, took time.Duration) {
	m.requests.WithLabelValues(route.pattern(), strconv.Itoa(status)).Inc()
	if !route.long {
		m.took.WithLabelValues(route.pattern()).Observe(took.Seconds())
	}
}

// viewMetrics tell where the views stand at the moment they are asked.
type viewMetrics struct{ shop *orders.Shop }

var (
	headMetric    = prometheus.NewDesc("orders_log_head_position", "The newest position of the log.", nil, nil)
	viewMetric    = prometheus.NewDesc("orders_view_position", "The position up to which the views show the log.", []string{"view", "version"}, nil)
	lagMetric     = prometheus.NewDesc("orders_view_lag_positions", "How many positions the views still have to go.", []string{"view", "version"}, nil)
	appliedMetric = prometheus.NewDesc("orders_view_applied_total", "Events that this process has applied to the views.", []string{"view", "version"}, nil)
	stuckMetric   = prometheus.NewDesc("orders_view_stuck", "1 if something keeps the views from going on.", []string{"view", "version"}, nil)
)

// Describe implements [prometheus.Collector].
func (v *viewMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{headMetric, viewMetric, lagMetric, appliedMetric, stuckMetric} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (v *viewMetrics) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := v.shop.Status(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(viewMetric, err)
		return
	}
	labels := []string{status.Name, strconv.Itoa(status.Version)}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(headMetric, float64(status.Head.Position))
	gauge(viewMetric, float64(status.Checkpoint.Position), labels...)
	gauge(lagMetric, float64(status.Lag), labels...)
	out <- prometheus.MustNewConstMetric(appliedMetric, prometheus.CounterValue, float64(status.Applied), labels...)
	stuck := 0.0
	if status.Stuck != nil {
		stuck = 1
	}
	gauge(stuckMetric, stuck, labels...)
}
