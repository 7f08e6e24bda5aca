package oteltraces_test

import (
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
)

var traced = storetest.Subject{
	Open: func(t testing.TB) daybook.Store {
		return oteltraces.New(sdktrace.NewTracerProvider()).Store("log", memstore.New())
	},
	Scavenge: func(t testing.TB, s daybook.Store) {
		inner, is := daybook.As[*memstore.Store](s)
		if !is {
			t.Fatal("the store in it is not to be found")
		}
		if err := inner.Scavenge(t.Context()); err != nil {
			t.Fatal(err)
		}
	},
}

func TestAStoreThatIsTracedIsAStore(t *testing.T) { storetest.Run(t, traced) }

func TestAStoreThatIsTracedAnswersAsTheModelDoes(t *testing.T) {
	storetest.Compare(t, memstore.New(), traced, 1, 2000)
}
