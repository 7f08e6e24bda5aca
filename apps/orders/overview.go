package orders

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection/sqlview"
)

//go:embed sql/overview.sql
var overviewSchema string

// overviewVersion is raised whenever a handler or a table changes: the read model is
// then built anew from the log.
const overviewVersion = 3

// Overview is the read model behind every list, page and figure.
var Overview = sqlview.New("overview", overviewVersion, daybook.Join(Orders.Codec(), Stock.Codec()), overviewSchema+stockSchema,
	slices.Concat(orderHandlers, stockHandlers)...)

// orderHandlers are the part of it that is about orders.
var orderHandlers = []sqlview.Handler{
	sqlview.On(func(tx *sqlview.Tx, e OrderPlaced, at daybook.Recorded) error {
		if err := reach(tx, Placed, at); err != nil {
			return err
		}
		id := OrderID(at.Stream)
		if at.Version > 1 { // the order was forgotten, and is placed anew
			if err := tx.Exec(`delete from lines where order_id = ?`, id); err != nil {
				return err
			}
		}
		var units int64
		var price, freight Cents
		for n, l := range e.Lines {
			units += l.Quantity
			price += Cents(l.Quantity) * l.UnitPrice
			freight += l.Freight
			err := tx.Exec(`insert into lines (order_id, n, product, category, seller, quantity, unit_price, freight)
				values (?, ?, ?, ?, ?, ?, ?, ?)`, id, n+1, l.Product, l.Category, l.Seller, l.Quantity, l.UnitPrice, l.Freight)
			if err != nil {
				return err
			}
		}
		return tx.Exec(`update orders set customer = ?, city = ?, state = ?, currency = ?, total = ?,
				units = ?, item_price = ?, freight = ?, promised_for = ?, listed_at = ?, search = search || ?
			where id = ?`,
			e.Customer.ID, e.Customer.City, e.Customer.State, e.Currency, e.Total,
			units, price, freight, e.PromisedFor, at.Happened(), searchable(placedWords(id, e)...), id)
	}),
	sqlview.On(func(tx *sqlview.Tx, e FulfilmentRequested, at daybook.Recorded) error {
		if err := touch(tx, at); err != nil {
			return err
		}
		return tx.Exec(`update orders set fulfil = 1, pay_method = ?, pay_by = ? where id = ?`, e.Method, e.PayBy, OrderID(at.Stream))
	}),
	sqlview.On(func(tx *sqlview.Tx, e PaymentReceived, at daybook.Recorded) error {
		if err := touch(tx, at); err != nil {
			return err
		}
		id := OrderID(at.Stream)
		if err := tx.Exec(`update orders set paid = paid + ? where id = ?`, e.Amount, id); err != nil {
			return err
		}
		return tx.Exec(`insert into payments (order_id, version, method, amount, installments, at) values (?, ?, ?, ?, ?, ?)`,
			id, at.Version, e.Method, e.Amount, e.Installments, at.HappenedAt)
	}),
	sqlview.On(func(tx *sqlview.Tx, _ PaymentApproved, at daybook.Recorded) error { return reach(tx, Paid, at) }),
	sqlview.On(func(tx *sqlview.Tx, _ OrderInvoiced, at daybook.Recorded) error { return reach(tx, Invoiced, at) }),
	sqlview.On(func(tx *sqlview.Tx, _ ProcessingStarted, at daybook.Recorded) error { return reach(tx, Processing, at) }),
	sqlview.On(func(tx *sqlview.Tx, e OrderShipped, at daybook.Recorded) error {
		if err := reach(tx, Shipped, at); err != nil {
			return err
		}
		return tx.Exec(`update orders set carrier = ?, tracking = ?, search = search || ? where id = ?`,
			e.Carrier, e.Tracking, searchable(e.Carrier, e.Tracking), OrderID(at.Stream))
	}),
	sqlview.On(func(tx *sqlview.Tx, _ OrderDelivered, at daybook.Recorded) error { return reach(tx, Delivered, at) }),
	sqlview.On(func(tx *sqlview.Tx, _ GoodsFoundUnavailable, at daybook.Recorded) error {
		return reach(tx, Unavailable, at)
	}),
	sqlview.On(func(tx *sqlview.Tx, e OrderCancelled, at daybook.Recorded) error {
		if err := reach(tx, Cancelled, at); err != nil {
			return err
		}
		return tx.Exec(`update orders set reason = ? where id = ?`, e.Reason, OrderID(at.Stream))
	}),
	sqlview.On(func(tx *sqlview.Tx, e OrderReturned, at daybook.Recorded) error {
		if err := reach(tx, Returned, at); err != nil {
			return err
		}
		return tx.Exec(`update orders set reason = ? where id = ?`, e.Reason, OrderID(at.Stream))
	}),
	sqlview.On(func(tx *sqlview.Tx, e PaymentRefunded, at daybook.Recorded) error {
		if err := touch(tx, at); err != nil {
			return err
		}
		id := OrderID(at.Stream)
		if err := tx.Exec(`update orders set refunded = refunded + ? where id = ?`, e.Amount, id); err != nil {
			return err
		}
		err := tx.Exec(`insert into refunds (order_id, version, amount, reason, at) values (?, ?, ?, ?, ?)`,
			id, at.Version, e.Amount, e.Reason, at.HappenedAt)
		if err != nil {
			return err
		}
		var paid, refunded Cents
		if err := tx.QueryRow(`select paid, refunded from orders where id = ?`, id).Scan(&paid, &refunded); err != nil {
			return err
		}
		if refunded < paid {
			return nil
		}
		return reach(tx, Refunded, at)
	}),
}

// touch notes that an event was applied to its order, which it may be the first to
// speak of: in an imported history, goods were with the carrier before anybody had
// ordered them.
func touch(tx *sqlview.Tx, at daybook.Recorded) error {
	return tx.Exec(`insert into orders (id, version, updated_at, position, listed_at, status, reached)
			values (?1, ?2, ?3, ?4, ?5, 0, 0)
		on conflict (id) do update set version = ?2, updated_at = ?3, position = ?4`,
		OrderID(at.Stream), at.Version, at.RecordedAt, at.Position, at.Happened())
}

// reach notes that an event took its order to a status.
func reach(tx *sqlview.Tx, to Status, at daybook.Recorded) error {
	return tx.Exec(reachSQL[to], OrderID(at.Stream), at.Version, at.RecordedAt, at.Position, at.Happened(), to, 1<<to, at.HappenedAt)
}

// reachSQL has a statement for each status, which has a column of its own for when it
// was reached.
var reachSQL = func() map[Status]string {
	statements := make(map[Status]string)
	for _, s := range Statuses() {
		statements[s] = fmt.Sprintf(`insert into orders (id, version, updated_at, position, listed_at, status, reached, %[1]s_at)
				values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
			on conflict (id) do update set version = ?2, updated_at = ?3, position = ?4,
				status = max(status, ?6), reached = reached | ?7, %[1]s_at = coalesce(%[1]s_at, ?8)`, s)
	}
	return statements
}()

// placedWords returns what somebody may look for an order by once it was placed.
func placedWords(id string, e OrderPlaced) []string {
	words := []string{id, e.Customer.ID, e.Customer.City, e.Customer.State}
	for _, l := range e.Lines {
		words = append(words, l.Product, l.Category)
	}
	return words
}

// searchable returns words as the column search keeps them, and as a search has to
// spell them.
func searchable(words ...string) string {
	return strings.ToLower(strings.Join(words, " ")) + " "
}
