package prommetrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/publish"
)

var (
	publisherGauges   gauges
	publisherRunning  = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_running", "1 if the publisher runs.", "publisher")
	publisherPosition = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_position", "The position up to which the log was published.", "publisher")
	publisherLag      = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_lag_positions", "How many positions the publisher still has to go.", "publisher")
	publisherAge      = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_oldest_seconds", "How long ago the oldest event in hand was recorded; 0 if there is none.", "publisher")
	publisherSent     = publisherGauges.add(prometheus.CounterValue, "daybook_publisher_sent_total", "Messages that the sink has taken.", "publisher")
	publisherFailures = publisherGauges.add(prometheus.CounterValue, "daybook_publisher_failures_total", "Attempts to send a message that failed.", "publisher")
	publisherHand     = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_in_hand", "Events that were read and are neither sent nor set aside.", "publisher")
	publisherAside    = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_set_aside", "Keys that are set aside.", "publisher")
	publisherStuck    = publisherGauges.add(prometheus.GaugeValue, "daybook_publisher_stuck", "1 if something keeps the publisher from going on.", "publisher")
)

// Publisher adds a publisher under the name that the program has for it. Each name is given
// once. Status, such as [publish.Publisher.Status], says where it stands whenever it is
// asked.
func (m *Metrics) Publisher(name string, status func(context.Context) (publish.Status, error)) {
	m.add("publisher "+name, func(ctx context.Context, g *gathering) error {
		s, err := status(ctx)
		g.tell(publisherRunning, one(s.Running), name)
		g.tell(publisherStuck, one(s.Stuck != nil), name)
		g.tell(publisherSent, float64(s.Sent), name)
		g.tell(publisherFailures, float64(s.Failures), name)
		if err != nil {
			return err
		}
		oldest := 0.0
		if s.Oldest != nil {
			oldest = since(s.Oldest.RecordedAt)
		}
		g.tell(publisherAge, oldest, name)
		g.tell(publisherPosition, float64(s.Mark.Point.Position), name)
		g.tell(publisherLag, float64(s.Lag), name)
		g.tell(publisherHand, float64(s.InHand), name)
		g.tell(publisherAside, float64(len(s.Mark.Aside)), name)
		return nil
	})
}
