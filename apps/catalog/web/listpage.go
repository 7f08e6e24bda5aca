package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// A listView is the catalogue.
type listView struct {
	Asked url.Values
	// Filtered reports whether some are left out, and Searched whether words are looked for.
	Filtered bool
	Moment   catalog.Moment
	Past     *httpapi.Past
	Page     catalog.Page
	Facets   []facet
	// Chosen are the parts of the filter that the form has no field for, and Hidden the same
	// as the form sends them.
	Chosen []facetValue
	Hidden url.Values
	// First leads to the first page, unless this is it, and Next to the one after.
	First, Next string
	// MayCreate and MayCreateMany report whether the visitor may.
	MayCreate, MayCreateMany bool
	Refused                  *httpapi.RefusedForm
}

// A facet is one way in which the products differ.
type facet struct {
	Name   string
	Values []facetValue
	// More are those that most people do not look at.
	More []facetValue
}

// A facetValue is one value of a facet: how many products have it, and what leads to them.
type facetValue struct {
	Facet, Name string
	Count       int
	Link        string
	// Current reports whether the list has only those. Its link leads to all then.
	Current bool
}

// fewValues is how many values of a facet are shown before the visitor asks for more.
const fewValues = 10

// listPage shows the products that a filter selects. Of the form for a new one that came to
// nothing it shows what was wrong.
func (s *Site) listPage(w http.ResponseWriter, r *http.Request, status int, asked url.Values, f catalog.Filter, m catalog.Moment, refused *httpapi.RefusedForm) error {
	answer, err := s.showcase.Products(r.Context(), f, m)
	if err == nil && refused == nil {
		err = mark(w, r, answer)
	}
	if err != nil {
		return awayProblem(err)
	}
	body := listView{
		Asked: asked, Moment: m, Past: httpapi.PastOf("the catalogue", "/products", m), Page: answer.Value, Refused: refused, Hidden: make(url.Values),
		MayCreate: s.MayAny(r, access.Send("CreateProduct")), MayCreateMany: s.MayAny(r, access.Send("CreateProducts")),
	}
	if s.May(r, access.Ask("Facets")) {
		facets, err := s.showcase.Facets(r.Context(), f, m)
		switch {
		case err == nil:
			body.Facets = facetsOf(facets.Value, asked, f)
		case !answer.Stale():
			return awayProblem(err) // while it is away, the list is better than nothing
		}
	}
	for _, name := range filterNames {
		body.Filtered = body.Filtered || asked.Get(name) != ""
	}
	body.choose(f)
	body.First, body.Next = httpapi.Paging("/products", asked, "cursor", answer.Value.Next)
	v := view{Title: "Products", Nav: "products", Shown: answer.Shown, Stale: staleOf(answer, m), Body: body}
	if body.Past == nil {
		v.Live = httpapi.LiveAddress(answer.Shown.At)
	}
	return s.render(w, r, status, "products", v)
}

// facetsOf returns the facets of a filter, with what leads to each value.
func facetsOf(counted catalog.Facets, asked url.Values, f catalog.Filter) []facet {
	to := func(current bool, names ...string) string {
		changes := []string{"cursor", ""}
		for i := 0; i < len(names); i += 2 {
			if current {
				names[i+1] = ""
			}
			changes = append(changes, names[i], names[i+1])
		}
		return httpapi.With("/products", asked, changes...)
	}
	category := facet{Name: "Category"}
	for _, c := range counted.Categories {
		current := c.Category == f.Category
		category.Values = append(category.Values, facetValue{"Category", c.Category, c.Count, to(current, "category", c.Category), current})
	}
	// What is chosen is seen, however few there are of it.
	if at := slices.IndexFunc(category.Values, func(v facetValue) bool { return v.Current }); at >= fewValues {
		chosen := category.Values[at]
		category.Values = slices.Insert(slices.Delete(category.Values, at, at+1), 0, chosen)
	}
	if len(category.Values) > fewValues+2 {
		category.Values, category.More = category.Values[:fewValues], category.Values[fewValues:]
	}
	price := facet{Name: "Price"}
	for _, p := range counted.Prices {
		current := f.MinPrice != nil && *f.MinPrice == p.From && (f.MaxPrice == nil) == (p.To == nil) && (p.To == nil || *f.MaxPrice == *p.To)
		if p.Count == 0 && !current {
			continue
		}
		until := ""
		if p.To != nil {
			until = p.To.String()
		}
		price.Values = append(price.Values, facetValue{"Price", rangeWords(p.From, p.To), p.Count, to(current, "min_price", p.From.String(), "max_price", until), current})
	}
	status := facet{Name: "Status"}
	for _, c := range counted.Statuses {
		current := c.Status == f.Status
		if c.Count == 0 && !current {
			continue
		}
		status.Values = append(status.Values, facetValue{"Status", string(c.Status), c.Count, to(current, "status", string(c.Status)), current})
	}
	return slices.DeleteFunc([]facet{category, price, status}, func(f facet) bool { return len(f.Values) == 0 })
}

// rangeWords writes a range of prices.
func rangeWords(from catalog.Price, to *catalog.Price) string {
	whole := func(p catalog.Price) string {
		if p%100 == 0 {
			return httpapi.Thousands(int64(p / 100))
		}
		return priceWords(p)
	}
	switch {
	case to == nil:
		return whole(from) + " and more"
	case from == 0:
		return "under " + whole(*to+1)
	}
	return whole(from) + " to " + priceWords(*to)
}

// choose notes the parts of the filter that the form has no field for.
func (v *listView) choose(f catalog.Filter) {
	add := func(facet, name string, fields ...string) {
		changes := []string{"cursor", ""}
		for _, field := range fields {
			v.Hidden.Set(field, v.Asked.Get(field))
			changes = append(changes, field, "")
		}
		v.Chosen = append(v.Chosen, facetValue{Facet: facet, Name: name, Link: httpapi.With("/products", v.Asked, changes...), Current: true})
	}
	if f.Category != "" {
		add("Category", f.Category, "category")
	}
	switch {
	case f.MinPrice != nil && f.MaxPrice != nil:
		add("Price", rangeWords(*f.MinPrice, f.MaxPrice), "min_price", "max_price")
	case f.MinPrice != nil:
		add("Price", rangeWords(*f.MinPrice, nil), "min_price")
	case f.MaxPrice != nil:
		add("Price", rangeWords(0, f.MaxPrice), "max_price")
	}
	if f.Status != "" {
		add("Status", string(f.Status), "status")
	}
	if f.SKU != "" {
		add("SKU", string(f.SKU), "sku")
	}
	if v.Asked.Get("known_at") != "" {
		v.Hidden.Set("known_at", v.Asked.Get("known_at"))
	}
}
