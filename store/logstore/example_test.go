package logstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// What was acknowledged is there when the directory is opened again.
func Example() {
	dir, _ := os.MkdirTemp("", "log")
	defer os.RemoveAll(dir)
	ctx := context.Background()

	store, err := logstore.Open(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	receipt, err := store.Append(ctx, []daybook.Event{
		{Stream: "order-42", Type: "OrderPlaced"},
		{Stream: "order-42", Type: "OrderPaid"},
	}, daybook.New("order-42"))
	fmt.Println("position", receipt.Position, "safe on", receipt.Durability, err)
	fmt.Println("closed:", store.Close())

	store, err = logstore.Open(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	reading, err := store.Read(ctx, daybook.Stream("order-42"), daybook.Span{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range reading.Events() {
		fmt.Println(event.Version, event.Type, err)
	}
	// Output:
	// position 2 safe on disk <nil>
	// closed: <nil>
	// 1 OrderPlaced <nil>
	// 2 OrderPaid <nil>
}

// A directory belongs to one store at a time. Who comes second is told who was first.
func ExampleOpen_locked() {
	dir, _ := os.MkdirTemp("", "log")
	defer os.RemoveAll(dir)
	first, err := logstore.Open(dir, &logstore.Options{Owner: "the shop at port 8080"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer first.Close()

	_, err = logstore.Open(dir, nil)
	if locked := (*logstore.LockedError)(nil); errors.As(err, &locked) {
		fmt.Println("open in", locked.Owner)
	}
	// Output:
	// open in the shop at port 8080
}
