package web

import (
	"context"

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// viewsOf returns what tells where the editions of a shop's read model stand.
func viewsOf(shop *orders.Shop) func(context.Context) ([]prommetrics.Projection, error) {
	return func(ctx context.Context) ([]prommetrics.Projection, error) {
		models, err := shop.ReadModels(ctx)
		views := make([]prommetrics.Projection, len(models))
		for n, m := range models {
			views[n] = prommetrics.Projection{Status: m.Status, Edition: m.Number, Answers: m.Answers}
		}
		return views, err
	}
}
