package daybook_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// A stream is deleted by an event, on a condition like any other. It is new again, its
// versions go on, and what was appended before is still a repeat.
func ExampleDeleted() {
	ctx, store := context.Background(), memstore.New()
	show := func(span daybook.Span) {
		reading, err := store.Read(ctx, daybook.Stream("order-42"), span)
		if err != nil {
			fmt.Println(err)
		}
		for e, err := range reading.Events() {
			fmt.Print("  ", e.Type, " version ", e.Version)
			if e.Forgotten {
				fmt.Print(", forgotten")
			}
			fmt.Println("", err)
		}
	}
	placed := daybook.Event{ID: uuid.New(), Stream: "order-42", Type: "OrderPlaced"}
	paid := daybook.Event{Stream: "order-42", Type: "OrderPaid"}
	if _, err := store.Append(ctx, []daybook.Event{placed, paid}, nil); err != nil {
		fmt.Println(err)
	}

	_, err := store.Append(ctx, []daybook.Event{daybook.Deleted("order-42")}, daybook.At("order-42", 2))
	fmt.Println("deleted:", err)
	show(daybook.Span{})

	receipt, err := store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPlaced"}}, daybook.New("order-42"))
	fmt.Println("placed anew at version", receipt.Versions["order-42"], err)
	show(daybook.Span{Forgotten: true})

	receipt, err = store.Append(ctx, []daybook.Event{placed}, nil)
	fmt.Println("the first one again, a repeat:", receipt.Repeated, err)
	// Output:
	// deleted: <nil>
	// placed anew at version 3 <nil>
	//   OrderPlaced version 1, forgotten <nil>
	//   OrderPaid version 2, forgotten <nil>
	//   OrderPlaced version 3 <nil>
	// the first one again, a repeat: true <nil>
}

// A tombstone is a deletion for good.
func ExampleTombstoned() {
	ctx, store := context.Background(), memstore.New()
	events := []daybook.Event{{Stream: "order-42", Type: "OrderPlaced"}, daybook.Tombstoned("order-42")}
	if _, err := store.Append(ctx, events, nil); err != nil {
		fmt.Println(err)
	}
	_, err := store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPaid"}}, nil)
	fmt.Println(err)
	// Output:
	// daybook: invalid: event 1: stream "order-42" was tombstoned at position 2 and takes no event any more
}

// A truncation forgets what is below a version: here all but a summary.
func ExampleTruncated() {
	ctx, store := context.Background(), memstore.New()
	for _, typ := range []string{"Deposited", "Withdrawn", "Deposited", "BalanceCarriedOver"} {
		if _, err := store.Append(ctx, []daybook.Event{{Stream: "account-7", Type: typ}}, nil); err != nil {
			fmt.Println(err)
		}
	}
	if _, err := store.Append(ctx, []daybook.Event{daybook.Truncated("account-7", 4)}, daybook.At("account-7", 4)); err != nil {
		fmt.Println(err)
	}
	reading, err := store.Read(ctx, daybook.Stream("account-7"), daybook.Span{})
	if err != nil {
		fmt.Println(err)
	}
	for e, err := range reading.Events() {
		fmt.Println(e.Version, e.Type, err)
	}
	// Output:
	// 4 BalanceCarriedOver <nil>
}

// A log is copied with everything that is forgotten, and again when it has grown.
func ExampleCopy() {
	ctx, store, copied := context.Background(), memstore.New(), memstore.New()
	for _, typ := range []string{"OrderPlaced", "OrderPaid", "OrderShipped"} {
		if _, err := store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: typ}}, nil); err != nil {
			fmt.Println(err)
		}
		point, err := daybook.Copy(ctx, copied, store)
		fmt.Println("copied up to position", point.Position, err)
	}
	receipt, err := copied.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderDelivered"}}, daybook.At("order-42", 3))
	fmt.Println("the copy goes on at position", receipt.Position, err)
	_, err = daybook.Copy(ctx, copied, store)
	fmt.Println(err)
	// Output:
	// copied up to position 1 <nil>
	// copied up to position 2 <nil>
	// copied up to position 3 <nil>
	// the copy goes on at position 4 <nil>
	// daybook: invalid: copy goes to a log that ends at position 4, where the log that is copied has no event
}
