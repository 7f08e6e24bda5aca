package orders

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
)

// An Audit is what the whole log comes to, and what in it cannot be: the promises of the
// shop that no single decision sees, checked over everything that was ever recorded.
//
// Of the orders it checks those that the shop was asked to fulfil. Of others, such as
// imported ones, it takes what there is.
type Audit struct {
	// Orders counts those checked; each is under way, shipped or cancelled.
	Orders    int `json:"orders"`
	UnderWay  int `json:"under_way"`
	Shipped   int `json:"shipped"`
	Cancelled int `json:"cancelled"`
	// In is the money that came in for them, Refunded what went back, and Kept the rest.
	In       Cents `json:"in_cents"`
	Kept     Cents `json:"kept_cents"`
	Refunded Cents `json:"refunded_cents"`
	// Articles counts those that are kept in stock. Of the pieces Received and those that
	// counts Found, so many were Picked, and the rest are OnHand.
	Articles int   `json:"articles"`
	Received int64 `json:"received"`
	Found    int64 `json:"found"`
	Picked   int64 `json:"picked"`
	OnHand   int64 `json:"on_hand"`
	Reserved int64 `json:"reserved"`
	// Broken says what must never be, and Unfinished what must not stay: goods that are
	// still kept for an order that is cancelled, or money. The fulfilment sees to that.
	Broken     []string `json:"broken"`
	Unfinished []string `json:"unfinished"`
}

// audited is what an audit knows of an order.
type audited struct {
	asked              bool
	total              Cents
	received, refunded Cents
	shipped, cancelled bool
	kept, picked       map[string]int64 // pieces by SKU
	wanted             map[string]int64
}

// maxFindings bounds each list of an audit: a log in which everything is wrong is told
// soon enough.
const maxFindings = 100

// AuditLog checks the whole log of a shop. The error is that of the store; what is wrong
// is in the Audit.
func AuditLog(ctx context.Context, store daybook.Store) (Audit, error) {
	a := Audit{Broken: []string{}, Unfinished: []string{}}
	orders := make(map[string]*audited)
	articles := make(map[string]Article)
	codec := daybook.Join(Orders.Codec(), Stock.Codec())
	reading, err := store.Read(ctx, daybook.Query{{Categories: []string{daybook.CategoryOf(Orders.Stream("")), stockCategory}}}, daybook.Span{})
	if err != nil {
		return a, err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return a, err
		}
		facts, err := codec.Facts(e)
		if err != nil {
			return a, err
		}
		for _, fact := range facts {
			if order := orderOfFact(fact, e); order != "" {
				if orders[order] == nil {
					orders[order] = &audited{kept: make(map[string]int64), picked: make(map[string]int64), wanted: make(map[string]int64)}
				}
				a.order(order, orders[order], fact, e)
			}
			a.article(articles, fact, e)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(orders)) {
		if orders[id].asked {
			a.end(id, orders[id])
		}
	}
	kept := make(map[string]int64)
	for _, o := range orders {
		for sku, pieces := range o.kept {
			kept[sku] += pieces
		}
	}
	for sku, article := range articles {
		a.OnHand += article.OnHand
		a.Reserved += article.Reserved
		a.Articles++
		if article.Reserved != kept[sku] {
			a.broken("%d pieces of %s are reserved, and %d are kept for orders", article.Reserved, sku, kept[sku])
		}
	}
	if a.Received+a.Found != a.Picked+a.OnHand {
		a.broken("%d pieces came and %d were found, and %d were picked and %d are there", a.Received, a.Found, a.Picked, a.OnHand)
	}
	return a, nil
}

// orderOfFact returns the order that a fact is about, or for; empty if it is about none.
func orderOfFact(fact any, e daybook.Recorded) string {
	switch f := fact.(type) {
	case StockReserved:
		return f.Order
	case StockReleased:
		return f.Order
	case StockPicked:
		return f.Order
	}
	if daybook.CategoryOf(e.Stream) == stockCategory {
		return ""
	}
	return OrderID(e.Stream)
}

func (a *Audit) broken(format string, args ...any) {
	if len(a.Broken) < maxFindings {
		a.Broken = append(a.Broken, fmt.Sprintf(format, args...))
	}
}

func (a *Audit) unfinished(format string, args ...any) {
	if len(a.Unfinished) < maxFindings {
		a.Unfinished = append(a.Unfinished, fmt.Sprintf(format, args...))
	}
}

// article takes in what happened to an article.
func (a *Audit) article(articles map[string]Article, fact any, e daybook.Recorded) {
	if daybook.CategoryOf(e.Stream) != stockCategory {
		return
	}
	sku := SKUOf(e.Stream)
	article := articles[sku]
	switch f := fact.(type) {
	case StockReceived:
		article.received(f)
		a.Received += f.Quantity
	case StockReserved:
		article.Reserved += f.Quantity
	case StockReleased:
		article.Reserved -= f.Quantity
	case StockPicked:
		article.picked(f)
		a.Picked += f.Quantity
	case StockCounted:
		a.Found += f.Difference
		if article.OnHand += f.Difference; article.OnHand != f.Counted {
			a.broken("at position %d %d pieces of %s were counted, and the difference makes them %d", e.Position, f.Counted, sku, article.OnHand)
		}
	}
	articles[sku] = article
	if article.OnHand < 0 || article.Reserved < 0 || article.Free() < 0 {
		a.broken("at position %d there are %d pieces of %s, of which %d are reserved", e.Position, article.OnHand, sku, article.Reserved)
	}
}

// order takes in what happened to an order, or for it.
func (a *Audit) order(id string, o *audited, fact any, e daybook.Recorded) {
	switch f := fact.(type) {
	case OrderPlaced:
		o.total = f.Total
	case FulfilmentRequested:
		o.asked = true
		for _, w := range f.Wanted {
			o.wanted[w.SKU] += w.Quantity
		}
	case PaymentReceived:
		o.received += f.Amount
	case PaymentRefunded:
		if o.refunded += f.Amount; o.refunded > o.received && o.asked {
			a.broken("at position %d %s was refunded for order %s, which paid %s", e.Position, o.refunded, id, o.received)
		}
	case OrderShipped:
		if o.shipped = true; o.cancelled && o.asked {
			a.broken("at position %d order %s was shipped, which is cancelled", e.Position, id)
		}
		if o.received < o.total && o.asked {
			a.broken("at position %d order %s was shipped, which paid %s of %s", e.Position, id, o.received, o.total)
		}
	case OrderCancelled:
		if o.cancelled = true; o.shipped && o.asked {
			a.broken("at position %d order %s was cancelled, which is shipped", e.Position, id)
		}
	case StockReserved:
		if o.kept[f.SKU] += f.Quantity; o.asked && f.Quantity != o.wanted[f.SKU] {
			a.broken("at position %d %d pieces of %s were reserved for order %s, which wants %d", e.Position, f.Quantity, f.SKU, id, o.wanted[f.SKU])
		}
	case StockReleased:
		if o.kept[f.SKU] -= f.Quantity; o.kept[f.SKU] != 0 {
			a.broken("at position %d %d pieces of %s were released for order %s", e.Position, f.Quantity, f.SKU, id)
		}
	case StockPicked:
		o.picked[f.SKU] += f.Quantity
		if o.kept[f.SKU] -= f.Quantity; o.kept[f.SKU] != 0 {
			a.broken("at position %d %d pieces of %s were picked for order %s", e.Position, f.Quantity, f.SKU, id)
		}
		if o.asked && !o.shipped {
			a.broken("at position %d %s was picked for order %s, which was not shipped", e.Position, f.SKU, id)
		}
	}
}

// end takes in how an order stands in the end.
func (a *Audit) end(id string, o *audited) {
	a.Orders++
	a.In += o.received
	a.Refunded += o.refunded
	a.Kept += o.received - o.refunded
	var kept, picked int64
	for sku := range o.wanted {
		kept += o.kept[sku]
		picked += o.picked[sku]
	}
	switch {
	case o.cancelled, !o.shipped && o.received > 0 && o.refunded == o.received: // it has ended either way
		a.Cancelled++
		if left := o.received - o.refunded; left != 0 {
			a.unfinished("order %s is cancelled, and %s was not refunded", id, left)
		}
		if kept != 0 {
			a.unfinished("order %s is cancelled, and %d pieces are kept for it", id, kept)
		}
	case o.shipped:
		a.Shipped++
		if kept != 0 {
			a.unfinished("order %s is shipped, and %d pieces are still on the shelf", id, kept)
		}
	default:
		a.UnderWay++
	}
	if o.cancelled && picked != 0 {
		a.broken("order %s is cancelled, and %d pieces left the shelf with it", id, picked)
	}
}

// Print writes the audit for people.
func (a Audit) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d orders that the shop was asked to fulfil: %d under way, %d shipped, %d cancelled.
%s came in, %s went back, %s is kept.
%d articles: %d pieces came, %d were found, %d left, %d are on the shelf, and %d of those are kept for orders.
`, a.Orders, a.UnderWay, a.Shipped, a.Cancelled, a.In, a.Refunded, a.Kept, a.Articles, a.Received, a.Found, a.Picked, a.OnHand, a.Reserved)
	for _, list := range []struct {
		title string
		all   []string
	}{{"What must never be", a.Broken}, {"What must not stay", a.Unfinished}} {
		if err == nil && len(list.all) > 0 {
			_, err = fmt.Fprintf(w, "\n%s:\n  %s\n", list.title, strings.Join(list.all, "\n  "))
		}
	}
	return err
}
