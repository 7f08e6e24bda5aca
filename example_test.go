package daybook_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// The facts about an order: plain structs, no methods, no base type.
type (
	Placed  struct{ Cents int }
	Paid    struct{ Cents int }
	Shipped struct{ Carrier string }
)

// Order is what an order's commands need to know of its past.
type Order struct {
	Owed          int
	Placed, Ready bool
}

// Orders says in one place what each fact is called, for ever, and how it changes an
// order.
var Orders = decider.For("order",
	decider.On("OrderPlaced", func(o *Order, e Placed) { o.Placed, o.Owed = true, e.Cents }),
	decider.On("OrderPaid", func(o *Order, e Paid) { o.Owed, o.Ready = o.Owed-e.Cents, true }),
	decider.On("OrderShipped", func(o *Order, e Shipped) { o.Ready = false }),
)

var ErrNotPaid = daybook.NewRule("paid-before-shipped", "nothing ships unpaid")

func Place(cents int) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		if o.Placed {
			return nil, nil // placed already: nothing to add
		}
		return []any{Placed{cents}}, nil
	}
}

func Pay(o Order) ([]any, error) {
	if o.Owed == 0 {
		return nil, nil // paid already: nothing to add
	}
	return []any{Paid{o.Owed}}, nil
}

func Ship(o Order) ([]any, error) {
	if !o.Ready {
		return nil, ErrNotPaid
	}
	return []any{Shipped{"DHL"}}, nil
}

// Overview is a read model: how much was paid, and how many orders are on their way.
type Overview struct{ Cents, OnTheirWay int }

func Example() {
	ctx, stop := context.WithCancel(context.Background())
	store := memstore.New()
	overview := memview.New("overview", 1, Orders.Codec(), func() Overview { return Overview{} },
		memview.On(func(v *Overview, e Paid, _ daybook.Recorded) { v.Cents += e.Cents }),
		memview.On(func(v *Overview, _ Shipped, _ daybook.Recorded) { v.OnTheirWay++ }),
	)
	runner, ran := projection.NewRunner(store, overview, nil), make(chan error)
	go func() { ran <- runner.Run(ctx) }()

	_, err := Orders.Decide(ctx, store, "42", Place(2000))
	fmt.Println("place:", err)
	_, err = Orders.Decide(ctx, store, "42", Ship)
	fmt.Println("ship:", err, "- for that reason:", errors.Is(err, ErrNotPaid))
	_, err = Orders.Decide(ctx, store, "42", Pay)
	fmt.Println("pay:", err)
	receipt, err := Orders.Decide(ctx, store, "42", Ship)
	fmt.Println("ship:", err, "- at version", receipt.Versions["order-42"])

	err = runner.Wait(ctx, receipt.Point) // until the read model shows what was just decided
	overview.Read(func(v Overview, _ projection.Checkpoint) { fmt.Printf("overview: %+v %v\n", v, err) })
	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// place: <nil>
	// ship: daybook: refused (paid-before-shipped): nothing ships unpaid - for that reason: true
	// pay: <nil>
	// ship: <nil> - at version 3
	// overview: {Cents:2000 OnTheirWay:1} <nil>
	// stopped: <nil>
}
