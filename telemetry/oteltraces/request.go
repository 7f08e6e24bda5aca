package oteltraces

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
)

// Request begins the span of a request to a route, such as "POST /orders/{id}", or to none
// of them, which is "". It is a child of the span that the header traceparent names. It
// returns the request with the span in its context, and what ends the span with the status
// of the answer.
func (t *Traces) Request(r *http.Request, route string) (*http.Request, func(status int)) {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	name := route
	if name == "" {
		name = methodOf(r) // what is asked for may be anything
	}
	ctx, span := t.start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		_, path, _ := strings.Cut(route, " ")
		span.SetAttributes(attribute.String("http.request.method", methodOf(r)), attribute.String("http.route", path), attribute.String("url.path", r.URL.Path))
		span.SetAttributes(correlation(daybook.TraceOf(ctx))...)
	}
	return r.WithContext(ctx), func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// methodOf returns the method of a request, of those that there are.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "_OTHER"
}
