package prommetrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/process"
)

var (
	processGauges    gauges
	processReady     = processGauges.add(prometheus.GaugeValue, "daybook_process_ready", "1 if the runner knows what all instances have to do.", "process")
	processLag       = processGauges.add(prometheus.GaugeValue, "daybook_process_lag_positions", "How many positions have not reached the instances.", "process")
	processLive      = processGauges.add(prometheus.GaugeValue, "daybook_process_live", "Instances that are not done.", "process")
	processDone      = processGauges.add(prometheus.GaugeValue, "daybook_process_done", "Instances that are done.", "process")
	processLacking   = processGauges.add(prometheus.GaugeValue, "daybook_process_lacking", "Live instances of a version that this program does not have.", "process")
	processOpen      = processGauges.add(prometheus.GaugeValue, "daybook_process_open_steps", "Commands and effects without an outcome.", "process")
	processOldest    = processGauges.add(prometheus.GaugeValue, "daybook_process_oldest_step_seconds", "How long ago the oldest of them was decided on; 0 if there is none.", "process")
	processDeadlines = processGauges.add(prometheus.GaugeValue, "daybook_process_deadlines", "Deadlines that are pending.", "process")
	processLate      = processGauges.add(prometheus.GaugeValue, "daybook_process_deadline_late_seconds", "How long ago the first pending deadline was due; 0 if none is late.", "process")
	processAside     = processGauges.add(prometheus.GaugeValue, "daybook_process_set_aside", "Instances that cannot go on, and events that could not be read or correlated.", "process")
	processClock     = processGauges.add(prometheus.GaugeValue, "daybook_process_clock_stopped", "1 if no deadline fires because the clock was set.", "process")
	processStuck     = processGauges.add(prometheus.GaugeValue, "daybook_process_stuck", "1 if something keeps the process from going on.", "process")
)

// Processes adds processes, of which status, such as [process.Runner.Status], says where
// they stand whenever it is asked.
func (m *Metrics) Processes(status func(context.Context) ([]process.Status, error)) {
	m.add("processes", func(ctx context.Context, g *gathering) error {
		all, err := status(ctx)
		for _, s := range all { // what is known without the store is told all the same
			g.process(s)
		}
		return err
	})
}

func (g *gathering) process(s process.Status) {
	live := 0
	for _, n := range s.Live {
		live += n
	}
	for _, told := range []struct {
		of    *gauge
		value float64
	}{
		{processReady, one(s.Ready)},
		{processLag, float64(s.Lag)},
		{processLive, float64(live)},
		{processDone, float64(s.Done)},
		{processLacking, float64(s.Lacking)},
		{processOpen, float64(s.Open)},
		{processOldest, since(s.Oldest)},
		{processDeadlines, float64(s.Deadlines)},
		{processLate, since(s.NextDue)},
		{processAside, float64(len(s.SetAside))},
		{processClock, one(s.Clock != nil)},
		{processStuck, one(s.Stuck != nil)},
	} {
		g.tell(told.of, told.value, s.Process)
	}
}

// Call counts a call of an effect. It is for [process.Options.Around].
func (m *Metrics) Call(ctx context.Context, c process.Call, next func(context.Context) (any, error)) (any, error) {
	began := time.Now()
	result, err := next(ctx)
	m.callTook.WithLabelValues(c.Process, c.Effect).Observe(time.Since(began).Seconds())
	name := "ok"
	switch {
	case process.IsPermanent(err):
		name = "permanent"
	case err != nil:
		name = "failed"
	}
	m.calls.WithLabelValues(c.Process, c.Effect, name).Inc()
	return result, err
}
