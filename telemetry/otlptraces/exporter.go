package otlptraces

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// An exporter posts spans. It is used by one goroutine of the provider at a time.
type exporter struct {
	url     *url.URL
	options Options
	failing atomic.Bool
}

// maxSaid is how much of what a collector says about an error is told.
const maxSaid = 200

// ExportSpans implements [sdktrace.SpanExporter]. That spans cannot be sent is told once,
// and once more when they can.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.post(ctx, spans)
	switch {
	case err != nil && !e.failing.Swap(true):
		e.options.Logger.WarnContext(ctx, "spans cannot be sent and are dropped", "collector", e.url.Host, "spans", len(spans), "error", err)
	case err == nil && e.failing.Swap(false):
		e.options.Logger.InfoContext(ctx, "spans are sent again", "collector", e.url.Host)
	}
	return nil // it was told, and nothing else can be done about it
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(context.Context) error { return nil }

func (e *exporter) post(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body, err := json.Marshal(requestOf(spans))
	if err != nil {
		return fmt.Errorf("otlptraces: write spans: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.options.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("otlptraces: request to %s: %w", e.url.Host, err)
	}
	maps.Copy(r.Header, e.options.Headers)
	r.Header.Set("Content-Type", "application/json")
	answer, err := e.options.Client.Do(r)
	if err != nil {
		var inURL *url.Error
		if errors.As(err, &inURL) {
			err = inURL.Err // without the URL, which may have something secret in it
		}
		return fmt.Errorf("otlptraces: post to %s: %w", e.url.Host, err)
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 16<<10)) // what it says changes nothing
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("otlptraces: %s answered %d: %.*q", e.url.Host, answer.StatusCode, maxSaid, said)
	}
	return nil
}
