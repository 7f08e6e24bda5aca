package prommetrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	expiryGauges gauges
	expires      = expiryGauges.add(prometheus.GaugeValue, "daybook_expires_timestamp_seconds", "When something expires that the program cannot do without, in seconds since 1970.", "what")
)

// Expires adds something that expires, such as a certificate, under the name that the program
// has for it. Each name is given once. When says when that is, whenever it is asked; the zero
// time is never.
func (m *Metrics) Expires(what string, when func(context.Context) (time.Time, error)) {
	m.add("expiry of "+what, func(ctx context.Context, g *gathering) error {
		at, err := when(ctx)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			g.tell(expires, float64(at.Unix()), what)
		}
		return nil
	})
}
