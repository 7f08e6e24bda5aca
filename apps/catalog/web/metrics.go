package web

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// viewsOf returns what tells where the editions of a showcase's read model stand.
func viewsOf(showcase *catalog.Showcase) func(context.Context) ([]prommetrics.Projection, error) {
	return func(ctx context.Context) ([]prommetrics.Projection, error) {
		if showcase.ReadModel().Away() != nil {
			return nil, nil // catalog_showcase_away tells
		}
		editions, err := showcase.ReadModel().Editions(ctx)
		views := make([]prommetrics.Projection, len(editions))
		for n, e := range editions {
			views[n] = prommetrics.Projection{Status: e.Status, Edition: e.Number, Answers: e.Answers}
		}
		return views, err
	}
}

// answersOf returns what tells how a showcase answers.
func answersOf(showcase *catalog.Showcase) prometheus.Collector { return &answerMetrics{showcase} }

type answerMetrics struct{ showcase *catalog.Showcase }

var (
	answeredMetric = prometheus.NewDesc("catalog_answers_total", "Questions by where their answer came from: database, cache, stale where the read database was away, or none.", []string{"from"}, nil)
	keptMetric     = prometheus.NewDesc("catalog_answers_kept", "Answers that are kept.", nil, nil)
	bytesMetric    = prometheus.NewDesc("catalog_answers_kept_bytes", "About how many bytes they take.", nil, nil)
	awayMetric     = prometheus.NewDesc("catalog_showcase_away", "1 while the read model cannot be asked, because its database is away or because it is being built.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (m *answerMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{answeredMetric, keptMetric, bytesMetric, awayMetric} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *answerMetrics) Collect(out chan<- prometheus.Metric) {
	for from, n := range m.showcase.Answered() {
		out <- prometheus.MustNewConstMetric(answeredMetric, prometheus.CounterValue, float64(n), string(from))
	}
	entries, bytes := m.showcase.Kept()
	away := 0.0
	if m.showcase.ReadModel().Away() != nil {
		away = 1
	}
	for d, value := range map[*prometheus.Desc]float64{keptMetric: float64(entries), bytesMetric: float64(bytes), awayMetric: away} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
