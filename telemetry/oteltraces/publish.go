package oteltraces

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
)

// Sink returns a sink that makes a span of every message that is sent to the sink in it,
// linked to the span of the command whose event it is. The name is the publisher's.
func (t *Traces) Sink(name string, sink publish.Sink) publish.Sink {
	return publish.SinkFunc(func(ctx context.Context, m publish.Message) error {
		ctx, span := t.startLinked(ctx, "publish "+name, linkTo(m.Recorded.Trace().Parent), trace.WithSpanKind(trace.SpanKindProducer))
		if span.IsRecording() {
			span.SetAttributes(attribute.String("daybook.publisher", name), attribute.String("daybook.event_id", m.ID.String()),
				attribute.String("daybook.event_type", m.Recorded.Type), position(m.Recorded.Position), attribute.Int("daybook.attempt", m.Attempt))
			span.SetAttributes(correlation(daybook.TraceOf(ctx))...)
		}
		err := sink.Send(ctx, m)
		endWith(span, err)
		return err
	})
}
