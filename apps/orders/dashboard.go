package orders

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Dashboard returns the shop in figures: now if asOf is the zero time, or as it was
// then. As of some time counts what had happened by it, whenever that was recorded;
// facts that nobody dated had not. An imported order that was cancelled is then shown
// as far as its times tell.
func (s *Shop) Dashboard(ctx context.Context, asOf time.Time) (d Dashboard, shown Shown, err error) {
	if !asOf.IsZero() {
		asOf = asOf.UTC().Round(0) // one moment has one name in the cache
	}
	err = s.view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
		shown = listShown(at)
		if known, ok := s.figures.get(at.LastApplied(), asOf); ok {
			d = known
			return nil
		}
		d, err = readDashboard(rows, asOf)
		if err == nil {
			s.figures.put(at.LastApplied(), d)
		}
		return err
	})
	return d, shown, err
}

func readDashboard(rows *sqlview.Reader, asOf time.Time) (Dashboard, error) {
	f := figuring{rows: rows, asOf: asOf}
	d := Dashboard{AsOf: asOf, PerStatus: []StatusFigures{}, PerMethod: []MethodFigures{}, PerState: []StateFigures{}}
	f.ask(func(row sqlview.Row) error {
		return row.Scan(&d.Orders, &d.Units, &d.Paid, &d.ItemPrice, &d.Freight, &d.Refunded, &d.DeliveredInTime, &d.DeliveredLate)
	}, `select count(*), coalesce(sum(units), 0), coalesce(sum(paid), 0), coalesce(sum(item_price), 0), coalesce(sum(freight), 0), coalesce(sum(refunded), 0),
			count(case when delivered_at <= promised_for then 1 end), count(case when delivered_at > promised_for then 1 end)
		from o`)
	f.ask(func(row sqlview.Row) error {
		var s StatusFigures
		defer func() { d.PerStatus = append(d.PerStatus, s) }()
		return row.Scan(&s.Status, &s.Orders)
	}, `select status, count(*) from o group by status order by status`)
	f.ask(func(row sqlview.Row) error {
		var m MethodFigures
		defer func() { d.PerMethod = append(d.PerMethod, m) }()
		return row.Scan(&m.Method, &m.Payments, &m.Orders, &m.Total)
	}, `select method, count(*), count(distinct order_id), sum(amount) from p group by method order by 4 desc, method`)
	d.PerMonth = f.periods("%Y-%m")
	d.PerDay = f.periods("%Y-%m-%d")
	f.ask(func(row sqlview.Row) error {
		var s StateFigures
		defer func() { d.PerState = append(d.PerState, s) }()
		return row.Scan(&s.State, &s.Orders, &s.Paid)
	}, `select state, count(*), sum(paid) from o group by state order by 2 desc, state`)
	d.TopByUnits = f.products("units desc, product")
	d.TopByItemPrice = f.products("item_price desc, product")
	for _, delivered := range []bool{false, true} {
		for _, between := range [][2]Status{{Placed, Paid}, {Paid, Shipped}, {Shipped, Delivered}, {Placed, Delivered}} {
			d.StageDurations = append(d.StageDurations, f.duration(between[0], between[1], delivered))
		}
	}
	return d, f.err
}

// figuring asks for figures, now or as of some time, until an error stops it.
type figuring struct {
	rows *sqlview.Reader
	asOf time.Time
	err  error
}

// What queries for figures are asked about: the orders o that were placed, their
// payments p, and how they stood.
const (
	nowSQL = `with o as (select * from orders where reached & 2), p as (select * from payments) `

	// 1 is the time.
	asOfSQL = `with o as (select id, state, listed_at, units, item_price, freight, promised_for,
			case when refunded_at    <= ?1 then 10
			     when returned_at    <= ?1 then 9
			     when cancelled_at   <= ?1 then 8
			     when unavailable_at <= ?1 then 7
			     when delivered_at   <= ?1 then 6
			     when shipped_at     <= ?1 then 5
			     when processing_at  <= ?1 then 4
			     when invoiced_at    <= ?1 then 3
			     when paid_at        <= ?1 then 2
			     else 1 end as status,
			placed_at,
			case when paid_at      <= ?1 then paid_at end as paid_at,
			case when shipped_at   <= ?1 then shipped_at end as shipped_at,
			case when delivered_at <= ?1 then delivered_at end as delivered_at,
			(select coalesce(sum(amount), 0) from payments where order_id = orders.id and at <= ?1) as paid,
			(select coalesce(sum(amount), 0) from refunds where order_id = orders.id and at <= ?1) as refunded
		from orders where placed_at <= ?1),
		p as (select * from payments where at <= ?1) `
)

// ask calls each with every row that a query about o and p finds.
func (f *figuring) ask(each func(sqlview.Row) error, query string, args ...any) {
	if f.err != nil {
		return
	}
	if f.asOf.IsZero() {
		query = nowSQL + query
	} else {
		query = asOfSQL + query
		args = append([]any{f.asOf}, args...)
	}
	for row, err := range f.rows.Query(query, args...) {
		if err == nil {
			err = each(row)
		}
		if err != nil {
			f.err = fmt.Errorf("figures: %w", err)
			return
		}
	}
}

// periods returns the figures of the orders placed in each day or month.
func (f *figuring) periods(format string) []PeriodFigures {
	all := []PeriodFigures{}
	f.ask(func(row sqlview.Row) error {
		var p PeriodFigures
		defer func() { all = append(all, p) }()
		return row.Scan(&p.Period, &p.Orders, &p.Delivered, &p.Units, &p.Paid, &p.ItemPrice, &p.Freight)
	}, fmt.Sprintf(`select strftime('%s', listed_at / 1000000000, 'unixepoch') as period, count(*), count(case when status = %d then 1 end),
			sum(units), sum(paid), sum(item_price), sum(freight)
		from o group by period order by period`, format, Delivered))
	return all
}

// products returns the ten products that are first in an order.
func (f *figuring) products(order string) []ProductFigures {
	all := []ProductFigures{}
	f.ask(func(row sqlview.Row) error {
		var p ProductFigures
		defer func() { all = append(all, p) }()
		return row.Scan(&p.Product, &p.Category, &p.Units, &p.Orders, &p.ItemPrice)
	}, `select product, max(category), sum(quantity) as units, count(distinct order_id), sum(quantity * unit_price) as item_price
		from lines where order_id in (select id from o) group by product order by `+order+` limit 10`)
	return all
}

// duration tells how long orders took from one status to another.
func (f *figuring) duration(from, to Status, onlyDelivered bool) StageDuration {
	d := StageDuration{From: from, To: to, OnlyDelivered: onlyDelivered}
	condition := ""
	if onlyDelivered {
		condition = fmt.Sprintf(" and status = %d", Delivered)
	}
	f.ask(func(row sqlview.Row) error {
		return row.Scan(&d.Orders, &d.SumSeconds, &d.Negative, &d.Zero)
	}, strings.NewReplacer("FROM", from.String()+"_at", "TO", to.String()+"_at").Replace(
		`select count(*), coalesce(sum((TO - FROM) / 1000000000), 0), count(case when TO < FROM then 1 end), count(case when TO = FROM then 1 end)
		from o where FROM is not null and TO is not null`)+condition)
	return d
}

// figureCache keeps the figures that were asked for last, which cost a walk over all
// orders, for as long as nothing happens.
type figureCache struct {
	mu   sync.Mutex
	at   daybook.Point
	asOf map[time.Time]Dashboard
}

// maxFigures is how many moments are remembered: somebody who moves a slider back and
// forth passes a few dozen.
const maxFigures = 64

func (c *figureCache) get(at daybook.Point, asOf time.Time) (Dashboard, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at {
		return Dashboard{}, false
	}
	d, known := c.asOf[asOf]
	return d, known
}

func (c *figureCache) put(at daybook.Point, d Dashboard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at || c.asOf == nil || len(c.asOf) >= maxFigures {
		c.at, c.asOf = at, make(map[time.Time]Dashboard)
	}
	c.asOf[d.AsOf] = d
}
