package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/apps/internal/program"
)

// Import records the products of another catalogue.
type Import struct {
	Kept
	From string `arg:"" help:"Directory anywhere below which are the tables, plain or .gz: olist_products_dataset.csv of Olist, with olist_order_items_dataset.csv and olist_orders_dataset.csv for prices and product_category_name_translation.csv for categories if they are there; or products.csv and categories.csv of Northwind."`
}

// Help says more of the verb.
func (c *Import) Help() string {
	return "Which of the two it is, the names of the files tell. Olist publishes neither names nor prices: products are called by their category and the first digits of their id, " +
		"which is their SKU, and cost what they were sold for, with every price and when it was first paid; those that were never sold cost 0.00, and their description says that the price is not known. " +
		"What is odd is counted.\n\n" +
		"Importing can be stopped at any time, and run again: it goes on where it was, and what is there already is left as it is. " +
		"The amounts of the two are in different currencies, and a catalogue has one: give each a directory of its own."
}

// Check implements [program.Checker].
func (c *Import) Check(context.Context) error { return c.check() }

// Run imports. It can be stopped at any time, and run again.
func (c *Import) Run(ctx context.Context, s *program.Streams) (err error) {
	tables, err := catalog.OpenTables(c.From)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	store, err := c.open(ctx, fmt.Sprintf("catalog import, process %d", os.Getpid()), s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	tell, told := program.Progress(s.Err, "products")
	sum, err := tables.Record(ctx, store, func(p catalog.Progress) {
		tell(program.Done{Things: p.Products, Events: p.Events, Read: p.Read, Size: p.Size})
	})
	told()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("it was stopped")
		}
		if sum.Recorded() > 0 {
			return fmt.Errorf("import: %w\n%s products are recorded; run it again to go on", err, program.Count(sum.Recorded()))
		}
		return fmt.Errorf("import: %w", err)
	}
	summarise(s.Out, sum)
	return nil
}

// summarise says what came of an import, and what was odd.
func summarise(w io.Writer, sum catalog.Import) {
	fmt.Fprintf(w, "%s products read: %s added with %s events, %s there already", program.Count(sum.Products), program.Count(sum.Added), program.Count(sum.Events), program.Count(sum.Repeated))
	if sum.Continued > 0 {
		fmt.Fprintf(w, " (%s of them went on)", program.Count(sum.Continued))
	}
	if sum.Different > 0 {
		fmt.Fprintf(w, ", %s there otherwise and left as they are", program.Count(sum.Different))
	}
	if sum.Refused > 0 {
		fmt.Fprintf(w, ", %s left out", program.Count(sum.Refused))
	}
	if sum.First != nil {
		fmt.Fprintf(w, " (the first is %v)", sum.First)
	}
	fmt.Fprintf(w, ".\n%.1f s", sum.Elapsed.Seconds())
	if sum.Added > 0 {
		fmt.Fprintf(w, ", %s products a second, each of them safe on disk", program.Count(program.PerSecond(sum.Added, sum.Elapsed)))
	}
	fmt.Fprintln(w, ".")
	importing.WriteOdd(w, "Odd", sum.Odd)
}
