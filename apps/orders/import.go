package orders

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An Import is the result of importing.
type Import struct {
	Kept
	// Orders is how many were read.
	Orders int
	// Elapsed is how long it took, with the reading of the tables.
	Elapsed time.Duration
	// Odd counts what was odd about the data. All of it was kept.
	Odd []Oddity
}

// An Oddity is something that the data should not have, and how often it has it.
type Oddity struct {
	What  string
	Count int
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
	group, recording := errgroup.WithContext(ctx)
	group.SetLimit(batches)
	record := func(batch []History) {
		group.Go(func() error {
			recorded, err := to.Record(recording, batch)
			mu.Lock()
			defer mu.Unlock()
			sum.Kept = sum.Plus(recorded)
			if tell != nil && err == nil {
				tell(Progress{sum.Added + sum.Repeated + len(sum.Different), sum.Events, tables.read.Load(), tables.size})
			}
			return err
		})
	}

	orders := 0
	var batch []History
	for history, err := range tables.histories() {
		if err == nil {
			err = recording.Err()
		}
		if err != nil {
			// Where recording failed, that is why the reading stopped.
			if failed := group.Wait(); failed != nil {
				err = failed
			}
			sum.Orders, sum.Elapsed = orders, time.Since(began)
			return sum, err
		}
		orders++
		if batch = append(batch, history); len(batch) == batchOrders {
			record(batch)
			batch = nil
		}
	}
	record(batch)
	err = group.Wait()
	sum.Orders, sum.Elapsed, sum.Odd = orders, time.Since(began), tables.odd.list()
	return sum, err
}

// oddities count what is odd.
type oddities struct {
	counts map[string]int
}

// count counts one case of something, if it is one.
func (o *oddities) count(odd bool, what string) {
	if !odd {
		return
	}
	if o.counts == nil {
		o.counts = make(map[string]int)
	}
	o.counts[what]++
}

// list returns what there was, the most frequent first.
func (o *oddities) list() []Oddity {
	var all []Oddity
	for what, n := range o.counts {
		all = append(all, Oddity{what, n})
	}
	slices.SortFunc(all, func(a, b Oddity) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return all
}
