package guides

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// Sales is a read model: what was put on cards, and what was paid with them.
type Sales struct{ Sold, Redeemed int }

func newSales() *memview.View[Sales] {
	return memview.New("sales", 1, Cards.Codec(), func() Sales { return Sales{} },
		memview.On(func(s *Sales, e Issued, _ daybook.Recorded) { s.Sold += e.Cents }),
		memview.On(func(s *Sales, e Spent, _ daybook.Recorded) { s.Redeemed += e.Cents }),
	)
}

func Example_ownWrites() {
	ctx, stop := context.WithCancel(context.Background())
	store, sales := memstore.New(), newSales()
	runner, ran := projection.NewRunner(store, sales, nil), make(chan error)
	go func() { ran <- runner.Run(ctx) }()

	receipt, err := Cards.Decide(ctx, store, "7", Issue(5000))
	fmt.Println("issue:", err)
	token := receipt.Point.String() // to the client, and back with its next question

	point, err := daybook.ParsePoint(token)
	fmt.Println("token:", err)
	patience, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	fmt.Println("wait:", runner.Wait(patience, point))
	sales.Read(func(s Sales, _ projection.Checkpoint) { fmt.Println("sold:", s.Sold) })

	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// issue: <nil>
	// token: <nil>
	// wait: <nil>
	// sold: 5000
	// stopped: <nil>
}
