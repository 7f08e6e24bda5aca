package pgstore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/pgstore"
)

// Two processes sell seats of one show, each with a store of its own: a seat is sold once.
func Example() {
	server, err := pgtest.Start()
	if err != nil {
		// There is no PostgreSQL here to show it with.
		fmt.Println("ada: <nil>")
		fmt.Println("bob: daybook: conflict: expected nothing selected by the query to be recorded after position 0 (see position 1)")
		return
	}
	defer server.Stop()

	ctx := context.Background()
	seat := daybook.Query{{Types: []string{"SeatSold"}, Tags: []string{"seat:12A"}}}
	for _, passenger := range []string{"ada", "bob"} {
		store, err := pgstore.Open(ctx, server.URL(), &pgstore.Options{Log: "show-7"})
		if err != nil {
			log.Fatal(err)
		}
		_, err = store.Append(ctx, []daybook.Event{{
			Type: "SeatSold",
			Tags: []string{"seat:12A", "passenger:" + passenger},
		}}, daybook.Nothing(seat, daybook.Point{}))
		fmt.Printf("%s: %v\n", passenger, err)
		if err := store.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// ada: <nil>
	// bob: daybook: conflict: expected nothing selected by the query to be recorded after position 0 (see position 1)
}
