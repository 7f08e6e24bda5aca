package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/importing"
	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// published writes tables below a new directory.
func published(t *testing.T, tables map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, table := range tables {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// imports imports what is below a directory, and returns what came of it but for the time.
func imports(t *testing.T, store daybook.Store, from string) (Import, error) {
	t.Helper()
	tables, err := OpenTables(from)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := tables.Record(t.Context(), store, nil)
	sum.Elapsed = 0
	return sum, err
}

// same fails the test unless an import came to what it should.
func (i Import) same(t *testing.T, want Import) {
	t.Helper()
	if diff := cmp.Diff(want, i, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("the import (-want, +got):\n%s", diff)
	}
}

// facts returns what is recorded of a product, in short.
func factsOf(t *testing.T, store daybook.Store, id string) (all []string) {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.Stream(StreamOf(id)), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		when := ""
		if !e.HappenedAt.IsZero() {
			when = " " + e.HappenedAt.Format(time.DateOnly)
		}
		all = append(all, fmt.Sprintf("%s%s %s", e.Type, when, e.Data))
	}
	return all
}

const (
	olistHeader = "product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm\n"
	linesHeader = "order_id,order_item_id,product_id,seller_id,price\n"
	wordsHeader = "\ufeffproduct_category_name,product_category_name_english\n"
	orderHeader = "order_id,order_purchase_timestamp\n"
	grocHeader  = "product_id,product_name,supplier_id,category_id,quantity_per_unit,unit_price,units_in_stock,units_on_order,reorder_level,discontinued\n"
)

// What Olist tells of a product, and what becomes of it. The prices are those of the sales,
// in the order of their times, whatever the order of the lines.
func TestOlistProductsCostWhatTheyWereSoldFor(t *testing.T) {
	from := published(t, map[string]string{
		olistProducts: olistHeader +
			"aaaaaaaa01,beleza_saude,40,287,1,225,16,10,14\n" +
			"bbbbbbbb02,pc_gamer,40,287,2,0,16,10,14\n" +
			"cccccccc03,,,,,,,,\n" +
			"aaaaaaaa01,beleza_saude,40,287,1,225,16,10,14\n" +
			"bbbbbbbb02,beleza_saude,40,287,2,0,16,10,14\n" +
			"AAAAAAAA01,beleza_saude,40,287,1,225,16,10,14\n",
		olistTranslations: wordsHeader + "beleza_saude,health_beauty\n",
		olistOrders:       orderHeader + "o1,2018-01-05 10:00:00\no2,2018-01-03 10:00:00\no3,2018-01-04 10:00:00\n",
		olistLines: linesHeader +
			"o1,1,aaaaaaaa01,s1,9.9\n" + "o1,2,aaaaaaaa01,s1,8\n" + "o2,1,aaaaaaaa01,s1,12\n" + "o3,1,aaaaaaaa01,s2,12.00\n" +
			"o2,1,aaaaaaaa01,s1,12\n" + "o2,1,aaaaaaaa01,s1,13\n" + "o9,1,bbbbbbbb02,s1,5\n" + "o1,3,dddddddd04,s1,5\n",
	})
	store := memstore.New()
	sum, err := imports(t, store, from)
	if err != nil {
		t.Fatal(err)
	}
	odd := []importing.Oddity{
		{What: "products without a name, called by category and id", Count: 4},
		{What: "products without a price, because no sale of them is told; it is 0.00", Count: 2},
		{What: "lines of orders that are there twice", Count: 1},
		{What: "lines of orders that contradict an earlier one, which stands", Count: 1},
		{What: "lines of orders that do not say when they were placed, which count as the oldest", Count: 1},
		{What: "products of several sellers, whose prices count alike", Count: 1},
		{What: "products sold at two prices at one moment, of which one counts", Count: 1},
		{What: "products that are there twice", Count: 1},
		{What: "products that contradict an earlier one, which stands", Count: 1},
		{What: "products that weigh nothing", Count: 1},
		{What: "products that were sold and are missing", Count: 1},
		{What: "products whose category is not translated, and stays Portuguese", Count: 1},
		{What: "products without a category", Count: 1},
		{What: "products without weight or measures", Count: 1},
	}
	sum.same(t, Import{Products: 4, Added: 3, Events: 4, Refused: 1, First: ErrSKUTaken, Odd: odd})
	for id, want := range map[string][]string{
		"olist-aaaaaaaa01": {
			`ProductCreated 2018-01-03 {"id":"olist-aaaaaaaa01","name":"Health beauty aaaaaaaa","price":12.00,"sku":"aaaaaaaa01","description":"225 g, 16 × 10 × 14 cm, photos: 1.","category":"health_beauty"}`,
			`PriceChanged 2018-01-05 {"price":9.90}`,
		},
		"olist-bbbbbbbb02": {`ProductCreated {"id":"olist-bbbbbbbb02","name":"Pc gamer bbbbbbbb","price":5.00,"sku":"bbbbbbbb02","description":"0 g, 16 × 10 × 14 cm, photos: 2.","category":"pc_gamer"}`},
		"olist-cccccccc03": {`ProductCreated {"id":"olist-cccccccc03","name":"Product cccccccc","price":0.00,"sku":"cccccccc03","description":"Its price is not known."}`},
	} {
		if diff := cmp.Diff(want, factsOf(t, store, id)); diff != "" {
			t.Errorf("%s (-want, +got):\n%s", id, diff)
		}
	}
	again, err := imports(t, store, from)
	if err != nil {
		t.Fatal(err)
	}
	again.same(t, Import{Products: 4, Repeated: 3, Refused: 1, First: ErrSKUTaken, Odd: odd})
}

func TestNorthwindProductsHaveNamesPricesAndStock(t *testing.T) {
	from := published(t, map[string]string{
		northwindProducts: grocHeader + "1,Chai,8,1,10 boxes x 30 bags,18.00,39,0,10,1\n" + "2,Chang,1,7,24 bottles,19,0,40,25,0\n",
		"categories.csv":  "category_id,category_name,description,picture\n1,Beverages,\"Soft drinks, ales\",\n",
	})
	store := memstore.New()
	sum, err := imports(t, store, from)
	if err != nil {
		t.Fatal(err)
	}
	sum.same(t, Import{Products: 2, Added: 2, Events: 4, Odd: []importing.Oddity{
		{What: "products without a SKU, and without any time", Count: 2},
		{What: "products that are offered no more although there are pieces of them", Count: 1},
		{What: "products without a category, or of one that is not in the list", Count: 1},
	}})
	want := []string{
		`ProductCreated {"id":"northwind-1","name":"Chai","price":18.00,"description":"10 boxes x 30 bags","category":"Beverages"}`,
		`ProductRestocked {"quantity":39}`, `ProductDiscontinued {}`,
	}
	if diff := cmp.Diff(want, factsOf(t, store, "northwind-1")); diff != "" {
		t.Errorf("(-want, +got):\n%s", diff)
	}
}

// A sample, and then all of it: what is there already is left as it is, whatever has become
// of it, and what was created otherwise is told.
func TestImportingMoreAddsTheRest(t *testing.T) {
	rows := make([]string, 1_200)
	for i := range rows {
		rows[i] = fmt.Sprintf("%08d,artes,1,1,1,10,1,1,1\n", i)
	}
	store := memstore.New()
	sample, err := imports(t, store, published(t, map[string]string{olistProducts: olistHeader + strings.Join(rows[300:700], "")}))
	if err != nil || sample.Added != 400 {
		t.Fatalf("of the sample there are %d, %v", sample.Added, err)
	}
	if _, err := decider.Decide(t.Context(), store, Rename("olist-00000300", ProductRenamed{"Better"}, at)); err != nil {
		t.Fatal(err)
	}
	rows[301] = strings.Replace(rows[301], "10", "11", 1)
	all, err := imports(t, store, published(t, map[string]string{olistProducts: olistHeader + strings.Join(rows, "")}))
	if err != nil {
		t.Fatal(err)
	}
	if all.Added != 800 || all.Repeated != 399 || all.Different != 1 || !strings.Contains(fmt.Sprint(all.First), "olist-00000301") {
		t.Errorf("of all it is %+v", all)
	}
}

// Sales that the tables have got since go on from those that are recorded, unless somebody
// changed the product meanwhile: then it is told, and left as it is.
func TestLaterSalesAreAdded(t *testing.T) {
	with := func(sales int) string {
		orders, lines := orderHeader, linesHeader
		for n := range sales {
			orders += fmt.Sprintf("o%d,2018-01-0%d 10:00:00\n", n, n+1)
			lines += fmt.Sprintf("o%d,1,p1,s,%d\no%d,2,p2,s,%d\n", n, n+1, n, n+1)
		}
		return published(t, map[string]string{olistProducts: olistHeader + "p1,,,,,,,,\np2,,,,,,,,\n", olistOrders: orders, olistLines: lines})
	}
	store := memstore.New()
	if _, err := imports(t, store, with(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := decider.Decide(t.Context(), store, Reprice("olist-p2", PriceChanged{7}, at)); err != nil {
		t.Fatal(err)
	}
	more, err := imports(t, store, with(4))
	if err != nil {
		t.Fatal(err)
	}
	if more.Repeated != 1 || more.Continued != 1 || more.Events != 2 || more.Different != 1 || !errors.Is(more.First, errOtherwise) {
		t.Errorf("with two sales more it is %+v", more)
	}
	if got := factsOf(t, store, "olist-p1"); len(got) != 4 || got[3] != `PriceChanged 2018-01-04 {"price":4.00}` {
		t.Errorf("there is %q", got)
	}
	if got := factsOf(t, store, "olist-p2"); len(got) != 3 {
		t.Errorf("there is %q", got)
	}
	if less, err := imports(t, store, with(1)); err != nil || less.Repeated != 2 || less.Events != 0 {
		t.Errorf("with fewer sales it is %+v, %v", less, err)
	}
}

func TestAnImportEndsWithTheFirstMistake(t *testing.T) {
	for want, tables := range map[string]map[string]string{
		"products.csv:3: discontinued: is neither 0 nor 1":                          {northwindProducts: grocHeader + "1,Chai,8,,,18,0,0,0,0\n2,Chang,8,,,18,0,0,0,perhaps\n"},
		"products.csv:2: units_in_stock: stock: is -1":                              {northwindProducts: grocHeader + "1,Chai,8,,,18,-1,0,0,0\n"},
		"products.csv:2: product_id: name: is missing":                              {northwindProducts: grocHeader + "1, ,8,,,18,1,0,0,0\n"},
		"products.csv:2: product_id: a price is never negative: it would be -18.00": {northwindProducts: grocHeader + "1,Chai,8,,,-18,1,0,0,0\n"},
		"olist_products_dataset.csv:2: product_id: is missing":                      {olistProducts: olistHeader + ",,,,,,,,\n"},
		"olist_products_dataset.csv:2: product_id: daybook: invalid: sku \"a b\"":   {olistProducts: olistHeader + "a b,,,,,,,,\n"},
	} {
		tables, err := OpenTables(published(t, tables))
		if err == nil {
			_, err = tables.Record(t.Context(), memstore.New(), nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v; want %q", err, want)
		}
	}
	for want, tables := range map[string]map[string]string{
		"olist_order_items_dataset.csv:2: price: is less than nothing":   {olistProducts: olistHeader, olistLines: linesHeader + "o1,1,a,s1,-5\n"},
		"import one after the other":                                     {olistProducts: olistHeader, northwindProducts: grocHeader},
		"is olist_products_dataset.csv, nor products.csv (plain or .gz)": {},
	} {
		if _, err := OpenTables(published(t, tables)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v; want %q", err, want)
		}
	}
}

// What is recorded of one product is recorded whole, and no append is larger than a store
// takes.
func TestAProductOfManyPricesIsRecordedWhole(t *testing.T) {
	var orders, lines strings.Builder
	orders.WriteString(orderHeader)
	lines.WriteString(linesHeader)
	for product := range 4 {
		for n := range maxPrices + 1 {
			order := fmt.Sprintf("o%d-%d", product, n)
			fmt.Fprintf(&orders, "%s,%s\n", order, at.AddDate(0, 0, n).Format(olistTime))
			fmt.Fprintf(&lines, "%s,1,p%d,s,%d\n", order, product, n+1)
		}
	}
	store := memstore.New()
	sum, err := imports(t, store, published(t, map[string]string{
		olistProducts: olistHeader + "p0,,,,,,,,\np1,,,,,,,,\np2,,,,,,,,\np3,,,,,,,,\n", olistOrders: orders.String(), olistLines: lines.String(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if sum.Added != 4 || sum.Events != 4*maxPrices {
		t.Errorf("%d are added with %d events", sum.Added, sum.Events)
	}
	facts := factsOf(t, store, "olist-p3")
	if first := facts[0]; !strings.Contains(first, `"price":2.00`) {
		t.Errorf("it begins with %s", first)
	}
	if last := facts[len(facts)-1]; !strings.Contains(last, fmt.Sprintf(`"price":%d.00`, maxPrices+1)) {
		t.Errorf("it ends with %s", last)
	}
}

func TestImportNorthwind(t *testing.T) {
	store := memstore.New()
	for i, want := range []Import{{Products: 77, Added: 77, Events: 159}, {Products: 77, Repeated: 77}} {
		sum, err := imports(t, store, realdata.Dir(t, "northwind", "products.csv"))
		if err != nil {
			t.Fatal(err)
		}
		want.Odd = []importing.Oddity{
			{What: "products without a SKU, and without any time", Count: 77},
			{What: "products that are offered no more although there are pieces of them", Count: 6},
		}
		if sum.same(t, want); t.Failed() {
			t.Fatalf("import %d", i+1)
		}
	}
}
