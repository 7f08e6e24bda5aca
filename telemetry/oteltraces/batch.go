package oteltraces

import (
	"bytes"
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// mostLinks is how many spans the span of a batch is linked to: a batch of a rebuild has ten
// thousand events, and nobody follows so many.
const mostLinks = 64

// Batch makes the span of a change of a read model, linked to the spans of the commands
// whose events it shows, the first [mostLinks] of them. It is for
// [projection.Options.Around].
func (t *Traces) Batch(ctx context.Context, b projection.Batch, next func(context.Context) error) error {
	c := b.Change
	if len(c.Events)+len(c.SetAside)+len(c.TakenUp) == 0 {
		return next(ctx) // only the checkpoint moves
	}
	ctx, span := t.startLinked(ctx, "project "+b.Projection, linksTo(c.Events), trace.WithSpanKind(trace.SpanKindConsumer))
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("daybook.projection", b.Projection), attribute.Int("daybook.version", b.Version), attribute.Int("daybook.part", c.Part),
			attribute.Int("daybook.events", len(c.Events)), attribute.Int("daybook.set_aside", len(c.SetAside)), position(c.To.Position))
	}
	err := next(ctx)
	endWith(span, err)
	return err
}

// linksTo returns links to the spans that events carry, each once.
func linksTo(events []daybook.Recorded) []trace.Link {
	var links []trace.Link
	before := ""
	for _, e := range events {
		if len(links) == mostLinks {
			break
		}
		if !bytes.Contains(e.Metadata, []byte(`"traceparent"`)) {
			continue // most often it need not be read
		}
		parent := e.Trace().Parent
		if parent == before {
			continue // another event of the same command
		}
		before = parent
		for _, link := range linkTo(parent) {
			if !slices.ContainsFunc(links, func(l trace.Link) bool { return l.SpanContext.Equal(link.SpanContext) }) {
				links = append(links, link)
			}
		}
	}
	return links
}
