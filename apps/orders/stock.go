package orders

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// An Article is what the rules need to know of an article's past. Its SKU is what a
// [Line] of an order calls its product.
//
// An article that was never received is made to order: there is nothing of it on any
// shelf, so nothing of it is reserved, and an order is not held up by it.
type Article struct {
	// Kept reports whether it was ever received, and so is kept in stock.
	Kept bool
	// OnHand counts the pieces on the shelf, Reserved those among them that are kept for
	// orders. Neither is ever negative, and Reserved is never more than OnHand.
	OnHand   int64
	Reserved int64
	// Level is the reorder level.
	Level int64
}

// Free returns how many pieces a new order can have.
func (a Article) Free() int64 { return a.OnHand - a.Reserved }

const stockCategory = "stock"

// Stock says what each fact about an article is called, for ever, and how it changes
// the article.
var Stock = decider.For(stockCategory,
	decider.On("StockReceived", func(a *Article, e StockReceived) { a.received(e) }),
	decider.On("StockReserved", func(a *Article, e StockReserved) { a.Reserved += e.Quantity }, forOrder[StockReserved]),
	decider.On("StockReleased", func(a *Article, e StockReleased) { a.Reserved -= e.Quantity }, forOrder[StockReleased]),
	decider.On("StockPicked", func(a *Article, e StockPicked) { a.picked(e) }, forOrder[StockPicked]),
	decider.On("StockCounted", func(a *Article, e StockCounted) { a.OnHand = e.Counted }),
	decider.On("ReorderLevelSet", func(a *Article, e ReorderLevelSet) { a.Level = e.Level }),
)

func (a *Article) received(e StockReceived) {
	a.Kept = true
	a.OnHand += e.Quantity
}

func (a *Article) picked(e StockPicked) {
	a.OnHand -= e.Quantity
	a.Reserved -= e.Quantity
}

// SKUOf returns the SKU of the article that a stream, such as "stock-lamp", is about.
func SKUOf(stream string) string { return strings.TrimPrefix(stream, Stock.Stream("")) }

// orderTag is what all facts about one order carry that are not in its own stream.
func orderTag(order string) string { return "order:" + order }

// forOrder tags a fact about an article with the order that it is for, so that all the
// articles of an order are found.
func forOrder[E any](fact E) []string {
	switch e := any(fact).(type) {
	case StockReserved:
		return []string{orderTag(e.Order)}
	case StockReleased:
		return []string{orderTag(e.Order)}
	case StockPicked:
		return []string{orderTag(e.Order)}
	}
	return nil
}

// The rules of the warehouse.
var (
	ErrNoSuchArticle = daybook.NewRule("article-exists", "nothing of this article was ever received")
	ErrOutOfStock    = daybook.NewRule("enough-in-stock", "there is not enough in stock")
	ErrReleased      = daybook.NewRule("reserved-once", "what was kept for the order was released")
	ErrPicked        = daybook.NewRule("released-before-picked", "what was kept for the order has left the shelf")
	ErrCountedTooFew = daybook.NewRule("count-covers-reserved", "no fewer are on the shelf than are reserved; release orders first")
)

// Receive puts pieces on the shelf.
func Receive(e StockReceived) decider.Decision[Article] {
	return func(Article) ([]any, error) { return []any{e}, nil }
}

// Count corrects how many pieces are on the shelf. The difference of e is filled in.
func Count(e StockCounted) decider.Decision[Article] {
	return func(a Article) ([]any, error) {
		switch {
		case !a.Kept:
			return nil, ErrNoSuchArticle
		case e.Counted < a.Reserved:
			return nil, fmt.Errorf("%w: %d were counted, and %d are reserved", ErrCountedTooFew, e.Counted, a.Reserved)
		}
		e.Difference = e.Counted - a.OnHand
		return []any{e}, nil
	}
}

// SetLevel says when an article is low in stock.
func SetLevel(e ReorderLevelSet) decider.Decision[Article] {
	return func(a Article) ([]any, error) {
		switch {
		case !a.Kept:
			return nil, ErrNoSuchArticle
		case a.Level == e.Level:
			return nil, nil
		}
		return []any{e}, nil
	}
}
