package catalog

import (
	"fmt"
	"maps"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// A NewProduct is one to be created: what is said of it, and how many pieces there are to
// begin with.
type NewProduct struct {
	ProductCreated
	Stock int64 `json:"stock,omitempty"`
}

// creation returns the fact that the product is created.
func (p NewProduct) creation() ProductCreated {
	e := p.ProductCreated
	e.WithStock = p.Stock
	return e
}

// facts returns what is recorded when the product is created.
func (p NewProduct) facts(at time.Time) []any {
	stream := StreamOf(p.ID)
	facts := []any{decider.Entry{Fact: p.creation(), Stream: stream, HappenedAt: at}}
	if p.Stock > 0 {
		facts = append(facts, decider.Entry{Fact: ProductRestocked{Quantity: p.Stock}, Stream: stream, HappenedAt: at})
	}
	return facts
}

// A Listing is what creating products depends on: which of them are there already, and who
// has their SKUs.
type Listing struct {
	// Created are the products asked about that are there, by id, as they were created.
	Created map[string]ProductCreated
	// Holders are the ids of the products that have the SKUs asked about, in lower case.
	Holders map[SKU]string
}

// Listings decides over the creation of products, and over their SKUs. A SKU has no stream
// of its own: that nobody else has it depends on the creation of whichever product has, in
// that one's stream. The tag draws the line around exactly this, so products with other
// SKUs are in nobody's way.
var Listings = decider.Over("listing", Products.Codec(),
	decider.Apply(func(l *Listing, e ProductCreated) {
		if l.Created == nil {
			l.Created, l.Holders = make(map[string]ProductCreated), make(map[SKU]string)
		}
		l.Created[e.ID] = e
		if e.SKU != "" {
			l.Holders[e.SKU.folded()] = e.ID
		}
	}),
	// Decided here, and of no matter to whoever creates another one.
	decider.Apply[Listing, ProductRestocked](nil),
	decider.Apply[Listing, PriceChanged](nil),
	decider.Apply[Listing, ProductDiscontinued](nil),
)

// about returns the query of everything that creating these products depends on.
func about(products ...ProductCreated) daybook.Query {
	creations := []string{"ProductCreated"}
	streams := daybook.Item{Types: creations}
	q := daybook.Query{}
	for _, p := range products {
		streams.Streams = append(streams.Streams, StreamOf(p.ID))
		if p.SKU != "" {
			q = append(q, daybook.Item{Types: creations, Tags: []string{skuTag(p.SKU)}})
		}
	}
	return append(q, streams)
}

// refuses returns the rule that forbids creating a product, if one does.
func (l Listing) refuses(p ProductCreated) error {
	if err := priced(p.Price); err != nil {
		return err
	}
	if holder, taken := l.Holders[p.SKU.folded()]; taken && p.SKU != "" {
		return fmt.Errorf("%w: it is product %s", ErrSKUTaken, holder)
	}
	return nil
}

// Create creates a product.
func Create(p NewProduct, at time.Time) decider.Plan {
	return Listings.Within(about(p.ProductCreated), Listing{}, func(l Listing) ([]any, error) {
		if _, there := l.Created[p.ID]; there {
			return nil, ErrThereIs
		}
		if err := l.refuses(p.ProductCreated); err != nil {
			return nil, err
		}
		return p.facts(at), nil
	})
}

// An Outcome says what became of one of many products that were to be created together.
// The zero Outcome says that it is created.
type Outcome struct {
	// Before reports whether it had been created before, just so.
	Before bool
	// Refused is the rule that forbids it.
	Refused error
	// Other reports that there is a product with this id which was created otherwise.
	Other bool
}

// CreateAll creates many products in one append: those that no rule forbids, whatever
// becomes of the others. Those that are there already, just as they are to be created, are
// left as they are, so that whoever was interrupted can send everything again.
//
// Each time that it is decided it calls told with what becomes of each, in their order; the
// last time counts. Of two products with one SKU the first gets it.
func CreateAll(products []NewProduct, at time.Time, told func([]Outcome)) decider.Plan {
	created := make([]ProductCreated, len(products))
	for i, p := range products {
		created[i] = p.creation()
	}
	return createAll(created, func(i int) []any { return products[i].facts(at) }, told)
}

// createAll creates many products, of each of which these facts are recorded; see
// [CreateAll].
func createAll(products []ProductCreated, factsOf func(i int) []any, told func([]Outcome)) decider.Plan {
	return Listings.Within(about(products...), Listing{}, func(l Listing) ([]any, error) {
		// A decision changes nothing that was folded.
		l.Created, l.Holders = clone(l.Created), clone(l.Holders)
		outcomes := make([]Outcome, len(products))
		var facts []any
		for i, p := range products {
			if was, there := l.Created[p.ID]; there {
				outcomes[i] = Outcome{Before: was == p, Other: was != p}
				continue
			}
			if outcomes[i].Refused = l.refuses(p); outcomes[i].Refused != nil {
				continue
			}
			facts = append(facts, factsOf(i)...)
			l.Created[p.ID] = p
			if p.SKU != "" {
				l.Holders[p.SKU.folded()] = p.ID
			}
		}
		told(outcomes)
		return facts, nil
	})
}

// clone returns a copy of a map that can be written to.
func clone[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}
