package guides

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// Redeemed is what Spent has become: with a place, and under a better name.
type Redeemed struct {
	Cents int
	Place string
}

// CardsNow reads what Cards recorded, and records Redeemed from now on.
var CardsNow = decider.For("card",
	decider.On("CardIssued", func(c *Card, e Issued) { c.Issued, c.Left = true, e.Cents }),
	decider.On("CardRedeemed", func(c *Card, e Redeemed) { c.Left -= e.Cents }),
).Upcast(
	daybook.Was("CardSpent", func(old Spent) Redeemed { return Redeemed{old.Cents, "unknown"} }),
)

// CardsBetween records Spent still, and reads Redeemed as what it knows.
var CardsBetween = decider.For("card",
	decider.On("CardIssued", func(c *Card, e Issued) { c.Issued, c.Left = true, e.Cents }),
	decider.On("CardSpent", func(c *Card, e Spent) { c.Left -= e.Cents }),
).Upcast(
	daybook.Was("CardRedeemed", func(next Redeemed) Spent { return Spent{next.Cents} }),
)

func Example_changeAnEvent() {
	ctx, store := context.Background(), memstore.New()
	Cards.Decide(ctx, store, "7", Issue(5000))
	Cards.Decide(ctx, store, "7", Spend(2000)) // by the program of yesterday

	redeem := func(c Card) ([]any, error) { return []any{Redeemed{1000, "Lisbon"}}, nil }
	_, err := CardsNow.Decide(ctx, store, "7", redeem)
	fmt.Println("redeem:", err)
	loaded, err := CardsNow.Load(ctx, store, "7", daybook.Span{})
	fmt.Println("left:", loaded.State.Left, err)

	_, err = Cards.Decide(ctx, store, "7", Spend(500)) // yesterday's program, still running
	fmt.Println("yesterday:", err)

	_, err = CardsBetween.Decide(ctx, store, "7", Spend(500))
	fmt.Println("between:", err)

	old := daybook.Event{Stream: "card-8", Type: "CardSpent", Data: []byte(`{"Cents": 500}`)}
	_, err = store.Append(ctx, []daybook.Event{old}, daybook.Condition{})
	loaded, _ = CardsNow.Load(ctx, store, "8", daybook.Span{})
	fmt.Println("read:", loaded.State.Left, err)
	// Output:
	// redeem: <nil>
	// left: 2000 <nil>
	// yesterday: decider: fold card-7: daybook: unreadable: CardRedeemed at position 3: this program has no kind for it; a newer one may have recorded it
	// between: <nil>
	// read: -500 <nil>
}
