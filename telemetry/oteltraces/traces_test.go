package oteltraces_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
)

// The domain of these tests: a jar is filled, once.
type (
	Jar    struct{ Full bool }
	Filled struct{}
	Fill   struct{ Jar string }
)

var (
	errFull = daybook.NewRule("fits", "a full jar is full")
	jars    = decider.For("jar", decider.On("JarFilled", func(j *Jar, _ Filled) { j.Full = true }))
	fill    = command.On("FillJar", func(c Fill, _ command.ID) decider.Plan {
		return jars.At(c.Jar, func(j Jar) ([]any, error) {
			if j.Full {
				return nil, errFull
			}
			return []any{Filled{}}, nil
		})
	})
)

// A bench makes spans and keeps them.
type bench struct {
	*testing.T
	kept   *tracetest.InMemoryExporter
	traces *oteltraces.Traces
}

func newBench(t *testing.T, options ...sdktrace.TracerProviderOption) *bench {
	kept := tracetest.NewInMemoryExporter()
	return &bench{t, kept, oteltraces.New(sdktrace.NewTracerProvider(append(options, sdktrace.WithSyncer(kept))...))}
}

// span returns the span of a name; there must be one.
func (b *bench) span(name string) tracetest.SpanStub {
	b.Helper()
	var found []tracetest.SpanStub
	for _, s := range b.kept.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		b.Fatalf("there are %d spans %q, want one", len(found), name)
	}
	return found[0]
}

func (b *bench) has(s tracetest.SpanStub, want ...attribute.KeyValue) {
	b.Helper()
	set := attribute.NewSet(s.Attributes...)
	for _, w := range want {
		if got, _ := set.Value(w.Key); got != w.Value {
			b.Errorf("%s of the span %s is %v, want %v", w.Key, s.Name, got.AsInterface(), w.Value.AsInterface())
		}
	}
}

// recorded returns the events of a store.
func recorded(t *testing.T, store daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestFromARequestToItsEvents(t *testing.T) {
	b := newBench(t)
	inner := memstore.New()
	store := b.traces.Store("jars", inner)
	bus := command.NewBus(store, []command.Handler{fill}, &command.Options{Around: b.traces.Command})
	r := httptest.NewRequest("POST", "/jars/7/fill", nil)
	r.Header.Set("Traceparent", remote)
	r = r.WithContext(daybook.WithTrace(r.Context(), daybook.Trace{Correlation: "basket-7"}))
	r, ended := b.traces.Request(r, "POST /jars/{id}/fill")
	if _, err := bus.Do(r.Context(), command.Envelope{}, Fill{"7"}); err != nil {
		t.Fatal(err)
	}
	ended(http.StatusCreated)

	request, sent, appended := b.span("POST /jars/{id}/fill"), b.span("command FillJar"), b.span("append")
	if got := request.Parent.TraceID().String() + " " + request.Parent.SpanID().String(); got != "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331" {
		t.Errorf("the parent of the request is %s", got)
	}
	if sent.Parent.SpanID() != request.SpanContext.SpanID() || appended.Parent.SpanID() != sent.SpanContext.SpanID() || appended.SpanContext.TraceID() != request.SpanContext.TraceID() {
		t.Error("the append is not part of the command, or the command of the request")
	}
	reads := 0
	for _, s := range b.kept.GetSpans() {
		if s.Name != "read" {
			continue
		}
		if reads++; s.Parent.SpanID() != sent.SpanContext.SpanID() {
			t.Error("what the command read is not part of it")
		}
	}
	if reads == 0 {
		t.Error("there is no span of what the command read")
	}
	b.has(request, attribute.String("http.request.method", "POST"), attribute.String("http.route", "/jars/{id}/fill"), attribute.String("url.path", "/jars/7/fill"),
		attribute.Int("http.response.status_code", 201), attribute.String("daybook.correlation_id", "basket-7"))
	b.has(sent, attribute.String("daybook.outcome", "recorded"), attribute.String("daybook.command", "FillJar"), attribute.Int("daybook.position", 1))
	b.has(appended, attribute.String("daybook.log", "jars"), attribute.Int("daybook.events", 1), attribute.String("daybook.outcome", "recorded"))

	event := recorded(t, inner)[0].Trace()
	if want := "00-" + sent.SpanContext.TraceID().String() + "-" + sent.SpanContext.SpanID().String() + "-01"; event.Parent != want || event.Correlation != "basket-7" {
		t.Errorf("the event has %+v, want the span of the command %s", event, want)
	}
}

func TestTracesChangeNothingAboutACommand(t *testing.T) {
	b := newBench(t)
	store := memstore.New()
	plain := command.NewBus(store, []command.Handler{fill}, nil)
	traced := command.NewBus(b.traces.Store("jars", store), []command.Handler{fill}, &command.Options{Around: b.traces.Command})
	envelope := command.Envelope{Principal: "ada", Key: "k"}
	first, err := traced.Do(t.Context(), envelope, Fill{"7"})
	if err != nil || first.Repeated {
		t.Fatalf("%+v, %v", first, err)
	}
	for name, bus := range map[string]*command.Bus{"under another span": traced, "without": plain} {
		again, err := bus.Do(t.Context(), envelope, Fill{"7"})
		if err != nil || !again.Repeated || again.Point != first.Point {
			t.Errorf("sent again %s it is %+v, %v", name, again, err)
		}
	}
	if _, err := plain.Do(t.Context(), envelope, Fill{"8"}); !errors.As(err, new(*command.ReusedError)) {
		t.Errorf("another command under its key is %v", err)
	}
	events := recorded(t, store)
	if len(events) != 1 || events[0].Trace().Parent == "" {
		t.Fatalf("there are %d events, the first of %+v", len(events), events[0].Trace())
	}

	// The same event under another span is the same event.
	other := events[0].Event
	other.Metadata = daybook.Trace{Parent: remote}.Metadata()
	if receipt, err := store.Append(t.Context(), []daybook.Event{other}, nil); err != nil || !receipt.Repeated {
		t.Errorf("appended again under another span it is %+v, %v", receipt, err)
	}

	elsewhere := memstore.New()
	if _, err := command.NewBus(elsewhere, []command.Handler{fill}, nil).Do(t.Context(), envelope, Fill{"7"}); err != nil {
		t.Fatal(err)
	}
	record, _ := command.RecordOf(events[0].Event)
	untraced := recorded(t, elsewhere)[0].Event
	if plainly, _ := command.RecordOf(untraced); plainly != record {
		t.Errorf("the record of the command is %+v, and without traces %+v", record, plainly)
	}
	if strings.Contains(string(untraced.Metadata), "traceparent") {
		t.Errorf("there is a span where nothing is traced: %s", untraced.Metadata)
	}
}

func TestARefusalIsNoFailure(t *testing.T) {
	b := newBench(t)
	store := memstore.New()
	bus := command.NewBus(store, []command.Handler{fill}, &command.Options{Around: b.traces.Command})
	for range 2 {
		b.kept.Reset()
		_, _ = bus.Do(t.Context(), command.Envelope{}, Fill{"7"})
	}
	span := b.span("command FillJar")
	b.has(span, attribute.String("daybook.outcome", "refused"))
	if span.Status.Code == codes.Error || len(span.Events) != 1 || span.Events[0].Name != "refused" {
		t.Errorf("a refusal is %v with events %v", span.Status, span.Events)
	}
	b.kept.Reset()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = bus.Do(t.Context(), command.Envelope{}, Fill{"8"})
	if span := b.span("command FillJar"); span.Status.Code != codes.Error {
		t.Errorf("a store that is closed is %v", span.Status)
	}
}

// batch is a change of a read model by events of these spans.
func batch(parents ...string) projection.Batch {
	var events []daybook.Recorded
	for _, p := range parents {
		events = append(events, daybook.Recorded{Event: daybook.Event{Metadata: daybook.Trace{Parent: p}.Metadata()}})
	}
	return projection.Batch{Projection: "list", Version: 2, Change: projection.Change{Events: events}}
}

func done(context.Context) error { return nil }

func TestABatchIsLinkedToTheCommandsWhoseEventsItShows(t *testing.T) {
	b := newBench(t)
	other, unsampled := strings.Replace(remote, "b7ad", "c7ad", 1), strings.TrimSuffix(remote, "1")+"0"
	if err := b.traces.Batch(t.Context(), batch(remote, remote, "", other, remote, unsampled, "no span"), done); err != nil {
		t.Fatal(err)
	}
	span := b.span("project list")
	if span.Parent.IsValid() || len(span.Links) != 2 {
		t.Fatalf("the batch has parent %v and %d links, want none and 2", span.Parent, len(span.Links))
	}
	if id := span.Links[0].SpanContext.SpanID().String(); id != "b7ad6b7169203331" || span.SpanContext.TraceID() == span.Links[0].SpanContext.TraceID() {
		t.Errorf("it is linked to %s, in trace %s", id, span.SpanContext.TraceID())
	}
	b.has(span, attribute.Int("daybook.events", 7), attribute.Int("daybook.version", 2))

	b.kept.Reset()
	var many []string
	for range 1000 {
		id := uuid.New()
		many = append(many, "00-0af7651916cd43dd8448eb211c80319c-"+strings.ReplaceAll(id.String(), "-", "")[:16]+"-01")
	}
	if err := b.traces.Batch(t.Context(), batch(many...), done); err != nil {
		t.Fatal(err)
	}
	if n := len(b.span("project list").Links); n != 64 {
		t.Errorf("a large batch has %d links", n)
	}

	b.kept.Reset()
	if err := b.traces.Batch(t.Context(), batch(), done); err != nil || len(b.kept.GetSpans()) != 0 {
		t.Errorf("a checkpoint that moves alone makes %d spans (%v)", len(b.kept.GetSpans()), err)
	}
	trouble := errors.New("the database is away")
	if err := b.traces.Batch(t.Context(), batch(remote), func(context.Context) error { return trouble }); err != trouble || b.span("project list").Status.Code != codes.Error {
		t.Errorf("it returned %v, and the span %v", err, b.span("project list").Status)
	}
}

func TestAProcessIsLinkedToWhatItReactsToAndItsStepsFollow(t *testing.T) {
	b := newBench(t)
	var recorded string
	ctx := daybook.WithTrace(t.Context(), daybook.Trace{Correlation: "basket-7", Parent: remote})
	react := func(ctx context.Context, kind process.ReactionKind, of string) {
		t.Helper()
		err := b.traces.Reaction(ctx, process.Reaction{Process: "fulfil", Instance: "7", Kind: kind, Of: of}, func(ctx context.Context) error {
			recorded = daybook.TraceOf(ctx).Parent
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	react(ctx, process.ToEvent, "OrderPlaced")
	reaction := b.span("react fulfil OrderPlaced")
	if reaction.Parent.IsValid() || len(reaction.Links) != 1 || reaction.Links[0].SpanContext.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("the reaction has parent %v and links %v", reaction.Parent, reaction.Links)
	}
	b.has(reaction, attribute.String("daybook.instance", "7"), attribute.String("daybook.correlation_id", "basket-7"))
	if !strings.Contains(recorded, reaction.SpanContext.SpanID().String()) {
		t.Errorf("what it led to is recorded with %s", recorded)
	}

	// Later, perhaps in another program: all that is left is what was recorded.
	later := daybook.WithTrace(context.Background(), daybook.Trace{Correlation: "basket-7", Parent: recorded})
	if _, err := b.traces.Call(later, process.Call{Process: "fulfil", Instance: "7", Effect: "Charge", Attempt: 1}, func(context.Context) (any, error) { return nil, errors.New("away") }); err == nil {
		t.Error("the error was lost")
	}
	react(later, process.ToResult, "Charge")
	_, _ = b.traces.Command(later, command.Sent{Type: "ShipOrder"}, func(context.Context) (daybook.Receipt, error) { return daybook.Receipt{}, nil })
	for _, name := range []string{"effect Charge", "react fulfil Charge", "command ShipOrder"} {
		if s := b.span(name); s.SpanContext.TraceID() != reaction.SpanContext.TraceID() || s.Parent.SpanID() != reaction.SpanContext.SpanID() {
			t.Errorf("%s is not part of the reaction", name)
		}
	}
	if s := b.span("effect Charge"); s.Status.Code != codes.Error {
		t.Errorf("a call that failed is %v", s.Status)
	}
	react(later, process.ToDeadline, "unpaid")
	if s := b.span("react fulfil unpaid"); s.Parent.IsValid() || len(s.Links) != 1 || s.Links[0].SpanContext.SpanID() != reaction.SpanContext.SpanID() {
		t.Errorf("a deadline has parent %v and links %v", s.Parent, s.Links)
	}
}

func TestAMessageIsLinkedToItsCommand(t *testing.T) {
	b := newBench(t)
	var within daybook.Trace
	sink := b.traces.Sink("hook", publish.SinkFunc(func(ctx context.Context, _ publish.Message) error {
		within = daybook.TraceOf(ctx)
		return nil
	}))
	event := daybook.Recorded{Event: daybook.Event{Type: "JarFilled", Metadata: daybook.Trace{Correlation: "basket-7", Parent: remote}.Metadata()}, Position: 3}
	ctx := daybook.WithTrace(t.Context(), event.Trace())
	if err := sink.Send(ctx, publish.Message{ID: uuid.New(), Recorded: event, Attempt: 2}); err != nil {
		t.Fatal(err)
	}
	span := b.span("publish hook")
	if len(span.Links) != 1 || span.Links[0].SpanContext.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("it has links %v", span.Links)
	}
	b.has(span, attribute.String("daybook.event_type", "JarFilled"), attribute.Int("daybook.position", 3), attribute.Int("daybook.attempt", 2))
	if within.Correlation != "basket-7" || !strings.Contains(within.Parent, span.SpanContext.SpanID().String()) {
		t.Errorf("the sink is called within %+v", within)
	}
}

func TestWhoeverFollowsTheLogMakesNoSpans(t *testing.T) {
	b := newBench(t)
	store := b.traces.Store("jars", memstore.New())
	if _, err := store.Append(t.Context(), []daybook.Event{{Type: "JarFilled"}}, nil); err != nil {
		t.Fatal(err)
	}
	b.kept.Reset()
	recorded(t, store)
	if n := len(b.kept.GetSpans()); n != 0 {
		t.Errorf("reading the log made %d spans", n)
	}
}

func TestWhatIsNotSampledSaysSo(t *testing.T) {
	b := newBench(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	inner := memstore.New()
	bus := command.NewBus(b.traces.Store("jars", inner), []command.Handler{fill}, &command.Options{Around: b.traces.Command})
	if _, err := bus.Do(t.Context(), command.Envelope{}, Fill{"7"}); err != nil {
		t.Fatal(err)
	}
	if parent := recorded(t, inner)[0].Trace().Parent; !strings.HasSuffix(parent, "-00") || len(b.kept.GetSpans()) != 0 {
		t.Errorf("the event has %s, and %d spans were kept", parent, len(b.kept.GetSpans()))
	}
}

func TestAnUnknownRouteAndMethodAreNotNames(t *testing.T) {
	b := newBench(t)
	r := httptest.NewRequest("PWN", "/no/such/page", nil)
	r.Header.Set("Traceparent", "00-nonsense")
	_, ended := b.traces.Request(r, "")
	ended(http.StatusInternalServerError)
	span := b.span("_OTHER")
	if span.Status.Code != codes.Error || span.Parent.IsValid() {
		t.Errorf("it is %v with parent %v", span.Status, span.Parent)
	}
}

func TestTheSpanTravelsAsItIsWritten(t *testing.T) {
	encoded, err := json.Marshal(daybook.Trace{Parent: remote})
	if err != nil || string(encoded) != `{"traceparent":"`+remote+`"}` {
		t.Errorf("%s, %v", encoded, err)
	}
}
