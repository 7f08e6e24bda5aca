package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// A Filter selects products, and says in which order.
type Filter struct {
	// Search is what their words begin with, all of these; empty for whatever they say.
	Search string `json:"search,omitempty"`
	// Category, Status and SKU are theirs; empty for whichever.
	Category string `json:"category,omitempty"`
	Status   Status `json:"status,omitempty"`
	SKU      SKU    `json:"sku,omitempty"`
	// MinPrice and MaxPrice are what they cost at least and at most, both included.
	MinPrice *Price `json:"min_price,omitempty"`
	MaxPrice *Price `json:"max_price,omitempty"`
	// InStock selects those of which there are any.
	InStock bool `json:"in_stock,omitempty"`

	Sort   Sort   `json:"sort,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	// Limit is how many are wanted; zero means [DefaultLimit].
	Limit int `json:"limit,omitempty"`
}

// A Sort is an order of a list.
type Sort string

const (
	ByNewest    Sort = "newest" // what a list is in without a search
	ByOldest    Sort = "oldest"
	ByName      Sort = "name"
	ByCheapest  Sort = "cheapest"
	ByDearest   Sort = "dearest"
	ByUpdated   Sort = "updated"
	ByRelevance Sort = "relevance" // what a list is in with one
)

// Sorts are all that there are.
func Sorts() []Sort {
	return []Sort{ByNewest, ByOldest, ByName, ByCheapest, ByDearest, ByUpdated, ByRelevance}
}

const (
	// DefaultLimit is how many products a page has, and MaxLimit how many at most.
	DefaultLimit = 50
	MaxLimit     = 500
)

// sorts says which column each order of a list goes by, and in which direction. Ids
// order those that are equal in it.
var sorts = map[Sort]struct{ column, direction, next string }{
	ByNewest:    {"p.created", "desc", "<"},
	ByOldest:    {"p.created", "asc", ">"},
	ByName:      {"p.sorted_name", "asc", ">"},
	ByCheapest:  {"p.price", "asc", ">"},
	ByDearest:   {"p.price", "desc", "<"},
	ByUpdated:   {"p.position", "desc", "<"},
	ByRelevance: {"found.rank", "desc", "<"},
}

// most is how many words of a search are looked for: nobody reads what more would find.
const most = 8

// settle checks the filter, and fills in what it leaves out.
func (f *Filter) settle() error {
	f.Search = strings.TrimSpace(f.Search)
	words := len(wordsIn(f.Search))
	switch {
	case f.Sort == "" && words > 0:
		f.Sort = ByRelevance
	case f.Sort == "", f.Sort == ByRelevance && words == 0:
		f.Sort = ByNewest
	}
	if f.Limit == 0 {
		f.Limit = DefaultLimit
	}
	switch {
	case len(f.Search) > check.MaxText:
		return &daybook.InvalidError{What: "search", Reason: fmt.Sprintf("is %d bytes long, and %d are allowed", len(f.Search), check.MaxText)}
	case words > most:
		return &daybook.InvalidError{What: "search", Reason: fmt.Sprintf("has %d words, and %d are allowed", words, most)}
	case f.Limit < 1 || f.Limit > MaxLimit:
		return &daybook.InvalidError{What: "limit", Value: fmt.Sprint(f.Limit), Reason: fmt.Sprintf("is not from 1 to %d", MaxLimit)}
	case f.Status != "" && !slices.Contains(Statuses(), f.Status):
		return &daybook.InvalidError{What: "status", Value: string(f.Status), Reason: fmt.Sprintf("is none of %v", Statuses())}
	case !slices.Contains(Sorts(), f.Sort):
		return &daybook.InvalidError{What: "sort", Value: string(f.Sort), Reason: fmt.Sprintf("is none of %v", Sorts())}
	}
	return nil
}

// question identifies what the filter asks, whichever page.
func (f Filter) question() string {
	f.Cursor, f.Limit = "", 0
	return readmodel.Question(f)
}

// from returns the tables that the filter looks at, as p and, if something is searched for,
// found, with the arguments.
func (f Filter) from() (string, []any) {
	words := wordsIn(f.Search)
	if len(words) == 0 {
		return " from products p", nil
	}
	var each []string
	var args []any
	for _, word := range words {
		each = append(each, `select product, max(weight * case when word = ? then 2 else 1 end) as worth from words where word >= ? and word < ? group by product`)
		args = append(args, word, word, word+lastRune)
	}
	return fmt.Sprintf(` from (select product, cast(sum(worth) as bigint) as rank from (%s) as hits group by product having count(*) = %d) as found
		join products p on p.id = found.product`, strings.Join(each, " union all "), len(words)), args
}

// lastRune is what no word has in it: with it a word comes after all that begin so.
const lastRune = "\U0010ffff"

// where returns the condition that the filter is in SQL, with its arguments.
func (f Filter) where() (string, []any) {
	where, args := " where 1 = 1", []any(nil)
	add := func(clause string, value any) {
		where += " and " + clause
		args = append(args, value)
	}
	if f.Category != "" {
		add("p.category = ?", f.Category)
	}
	if f.Status != "" {
		add("p.status = ?", f.Status)
	}
	if f.SKU != "" {
		add("lower(p.sku) = ?", f.SKU.folded())
	}
	if f.MinPrice != nil {
		add("p.price >= ?", *f.MinPrice)
	}
	if f.MaxPrice != nil {
		add("p.price <= ?", *f.MaxPrice)
	}
	if f.InStock {
		where += " and p.stock > 0"
	}
	return where, args
}

// selects reports whether the filter selects a product, as the database would, but for what is
// searched: see [Product.rank].
func (f Filter) selects(p Product) bool {
	return (f.Category == "" || p.Category == f.Category) &&
		(f.Status == "" || p.Status == f.Status) &&
		(f.SKU == "" || p.SKU.folded() == f.SKU.folded()) &&
		(f.MinPrice == nil || p.Price >= *f.MinPrice) &&
		(f.MaxPrice == nil || p.Price <= *f.MaxPrice) &&
		(!f.InStock || p.Stock > 0)
}
