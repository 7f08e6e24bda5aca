package memstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, subject())
}

func subject() storetest.Subject {
	return storetest.Subject{
		Open:   func(testing.TB) daybook.Store { return memstore.New() },
		OpenAt: func(_ testing.TB, now func() time.Time) daybook.Store { return &memstore.Store{Now: now} },
		Scavenge: func(t testing.TB, s daybook.Store) {
			if err := s.(*memstore.Store).Scavenge(context.Background()); err != nil {
				t.Fatalf("scavenge: %v", err)
			}
		},
	}
}
