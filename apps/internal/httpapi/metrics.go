package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// Metrics count what a server does. They have a registry of their own, so that a program
// may have several servers.
type Metrics struct {
	// Registry is where a site adds what it counts itself.
	Registry *prometheus.Registry
	// Daybook are what the program tells of its log, commands, views and processes: those of
	// [Options], or new ones.
	Daybook *prommetrics.Metrics

	handler  http.Handler
	requests *prometheus.CounterVec
	shed     *prometheus.CounterVec
	took     *prometheus.HistogramVec
	live     prometheus.Gauge
}

// newMetrics returns metrics whose names begin with a prefix, beside those that the program
// has of its own, which may be nil.
func newMetrics(prefix string, own *prommetrics.Metrics) *Metrics {
	if own == nil {
		own = prommetrics.New()
	}
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Daybook:  own,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "_http_shed_total", Help: "Requests turned away before anything was done about them, by the name of the problem: unavailable where the server was full, too-many where the client sent too many.",
		}, []string{"problem"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "_http_request_seconds", Help: "How long requests took, by route. Live streams are left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		live: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: prefix + "_live_streams", Help: "Live streams that are open.",
		}),
	}
	for _, kind := range []Kind{Unavailable, TooMany} {
		m.shed.WithLabelValues(kind.Name) // who asks for a rate must find it at zero first
	}
	m.Registry.MustRegister(m.Daybook, m.requests, m.shed, m.took, m.live,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// Serve writes the metrics as Prometheus reads them.
func (m *Metrics) Serve(w http.ResponseWriter, r *http.Request) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	m.handler.ServeHTTP(w, r)
	return nil
}

func (m *Metrics) request(pattern string, long bool, status int, took time.Duration) {
	m.requests.WithLabelValues(pattern, strconv.Itoa(status)).Inc()
	if !long {
		m.took.WithLabelValues(pattern).Observe(took.Seconds())
	}
}
