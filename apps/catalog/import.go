package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/decider"
)

// An Imported product is one that another system kept: how it came to be, and what happened
// to it since, as far as that system tells. Recording it decides nothing but that no two
// products have one SKU.
type Imported struct {
	ProductCreated
	// At is since when there is the product; the zero time means that nobody said.
	At time.Time
	// Since are the facts that followed, the oldest first, with their times.
	Since []decider.Entry
}

// facts returns what is recorded of the product.
func (p Imported) facts() []any {
	stream := StreamOf(p.ID)
	facts := []any{decider.Entry{Fact: p.ProductCreated, Stream: stream, HappenedAt: p.At}}
	for _, entry := range p.Since {
		entry.Stream = stream
		facts = append(facts, entry)
	}
	return facts
}

// An Import is the result of importing.
type Import struct {
	// Products is how many were read. Added of them were recorded now, with Events, and
	// Repeated had been before. Continued are those of these to which something was added that
	// happened since.
	Products, Added, Events, Repeated, Continued int
	// Different are products that are there already with another history, and Refused
	// those that a rule forbids: another product has their SKU. Both were left out, and
	// First says which was the first of them, and why.
	Different, Refused int
	First              error
	// Elapsed is how long it took, with the reading of the products.
	Elapsed time.Duration
	// Odd counts what was odd about the data.
	Odd []importing.Oddity
}

// Recorded returns how many of the products read are recorded, now or before.
func (i Import) Recorded() int { return i.Added + i.Repeated }

// Progress says how far an import has come.
type Progress struct {
	Products, Events int
	// Read is how many bytes of the products' tables were read, of Size.
	Read, Size int64
}

// What an import has in flight: enough to keep a store busy that syncs once for all who
// wait, and little enough that nothing much is lost when it is stopped.
const (
	importTogether = 250
	importAtOnce   = 4
	// importEvents is how many events are recorded in one append at most, unless one product
	// has more: every store takes a thousand.
	importEvents = 900
)

// Tables are the published tables of Olist or of Northwind. Open them with [OpenTables]; they
// are read once.
type Tables struct {
	files    *importing.Tables
	products iter.Seq2[Imported, error]
	odd      importing.Oddities
}

// OpenTables finds the tables anywhere below a directory, plain or compressed. Which of the
// two systems they are of, their names tell.
func OpenTables(from string) (t *Tables, err error) {
	t = new(Tables)
	if t.files, err = importing.Find(from, slices.Concat(olistTables, northwindTables)...); err != nil {
		return nil, err
	}
	switch olist, northwind := t.files.Has(olistProducts), t.files.Has(northwindProducts); {
	case olist && northwind:
		err = fmt.Errorf("below %s are %s, of Olist, and %s, of Northwind; import one after the other", from, olistProducts, northwindProducts)
	case olist:
		t.products, err = openOlist(t.files, &t.odd)
	case northwind:
		t.products, err = openNorthwind(t.files, &t.odd)
	default:
		err = t.files.Need(olistProducts, northwindProducts)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Record records the products of the tables in a store. It calls tell with its progress now
// and then, unless tell is nil.
//
// The ids of the products derive from those in the tables. So importing again adds nothing,
// importing more adds the rest, and an import that was interrupted, even by a loss of power,
// is continued by importing again. What is recorded of a product is recorded whole. A
// mistake in the tables ends it, with an error that names file and line; what was recorded
// before it stays.
func (t *Tables) Record(ctx context.Context, store daybook.Store, tell func(Progress)) (Import, error) {
	began := time.Now()
	ctx = daybook.WithTrace(ctx, daybook.Trace{Actor: "import"})
	var mu sync.Mutex
	var sum Import
	read, err := importing.Batches(ctx, t.products, importTogether, importAtOnce, func(ctx context.Context, batch []Imported) error {
		for batch := range appends(batch) {
			outcomes, later, err := recordAll(ctx, store, batch)
			if err != nil {
				return err
			}
			mu.Lock()
			sum.count(batch, outcomes, later)
			if tell != nil {
				read, size := t.files.Progress()
				tell(Progress{sum.Recorded() + sum.Different + sum.Refused, sum.Events, read, size})
			}
			mu.Unlock()
		}
		return nil
	})
	sum.Products, sum.Elapsed = read, time.Since(began)
	if err == nil {
		sum.Odd = t.odd.List()
	}
	return sum, err
}

// appends yields products that are recorded together, so that no append has too many events.
func appends(products []Imported) iter.Seq[[]Imported] {
	return func(yield func([]Imported) bool) {
		for len(products) > 0 {
			n, events := 1, len(products[0].Since)+1
			for n < len(products) && events+len(products[n].Since)+1 <= importEvents {
				events += len(products[n].Since) + 1
				n++
			}
			if !yield(products[:n]) {
				return
			}
			products = products[n:]
		}
	}
}

// A recorded is the facts of one product, the oldest first.
type recorded struct{ facts []any }

// pasts decides over all that is recorded of one product: what follows it is all that an
// import may add.
var pasts = decider.Over("imported product", Products.Codec(),
	remembered[ProductCreated](), remembered[ProductRenamed](), remembered[ProductDescribed](), remembered[ProductCategorised](),
	remembered[PriceChanged](), remembered[ProductRestocked](), remembered[ProductDiscontinued](),
)

func remembered[E any]() decider.Fold[recorded] {
	return decider.Apply(func(r *recorded, e E) { r.facts = append(r.facts, e) })
}

// errOtherwise says that a product is there with another history than the imported one.
var errOtherwise = daybook.NewRule("same-history", "it is there with another history")

// goOn returns the plan to record what happened to a product since it was imported, if
// nothing else did: a price of the past must not be in the way of one that somebody set.
// Each time that it is decided it sets added to how many facts that adds.
func goOn(p Imported, added *int) decider.Plan {
	return pasts.Within(AboutProduct(p.ID), recorded{}, func(r recorded) ([]any, error) {
		facts := p.facts()
		for i := range min(len(facts), len(r.facts)) {
			if facts[i].(decider.Entry).Fact != r.facts[i] {
				return nil, errOtherwise
			}
		}
		facts = facts[min(len(facts), len(r.facts)):]
		*added = len(facts)
		return facts, nil
	})
}

// recordAll records products, new ones in one append, and returns what became of each, and
// how many facts were added to each that was there before.
func recordAll(ctx context.Context, store daybook.Store, products []Imported) (outcomes []Outcome, later []int, err error) {
	created := make([]ProductCreated, len(products))
	for i, p := range products {
		created[i] = p.ProductCreated
	}
	plan := createAll(created, func(i int) []any { return products[i].facts() }, func(o []Outcome) { outcomes = o })
	if _, err := decider.Decide(ctx, store, plan); err != nil {
		return nil, nil, err
	}
	later = make([]int, len(products))
	for i, p := range products {
		if !outcomes[i].Before || len(p.Since) == 0 {
			continue
		}
		_, err := decider.Decide(ctx, store, goOn(p, &later[i]))
		if errors.Is(err, errOtherwise) {
			outcomes[i] = Outcome{Other: true}
			continue
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return outcomes, later, nil
}

// count counts what became of some products.
func (i *Import) count(products []Imported, outcomes []Outcome, later []int) {
	for n, o := range outcomes {
		id := products[n].ID
		switch {
		case o.Refused != nil:
			i.Refused++
			i.First = cmp.Or(i.First, fmt.Errorf("%s: %w", id, o.Refused))
		case o.Other:
			i.Different++
			i.First = cmp.Or(i.First, fmt.Errorf("%s: %w", id, errOtherwise))
		case o.Before:
			i.Repeated++
			i.Events += later[n]
			if later[n] > 0 {
				i.Continued++
			}
		default:
			i.Added++
			i.Events += 1 + len(products[n].Since)
		}
	}
}

// failWrong fails a row that says of a product what no command may say.
func failWrong(row *importing.Row, p Imported) {
	err := p.validate()
	if err == nil {
		err = priced(p.Price)
	}
	if err != nil && row.Err() == nil {
		row.Fail(0, err.Error())
	}
}
