package prommetrics

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/projection"
)

// What every metric of a projection says it is of: its name, its version and, where there
// are several of one version, its edition.
var projectionLabels = []string{"projection", "version", "edition"}

var (
	projectionGauges   gauges
	projectionPosition = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_position", "The position up to which the read model shows the log.", projectionLabels...)
	projectionLag      = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_lag_positions", "How many positions the read model still has to go.", projectionLabels...)
	projectionAge      = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_age_seconds", "How old the oldest event is that the read model does not show; 0 if it shows all.", projectionLabels...)
	projectionApplied  = projectionGauges.add(prometheus.CounterValue, "daybook_projection_applied_total", "Events that this process has applied to the read model.", projectionLabels...)
	projectionRate     = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_events_per_second", "Events applied to the read model in a second, lately, by this process.", projectionLabels...)
	projectionAside    = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_set_aside", "Events that could not be applied to the read model, or that follow one that could not.", projectionLabels...)
	projectionWaiting  = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_set_aside_waiting", "Those of them that wait for somebody to retry or skip them.", projectionLabels...)
	projectionStuck    = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_stuck", "1 if something keeps the read model from going on.", projectionLabels...)
	projectionPaused   = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_paused", "1 if somebody has paused the read model.", projectionLabels...)
	projectionAnswers  = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_answers", "1 for the read model that readers are given.", projectionLabels...)
	partPosition       = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_part_position", "The position up to which a part of the read model shows the log, where it has several.", append(projectionLabels[:3:3], "part")...)
	partAside          = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_part_set_aside", "Events that are set aside in a part of the read model, where it has several.", append(projectionLabels[:3:3], "part")...)
	partStuck          = projectionGauges.add(prometheus.GaugeValue, "daybook_projection_part_stuck", "1 if something keeps a part of the read model from going on, where it has several.", append(projectionLabels[:3:3], "part")...)
)

// A Projection is where a read model stands, of which there may be several.
type Projection struct {
	projection.Status
	// Edition tells it from others of the same version; zero if there are none.
	Edition int
	// Answers reports whether readers are given it.
	Answers bool
}

// Projections adds read models, of which status says where they stand whenever it is asked.
// See [RunnerOf]. Name, version and edition tell one from another.
func (m *Metrics) Projections(status func(context.Context) ([]Projection, error)) {
	m.add("projections", func(ctx context.Context, g *gathering) error {
		all, err := status(ctx)
		if err != nil {
			return err
		}
		for _, p := range all {
			g.projection(p)
		}
		return nil
	})
}

func (g *gathering) projection(p Projection) {
	labels := []string{p.Name, strconv.Itoa(p.Version), ""}
	if p.Edition != 0 {
		labels[2] = strconv.Itoa(p.Edition)
	}
	for _, told := range []struct {
		of    *gauge
		value float64
	}{
		{projectionPosition, float64(p.Checkpoint.Position)},
		{projectionLag, float64(p.Lag)},
		{projectionAge, p.Age.Seconds()},
		{projectionApplied, float64(p.Applied)},
		{projectionRate, p.Rate},
		{projectionAside, float64(p.Aside)},
		{projectionWaiting, float64(p.Waiting)},
		{projectionStuck, one(p.Stuck != nil)},
		{projectionPaused, one(p.Paused != "")},
		{projectionAnswers, one(p.Answers)},
	} {
		g.tell(told.of, told.value, labels...)
	}
	if len(p.Parts) < 2 {
		return
	}
	for n, part := range p.Parts {
		labels := append(labels[:3:3], strconv.Itoa(n))
		g.tell(partPosition, float64(part.Position), labels...)
		g.tell(partAside, float64(part.Aside), labels...)
		g.tell(partStuck, one(part.Stuck != nil), labels...)
	}
}

// RunnerOf returns what [Metrics.Projections] asks, for a read model of which there is one.
func RunnerOf(r *projection.Runner) func(context.Context) ([]Projection, error) {
	return func(ctx context.Context) ([]Projection, error) {
		status, err := r.Status(ctx)
		return []Projection{{Status: status, Answers: true}}, err
	}
}
