package orders

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/daybook-es/daybook/apps/internal/check"
)

// Olist is a Brazilian marketplace that published the orders of two years, without
// names, as tables. An olist is those tables, read from a directory: the lines,
// payments and customers in memory (some two hundred megabytes for a hundred thousand
// orders), the orders themselves one by one.
type olist struct {
	files      map[string][]string // the paths of each table that is there
	lines      map[string][]olistLine
	payments   map[string][]olistPayment
	customers  map[string]Customer
	categories map[string]string // of products, in English
	sellers    map[string]bool
	odd        oddities

	// read is how many of the bytes of the orders' files were read, of size.
	read atomic.Int64
	size int64
}

// The tables, by the names under which they were published.
const (
	ordersTable       = "olist_orders_dataset.csv"
	linesTable        = "olist_order_items_dataset.csv"
	paymentsTable     = "olist_order_payments_dataset.csv"
	customersTable    = "olist_customers_dataset.csv"
	productsTable     = "olist_products_dataset.csv"
	sellersTable      = "olist_sellers_dataset.csv"
	translationsTable = "product_category_name_translation.csv"
)

type olistLine struct {
	n int64
	Line
}

type olistPayment struct {
	n int64
	PaymentReceived
}

// openOlist finds the tables anywhere below a directory, plain or compressed, and
// reads all but the orders. A table may be there in several pieces, which may overlap.
func openOlist(from string) (*olist, error) {
	o := &olist{
		files:      make(map[string][]string),
		lines:      make(map[string][]olistLine),
		payments:   make(map[string][]olistPayment),
		customers:  make(map[string]Customer),
		categories: make(map[string]string),
		sellers:    make(map[string]bool),
	}
	if err := o.find(from); err != nil {
		return nil, err
	}
	for _, read := range []func() error{o.readCategories, o.readSellers, o.readLines, o.readPayments, o.readCustomers} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// find looks for the tables.
func (o *olist) find(from string) error {
	root, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	known := []string{ordersTable, linesTable, paymentsTable, customersTable, productsTable, sellersTable, translationsTable}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		table := strings.TrimSuffix(entry.Name(), ".gz")
		if slices.Contains(known, table) {
			o.files[table] = append(o.files[table], path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var missing []string
	for _, table := range known[:4] {
		if len(o.files[table]) == 0 {
			missing = append(missing, table)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("nowhere below %s is %s (plain or .gz)", from, strings.Join(missing, ", nor "))
	}
	for _, path := range o.files[ordersTable] {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		o.size += info.Size()
	}
	return nil
}

func (o *olist) readCategories() error {
	english := make(map[string]string)
	for row := range o.rows(translationsTable, "product_category_name", "product_category_name_english") {
		category, translated := row.text(0), row.text(1)
		if row.err != nil {
			return row.err
		}
		english[category] = translated
	}
	for row := range o.rows(productsTable, "product_id", "product_category_name") {
		product, category := row.text(0), row.text(1)
		if row.err != nil {
			return row.err
		}
		if translated, ok := english[category]; ok {
			category = translated
		}
		o.categories[product] = category
	}
	return nil
}

func (o *olist) readSellers() error {
	for row := range o.rows(sellersTable, "seller_id") {
		seller := row.text(0)
		if row.err != nil {
			return row.err
		}
		o.sellers[seller] = true
	}
	return nil
}

func (o *olist) readLines() error {
	for row := range o.rows(linesTable, "order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value") {
		order, n := row.text(0), row.whole(1)
		l := olistLine{n, Line{Product: row.text(2), Seller: row.text(3), Quantity: 1, UnitPrice: row.money(4), Freight: row.money(5)}}
		if row.err != nil {
			return row.err
		}
		var known bool
		l.Category, known = o.categories[l.Product]
		if i := slices.IndexFunc(o.lines[order], func(other olistLine) bool { return other.n == n }); i >= 0 {
			o.again(o.lines[order][i] == l)
			continue
		}
		o.odd.count(!known && len(o.files[productsTable]) > 0, "lines of a product that is not in the catalogue")
		o.odd.count(known && l.Category == "", "lines of a product without a category")
		o.odd.count(!o.sellers[l.Seller] && len(o.files[sellersTable]) > 0, "lines of a seller who is not in the list")
		o.lines[order] = append(o.lines[order], l)
	}
	for _, lines := range o.lines {
		slices.SortFunc(lines, func(a, b olistLine) int { return int(a.n - b.n) })
	}
	return nil
}

func (o *olist) readPayments() error {
	for row := range o.rows(paymentsTable, "order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value") {
		order, n := row.text(0), row.whole(1)
		p := olistPayment{n, PaymentReceived{Method: row.text(2), Installments: row.whole(3), Amount: row.money(4)}}
		if row.err != nil {
			return row.err
		}
		if i := slices.IndexFunc(o.payments[order], func(other olistPayment) bool { return other.n == n }); i >= 0 {
			o.again(o.payments[order][i] == p)
			continue
		}
		o.odd.count(p.Amount == 0, "payments of nothing")
		o.payments[order] = append(o.payments[order], p)
	}
	for _, payments := range o.payments {
		slices.SortFunc(payments, func(a, b olistPayment) int { return int(a.n - b.n) })
	}
	return nil
}

func (o *olist) readCustomers() error {
	for row := range o.rows(customersTable, "customer_id", "customer_unique_id", "customer_city", "customer_state") {
		// Olist gives a customer another id with every order; the person is the unique one.
		id, c := row.text(0), Customer{ID: row.text(1), City: row.text(2), State: row.text(3)}
		if row.err != nil {
			return row.err
		}
		if before, there := o.customers[id]; there {
			o.again(before == c)
			continue
		}
		o.customers[id] = c
	}
	return nil
}

// again counts a row that another piece of its table has too.
func (o *olist) again(same bool) {
	o.odd.count(same, "rows that are there twice")
	o.odd.count(!same, "rows that contradict an earlier one, which stands")
}

// histories yields the history of each order, in the order of the files.
func (o *olist) histories() iter.Seq2[History, error] {
	return func(yield func(History, error) bool) {
		seen := make(map[string]bool)
		for row := range o.rows(ordersTable, "order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
			"order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date") {
			order := olistOrder{
				id: row.text(0), customer: row.text(1), status: row.text(2),
				purchased: row.moment(3), approved: row.moment(4), carrier: row.moment(5), delivered: row.moment(6), promised: row.moment(7),
			}
			if row.err == nil && check.Text("order_id", order.id, check.Required) != nil {
				row.fail(0, "an id is needed")
			}
			if row.err != nil {
				yield(History{}, row.err)
				return
			}
			if seen[order.id] {
				o.odd.count(true, "orders that are there twice, of which the first stands")
				continue
			}
			seen[order.id] = true
			if !yield(o.history(order), nil) {
				return
			}
		}
		for order := range o.lines {
			o.odd.count(!seen[order], "orders that have lines and are missing")
		}
		for order := range o.payments {
			o.odd.count(!seen[order], "orders that have payments and are missing")
		}
	}
}

// An olistOrder is a row of the orders' table.
type olistOrder struct {
	id, customer, status                              string
	purchased, approved, carrier, delivered, promised time.Time
}

// history returns what happened to an order, in the order in which it happened.
// Payments have no time of their own: they happened at the purchase. What has only a
// status to tell of it happened at an unknown time, after all the rest.
func (o *olist) history(order olistOrder) History {
	placed := OrderPlaced{Customer: o.customers[order.customer], Currency: Currency, PromisedFor: order.promised}
	for _, l := range o.lines[order.id] {
		placed.Lines = append(placed.Lines, l.Line)
	}
	placed.Total = sumOf(placed.Lines)
	paid := Cents(0)
	for _, p := range o.payments[order.id] {
		paid += p.Amount
	}
	if len(placed.Lines) == 0 {
		placed.Total = paid // all that is known of it
	}

	dated := []Dated{{placed, order.purchased}}
	for _, p := range o.payments[order.id] {
		dated = append(dated, Dated{p.PaymentReceived, order.purchased})
	}
	var undated []Dated
	tell := func(fact any, at time.Time, status string) {
		switch {
		case !at.IsZero():
			dated = append(dated, Dated{fact, at})
		case order.status == status:
			undated = append(undated, Dated{Fact: fact})
		}
	}
	tell(PaymentApproved{}, order.approved, "approved")
	tell(OrderInvoiced{}, time.Time{}, "invoiced")
	tell(ProcessingStarted{}, time.Time{}, "processing")
	tell(OrderShipped{}, order.carrier, "shipped")
	tell(OrderDelivered{}, order.delivered, "delivered")
	tell(GoodsFoundUnavailable{}, time.Time{}, "unavailable")
	tell(OrderCancelled{}, time.Time{}, "canceled")
	// What happened at the same time happened in the order in which it is told above.
	slices.SortStableFunc(dated, func(a, b Dated) int { return a.At.Compare(b.At) })
	h := History{Order: order.id, Facts: append(dated, undated...)}

	o.note(order, placed, paid, len(undated) > 0, h)
	return h
}

// olistStatuses are the statuses of Olist, in our words.
var olistStatuses = map[string]Status{
	"created": Placed, "approved": Paid, "invoiced": Invoiced, "processing": Processing, "shipped": Shipped,
	"delivered": Delivered, "unavailable": Unavailable, "canceled": Cancelled,
}

// note counts what is odd about an order.
func (o *olist) note(order olistOrder, placed OrderPlaced, paid Cents, undated bool, h History) {
	before := func(a, b time.Time) bool { return !a.IsZero() && !b.IsZero() && a.Before(b) }
	payments := o.payments[order.id]
	_, hasCustomer := o.customers[order.customer]
	var told Status
	for _, dated := range h.Facts {
		told.reach(reachedBy(dated.Fact))
	}
	o.odd.count(before(order.carrier, order.purchased), "orders with the carrier before they were placed")
	o.odd.count(before(order.carrier, order.approved), "orders with the carrier before they were paid")
	o.odd.count(before(order.delivered, order.carrier), "orders delivered before they were with the carrier")
	o.odd.count(before(order.delivered, order.approved), "orders delivered before they were paid")
	o.odd.count(order.status == "delivered" && order.approved.IsZero(), "delivered orders that were never paid")
	o.odd.count(undated, "orders whose last event has no time of its own")
	o.odd.count(order.purchased.IsZero(), "orders without a time of purchase")
	o.odd.count(len(placed.Lines) == 0, "orders without lines, whose total is what was paid")
	o.odd.count(len(payments) == 0, "orders without payments")
	o.odd.count(len(placed.Lines) > 0 && len(payments) > 0 && paid != placed.Total, "orders for which another amount was paid than lines and freight")
	o.odd.count(!numbered(payments), "orders whose payments are not numbered 1, 2, 3")
	o.odd.count(!hasCustomer, "orders of a customer who is not in the list")
	o.odd.count(told != olistStatuses[order.status], "orders whose status is not where their times lead")
}

func numbered(payments []olistPayment) bool {
	for i, p := range payments {
		if p.n != int64(i+1) {
			return false
		}
	}
	return true
}

// A row is one of a table, with the columns that were asked for. Its first mistake is
// kept, with the place where it is.
type row struct {
	table   *csv.Reader
	path    string
	columns []string
	index   []int
	record  []string
	err     error
}

// rows yields the rows of all pieces of a table, with the columns of these names. A
// table that is not there has no rows. After a row with an error there is none.
func (o *olist) rows(table string, columns ...string) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, path := range o.files[table] {
			if !o.rowsOf(path, table == ordersTable, columns, yield) {
				return
			}
		}
	}
}

// rowsOf yields the rows of one file, and reports whether to go on after it.
func (o *olist) rowsOf(path string, counted bool, columns []string, yield func(*row) bool) bool {
	r := &row{path: path, columns: columns}
	file, err := os.Open(path)
	if err != nil {
		r.err = err
		yield(r)
		return false
	}
	defer file.Close()
	var in io.Reader = file
	if counted {
		in = &countingReader{file, &o.read}
	}
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			r.err = fmt.Errorf("%s: %w", path, err)
			yield(r)
			return false
		}
	}
	r.table = csv.NewReader(in)
	r.table.ReuseRecord = true
	if r.err = r.header(); r.err != nil {
		yield(r)
		return false
	}
	for {
		r.record, err = r.table.Read()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			r.err = r.broken(err)
		}
		if !yield(r) || r.err != nil {
			return false
		}
	}
}

// header finds the columns.
func (r *row) header() error {
	header, err := r.table.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: is empty; its first line should name the columns", r.path)
	}
	if err != nil {
		return r.broken(err)
	}
	header[0] = strings.Trim(strings.TrimPrefix(header[0], "\ufeff"), `"`) // a byte order mark
	for _, name := range r.columns {
		i := slices.Index(header, name)
		if i < 0 {
			return fmt.Errorf("%s:1: has no column %s; its columns are %s", r.path, name, strings.Join(header, ", "))
		}
		r.index = append(r.index, i)
	}
	return nil
}

// broken says where a file cannot be read.
func (r *row) broken(err error) error {
	if where := (*csv.ParseError)(nil); errors.As(err, &where) {
		return fmt.Errorf("%s:%d: %w", r.path, where.Line, where.Err)
	}
	return fmt.Errorf("%s: %w", r.path, err)
}

// text returns what the i-th column asked for holds.
func (r *row) text(i int) string {
	if r.err != nil {
		return ""
	}
	if held := r.record[r.index[i]]; utf8.ValidString(held) {
		return strings.Clone(held)
	}
	r.fail(i, "is not UTF-8")
	return ""
}

// fail notes that a column holds something else than it should.
func (r *row) fail(i int, reason string) {
	if r.err == nil {
		line, _ := r.table.FieldPos(r.index[i])
		r.err = fmt.Errorf("%s:%d: %s: %s", r.path, line, r.columns[i], reason)
	}
}

// money returns an amount.
func (r *row) money(i int) Cents {
	amount, err := ParseCents(r.text(i))
	if err != nil {
		r.fail(i, err.Error())
	}
	return amount
}

// whole returns a number.
func (r *row) whole(i int) (n int64) {
	written := r.text(i)
	if _, err := fmt.Sscanf(written, "%d", &n); err != nil || fmt.Sprint(n) != written {
		r.fail(i, fmt.Sprintf("%.40q is not a whole number", written))
	}
	return n
}

// olistTime is how times are written. They are local ones that do not say where, and
// are taken for UTC.
const olistTime = "2006-01-02 15:04:05"

// moment returns a time; an empty column has none.
func (r *row) moment(i int) time.Time {
	written := r.text(i)
	if written == "" {
		return time.Time{}
	}
	t, err := time.Parse(olistTime, written)
	if err != nil {
		r.fail(i, fmt.Sprintf("%.40q is not a time, such as 2017-11-24 23:59:00", written))
	}
	return t
}

// A countingReader counts what is read through it.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
