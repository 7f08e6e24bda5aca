package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
)

// A Status says whether a product is offered.
type Status string

const (
	Offered      Status = "offered"
	Discontinued Status = "discontinued"
)

// Statuses are all that there are.
func Statuses() []Status { return []Status{Offered, Discontinued} }

// A Product is one as it is, or as it was at a moment.
type Product struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Price       Price  `json:"price"`
	SKU         SKU    `json:"sku,omitempty"`
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty"`
	Stock       int64  `json:"stock"`
	Status      Status `json:"status"`
	// Reason is why it is offered no more.
	Reason string `json:"reason,omitempty"`
	// Version is that of its newest event.
	Version daybook.Version `json:"version"`
	// CreatedAt is when it came to be, UpdatedAt when its newest event was recorded, and
	// DiscontinuedAt when it was offered no more.
	CreatedAt      time.Time `json:"created_at,omitzero"`
	UpdatedAt      time.Time `json:"updated_at"`
	DiscontinuedAt time.Time `json:"discontinued_at,omitzero"`
}

// apply changes the product by one fact more.
func (p *Product) apply(fact any, at daybook.Recorded) {
	p.Version, p.UpdatedAt = at.Version, at.RecordedAt
	switch e := fact.(type) {
	case ProductCreated:
		*p = Product{
			ID: e.ID, Name: e.Name, Price: e.Price, SKU: e.SKU, Description: e.Description, Category: e.Category, Status: Offered,
			Version: at.Version, CreatedAt: at.Happened(), UpdatedAt: at.RecordedAt,
		}
	case ProductRenamed:
		p.Name = e.Name
	case ProductDescribed:
		p.Description = e.Description
	case PriceChanged:
		p.Price = e.Price
	case ProductCategorised:
		p.Category = e.Category
	case ProductRestocked:
		p.Stock += e.Quantity
	case ProductDiscontinued:
		p.Status, p.Reason, p.DiscontinuedAt = Discontinued, e.Reason, at.Happened()
	}
}

// applyAll changes the product by the facts of one event more.
func (p *Product) applyAll(e daybook.Recorded) error {
	facts, err := Products.Codec().Facts(e)
	for _, fact := range facts {
		p.apply(fact, e)
	}
	return err
}

// there reports whether the product had come to be: facts that count may be about one that
// had not.
func (p Product) there() bool { return !p.CreatedAt.IsZero() }

// Moment is a moment in the past of a product, or of all of them.
type Moment = past.Moment

// Shown says which moment an answer shows.
type Shown = past.Shown

// An Occurrence is one event in the history of a product.
type Occurrence = past.Occurrence

// LeftBy returns a product as a command left it, whose receipt names the version. It is
// how a command is answered: from the log, which is its own side, and never from what
// queries are answered from.
func LeftBy(ctx context.Context, store daybook.Store, id string, version daybook.Version) (Product, Shown, error) {
	var p Product
	read, at, err := past.Show(ctx, store, AboutProduct(id), Products.Codec(), Moment{Version: version}, p.apply)
	switch {
	case err != nil:
		return Product{}, Shown{}, err
	case !p.there() || read < version:
		return Product{}, Shown{}, fmt.Errorf("%w: %s", ErrNoSuchProduct, id)
	}
	return p, productShown(at, read), nil
}

// productShown says what an answer about one product shows: the same for whoever answers.
func productShown(at daybook.Point, version daybook.Version) Shown {
	return past.ShownOf(at, uint64(version), displayVersion)
}
