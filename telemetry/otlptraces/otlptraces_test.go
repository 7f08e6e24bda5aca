package otlptraces_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook/telemetry/otlptraces"
)

// A collector keeps what is posted to it.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	header http.Header
	path   string
	status int
}

func newCollector(t *testing.T) *collector {
	c := &collector{status: http.StatusOK}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err == nil {
			c.bodies = append(c.bodies, body)
		}
		c.header, c.path = r.Header, r.URL.Path
		w.WriteHeader(c.status)
		_, _ = io.WriteString(w, "said the collector")
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) answers(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// spans returns what was posted, by name.
func (c *collector) spans(t *testing.T) map[string]map[string]any {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]map[string]any)
	for _, body := range c.bodies {
		var r struct {
			ResourceSpans []struct {
				ScopeSpans []struct{ Spans []map[string]any }
			}
		}
		if err := json.Unmarshal(body, &r); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.ResourceSpans[0].ScopeSpans {
			for _, span := range s.Spans {
				all[span["name"].(string)] = span
			}
		}
	}
	return all
}

func open(t *testing.T, url string, o *otlptraces.Options) *otlptraces.Provider {
	t.Helper()
	p, err := otlptraces.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

func TestSpansArePostedAsOTLP(t *testing.T) {
	c := newCollector(t)
	p := open(t, c.URL, &otlptraces.Options{Service: "orders", Instance: "one", Version: "v1", Headers: http.Header{"Authorization": {"Bearer s3cret"}}})
	tracer := p.Tracer("shop", trace.WithInstrumentationVersion("v2"))
	ctx, parent := tracer.Start(t.Context(), "request", trace.WithSpanKind(trace.SpanKindServer))
	_, child := tracer.Start(ctx, "command", trace.WithAttributes(
		attribute.String("text", "a"), attribute.Bool("truth", true), attribute.Int("number", 1<<60), attribute.Float64("fraction", 0.5), attribute.Float64("none", math.NaN()),
		attribute.StringSlice("texts", []string{"a", "b"}), attribute.Int64Slice("numbers", nil)))
	child.AddEvent("refused", trace.WithAttributes(attribute.String("rule", "paid")))
	child.SetStatus(codes.Error, "no")
	child.End()
	parent.End()
	_, batch := tracer.Start(t.Context(), "batch", trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: child.SpanContext()}), trace.WithSpanKind(trace.SpanKindConsumer))
	batch.End()
	if err := p.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}

	if c.path != "/v1/traces" || c.header.Get("Content-Type") != "application/json" || c.header.Get("Authorization") != "Bearer s3cret" {
		t.Errorf("posted to %s with %v", c.path, c.header)
	}
	var whole struct {
		ResourceSpans []struct {
			Resource   json.RawMessage
			ScopeSpans []struct{ Scope json.RawMessage }
		}
	}
	if err := json.Unmarshal(c.bodies[0], &whole); err != nil {
		t.Fatal(err)
	}
	wantResource := `{"attributes":[{"key":"service.instance.id","value":{"stringValue":"one"}},{"key":"service.name","value":{"stringValue":"orders"}},{"key":"service.version","value":{"stringValue":"v1"}}]}`
	if got := string(whole.ResourceSpans[0].Resource); got != wantResource {
		t.Errorf("the resource is %s", got)
	}
	if got := string(whole.ResourceSpans[0].ScopeSpans[0].Scope); got != `{"name":"shop","version":"v2"}` {
		t.Errorf("the scope is %s", got)
	}

	spans := c.spans(t)
	id := func(s trace.Span) string { return s.SpanContext().SpanID().String() }
	text := func(v string) map[string]any { return map[string]any{"stringValue": v} }
	attr := func(k string, v any) any { return map[string]any{"key": k, "value": v} }
	got := spans["command"]
	for _, when := range []string{"startTimeUnixNano", "endTimeUnixNano"} {
		if s, is := got[when].(string); !is || len(s) != 19 {
			t.Errorf("%s is %v", when, got[when])
		}
		delete(got, when)
	}
	delete(got["events"].([]any)[0].(map[string]any), "timeUnixNano")
	want := map[string]any{
		"traceId": parent.SpanContext().TraceID().String(), "spanId": id(child), "parentSpanId": id(parent), "flags": 257.0,
		"name": "command", "kind": 1.0, "status": map[string]any{"code": 2.0, "message": "no"},
		"attributes": []any{
			attr("text", text("a")), attr("truth", map[string]any{"boolValue": true}), attr("number", map[string]any{"intValue": "1152921504606846976"}),
			attr("fraction", map[string]any{"doubleValue": 0.5}), attr("none", text("NaN")),
			attr("texts", map[string]any{"arrayValue": map[string]any{"values": []any{text("a"), text("b")}}}),
			attr("numbers", map[string]any{"arrayValue": map[string]any{"values": []any{}}}),
		},
		"events": []any{map[string]any{"name": "refused", "attributes": []any{attr("rule", text("paid"))}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the span is another (-want +got):\n%s", diff)
	}
	if got := spans["request"]; got["kind"] != 2.0 || got["parentSpanId"] != nil {
		t.Errorf("the request is %v", got)
	}
	if got, want := spans["batch"]["links"], []any{map[string]any{"traceId": parent.SpanContext().TraceID().String(), "spanId": id(child), "flags": 257.0}}; !cmp.Equal(got, any(want)) {
		t.Errorf("the links are %v, want %v", got, want)
	}
}

func TestWhatIsLinkedToSomethingKeptIsKept(t *testing.T) {
	c := newCollector(t)
	p := open(t, c.URL, &otlptraces.Options{Ratio: -1})
	tracer := p.Tracer("shop")
	kept := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true})
	dropped := kept.WithTraceFlags(0)
	start := func(ctx context.Context, name string, links ...trace.Link) {
		_, span := tracer.Start(ctx, name, trace.WithLinks(links...))
		span.End()
	}
	start(t.Context(), "alone")
	start(t.Context(), "linked to what is dropped", trace.Link{SpanContext: dropped})
	start(t.Context(), "linked to what is kept", trace.Link{SpanContext: dropped}, trace.Link{SpanContext: kept})
	start(trace.ContextWithRemoteSpanContext(t.Context(), kept), "child of what is kept")
	start(trace.ContextWithRemoteSpanContext(t.Context(), dropped), "child of what is dropped", trace.Link{SpanContext: kept})
	if err := p.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.spans(t)
	if len(spans) != 2 || spans["linked to what is kept"] == nil || spans["child of what is kept"] == nil {
		t.Errorf("kept are %v", spans)
	}
}

func TestACollectorThatFailsIsToldOnce(t *testing.T) {
	c := newCollector(t)
	var out bytes.Buffer
	var mu sync.Mutex
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(p)
	}), nil))
	p := open(t, strings.Replace(c.URL, "http://", "http://ada:s3cret@", 1), &otlptraces.Options{Logger: log})
	span := func() {
		_, s := p.Tracer("shop").Start(t.Context(), "request")
		s.End()
		if err := p.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.answers(http.StatusInternalServerError)
	span()
	span()
	c.answers(http.StatusOK)
	span()
	span()
	c.CloseClientConnections()
	c.Close()
	span()
	mu.Lock()
	defer mu.Unlock()
	if n := strings.Count(out.String(), "spans cannot be sent"); n != 2 || strings.Count(out.String(), "spans are sent again") != 1 || !strings.Contains(out.String(), "said the collector") {
		t.Errorf("logged was\n%s", out.String())
	}
	if strings.Contains(out.String(), "s3cret") {
		t.Errorf("a secret was logged:\n%s", out.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, url := range []string{"", "localhost:4318", "grpc://localhost:4317", "http://", "http://ada:s3cret@%zz", "https:///v1/traces"} {
		if p, err := otlptraces.Open(url, nil); err == nil {
			t.Errorf("%q was taken", url)
			_ = p.Close(t.Context())
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
	c := newCollector(t)
	p := open(t, c.URL+"/collect/here", nil)
	_, s := p.Tracer("shop").Start(t.Context(), "request")
	s.End()
	if err := errors.Join(p.ForceFlush(t.Context()), p.Close(t.Context())); err != nil || c.path != "/collect/here" {
		t.Errorf("posted to %s, %v", c.path, err)
	}
}
