package orders

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/decider"
)

// A Wanted is so many pieces of one article.
type Wanted struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// WantedBy returns what an order's lines want of each article, in the order of the
// SKUs: an order may have several lines of one article.
func WantedBy(lines []Line) []Wanted {
	all := make([]Wanted, len(lines))
	for i, l := range lines {
		all[i] = Wanted{l.Product, l.Quantity}
	}
	return together(all)
}

// together adds up what is wanted of the same article.
func together(wanted []Wanted) []Wanted {
	pieces := make(map[string]int64)
	for _, w := range wanted {
		pieces[w.SKU] += w.Quantity
	}
	sums := make([]Wanted, 0, len(pieces))
	for _, sku := range slices.Sorted(maps.Keys(pieces)) {
		sums = append(sums, Wanted{sku, pieces[sku]})
	}
	return sums
}

// Shelves are the articles that an order wants, and what is kept of them for it.
type Shelves struct {
	Order    string
	Articles map[string]Article
	// Kept is what is reserved for the order now.
	Kept map[string]int64
	// Released and Picked report what became of a reservation of the order.
	Released, Picked bool
}

// Reservations decides over all articles of an order at once. So an order has all of
// its lines or none of them, and what one order was promised no other one gets, however
// many ask at the same time.
//
// It reads everything that ever happened to the articles: of one that was sold 10,000 times
// that is 20,000 events, some 60 ms. A shop that sells more of one article would keep sums
// in its log, and read on from the last.
var Reservations = decider.Over("reservations", Stock.Codec(),
	decider.Apply(func(s *Shelves, e StockReceived) { s.on(e.SKU, func(a *Article) { a.received(e) }) }),
	decider.Apply(func(s *Shelves, e StockReserved) {
		s.on(e.SKU, func(a *Article) { a.Reserved += e.Quantity })
		s.keep(e.Order, e.SKU, e.Quantity)
	}),
	decider.Apply(func(s *Shelves, e StockReleased) {
		s.on(e.SKU, func(a *Article) { a.Reserved -= e.Quantity })
		s.keep(e.Order, e.SKU, -e.Quantity)
		s.Released = s.Released || e.Order == s.Order
	}),
	decider.Apply(func(s *Shelves, e StockPicked) {
		s.on(e.SKU, func(a *Article) { a.picked(e) })
		s.keep(e.Order, e.SKU, -e.Quantity)
		s.Picked = s.Picked || e.Order == s.Order
	}),
	decider.Apply(func(s *Shelves, e StockCounted) { s.on(e.SKU, func(a *Article) { a.OnHand = e.Counted }) }),
)

// on changes one article.
func (s *Shelves) on(sku string, change func(*Article)) {
	if s.Articles == nil {
		s.Articles = make(map[string]Article)
	}
	article := s.Articles[sku]
	change(&article)
	s.Articles[sku] = article
}

// keep notes that so many pieces more are kept, if they are for this order.
func (s *Shelves) keep(order, sku string, pieces int64) {
	if order != s.Order {
		return
	}
	if s.Kept == nil {
		s.Kept = make(map[string]int64)
	}
	if s.Kept[sku] += pieces; s.Kept[sku] == 0 {
		delete(s.Kept, sku)
	}
}

// Reserve keeps what an order wants, all of it or nothing. What is made to order is not
// kept, and in nobody's way. An order that has a reservation keeps it as it is; one whose
// reservation was released does not get another. What is decided happened at the given
// time, here and below.
func Reserve(order string, wanted []Wanted, at time.Time) decider.Plan {
	wanted = together(wanted)
	query := daybook.Query{{Tags: []string{orderTag(order)}}} // whatever it may have by now
	for _, w := range wanted {
		query = append(query, daybook.Item{Streams: []string{Stock.Stream(w.SKU)}})
	}
	return Reservations.Within(query, Shelves{Order: order}, happened(at, func(s Shelves) ([]any, error) {
		switch {
		case s.Released:
			return nil, ErrReleased
		case s.Picked, len(s.Kept) > 0:
			return nil, nil
		}
		var facts []any
		var lacking []string
		for _, w := range wanted {
			article := s.Articles[w.SKU]
			switch {
			case !article.Kept:
				continue
			case article.Free() < w.Quantity:
				lacking = append(lacking, fmt.Sprintf("%d of %s are wanted and %d are free", w.Quantity, w.SKU, article.Free()))
			}
			facts = append(facts, decider.Entry{Fact: StockReserved{w.SKU, order, w.Quantity}, Stream: Stock.Stream(w.SKU)})
		}
		if len(lacking) > 0 {
			return nil, fmt.Errorf("%w: %s", ErrOutOfStock, strings.Join(lacking, ", "))
		}
		return facts, nil
	}))
}

// Release frees what is kept for an order. Where nothing is, there is nothing to add.
//
// It depends on the order's own facts alone. To free something never breaks a rule about
// the rest of an article, so releases and reservations of other orders are in nobody's
// way.
func Release(order, reason string, at time.Time) decider.Plan {
	return keptFor(order, at, func(s Shelves) ([]any, error) {
		if s.Picked {
			return nil, ErrPicked
		}
		return s.each(func(w Wanted) any { return StockReleased{w.SKU, order, w.Quantity, reason} }), nil
	})
}

// Pick takes what is kept for an order off the shelf. Where nothing is kept, because all
// of it is made to order or has left the shelf already, there is nothing to add.
func Pick(order string, at time.Time) decider.Plan {
	return keptFor(order, at, func(s Shelves) ([]any, error) {
		if s.Released {
			return nil, ErrReleased
		}
		return s.each(func(w Wanted) any { return StockPicked{w.SKU, order, w.Quantity} }), nil
	})
}

// keptFor returns the plan to decide on what is kept for one order. Of the articles it
// sees no more than that.
func keptFor(order string, at time.Time, decide decider.Decision[Shelves]) decider.Plan {
	return Reservations.Within(daybook.Query{{Tags: []string{orderTag(order)}}}, Shelves{Order: order}, happened(at, decide))
}

// each returns a fact about every article of which something is kept.
func (s Shelves) each(fact func(Wanted) any) []any {
	var facts []any
	for _, sku := range slices.Sorted(maps.Keys(s.Kept)) {
		facts = append(facts, decider.Entry{Fact: fact(Wanted{sku, s.Kept[sku]}), Stream: Stock.Stream(sku)})
	}
	return facts
}

func (w Wanted) validate() error {
	if w.Quantity < 1 || w.Quantity > MaxQuantity*MaxLines {
		return fmt.Errorf("quantity: is %d, and must be from 1 to %d", w.Quantity, MaxQuantity*MaxLines)
	}
	return check.Text("sku", w.SKU, check.Required)
}
