package memstore_test

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// A seat is sold once: whoever sells it says that nobody has sold it since they
// looked.
func Example() {
	ctx, store := context.Background(), memstore.New()
	seat := daybook.Query{{Types: []string{"SeatSold"}, Tags: []string{"seat:12A"}}}
	sell := func(passenger string) error {
		_, err := store.Append(ctx, []daybook.Event{{
			Type: "SeatSold",
			Tags: []string{"seat:12A", "passenger:" + passenger},
		}}, daybook.Nothing(seat, daybook.Point{}))
		return err
	}
	fmt.Println("ada:", sell("ada"))
	fmt.Println("bob:", sell("bob"))
	// Output:
	// ada: <nil>
	// bob: daybook: conflict: expected nothing selected by the query to be recorded after position 0 (see position 1)
}
