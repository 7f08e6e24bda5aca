package orders

import (
	"context"
	"sync"
	"time"

	"github.com/daybook-es/daybook/apps/internal/importing"
)

// An Import is the result of importing.
type Import struct {
	Kept
	// Orders is how many were read.
	Orders int
	// Elapsed is how long it took, with the reading of the tables.
	Elapsed time.Duration
	// Odd counts what was odd about the data. All of it was kept.
	Odd []importing.Oddity
}

// Progress says how far an import has come.
type Progress struct {
	Orders, Events int
	// Read is how many bytes of the orders' tables were read, of Size.
	Read, Size int64
}

// What an import has in flight: enough to keep a store busy that syncs once for all
// who wait, and little enough that nothing much is lost when it is stopped.
const (
	batchOrders = 250
	batches     = 4
)

// ImportOlist records the orders that are kept in Olist's published tables anywhere
// below a directory, plain or compressed. It calls tell with its progress now and
// then, unless tell is nil.
//
// Importing again adds nothing, importing more adds the rest, and an import that was
// interrupted, even by a loss of power, is continued by importing again. A mistake in
// the tables ends it, with an error that names file and line; what was recorded before
// it stays.
func ImportOlist(ctx context.Context, from string, to Recorder, tell func(Progress)) (Import, error) {
	began := time.Now()
	tables, err := openOlist(from)
	if err != nil {
		return Import{}, err
	}
	var mu sync.Mutex
	var sum Import
	orders, err := importing.Batches(ctx, tables.histories(), batchOrders, batches, func(ctx context.Context, batch []History) error {
		recorded, err := to.Record(ctx, batch)
		mu.Lock()
		defer mu.Unlock()
		sum.Kept = sum.Plus(recorded)
		if tell != nil && err == nil {
			read, size := tables.tables.Progress()
			tell(Progress{sum.Added + sum.Repeated + len(sum.Different), sum.Events, read, size})
		}
		return err
	})
	sum.Orders, sum.Elapsed = orders, time.Since(began)
	if err == nil {
		sum.Odd = tables.odd.List()
	}
	return sum, err
}
