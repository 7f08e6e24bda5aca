package web

import (
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// words are what templates say things with, besides those of every site.
var words = template.FuncMap{
	"price": priceWords,
	"path":  url.PathEscape,
	"key":   uuid.NewString,
	"late":  catalog.Occurrence.Late,
	"sorts": func() []namedSort { return sortNames },
}

// priceWords writes a price with thousands set apart: "1,234.50".
func priceWords(p catalog.Price) string {
	whole, fraction, _ := strings.Cut(p.String(), ".")
	return httpapi.Apart(whole) + "." + fraction
}

type namedSort struct {
	Sort catalog.Sort
	Name string
}

// sortNames are the orders of the list, as the page names them. Without a name the list is
// in the order that suits what is asked.
var sortNames = []namedSort{
	{"", "Usual order"},
	{catalog.ByNewest, "Newest first"},
	{catalog.ByUpdated, "Changed last"},
	{catalog.ByName, "By name"},
	{catalog.ByCheapest, "Cheapest first"},
	{catalog.ByDearest, "Dearest first"},
}

// A telling is an event in the catalogue's words.
type telling struct {
	catalog.Occurrence
	What, Detail string
	// Text is a longer text that it is about.
	Text string
}

// told says what happened to a product. Prices and names are told with what was before.
func told(events []catalog.Occurrence) []telling {
	all := make([]telling, 0, len(events))
	var before catalog.Price
	for _, e := range events {
		t := telling{Occurrence: e, What: e.Type}
		switch f := e.Fact.(type) {
		case catalog.ProductCreated:
			t.What, t.Detail, before = "Created", "as "+f.Name+", for "+priceWords(f.Price), f.Price
		case catalog.ProductRenamed:
			t.What, t.Detail = "Renamed", f.Name
		case catalog.ProductDescribed:
			t.What, t.Text = "Described", f.Description
			if f.Description == "" {
				t.What = "Description taken back"
			}
		case catalog.PriceChanged:
			t.What, t.Detail, before = "Price changed", "from "+priceWords(before)+" to "+priceWords(f.Price), f.Price
		case catalog.ProductCategorised:
			t.What, t.Detail = "Categorised", f.Category
			if f.Category == "" {
				t.What = "Put into no category"
			}
		case catalog.ProductRestocked:
			t.What, t.Detail = "Restocked", httpapi.Plural(f.Quantity, "piece", "pieces")
		case catalog.ProductDiscontinued:
			t.What, t.Detail = "Discontinued", f.Reason
		}
		all = append(all, t)
	}
	return all
}

// newest returns the newest of some events, and how many come before them.
func newest[E any](events []E, most int) ([]E, int) {
	earlier := max(0, len(events)-most)
	return slices.Clone(events[earlier:]), earlier
}
