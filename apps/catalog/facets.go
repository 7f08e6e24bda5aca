package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Facets say how many products a filter would select if one of its parts were another.
// Each facet is counted by all of the filter but its own part.
type Facets struct {
	// Matching is how many products the filter selects as it is.
	Matching   int             `json:"matching"`
	Categories []CategoryCount `json:"categories"`
	Statuses   []StatusCount   `json:"statuses"`
	Prices     []PriceCount    `json:"prices"`
}

// A CategoryCount is how many products of a category there are. Those of none are not
// listed.
type CategoryCount struct {
	Category string `json:"category"`
	Count    int    `json:"count"`
}

// A StatusCount is how many products of a status there are.
type StatusCount struct {
	Status Status `json:"status"`
	Count  int    `json:"count"`
}

// A PriceCount is how many products cost From at least and To at most. The last has no To.
type PriceCount struct {
	From  Price  `json:"from"`
	To    *Price `json:"to,omitempty"`
	Count int    `json:"count"`
}

// steps are the prices at which the ranges of the price facet begin.
var steps = []Price{0, 10_00, 25_00, 50_00, 100_00, 250_00, 1_000_00}

// stepOf returns where the range begins that a price is in.
func stepOf(p Price) Price {
	i, exact := slices.BinarySearch(steps, p)
	if !exact {
		i = max(0, i-1)
	}
	return steps[i]
}

// priceCounts returns the ranges, with what is counted in each by where it begins.
func priceCounts(counted map[Price]int) []PriceCount {
	counts := make([]PriceCount, len(steps))
	for i, from := range steps {
		counts[i] = PriceCount{From: from, Count: counted[from]}
		if i+1 < len(steps) {
			to := steps[i+1] - 1
			counts[i].To = &to
		}
	}
	return counts
}

// Facets returns those of a filter, now or as of a moment.
func (s *Showcase) Facets(ctx context.Context, f Filter, m Moment) (Answer[Facets], error) {
	f.Sort, f.Cursor, f.Limit = "", "", 0
	if err := f.settle(); err != nil {
		return Answer[Facets]{}, err
	}
	question := fmt.Sprintf("facets %s %s", f.question(), momentKey(m))
	return ask(ctx, s, question, func(rows *sqlview.Reader, at readmodel.Standing) (found[Facets], error) {
		var facets Facets
		all, err := s.pastly(ctx, rows, m)
		switch {
		case err != nil:
		case m != (Moment{}):
			facets = f.facetsOf(all)
		default:
			facets, err = f.facets(rows)
		}
		return found[Facets]{facets, listShown(at), facets}, err
	})
}

// without returns the filter without one of its parts.
func (f Filter) without(drop func(*Filter)) Filter {
	drop(&f)
	return f
}

func noCategory(f *Filter) { f.Category = "" }
func noStatus(f *Filter)   { f.Status = "" }
func noPrice(f *Filter)    { f.MinPrice, f.MaxPrice = nil, nil }

// facets counts in the database.
func (f Filter) facets(rows *sqlview.Reader) (facets Facets, err error) {
	from, args := f.from()
	where, more := f.where()
	if err := rows.QueryRow(`select count(*)`+from+where, append(args, more...)...).Scan(&facets.Matching); err != nil {
		return Facets{}, err
	}
	categories, err := countBy[string](rows, f.without(noCategory), "p.category")
	if err != nil {
		return Facets{}, err
	}
	statuses, err := countBy[Status](rows, f.without(noStatus), "p.status")
	if err != nil {
		return Facets{}, err
	}
	prices, err := countBy[Price](rows, f.without(noPrice), priceStep)
	if err != nil {
		return Facets{}, err
	}
	facets.fill(categories, statuses, prices)
	return facets, nil
}

// countBy returns how many products a filter selects for each value of an expression in SQL.
func countBy[V comparable](rows *sqlview.Reader, f Filter, expression string) (map[V]int, error) {
	counted := make(map[V]int)
	from, args := f.from()
	where, more := f.where()
	for row, err := range rows.Query(`select `+expression+`, count(*)`+from+where+` group by 1`, append(args, more...)...) {
		var value V
		var n int
		if err == nil {
			err = row.Scan(&value, &n)
		}
		if err != nil {
			return nil, err
		}
		counted[value] = n
	}
	return counted, nil
}

// priceStep is the beginning of the range that a product's price is in, in SQL.
var priceStep = func() string {
	expression := "case"
	for _, from := range slices.Backward(steps) {
		expression += fmt.Sprintf(" when p.price >= %d then %[1]d", int64(from))
	}
	return expression + " else 0 end"
}()

// facetsOf counts in memory.
func (f Filter) facetsOf(all []pastProduct) (facets Facets) {
	searched := wordsIn(f.Search)
	anyCategory, anyStatus, anyPrice := f.without(noCategory), f.without(noStatus), f.without(noPrice)
	categories, statuses, prices := map[string]int{}, map[Status]int{}, map[Price]int{}
	for _, p := range all {
		if len(searched) > 0 && p.rank(searched) == 0 {
			continue
		}
		if f.selects(p.Product) {
			facets.Matching++
		}
		if anyCategory.selects(p.Product) {
			categories[p.Category]++
		}
		if anyStatus.selects(p.Product) {
			statuses[p.Status]++
		}
		if anyPrice.selects(p.Product) {
			prices[stepOf(p.Price)]++
		}
	}
	facets.fill(categories, statuses, prices)
	return facets
}

// fill puts what was counted in order: categories with most products first.
func (c *Facets) fill(categories map[string]int, statuses map[Status]int, prices map[Price]int) {
	c.Categories, c.Statuses = []CategoryCount{}, []StatusCount{}
	for _, category := range slices.SortedFunc(maps.Keys(categories), func(a, b string) int {
		return cmp.Or(categories[b]-categories[a], cmp.Compare(a, b))
	}) {
		if category != "" {
			c.Categories = append(c.Categories, CategoryCount{category, categories[category]})
		}
	}
	for _, status := range Statuses() {
		c.Statuses = append(c.Statuses, StatusCount{status, statuses[status]})
	}
	c.Prices = priceCounts(prices)
}
