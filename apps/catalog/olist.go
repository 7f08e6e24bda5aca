package catalog

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/decider"
)

// Olist is a Brazilian marketplace that published its catalogue without names and prices:
// of a product it tells the category, the weight and the measures. What it sold it for is
// told by the lines of orders, if those tables are there.
//
// So a product is called by its category and the first digits of its id, which is its SKU.
// It is there since it was first sold, at the price of that sale, and its price changes
// with each sale at another one: when a price was set is not published, only that it was
// paid. Of what was never sold in the tables there is no price, and since when it is there
// is not known either: its price is 0.00, its description says so, and it is counted.
type olist struct {
	tables  *importing.Tables
	odd     *importing.Oddities
	english map[string]string // categories
	sales   map[string][]olistSale
}

// The tables, by the names under which they were published.
const (
	olistProducts     = "olist_products_dataset.csv"
	olistTranslations = "product_category_name_translation.csv"
	olistLines        = "olist_order_items_dataset.csv"
	olistOrders       = "olist_orders_dataset.csv"
)

var olistTables = []string{olistProducts, olistTranslations, olistLines, olistOrders}

// An olistSale is a line of an order.
type olistSale struct {
	at     time.Time
	order  string
	n      int64
	seller string
	price  Price
}

// maxPrices is how many prices of one product are recorded at most, the last ones: what is
// recorded of a product fits into one append.
const maxPrices = 400

// olistTime is how times are written. They are local ones that do not say where, and are
// taken for UTC.
const olistTime = "2006-01-02 15:04:05"

// openOlist reads all but the products, of which it returns what yields them.
func openOlist(tables *importing.Tables, odd *importing.Oddities) (iter.Seq2[Imported, error], error) {
	o := &olist{tables: tables, odd: odd, english: make(map[string]string), sales: make(map[string][]olistSale)}
	if err := tables.Track(olistProducts); err != nil {
		return nil, err
	}
	for row := range tables.Rows(olistTranslations, "product_category_name", "product_category_name_english") {
		category, translated := row.Text(0), row.Text(1)
		if row.Err() != nil {
			return nil, row.Err()
		}
		o.english[category] = translated
	}
	return o.products, o.readSales()
}

// readSales reads when each product was sold, and for how much.
func (o *olist) readSales() error {
	if !o.tables.Has(olistLines) {
		return nil
	}
	placed := make(map[string]time.Time)
	for row := range o.tables.Rows(olistOrders, "order_id", "order_purchase_timestamp") {
		order, at := row.Text(0), row.Moment(1, olistTime)
		if row.Err() != nil {
			return row.Err()
		}
		placed[order] = at
	}
	type line struct {
		order string
		n     int64
	}
	seen := make(map[line]olistSale)
	for row := range o.tables.Rows(olistLines, "order_id", "order_item_id", "product_id", "seller_id", "price") {
		product := row.Text(2)
		s := olistSale{order: row.Text(0), n: row.Whole(1), seller: row.Text(3), price: Price(row.Money(4))}
		s.at = placed[s.order]
		if s.price < 0 {
			row.Fail(4, "is less than nothing")
		}
		if row.Err() != nil {
			return row.Err()
		}
		if before, again := seen[line{s.order, s.n}]; again {
			o.odd.Count(before == s, "lines of orders that are there twice")
			o.odd.Count(before != s, "lines of orders that contradict an earlier one, which stands")
			continue
		}
		seen[line{s.order, s.n}] = s
		o.odd.Count(s.at.IsZero(), "lines of orders that do not say when they were placed, which count as the oldest")
		o.sales[product] = append(o.sales[product], s)
	}
	return nil
}

// products yields each product once.
func (o *olist) products(yield func(Imported, error) bool) {
	seen := make(map[string]ProductCreated)
	for row := range o.tables.Rows(olistProducts, "product_id", "product_category_name", "product_photos_qty",
		"product_weight_g", "product_length_cm", "product_height_cm", "product_width_cm") {
		id, category := row.Text(0), row.Text(1)
		p := Imported{ProductCreated: ProductCreated{ID: "olist-" + id, SKU: SKU(id)}}
		translated, known := o.english[category]
		p.Category = cmp.Or(translated, category)
		p.Name = olistName(p.Category, id)
		measures := olistMeasures{photos: row.Text(2), weight: row.Text(3), length: row.Text(4), height: row.Text(5), width: row.Text(6)}
		p.Description = measures.String()
		sales := o.sales[id]
		o.price(&p, sales)
		if row.Err() == nil && id == "" {
			row.Fail(0, "is missing")
		}
		if failWrong(row, p); row.Err() != nil {
			yield(Imported{}, row.Err())
			return
		}
		if before, again := seen[id]; again {
			o.odd.Count(before == p.ProductCreated, "products that are there twice")
			o.odd.Count(before != p.ProductCreated, "products that contradict an earlier one, which stands")
			continue
		}
		seen[id] = p.ProductCreated
		o.odd.Count(true, "products without a name, called by category and id")
		o.odd.Count(category == "", "products without a category")
		o.odd.Count(category != "" && !known && o.tables.Has(olistTranslations), "products whose category is not translated, and stays Portuguese")
		o.odd.Count(!measures.whole(), "products without weight or measures")
		o.odd.Count(measures.weight == "0", "products that weigh nothing")
		o.odd.Count(len(sales) == 0, "products without a price, because no sale of them is told; it is 0.00")
		o.noteSales(sales)
		if !yield(p, nil) {
			return
		}
	}
	for product := range o.sales {
		_, there := seen[product]
		o.odd.Count(!there, "products that were sold and are missing")
	}
}

// olistName returns what a product without a name is called.
func olistName(category, id string) string {
	kind := []rune(strings.ReplaceAll(cmp.Or(category, "product"), "_", " "))
	kind[0] = unicode.ToUpper(kind[0])
	return string(kind) + " " + id[:min(8, len(id))]
}

// olistMeasures are what is told of a product, as it stands there.
type olistMeasures struct{ photos, weight, length, height, width string }

// whole reports whether nothing is missing of weight and measures.
func (m olistMeasures) whole() bool {
	return m.weight != "" && m.length != "" && m.height != "" && m.width != ""
}

// String returns the measures for people; nothing where there are none.
func (m olistMeasures) String() string {
	var parts []string
	if m.weight != "" {
		parts = append(parts, m.weight+" g")
	}
	if m.length != "" && m.height != "" && m.width != "" {
		parts = append(parts, fmt.Sprintf("%s × %s × %s cm", m.length, m.height, m.width))
	}
	if m.photos != "" {
		parts = append(parts, "photos: "+m.photos)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + "."
}

// price has a product cost what it was sold for.
func (o *olist) price(p *Imported, sales []olistSale) {
	if len(sales) == 0 {
		p.Description = strings.TrimSpace(p.Description + " Its price is not known.")
		return
	}
	slices.SortFunc(sales, func(a, b olistSale) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.order, b.order), cmp.Compare(a.n, b.n))
	})
	prices := pricesOf(sales)
	prices = prices[max(0, len(prices)-maxPrices):]
	p.Price, p.At = prices[0].price, prices[0].at
	for _, s := range prices[1:] {
		p.Since = append(p.Since, decider.Entry{Fact: PriceChanged{s.price}, HappenedAt: s.at})
	}
}

// pricesOf returns the sales at another price than the one before. Of those at one moment
// the first counts.
func pricesOf(sales []olistSale) []olistSale {
	prices := sales[:1:1]
	for _, s := range sales[1:] {
		if last := prices[len(prices)-1]; s.price != last.price && !s.at.Equal(last.at) {
			prices = append(prices, s)
		}
	}
	return prices
}

// noteSales counts what is odd about the sales of a product.
func (o *olist) noteSales(sales []olistSale) {
	if len(sales) == 0 {
		return
	}
	several, atOnce := false, false
	for i, s := range sales[1:] {
		several = several || s.seller != sales[0].seller
		atOnce = atOnce || s.at.Equal(sales[i].at) && s.price != sales[i].price
	}
	o.odd.Count(several, "products of several sellers, whose prices count alike")
	o.odd.Count(atOnce, "products sold at two prices at one moment, of which one counts")
	o.odd.Count(len(pricesOf(sales)) > maxPrices, fmt.Sprintf("products with more than %d prices, of which the last are kept", maxPrices))
}
