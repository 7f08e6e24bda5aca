package oteltraces

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// Command makes the span of a command, which its events carry. It is for
// [command.Options.Around].
func (t *Traces) Command(ctx context.Context, sent command.Sent, next func(context.Context) (daybook.Receipt, error)) (daybook.Receipt, error) {
	ctx, span := t.start(ctx, "command "+sent.Type)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("daybook.command", sent.Type), attribute.String("daybook.command_id", sent.ID.String()))
		span.SetAttributes(correlation(daybook.TraceOf(ctx))...)
	}
	receipt, err := next(ctx)
	if refused := (*daybook.RefusedError)(nil); errors.As(err, &refused) {
		span.AddEvent("refused", trace.WithAttributes(attribute.String("daybook.rule", refused.Rule)))
	}
	end(span, receipt, err)
	return receipt, err
}
