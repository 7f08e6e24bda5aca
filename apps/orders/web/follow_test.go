package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
	"github.com/daybook-es/daybook/telemetry/slogids"
)

// A lateCarrier cannot be reached the first time.
type lateCarrier struct {
	orders.Carrier
	asked atomic.Int32
}

func (l *lateCarrier) Book(ctx context.Context, key string, b orders.BookShipment) (orders.ShipmentBooked, error) {
	if l.asked.Add(1) == 1 {
		return orders.ShipmentBooked{}, errors.New("the carrier does not answer the telephone")
	}
	return l.Carrier.Book(ctx, key, b)
}

// A trail is everything that can be found of a shop from outside.
type trail struct {
	*testing.T
	log    *syncBuffer
	spans  *tracetest.InMemoryExporter
	traces *oteltraces.Traces
}

// lines returns what was logged with a message.
func (f *trail) lines(message string) (found []map[string]any) {
	for line := range strings.Lines(f.log.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			f.Fatalf("%v: %s", err, line)
		}
		if l["msg"] == message {
			found = append(found, l)
		}
	}
	return found
}

// named returns the spans of a name.
func (f *trail) named(name string) (found tracetest.SpanStubs) {
	for _, s := range f.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// one returns the span of a name that accept accepts; there must be one.
func (f *trail) one(name string, accept func(tracetest.SpanStub) bool) tracetest.SpanStub {
	f.Helper()
	found := slices.DeleteFunc(f.named(name), func(s tracetest.SpanStub) bool { return !accept(s) })
	if len(found) != 1 {
		var all []string
		for _, s := range f.spans.GetSpans() {
			all = append(all, s.Name)
		}
		f.Fatalf("there are %d such spans %q, want one; there are %q", len(found), name, all)
	}
	return found[0]
}

func childOf(parent tracetest.SpanStub) func(tracetest.SpanStub) bool {
	return func(s tracetest.SpanStub) bool {
		return s.Parent.SpanID() == parent.SpanContext.SpanID() && s.SpanContext.TraceID() == parent.SpanContext.TraceID()
	}
}

func linkedTo(cause tracetest.SpanStub) func(tracetest.SpanStub) bool {
	return func(s tracetest.SpanStub) bool {
		return slices.ContainsFunc(s.Links, func(l sdktrace.Link) bool { return l.SpanContext.SpanID() == cause.SpanContext.SpanID() })
	}
}

func TestAnOrderIsFollowedFromItsRequestToItsParcel(t *testing.T) {
	f := &trail{T: t, log: new(syncBuffer), spans: tracetest.NewInMemoryExporter()}
	f.traces = oteltraces.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(f.spans)))
	log := slog.New(slogids.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	inner := memstore.New()
	of := orders.Options{Payments: simulated.NewPayments(1), Carrier: &lateCarrier{Carrier: simulated.NewCarrier(1)}}
	of.Commands.Around = f.traces.Command
	of.Projections.Around, of.Projections.Logger = f.traces.Batch, log
	of.Processes.Around, of.Processes.Reacting, of.Processes.Logger = f.traces.Call, f.traces.Reaction, log
	of.Processes.RetryAfter, of.Processes.RetryAtMost = time.Millisecond, time.Millisecond
	front := openShopFront(t, f.traces.Store("orders", inner), t.TempDir(), &Options{Options: httpapi.Options{Logger: log, Traces: f.traces}}, of)

	const setAside = "an event cannot be applied and is set aside; its keys wait, the others go on"
	front.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	const client, parent = "0af7651916cd43dd8448eb211c80319c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	placed := front.send("/orders", `{"fulfil": true, "method": "`+orders.CardOnFile+`", "lines": [{"product": "lamp", "quantity": 2, "unit_price": 3000}]}`,
		"X-Correlation-ID", "basket-7", "Traceparent", parent)
	id := sitetest.Read[orders.Details](t, placed, 201).ID
	(&busyFront{shopfront: front}).until("/orders/"+id, `"shipped"`)
	// Something that nobody can read, of the same customer.
	poison := daybook.Event{Stream: "order-poison", Type: "PaymentReceived", Data: []byte(`"much"`), Metadata: daybook.Trace{Correlation: "basket-8", Parent: parent}.Metadata()}
	if _, err := inner.Append(t.Context(), []daybook.Event{poison}, nil); err != nil {
		t.Fatal(err)
	}
	if err := front.shop.Processes().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); len(f.lines(setAside)) == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("nothing was set aside:\n%s", f.log.String())
		}
	}
	front.end()

	// The request, its command, and what was recorded.
	request := f.one("POST /orders", func(s tracetest.SpanStub) bool { return s.Parent.SpanID().String() == "b7ad6b7169203331" })
	sent := f.one("command PlaceOrder", childOf(request))
	f.one("append", childOf(sent))
	inMetadata := make(map[string]string) // the spans that events carry, by their types
	reading, err := inner.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		trace := e.Trace()
		if e.Stream == "order-"+id || strings.HasPrefix(e.Stream, "process.fulfilment-") {
			if trace.Correlation != "basket-7" || trace.Parent == "" {
				t.Errorf("%s in %s has %+v", e.Type, e.Stream, trace)
			}
			if inMetadata[e.Type] == "" {
				inMetadata[e.Type] = trace.Parent
			}
		}
	}
	carries := func(event string, s tracetest.SpanStub) {
		t.Helper()
		if want := "00-" + s.SpanContext.TraceID().String() + "-" + s.SpanContext.SpanID().String() + "-01"; inMetadata[event] != want {
			t.Errorf("%s carries %s, want that of %s, %s", event, inMetadata[event], s.Name, want)
		}
	}
	carries("OrderPlaced", sent)

	// What came of it.
	f.one("project overview", linkedTo(sent))
	asked := f.one("react fulfilment FulfilmentRequested", linkedTo(sent))
	carries("process.received", asked)
	reserved := f.one("command ReserveStock", childOf(asked))
	f.one("append", childOf(reserved))
	f.one("react fulfilment ReserveStock", childOf(asked))
	if calls := f.named("effect book"); len(calls) != 2 || calls[0].Status.Description == "" {
		t.Errorf("the carrier was called %d times, the first with %v", len(calls), calls[0].Status)
	}
	shipped := f.one("command ShipOrder", func(tracetest.SpanStub) bool { return true })
	carries("OrderShipped", shipped)
	f.one("project overview", linkedTo(shipped))

	// What was logged about it.
	joined := func(message, correlation string, in func(map[string]any) bool) {
		t.Helper()
		for _, l := range f.lines(message) {
			if l["correlation"] == correlation && in(l) {
				return
			}
		}
		t.Errorf("no line %q belongs to %s:\n%s", message, correlation, f.log.String())
	}
	inTrace := func(id string) func(map[string]any) bool {
		return func(l map[string]any) bool { return l["trace_id"] == id && l["span_id"] != "" }
	}
	joined("request", "basket-7", inTrace(client))
	joined("command", "basket-7", inTrace(client))
	joined("a step failed and will be tried again", "basket-7", func(l map[string]any) bool {
		return slices.ContainsFunc(f.named("effect book"), func(s tracetest.SpanStub) bool { return s.SpanContext.TraceID().String() == l["trace_id"] })
	})
	joined(setAside, "basket-8", inTrace(client))
	joined("an event was set aside", "basket-8", inTrace(client))
}
