package web

import (
	"context"

	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// viewOf returns what tells where an inventory's read model stands.
func viewOf(inventory *library.Inventory) func(context.Context) ([]prommetrics.Projection, error) {
	return func(ctx context.Context) ([]prommetrics.Projection, error) {
		status, err := inventory.Status(ctx)
		return []prommetrics.Projection{{Status: status, Answers: inventory.Ready()}}, err
	}
}
