package prommetrics_test

import (
	"errors"
	"io"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

var counted = storetest.Subject{
	Open: func(t testing.TB) daybook.Store { return prommetrics.New().Store("log", memstore.New()) },
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

func TestAStoreThatIsCountedIsAStore(t *testing.T) { storetest.Run(t, counted) }

func TestAStoreThatIsCountedAnswersAsTheModelDoes(t *testing.T) {
	storetest.Compare(t, memstore.New(), counted, 1, 2000)
}

// plain is a store that can do nothing else.
type plain struct{ daybook.Store }

func TestACountedStoreCanDoWhatTheStoreInItCan(t *testing.T) {
	m := prommetrics.New()
	inner := memstore.New()
	able := m.Store("able", inner)
	if _, is := able.(daybook.Restorer); !is {
		t.Error("it does not restore, and the store in it does")
	}
	if _, is := m.Store("unable", plain{inner}).(daybook.Restorer); is {
		t.Error("it restores, and the store in it does not")
	}
	if err := able.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	if _, err := inner.Info(t.Context()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("the store in it was not closed: %v", err)
	}
}
