package catalog

import (
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// An Offer is what the rules need to know of a product's past. What people want to see of
// it is a [Product].
type Offer struct {
	// Created reports whether there is the product, and Discontinued whether it is offered
	// no more.
	Created      bool   `json:"created"`
	Discontinued bool   `json:"discontinued"`
	Reason       string `json:"reason"`

	Name        string `json:"name"`
	Description string `json:"description"`
	Category    string `json:"category"`
	Price       Price  `json:"price"`
}

// Products says what each fact is called, for ever, what it is tagged with, and how it
// changes what is offered.
var Products = decider.For("product",
	decider.On("ProductCreated", func(o *Offer, e ProductCreated) {
		*o = Offer{Created: true, Name: e.Name, Description: e.Description, Category: e.Category, Price: e.Price}
	}, func(e ProductCreated) []string { return skuTags(e.SKU) }),
	decider.On("ProductRenamed", func(o *Offer, e ProductRenamed) { o.Name = e.Name }),
	decider.On("ProductDescribed", func(o *Offer, e ProductDescribed) { o.Description = e.Description }),
	decider.On("PriceChanged", func(o *Offer, e PriceChanged) { o.Price = e.Price }),
	decider.On("ProductCategorised", func(o *Offer, e ProductCategorised) { o.Category = e.Category }),
	decider.On[Offer, ProductRestocked]("ProductRestocked", nil),
	decider.On("ProductDiscontinued", func(o *Offer, e ProductDiscontinued) { o.Discontinued, o.Reason = true, e.Reason }),
)

// skuTag is what the creation of a product is tagged with, if it has a SKU.
func skuTag(sku SKU) string { return "sku:" + string(sku.folded()) }

func skuTags(sku SKU) []string {
	if sku == "" {
		return nil
	}
	return []string{skuTag(sku)}
}

// StreamOf returns the name of a product's stream.
func StreamOf(id string) string { return Products.Stream(id) }

// ProductID returns the id of the product that a stream, such as "product-42", is about.
func ProductID(stream string) string { return strings.TrimPrefix(stream, Products.Stream("")) }

// The rules of the catalogue. A decision that one of them forbids comes back as a
// [*daybook.RefusedError], in which errors.Is finds the rule.
var (
	ErrNoSuchProduct = daybook.NewRule("product-exists", "there is no such product")
	ErrThereIs       = daybook.NewRule("created-once", "there is a product with this id already")
	ErrSKUTaken      = daybook.NewRule("one-product-per-sku", "another product has this SKU, and keeps it for ever")
	ErrNegative      = daybook.NewRule("never-negative", "a price is never negative")
	ErrDiscontinued  = daybook.NewRule("offered", "the product is not offered any more")
)

// priced returns the rule that forbids a price, if one does.
func priced(p Price) error {
	if p < 0 {
		return fmt.Errorf("%w: it would be %s", ErrNegative, p)
	}
	return nil
}

// open returns the rule that forbids changing the product, if one does.
func (o Offer) open() error {
	switch {
	case !o.Created:
		return ErrNoSuchProduct
	case o.Discontinued:
		return ErrDiscontinued
	}
	return nil
}

// change returns the plan to record a fact about a product that is offered, unless it is so
// already. What is decided happened at the given time, here and below.
func change(id string, fact any, at time.Time, already func(Offer) bool) decider.Plan {
	return Products.At(id, func(o Offer) ([]any, error) {
		if err := o.open(); err != nil {
			return nil, err
		}
		if already(o) {
			return nil, nil
		}
		return []any{decider.Entry{Fact: fact, HappenedAt: at}}, nil
	})
}

// Rename gives a product another name.
func Rename(id string, e ProductRenamed, at time.Time) decider.Plan {
	return change(id, e, at, func(o Offer) bool { return o.Name == e.Name })
}

// Describe says what a product is like.
func Describe(id string, e ProductDescribed, at time.Time) decider.Plan {
	return change(id, e, at, func(o Offer) bool { return o.Description == e.Description })
}

// Categorise puts a product among others of a category.
func Categorise(id string, e ProductCategorised, at time.Time) decider.Plan {
	return change(id, e, at, func(o Offer) bool { return o.Category == e.Category })
}

// Reprice gives a product another price.
func Reprice(id string, e PriceChanged, at time.Time) decider.Plan {
	return Products.At(id, func(o Offer) ([]any, error) {
		if err := o.open(); err != nil {
			return nil, err
		}
		if err := priced(e.Price); err != nil || o.Price == e.Price {
			return nil, err
		}
		return []any{decider.Entry{Fact: e, HappenedAt: at}}, nil
	})
}

// Restock adds pieces that arrived.
func Restock(id string, e ProductRestocked, at time.Time) decider.Plan {
	return change(id, e, at, func(Offer) bool { return false })
}

// Discontinue takes a product out of what is offered.
func Discontinue(id string, e ProductDiscontinued, at time.Time) decider.Plan {
	return Products.At(id, func(o Offer) ([]any, error) {
		if o.Discontinued && o.Reason == e.Reason {
			return nil, nil
		}
		if err := o.open(); err != nil {
			return nil, err
		}
		return []any{decider.Entry{Fact: e, HappenedAt: at}}, nil
	})
}
