package web

import (
	"log/slog"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/internal/hostile"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// The shop's own server, with the limits that it has by default, stands what strangers do.
func TestTheShopUnderAttack(t *testing.T) {
	shop, err := orders.Open(t.Context(), memstore.New(), t.TempDir(), &orders.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := shop.Close(); err != nil {
			t.Error(err)
		}
	}()
	site := New(shop, &Options{Options: httpapi.Options{Logger: slog.New(slog.DiscardHandler), Hosts: []string{}, Timeout: 2 * time.Second}})
	hostile.Attack(t, hostile.Site{
		Serve: site.Serve,
		Query: "/orders", Command: "/orders", Body: `{"total": 100}`, Form: "total=1.00",
		Stream: "/events/live", Large: "/openapi.json", Host: "localhost",
	})
}
