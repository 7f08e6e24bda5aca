package guides

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
	"github.com/daybook-es/daybook/telemetry/otlptraces"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
	"github.com/daybook-es/daybook/telemetry/slogids"
)

// IssueCard and SpendOnCard are commands of the gift cards.
type (
	IssueCard   struct{ Card string }
	SpendOnCard struct {
		Card  string
		Cents int
	}
)

var cardCommands = []command.Handler{
	command.On("IssueCard", func(c IssueCard, _ command.ID) decider.Plan { return Cards.At(c.Card, Issue(5000)) }),
	command.On("SpendOnCard", func(c SpendOnCard, _ command.ID) decider.Plan { return Cards.At(c.Card, Spend(c.Cents)) }),
}

func Example_metrics() {
	ctx := context.Background()
	metrics, registry := prommetrics.New(), prometheus.NewRegistry()
	registry.MustRegister(metrics)

	store := metrics.Store("cards", memstore.New())
	bus := command.NewBus(store, cardCommands, &command.Options{Around: metrics.Command})
	sales := newSales()
	runner := projection.NewRunner(store, sales, nil)
	metrics.Projections(prommetrics.RunnerOf(runner))

	for _, c := range []any{IssueCard{"7"}, SpendOnCard{"7", 2000}, SpendOnCard{"7", 4000}} {
		_, _ = bus.Do(ctx, command.Envelope{}, c)
	}
	fmt.Println("caught up:", runner.CatchUp(ctx))

	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		for _, name := range []string{"daybook_commands_total{", "daybook_refusals_total{", "daybook_projection_position{", "daybook_log_head_position{"} {
			if strings.HasPrefix(line, name) {
				fmt.Print(line)
			}
		}
	}
	// Output:
	// caught up: <nil>
	// daybook_commands_total{command="IssueCard",outcome="recorded"} 1
	// daybook_commands_total{command="SpendOnCard",outcome="recorded"} 1
	// daybook_commands_total{command="SpendOnCard",outcome="refused"} 1
	// daybook_log_head_position{log="cards"} 2
	// daybook_projection_position{edition="",projection="sales",version="1"} 2
	// daybook_refusals_total{command="SpendOnCard",rule="card-covers"} 1
}

func Example_traces() {
	ctx := context.Background()
	provider, err := otlptraces.Open("http://localhost:4318", &otlptraces.Options{Service: "cards", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer provider.Close(ctx)
	traces := oteltraces.New(provider)

	inner := memstore.New()
	store := traces.Store("cards", inner)
	bus := command.NewBus(store, cardCommands, &command.Options{Around: traces.Command})
	sales := newSales()
	runner := projection.NewRunner(store, sales, &projection.Options{Around: traces.Batch})
	fmt.Println("runs:", runner != nil)

	ctx = daybook.WithTrace(ctx, daybook.Trace{Correlation: "basket-7"})
	_, err = bus.Do(ctx, command.Envelope{}, IssueCard{"7"})
	fmt.Println("issued:", err)
	reading, _ := inner.Read(ctx, daybook.All(), daybook.Span{})
	for e := range reading.Events() {
		trace := e.Trace()
		fmt.Println(e.Type, trace.Correlation, trace.Parent != "")
	}
	// Output:
	// runs: true
	// issued: <nil>
	// CardIssued basket-7 true
}

func Example_logs() {
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slogids.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: noTime})))
	ctx := daybook.WithTrace(context.Background(), daybook.Trace{
		Correlation: "basket-7",
		Parent:      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	})
	log.InfoContext(ctx, "issued", "card", "7")
	// Output:
	// level=INFO msg=issued correlation=basket-7 trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 card=7
}
