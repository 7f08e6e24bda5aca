package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/remote"
)

// Import records what Olist's tables tell.
type Import struct {
	Data
	Addr string `xor:"shop,store" placeholder:"URL" help:"Address of the server that has the shop open, instead of --data."`
	From string `arg:"" help:"Directory, anywhere below which are the tables olist_orders_dataset.csv, olist_order_items_dataset.csv, olist_order_payments_dataset.csv and olist_customers_dataset.csv, plain or .gz; those of products, sellers and category names are used if they are there."`
}

// Run imports. It can be stopped at any time, and run again.
func (c *Import) Run(ctx context.Context, s *streams) (err error) {
	to, shown, done, err := c.recorder(ctx, s)
	if err != nil {
		return err
	}
	defer done(&err)

	tell, told := progress(s.err)
	sum, err := orders.ImportOlist(ctx, c.From, to, tell)
	told()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("it was stopped")
		}
		if sum.Orders > 0 {
			return fmt.Errorf("import: %w\n%s orders are recorded; run it again to go on", err, count(sum.Added+sum.Repeated))
		}
		return fmt.Errorf("import: %w", err)
	}
	if sum.Events > catchingUp {
		fmt.Fprintln(s.err, "all of it is recorded; the views are catching up")
	}
	began := time.Now()
	if err := shown(ctx); err != nil {
		return fmt.Errorf("import: everything is recorded, but not shown yet: %w", err)
	}
	summarise(s.out, sum, time.Since(began))
	return nil
}

// catchingUp is after how many events it is worth saying that the views take their
// time: they apply some tens of thousands a second.
const catchingUp = 100_000

// recorder returns who records: the shop in the directory, or the one at an address;
// with what to wait for until all of it is shown, and what to do at the end.
func (c *Import) recorder(ctx context.Context, s *streams) (orders.Recorder, func(context.Context) error, func(*error), error) {
	if c.Addr != "" {
		shop, err := remote.Dial(c.Addr)
		if err != nil {
			return nil, nil, nil, err
		}
		return shop, shop.Wait, func(*error) {}, nil
	}
	shop, err := c.open(ctx, fmt.Sprintf("orders import, process %d", os.Getpid()), s.log, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	return shop, shop.caughtUp, shop.close, nil
}

// summarise says what came of an import, and what was odd.
func summarise(w io.Writer, sum orders.Import, showing time.Duration) {
	fmt.Fprintf(w, "%s orders read: %s added with %s events, %s there already",
		count(sum.Orders), count(sum.Added), count(sum.Events), count(sum.Repeated))
	if len(sum.Different) > 0 {
		fmt.Fprintf(w, ", %s there with another history and left as they are (the first is %s)", count(len(sum.Different)), sum.Different[0])
	}
	fmt.Fprintf(w, ".\n%.1f s", sum.Elapsed.Seconds())
	if sum.Events > 0 {
		fmt.Fprintf(w, ", %s events a second, each of them safe on disk; shown %.1f s later", count(perSecond(sum.Events, sum.Elapsed)), showing.Seconds())
	}
	fmt.Fprintln(w, ".")
	if len(sum.Odd) == 0 {
		return
	}
	fmt.Fprintln(w, "\nOdd, and kept as it is:")
	for _, odd := range sum.Odd {
		fmt.Fprintf(w, "%9s  %s\n", count(odd.Count), odd.What)
	}
}

func perSecond(n int, elapsed time.Duration) int {
	if elapsed <= 0 {
		return 0
	}
	return int(float64(n) / elapsed.Seconds())
}

func count(n int) string { return humanize.Comma(int64(n)) }

// progress returns what shows the progress of an import, and what ends it: a bar on a
// terminal, otherwise a line now and then. An importer calls it from one goroutine at
// a time.
func progress(w io.Writer) (tell func(orders.Progress), end func()) {
	began := time.Now()
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		bar := pb.ProgressBarTemplate(`{{ string . "orders" }} {{ bar . }} {{ percent . }} {{ string . "rate" }} {{ rtime . "%s left" "%s" }}`).New(0)
		bar.SetWriter(file)
		return func(p orders.Progress) {
			bar.SetTotal(p.Size)
			bar.SetCurrent(p.Read)
			bar.Set("orders", count(p.Orders)+" orders")
			bar.Set("rate", count(perSecond(p.Events, time.Since(began)))+" events/s")
			if !bar.IsStarted() {
				bar.Start()
			}
		}, func() { bar.Finish() }
	}
	var last time.Time
	return func(p orders.Progress) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		elapsed := time.Since(began)
		line := fmt.Sprintf("%s orders, %s events/s", count(p.Orders), count(perSecond(p.Events, elapsed)))
		if 0 < p.Read && p.Read <= p.Size {
			left := time.Duration(float64(elapsed) * float64(p.Size-p.Read) / float64(p.Read))
			line += fmt.Sprintf(", %d %%, %s left", 100*p.Read/p.Size, left.Round(time.Second))
		}
		fmt.Fprintln(w, line)
	}, func() {}
}
