package orders

import (
	"iter"
	"slices"
	"time"

	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/apps/internal/importing"
)

// Olist is a Brazilian marketplace that published the orders of two years, without
// names, as tables. An olist is those tables, read from a directory: the lines,
// payments and customers in memory (some two hundred megabytes for a hundred thousand
// orders), the orders themselves one by one.
type olist struct {
	tables     *importing.Tables
	lines      map[string][]olistLine
	payments   map[string][]olistPayment
	customers  map[string]Customer
	categories map[string]string // of products, in English
	sellers    map[string]bool
	odd        importing.Oddities
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
	tables, err := importing.Find(from, ordersTable, linesTable, paymentsTable, customersTable, productsTable, sellersTable, translationsTable)
	if err == nil {
		err = tables.Need(ordersTable, linesTable, paymentsTable, customersTable)
	}
	if err == nil {
		err = tables.Track(ordersTable)
	}
	if err != nil {
		return nil, err
	}
	o := &olist{
		tables:     tables,
		lines:      make(map[string][]olistLine),
		payments:   make(map[string][]olistPayment),
		customers:  make(map[string]Customer),
		categories: make(map[string]string),
		sellers:    make(map[string]bool),
	}
	for _, read := range []func() error{o.readCategories, o.readSellers, o.readLines, o.readPayments, o.readCustomers} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *olist) readCategories() error {
	english := make(map[string]string)
	for row := range o.tables.Rows(translationsTable, "product_category_name", "product_category_name_english") {
		category, translated := row.Text(0), row.Text(1)
		if row.Err() != nil {
			return row.Err()
		}
		english[category] = translated
	}
	for row := range o.tables.Rows(productsTable, "product_id", "product_category_name") {
		product, category := row.Text(0), row.Text(1)
		if row.Err() != nil {
			return row.Err()
		}
		if translated, ok := english[category]; ok {
			category = translated
		}
		o.categories[product] = category
	}
	return nil
}

func (o *olist) readSellers() error {
	for row := range o.tables.Rows(sellersTable, "seller_id") {
		seller := row.Text(0)
		if row.Err() != nil {
			return row.Err()
		}
		o.sellers[seller] = true
	}
	return nil
}

func (o *olist) readLines() error {
	for row := range o.tables.Rows(linesTable, "order_id", "order_item_id", "product_id", "seller_id", "price", "freight_value") {
		order, n := row.Text(0), row.Whole(1)
		l := olistLine{n, Line{Product: row.Text(2), Seller: row.Text(3), Quantity: 1, UnitPrice: row.Money(4), Freight: row.Money(5)}}
		if row.Err() != nil {
			return row.Err()
		}
		var known bool
		l.Category, known = o.categories[l.Product]
		if i := slices.IndexFunc(o.lines[order], func(other olistLine) bool { return other.n == n }); i >= 0 {
			o.again(o.lines[order][i] == l)
			continue
		}
		o.odd.Count(!known && o.tables.Has(productsTable), "lines of a product that is not in the catalogue")
		o.odd.Count(known && l.Category == "", "lines of a product without a category")
		o.odd.Count(!o.sellers[l.Seller] && o.tables.Has(sellersTable), "lines of a seller who is not in the list")
		o.lines[order] = append(o.lines[order], l)
	}
	for _, lines := range o.lines {
		slices.SortFunc(lines, func(a, b olistLine) int { return int(a.n - b.n) })
	}
	return nil
}

func (o *olist) readPayments() error {
	for row := range o.tables.Rows(paymentsTable, "order_id", "payment_sequential", "payment_type", "payment_installments", "payment_value") {
		order, n := row.Text(0), row.Whole(1)
		p := olistPayment{n, PaymentReceived{Method: row.Text(2), Installments: row.Whole(3), Amount: row.Money(4)}}
		if row.Err() != nil {
			return row.Err()
		}
		if i := slices.IndexFunc(o.payments[order], func(other olistPayment) bool { return other.n == n }); i >= 0 {
			o.again(o.payments[order][i] == p)
			continue
		}
		o.odd.Count(p.Amount == 0, "payments of nothing")
		o.payments[order] = append(o.payments[order], p)
	}
	for _, payments := range o.payments {
		slices.SortFunc(payments, func(a, b olistPayment) int { return int(a.n - b.n) })
	}
	return nil
}

func (o *olist) readCustomers() error {
	for row := range o.tables.Rows(customersTable, "customer_id", "customer_unique_id", "customer_city", "customer_state") {
		// Olist gives a customer another id with every order; the person is the unique one.
		id, c := row.Text(0), Customer{ID: row.Text(1), City: row.Text(2), State: row.Text(3)}
		if row.Err() != nil {
			return row.Err()
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
	o.odd.Count(same, "rows that are there twice")
	o.odd.Count(!same, "rows that contradict an earlier one, which stands")
}

// histories yields the history of each order, in the order of the files.
func (o *olist) histories() iter.Seq2[History, error] {
	return func(yield func(History, error) bool) {
		seen := make(map[string]bool)
		for row := range o.tables.Rows(ordersTable, "order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
			"order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date") {
			order := olistOrder{
				id: row.Text(0), customer: row.Text(1), status: row.Text(2),
				purchased: row.Moment(3, olistTime), approved: row.Moment(4, olistTime), carrier: row.Moment(5, olistTime), delivered: row.Moment(6, olistTime), promised: row.Moment(7, olistTime),
			}
			if row.Err() == nil && check.Text("order_id", order.id, check.Required) != nil {
				row.Fail(0, "an id is needed")
			}
			if row.Err() != nil {
				yield(History{}, row.Err())
				return
			}
			if seen[order.id] {
				o.odd.Count(true, "orders that are there twice, of which the first stands")
				continue
			}
			seen[order.id] = true
			if !yield(o.history(order), nil) {
				return
			}
		}
		for order := range o.lines {
			o.odd.Count(!seen[order], "orders that have lines and are missing")
		}
		for order := range o.payments {
			o.odd.Count(!seen[order], "orders that have payments and are missing")
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
	o.odd.Count(before(order.carrier, order.purchased), "orders with the carrier before they were placed")
	o.odd.Count(before(order.carrier, order.approved), "orders with the carrier before they were paid")
	o.odd.Count(before(order.delivered, order.carrier), "orders delivered before they were with the carrier")
	o.odd.Count(before(order.delivered, order.approved), "orders delivered before they were paid")
	o.odd.Count(order.status == "delivered" && order.approved.IsZero(), "delivered orders that were never paid")
	o.odd.Count(undated, "orders whose last event has no time of its own")
	o.odd.Count(order.purchased.IsZero(), "orders without a time of purchase")
	o.odd.Count(len(placed.Lines) == 0, "orders without lines, whose total is what was paid")
	o.odd.Count(len(payments) == 0, "orders without payments")
	o.odd.Count(len(placed.Lines) > 0 && len(payments) > 0 && paid != placed.Total, "orders for which another amount was paid than lines and freight")
	o.odd.Count(!numbered(payments), "orders whose payments are not numbered 1, 2, 3")
	o.odd.Count(!hasCustomer, "orders of a customer who is not in the list")
	o.odd.Count(told != olistStatuses[order.status], "orders whose status is not where their times lead")
}

func numbered(payments []olistPayment) bool {
	for i, p := range payments {
		if p.n != int64(i+1) {
			return false
		}
	}
	return true
}

// olistTime is how times are written. They are local ones that do not say where, and
// are taken for UTC.
const olistTime = "2006-01-02 15:04:05"
