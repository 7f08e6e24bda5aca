package oteltraces_test

import (
	"context"
	"strconv"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// nowhere is where spans are made and thrown away: what a collector costs is not the
// command's to wait for.
type nowhere struct{}

func (nowhere) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (nowhere) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (nowhere) Shutdown(context.Context) error                  { return nil }
func (nowhere) ForceFlush(context.Context) error                { return nil }

// What it costs a command to be seen, in memory, where nothing hides it, and on a disk.
func BenchmarkCommand(b *testing.B) {
	stores := map[string]func() daybook.Store{
		"memory": func() daybook.Store { return memstore.New() },
		"disk": func() daybook.Store {
			store, err := logstore.Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { store.Close() })
			return store
		},
	}
	provider := func(s sdktrace.Sampler) *oteltraces.Traces {
		return oteltraces.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(nowhere{}), sdktrace.WithSampler(s)))
	}
	for _, where := range []string{"memory", "disk"} {
		for _, how := range []string{"plain", "counted", "counted and one in a hundred traced", "counted and traced"} {
			b.Run(where+"/"+how, func(b *testing.B) {
				store, around := stores[where](), command.Around(nil)
				if how != "plain" {
					metrics := prommetrics.New()
					store, around = metrics.Store("jars", store), metrics.Command
				}
				var traces *oteltraces.Traces
				switch how {
				case "counted and one in a hundred traced":
					traces = provider(sdktrace.TraceIDRatioBased(0.01))
				case "counted and traced":
					traces = provider(sdktrace.AlwaysSample())
				}
				if traces != nil {
					store, around = traces.Store("jars", store), command.Within(traces.Command, around)
				}
				bus := command.NewBus(store, []command.Handler{fill}, &command.Options{Around: around})
				b.ReportAllocs()
				b.ResetTimer()
				for n := range b.N {
					if _, err := bus.Do(b.Context(), command.Envelope{}, Fill{strconv.Itoa(n)}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
