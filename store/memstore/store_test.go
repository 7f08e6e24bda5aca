package memstore_test

import (
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open:   func(testing.TB) daybook.Store { return memstore.New() },
		OpenAt: func(_ testing.TB, now func() time.Time) daybook.Store { return &memstore.Store{Now: now} },
	})
}
