package command_test

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// A guest taps "order" twice, because the first answer was slow. The kitchen gets
// one order.
func Example() {
	type (
		DishOrdered struct{ Dish string }
		Table       struct{ Dishes int }
		OrderDish   struct {
			Table string `json:"table"`
			Dish  string `json:"dish"`
		}
	)
	tables := decider.For("table",
		decider.On("DishOrdered", func(t *Table, _ DishOrdered) { t.Dishes++ }),
	)
	order := func(c OrderDish, _ command.ID) decider.Plan {
		return tables.At(c.Table, func(Table) ([]any, error) { return []any{DishOrdered{c.Dish}}, nil })
	}

	bus := command.NewBus(memstore.New(), []command.Handler{command.On("OrderDish", order)}, nil)
	tap := func(key, body string) {
		envelope := command.Envelope{Principal: "table-7", Key: key}
		receipt, err := bus.Send(context.Background(), envelope, "OrderDish", []byte(body))
		fmt.Println(receipt.Versions, receipt.Repeated, err)
	}
	tap("first", `{"table": "7", "dish": "soup"}`)
	tap("first", `{"dish": "soup", "table": "7"}`)
	tap("second", `{"table": "7", "dish": "bread"}`)
	tap("third", `{"table": "7", "dihs": "bread"}`)
	// Output:
	// map[table-7:1] false <nil>
	// map[table-7:1] true <nil>
	// map[table-7:2] false <nil>
	// map[] false daybook: invalid: command OrderDish at /dihs (byte 15) is a field that the command does not have
}

// The order that is placed has an id that a retry finds again.
func ExampleID_Derive() {
	id := command.KeyID("ada", "PlaceOrder", "key-1")
	fmt.Println(id.Derive("order"))
	fmt.Println(id.Derive("order") == command.KeyID("ada", "PlaceOrder", "key-1").Derive("order"))
	// Output:
	// 930a29f0-d742-8d3e-9ffe-ad0d3860dfd8
	// true
}
