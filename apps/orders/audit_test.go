package orders_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// An audit finds whatever must not be, wherever it came from: here it is recorded past all
// rules.
func TestAnAuditFindsWhatMustNotBe(t *testing.T) {
	order := func(facts ...any) []any {
		return daybooktest.In("order-7", append([]any{orders.OrderPlaced{Total: 100, Currency: orders.Currency},
			orders.FulfilmentRequested{Total: 100, Wanted: []orders.Wanted{{SKU: "lamp", Quantity: 2}}}}, facts...)...)
	}
	lamp := func(facts ...any) []any { return daybooktest.In("stock-lamp", facts...) }
	paid := orders.PaymentReceived{Method: "boleto", Amount: 100}
	reserved := orders.StockReserved{SKU: "lamp", Order: "7", Quantity: 2}
	picked := orders.StockPicked{SKU: "lamp", Order: "7", Quantity: 2}
	received := orders.StockReceived{SKU: "lamp", Quantity: 5}
	for _, c := range []struct {
		name               string
		facts              [][]any
		broken, unfinished string
	}{
		{name: "sound", facts: [][]any{lamp(received, reserved), order(paid, orders.PaymentApproved{}, orders.OrderShipped{}), lamp(picked)}},
		{name: "sound and cancelled", facts: [][]any{lamp(received, reserved), order(paid, orders.OrderCancelled{}, orders.PaymentRefunded{Amount: 100}), lamp(orders.StockReleased{SKU: "lamp", Order: "7", Quantity: 2})}},
		{name: "shipped after it was cancelled", facts: [][]any{order(paid, orders.OrderCancelled{}, orders.PaymentRefunded{Amount: 100}, orders.OrderShipped{})}, broken: "was shipped, which is cancelled"},
		{name: "cancelled after it was shipped", facts: [][]any{order(paid, orders.OrderShipped{}, orders.OrderCancelled{}, orders.PaymentRefunded{Amount: 100})}, broken: "was cancelled, which is shipped"},
		{name: "shipped unpaid", facts: [][]any{order(orders.OrderShipped{})}, broken: "was shipped, which paid 0.00 of 1.00"},
		{name: "refunded more than was paid", facts: [][]any{order(paid, orders.PaymentRefunded{Amount: 101}, orders.OrderCancelled{})}, broken: "was refunded", unfinished: "was not refunded"},
		{name: "oversold", facts: [][]any{lamp(orders.StockReceived{SKU: "lamp", Quantity: 1}, reserved), order()}, broken: "there are 1 pieces of lamp, of which 2 are reserved"},
		{name: "half reserved", facts: [][]any{order(), lamp(received, orders.StockReserved{SKU: "lamp", Order: "7", Quantity: 1})}, broken: "1 pieces of lamp were reserved for order 7, which wants 2"},
		{name: "released twice", facts: [][]any{lamp(received, reserved, orders.StockReleased{SKU: "lamp", Order: "7", Quantity: 2}, orders.StockReleased{SKU: "lamp", Order: "7", Quantity: 2})}, broken: "2 pieces of lamp were released"},
		{name: "picked and not shipped", facts: [][]any{order(paid), lamp(received, reserved, picked)}, broken: "was picked for order 7, which was not shipped"},
		{name: "miscounted", facts: [][]any{lamp(received, orders.StockCounted{SKU: "lamp", Counted: 4})}, broken: "4 pieces of lamp were counted, and the difference makes them 5"},
		{name: "cancelled and not refunded", facts: [][]any{order(paid, orders.OrderCancelled{})}, unfinished: "is cancelled, and 1.00 was not refunded"},
		{name: "cancelled and not released", facts: [][]any{order(orders.OrderCancelled{}), lamp(received, reserved)}, unfinished: "is cancelled, and 2 pieces are kept for it"},
		{name: "shipped and not picked", facts: [][]any{order(paid, orders.OrderShipped{}), lamp(received, reserved)}, unfinished: "is shipped, and 2 pieces are still on the shelf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := new(memstore.Store)
			codec := daybook.Join(orders.Orders.Codec(), orders.Stock.Codec())
			for _, fact := range slices.Concat(c.facts...) {
				entry := fact.(decider.Entry)
				event, err := codec.Event(entry.Fact)
				if err != nil {
					t.Fatal(err)
				}
				event.Stream = entry.Stream
				if _, err := store.Append(t.Context(), []daybook.Event{event}, nil); err != nil {
					t.Fatal(err)
				}
			}
			a, err := orders.AuditLog(t.Context(), store)
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range []struct {
				name string
				got  []string
				want string
			}{{"broken", a.Broken, c.broken}, {"unfinished", a.Unfinished, c.unfinished}} {
				if list.want == "" && len(list.got) > 0 || list.want != "" && !strings.Contains(strings.Join(list.got, "\n"), list.want) {
					t.Errorf("%s is %q, want %q", list.name, list.got, list.want)
				}
			}
		})
	}
}
