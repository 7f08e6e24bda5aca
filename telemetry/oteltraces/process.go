package oteltraces

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/process"
)

// Reaction makes the span of an instance's reaction: for an event and a deadline one that is
// linked to what led to it, and for the outcome of a step one of the trace in which it was
// decided on. What the reaction leads to carries it. It is for [process.Options.Reacting].
func (t *Traces) Reaction(ctx context.Context, r process.Reaction, next func(context.Context) error) error {
	name := "react " + r.Process + " " + r.Of
	kind := trace.WithSpanKind(trace.SpanKindConsumer)
	var span trace.Span
	if r.Kind == process.ToEvent || r.Kind == process.ToDeadline {
		ctx, span = t.startLinked(ctx, name, linkTo(daybook.TraceOf(ctx).Parent), kind)
	} else {
		ctx, span = t.start(ctx, name, kind)
	}
	if span.IsRecording() {
		span.SetAttributes(attribute.String("daybook.process", r.Process), attribute.String("daybook.instance", r.Instance), attribute.String("daybook.input", string(r.Kind)))
		span.SetAttributes(correlation(daybook.TraceOf(ctx))...)
	}
	err := next(ctx)
	endWith(span, err)
	return err
}

// Call makes the span of a call of an effect. It is for [process.Options.Around].
func (t *Traces) Call(ctx context.Context, c process.Call, next func(context.Context) (any, error)) (any, error) {
	ctx, span := t.start(ctx, "effect "+c.Effect, trace.WithSpanKind(trace.SpanKindClient))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("daybook.process", c.Process), attribute.String("daybook.instance", c.Instance),
			attribute.String("daybook.effect", c.Effect), attribute.String("daybook.key", c.Key), attribute.Int("daybook.attempt", c.Attempt))
		span.SetAttributes(correlation(daybook.TraceOf(ctx))...)
	}
	result, err := next(ctx)
	endWith(span, err)
	return result, err
}
