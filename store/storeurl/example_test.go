package storeurl_test

import (
	"context"
	"fmt"
	"log"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/storeurl"
)

func Example() {
	ctx := context.Background()
	// This is the line that changes the store. It comes from a flag or the environment:
	// data/orders, log:///var/lib/orders, postgres://localhost/shop, …
	const url = "mem://"

	store, err := storeurl.Open(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	receipt, err := store.Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPlaced"}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Position, receipt.Durability)
	// Output: 1 memory
}

// A program may refuse what does not keep its events.
func ExampleOpen_require() {
	_, err := storeurl.Open(context.Background(), "mem://?require=disk", nil)
	fmt.Println(err)
	// Output: mem://?require=disk: what is recorded there survives as "memory" says, and "disk" was required
}

// A program that is for directories only, and has a word of its own for one of them.
func ExampleRegistry() {
	stores := storeurl.Registry{"log": storeurl.Log}
	stores["demo"] = func(ctx context.Context, u *storeurl.URL, o *storeurl.Options) (storeurl.Store, error) {
		if err := u.Done(); err != nil {
			return nil, err
		}
		return storeurl.Mem(ctx, &storeurl.URL{Scheme: "mem"}, o)
	}

	_, err := stores.Open(context.Background(), "postgres://ada:secret@localhost/shop", nil)
	fmt.Println(err)
	_, err = stores.Open(context.Background(), "demo://?colour=blue", nil)
	fmt.Println(err)
	// Output:
	// postgres://ada:xxxxx@localhost/shop: there is no store for postgres://; there are demo://, log://
	// demo://?colour=blue: there is no parameter colour for demo://; there are require
}
