package embedded_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "daybook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := embedded.Open(ctx, dir, &natsstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	order := daybook.Event{Stream: "order-42", Type: "OrderPlaced", Data: []byte(`{"total":100}`)}
	receipt, err := store.Append(ctx, []daybook.Event{order}, daybook.New("order-42"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Position, receipt.Durability)

	_, err = store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPlaced"}}, daybook.New("order-42"))
	fmt.Println(err)
	// Output:
	// 1 disk
	// daybook: conflict: expected stream order-42 to be new (see position 1)
}
