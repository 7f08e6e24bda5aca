package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/remote"
)

// Import records what Olist's tables tell.
type Import struct {
	Data
	Addr string `xor:"shop,store" placeholder:"URL" here:"" help:"Address of the server that has the shop open, instead of --data."`
	program.Bearer
	From string `arg:"" help:"Directory, anywhere below which are the tables olist_orders_dataset.csv, olist_order_items_dataset.csv, olist_order_payments_dataset.csv and olist_customers_dataset.csv, plain or .gz; those of products, sellers and category names are used if they are there."`
}

// Run imports. It can be stopped at any time, and run again.
func (c *Import) Run(ctx context.Context, s *program.Streams) (err error) {
	to, shown, done, err := c.recorder(ctx, s)
	if err != nil {
		return err
	}
	defer done(&err)

	tell, told := program.Progress(s.Err, "orders")
	sum, err := orders.ImportOlist(ctx, c.From, to, func(p orders.Progress) {
		tell(program.Done{Things: p.Orders, Events: p.Events, Read: p.Read, Size: p.Size})
	})
	told()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("it was stopped")
		}
		if sum.Orders > 0 {
			return fmt.Errorf("import: %w\n%s orders are recorded; run it again to go on", err, program.Count(sum.Added+sum.Repeated))
		}
		return fmt.Errorf("import: %w", err)
	}
	if sum.Events > catchingUp {
		fmt.Fprintln(s.Err, "all of it is recorded; the views are catching up")
	}
	began := time.Now()
	if err := shown(ctx); err != nil {
		return fmt.Errorf("import: everything is recorded, but not shown yet: %w", err)
	}
	summarise(s.Out, sum, time.Since(began))
	return nil
}

// catchingUp is after how many events it is worth saying that the views take their
// time: they apply some tens of thousands a second.
const catchingUp = 100_000

// recorder returns who records: the shop in the directory, or the one at an address;
// with what to wait for until all of it is shown, and what to do at the end.
func (c *Import) recorder(ctx context.Context, s *program.Streams) (orders.Recorder, func(context.Context) error, func(*error), error) {
	if c.Addr != "" {
		shop, err := remote.Dial(c.Addr, c.Key)
		if err != nil {
			return nil, nil, nil, err
		}
		return shop, shop.Wait, func(*error) {}, nil
	}
	shop, err := c.open(ctx, fmt.Sprintf("orders import, process %d", os.Getpid()), s.Log, nil, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	return shop, shop.caughtUp, shop.close, nil
}

// summarise says what came of an import, and what was odd.
func summarise(w io.Writer, sum orders.Import, showing time.Duration) {
	fmt.Fprintf(w, "%s orders read: %s added with %s events, %s there already",
		program.Count(sum.Orders), program.Count(sum.Added), program.Count(sum.Events), program.Count(sum.Repeated))
	if len(sum.Different) > 0 {
		fmt.Fprintf(w, ", %s there with another history and left as they are (the first is %s)", program.Count(len(sum.Different)), sum.Different[0])
	}
	fmt.Fprintf(w, ".\n%.1f s", sum.Elapsed.Seconds())
	if sum.Events > 0 {
		fmt.Fprintf(w, ", %s events a second, each of them safe on disk; shown %.1f s later", program.Count(program.PerSecond(sum.Events, sum.Elapsed)), showing.Seconds())
	}
	fmt.Fprintln(w, ".")
	importing.WriteOdd(w, "Odd, and kept as it is", sum.Odd)
}
