package oteltraces

import (
	"context"
	"encoding/hex"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/telemetry/internal/outcome"
)

// Traces make spans. Make them with [New]. They are safe for use by many goroutines.
type Traces struct{ tracer trace.Tracer }

// New returns what makes spans with a provider.
func New(provider trace.TracerProvider) *Traces {
	return &Traces{provider.Tracer("github.com/daybook-es/daybook/telemetry/oteltraces")}
}

// start begins a span. Its parent is the span in the context or, if there is none, the
// Parent of the context's [daybook.Trace]. The context that it returns has the span in
// both.
func (t *Traces) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	ctx, span := t.begin(ctx, name, options...)
	return within(ctx, span), span
}

// begin is start for a span within which nothing is recorded that should carry it.
func (t *Traces) begin(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if parent := spanOf(daybook.TraceOf(ctx).Parent); parent.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		}
	}
	return t.tracer.Start(ctx, name, options...)
}

// startLinked begins a span that is the first of a trace, with links to what led to it.
func (t *Traces) startLinked(ctx context.Context, name string, links []trace.Link, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	options = append(options, trace.WithNewRoot(), trace.WithLinks(links...))
	ctx, span := t.tracer.Start(ctx, name, options...)
	return within(ctx, span), span
}

// within returns a context whose [daybook.Trace] has the span, too.
func within(ctx context.Context, span trace.Span) context.Context {
	if !span.SpanContext().IsValid() {
		return ctx
	}
	t := daybook.TraceOf(ctx)
	t.Parent = parentOf(span.SpanContext())
	return daybook.WithTrace(ctx, t)
}

// parentOf returns a span as the header traceparent has it.
func parentOf(span trace.SpanContext) string {
	// Version, id of the trace, id of the span, whether it is kept.
	text := make([]byte, 0, len("00-")+2*16+1+2*8+len("-00"))
	traceID, spanID := span.TraceID(), span.SpanID()
	text = hex.AppendEncode(append(text, "00-"...), traceID[:])
	text = hex.AppendEncode(append(text, '-'), spanID[:])
	if span.IsSampled() {
		return string(append(text, "-01"...))
	}
	return string(append(text, "-00"...))
}

// spanOf returns the span that a header traceparent names; one that is not valid if it
// names none.
func spanOf(parent string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent})
	return trace.SpanContextFromContext(ctx)
}

// linkTo returns the link to a span; none if nobody can look at that span.
func linkTo(parent string) []trace.Link {
	if span := spanOf(parent); span.IsSampled() {
		return []trace.Link{{SpanContext: span}}
	}
	return nil
}

// end ends a span with what came of it.
func end(span trace.Span, receipt daybook.Receipt, err error) {
	if span.IsRecording() {
		name := outcome.Of(receipt, err)
		span.SetAttributes(attribute.String("daybook.outcome", name))
		if err == nil && receipt.Position > 0 {
			span.SetAttributes(position(receipt.Position))
		}
		if outcome.IsFailure(name) {
			span.SetStatus(codes.Error, err.Error())
		}
	}
	span.End()
}

// endWith ends a span that failed if there is an error.
func endWith(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

func position(p daybook.Position) attribute.KeyValue {
	return attribute.Int64("daybook.position", int64(p))
}

// correlation is that of a trace; nothing if it has none.
func correlation(t daybook.Trace) []attribute.KeyValue {
	if t.Correlation == "" {
		return nil
	}
	return []attribute.KeyValue{attribute.String("daybook.correlation_id", t.Correlation)}
}
