package otlptraces

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options adjust where spans go. The zero value, and nil, are right for most programs.
type Options struct {
	// Service is the name of the program, and Instance tells it from others of that name.
	Service, Instance string
	// Version is that of the program.
	Version string
	// Ratio is how many of the traces that begin here are kept, from 0 to 1; zero means all,
	// and a negative one none. A trace that began elsewhere is kept if it is kept there.
	Ratio float64
	// Headers are sent with every request, such as one that authorises.
	Headers http.Header
	// Timeout bounds one request. Zero means 10 seconds.
	Timeout time.Duration
	// Client makes the requests. Nil means one of its own.
	Client *http.Client
	// Logger is told when spans cannot be sent, and when they can again. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// A Provider sends spans to a collector. Make it with [Open], and close it when nothing
// makes spans any more. It is a [trace.TracerProvider].
type Provider struct {
	*sdktrace.TracerProvider
	client *http.Client
}

var _ trace.TracerProvider = (*Provider)(nil)

// Open returns a provider that sends spans to the collector at a URL, such as
// http://localhost:4318. Without a path that is its /v1/traces. Nothing is sent yet. The
// error says what is wrong with the URL.
func Open(target string, options *Options) (*Provider, error) {
	var o Options
	if options != nil {
		o = *options
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("otlptraces: the URL cannot be read") // the error would repeat it, with what it keeps secret
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("otlptraces: %s is no address such as http://localhost:4318", u.Redacted())
	}
	if strings.Trim(u.Path, "/") == "" {
		u = u.JoinPath("/v1/traces")
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	kept := 1.0
	switch {
	case o.Ratio < 0:
		kept = 0
	case o.Ratio > 0:
		kept = o.Ratio
	}
	sender := &exporter{url: u, options: o}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(sender, sdktrace.WithExportTimeout(o.Timeout)),
		sdktrace.WithSampler(sdktrace.ParentBased(linked{sdktrace.TraceIDRatioBased(kept)})),
		sdktrace.WithResource(resource.NewSchemaless(resourceOf(o)...)),
	)
	return &Provider{provider, o.Client}, nil
}

func resourceOf(o Options) []attribute.KeyValue {
	var of []attribute.KeyValue
	for _, a := range [][2]string{{"service.name", o.Service}, {"service.instance.id", o.Instance}, {"service.version", o.Version}} {
		if a[1] != "" {
			of = append(of, attribute.String(a[0], a[1]))
		}
	}
	return of
}

// Close sends what is left, as far as the context lasts, and ends the provider.
func (p *Provider) Close(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	return p.Shutdown(ctx)
}

// linked samples what is linked to something that is kept, and otherwise as the sampler in
// it does.
type linked struct{ otherwise sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (l linked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	for _, link := range p.Links {
		if link.SpanContext.IsSampled() {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState()}
		}
	}
	return l.otherwise.ShouldSample(p)
}

// Description implements [sdktrace.Sampler].
func (l linked) Description() string { return "linked or " + l.otherwise.Description() }
