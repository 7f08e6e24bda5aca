package catalog

import (
	"iter"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/decider"
)

// Northwind is a wholesaler of groceries whose tables have names, prices, how many pieces
// there are, and what is offered no more; none of it says when. The ids are numbers from 1,
// and there are no SKUs.

// The tables, by the names under which they were published.
const (
	northwindProducts   = "products.csv"
	northwindCategories = "categories.csv"
)

var northwindTables = []string{northwindProducts, northwindCategories}

// openNorthwind reads the categories, and returns what yields each product once.
func openNorthwind(tables *importing.Tables, odd *importing.Oddities) (iter.Seq2[Imported, error], error) {
	if err := tables.Track(northwindProducts); err != nil {
		return nil, err
	}
	categories := make(map[int64]string)
	for row := range tables.Rows(northwindCategories, "category_id", "category_name") {
		id, name := row.Whole(0), row.Text(1)
		if row.Err() != nil {
			return nil, row.Err()
		}
		categories[id] = name
	}
	return func(yield func(Imported, error) bool) {
		seen := make(map[int64]Imported)
		for row := range tables.Rows(northwindProducts, "product_id", "product_name", "category_id", "quantity_per_unit", "unit_price", "units_in_stock", "discontinued") {
			id, category := row.Whole(0), row.Text(2)
			p := Imported{ProductCreated: ProductCreated{
				ID: "northwind-" + strconv.FormatInt(id, 10), Name: strings.TrimSpace(row.Text(1)), Description: row.Text(3), Price: Price(row.Money(4)),
			}}
			if category != "" {
				p.Category = categories[row.Whole(2)]
			}
			stock, discontinued := row.Whole(5), row.Text(6)
			if err := validStock(stock); err != nil {
				row.Fail(5, err.Error())
			}
			if stock > 0 {
				p.Since = append(p.Since, decider.Entry{Fact: ProductRestocked{stock}})
			}
			switch discontinued {
			case "0":
			case "1":
				p.Since = append(p.Since, decider.Entry{Fact: ProductDiscontinued{}})
			default:
				row.Fail(6, "is neither 0 nor 1")
			}
			if failWrong(row, p); row.Err() != nil {
				yield(Imported{}, row.Err())
				return
			}
			if before, again := seen[id]; again {
				odd.Count(before.ProductCreated == p.ProductCreated, "products that are there twice")
				odd.Count(before.ProductCreated != p.ProductCreated, "products that contradict an earlier one, which stands")
				continue
			}
			seen[id] = p
			odd.Count(true, "products without a SKU, and without any time")
			odd.Count(p.Category == "", "products without a category, or of one that is not in the list")
			odd.Count(p.Price == 0, "products that cost nothing")
			odd.Count(discontinued == "1" && stock > 0, "products that are offered no more although there are pieces of them")
			if !yield(p, nil) {
				return
			}
		}
	}, nil
}
