package orders

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		shown = listShown(at)
		if known, ok := s.figures.get(listShown(at).Tag, asOf); ok {
			d = known
			return nil
		}
		d, err = readDashboard(rows, asOf)
		if err == nil {
			s.figures.put(listShown(at).Tag, d)
		}
		return err
	})
	return d, shown, err
}

func readDashboard(rows *sqlview.Reader, asOf time.Time) (Dashboard, error) {
	d := Dashboard{AsOf: asOf, PerStatus: []StatusFigures{}, PerMethod: []MethodFigures{}, PerState: []StateFigures{}}
	f := figuring{rows: rows, asOf: asOf}
	d.addUp(f.cells())
	f.ask(func(row sqlview.Row) error {
		var m MethodFigures
		defer func() { d.PerMethod = append(d.PerMethod, m) }()
		return row.Scan(&m.Method, &m.Payments, &m.Orders, &m.Total)
	}, `select method, count(*), count(distinct order_id), sum(amount) from p group by method order by 4 desc, method`)
	d.TopByUnits, d.TopByItemPrice = f.products()
	d.Stock = f.stock()
	d.Fulfilment = f.fulfilment()
	return d, f.err
}

// A cell sums up the orders of one day, one state and one status: the whole dashboard
// is sums of cells, so the orders are walked over once.
type cell struct {
	day, state string
	status     Status
	PeriodFigures
	refunded     Cents
	inTime, late int64
	durations    [4]StageDuration
}

// measured are the durations that a dashboard tells.
var measured = [4][2]Status{{Placed, Paid}, {Paid, Shipped}, {Shipped, Delivered}, {Placed, Delivered}}

// addUp takes the figures of all cells together.
func (d *Dashboard) addUp(cells []cell) {
	var durations [2][4]StageDuration // of all orders, and of those delivered
	for only := range durations {
		for i, between := range measured {
			durations[only][i] = StageDuration{From: between[0], To: between[1], OnlyDelivered: only == 1}
		}
	}
	statuses := make(map[Status]int64)
	states := make(map[string]StateFigures)
	days, months := make(map[string]PeriodFigures), make(map[string]PeriodFigures)
	for _, c := range cells {
		d.Orders += c.Orders
		d.Units += c.Units
		d.Paid += c.Paid
		d.ItemPrice += c.ItemPrice
		d.Freight += c.Freight
		d.Refunded += c.refunded
		d.DeliveredInTime += c.inTime
		d.DeliveredLate += c.late
		statuses[c.status] += c.Orders
		states[c.state] = StateFigures{c.state, states[c.state].Orders + c.Orders, states[c.state].Paid + c.Paid}
		if c.status == Delivered {
			c.Delivered = c.Orders
		}
		days[c.day] = days[c.day].plus(c.PeriodFigures)
		months[c.day[:len("2017-11")]] = months[c.day[:len("2017-11")]].plus(c.PeriodFigures)
		for i, duration := range c.durations {
			durations[0][i] = durations[0][i].plus(duration)
			if c.status == Delivered {
				durations[1][i] = durations[1][i].plus(duration)
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(statuses)) {
		d.PerStatus = append(d.PerStatus, StatusFigures{status, statuses[status]})
	}
	d.PerState = slices.AppendSeq(d.PerState, maps.Values(states))
	slices.SortFunc(d.PerState, func(a, b StateFigures) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), cmp.Compare(a.State, b.State))
	})
	d.PerDay, d.PerMonth = inOrder(days), inOrder(months)
	d.StageDurations = slices.Concat(durations[0][:], durations[1][:])
}

func (p PeriodFigures) plus(q PeriodFigures) PeriodFigures {
	return PeriodFigures{p.Period, p.Orders + q.Orders, p.Delivered + q.Delivered, p.Units + q.Units, p.Paid + q.Paid, p.ItemPrice + q.ItemPrice, p.Freight + q.Freight}
}

func (d StageDuration) plus(e StageDuration) StageDuration {
	d.Orders += e.Orders
	d.SumSeconds += e.SumSeconds
	d.Negative += e.Negative
	d.Zero += e.Zero
	return d
}

func inOrder(periods map[string]PeriodFigures) []PeriodFigures {
	all := make([]PeriodFigures, 0, len(periods))
	for _, period := range slices.Sorted(maps.Keys(periods)) {
		p := periods[period]
		p.Period = period
		all = append(all, p)
	}
	return all
}

// figuring asks for figures, now or as of some time, until an error stops it.
type figuring struct {
	rows *sqlview.Reader
	asOf time.Time
	err  error
}

// What queries for figures are asked about: the orders o that were placed, their
// payments p, the articles s in stock, and how they stood.
const (
	nowSQL = `with o as (select * from orders where reached & 2), p as (select * from payments), s as (select * from stock) `

	// 1 is the time.
	asOfSQL = `with o as (select id, state, listed_at, fulfil, units, item_price, freight, promised_for,
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
		p as (select * from payments where at <= ?1),
		s as (select sku, sum(on_hand) as on_hand, sum(reserved) as reserved, sum(level) as level from movements where at <= ?1 group by sku) `
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

// cells walks over the orders.
func (f *figuring) cells() (cells []cell) {
	var durations strings.Builder
	for _, between := range measured {
		durations.WriteString(strings.NewReplacer("FROM", between[0].String()+"_at", "TO", between[1].String()+"_at").Replace(`,
			count(TO - FROM), coalesce(sum((TO - FROM) / 1000000000), 0), count(case when TO < FROM then 1 end), count(case when TO = FROM then 1 end)`))
	}
	f.ask(func(row sqlview.Row) error {
		var c cell
		fields := []any{&c.day, &c.state, &c.status, &c.Orders, &c.Units, &c.Paid, &c.ItemPrice, &c.Freight, &c.refunded, &c.inTime, &c.late}
		for i := range c.durations {
			d := &c.durations[i]
			fields = append(fields, &d.Orders, &d.SumSeconds, &d.Negative, &d.Zero)
		}
		defer func() { cells = append(cells, c) }()
		return row.Scan(fields...)
	}, `select strftime('%Y-%m-%d', listed_at / 1000000000, 'unixepoch') as day, state, status,
			count(*), sum(units), sum(paid), sum(item_price), sum(freight), sum(refunded),
			count(case when delivered_at <= promised_for then 1 end), count(case when delivered_at > promised_for then 1 end)`+
		durations.String()+`
		from o group by day, state, status`)
	return cells
}

// lowestArticles is how many of those that are low in stock a dashboard tells.
const lowestArticles = 10

// stock returns what is on the shelves.
func (f *figuring) stock() StockFigures {
	figures := StockFigures{Lowest: []LowStock{}}
	f.ask(func(row sqlview.Row) error {
		return row.Scan(&figures.Articles, &figures.OnHand, &figures.Reserved, &figures.Low)
	}, `select count(*), coalesce(sum(on_hand), 0), coalesce(sum(reserved), 0), count(case when on_hand - reserved <= level then 1 end) from s`)
	f.ask(func(row sqlview.Row) error {
		var a LowStock
		defer func() { figures.Lowest = append(figures.Lowest, a) }()
		return row.Scan(&a.SKU, &a.Free, &a.Level)
	}, fmt.Sprintf(`select sku, on_hand - reserved, level from s where on_hand - reserved <= level
		order by on_hand - reserved - level, sku limit %d`, lowestArticles))
	return figures
}

// fulfilment returns what became of the orders that the shop sees to by itself.
func (f *figuring) fulfilment() (figures FulfilmentFigures) {
	f.ask(func(row sqlview.Row) error {
		return row.Scan(&figures.Asked, &figures.Unpaid, &figures.Paid, &figures.Shipped, &figures.Cancelled)
	}, fmt.Sprintf(`select count(*), count(case when status < %[1]d then 1 end), count(case when status >= %[1]d and status < %[2]d then 1 end),
		count(case when shipped_at is not null then 1 end), count(case when status >= %[3]d and shipped_at is null then 1 end)
		from o where fulfil`, Paid, Shipped, Unavailable))
	return figures
}

// topProducts is how many of them a dashboard tells.
const topProducts = 10

// products returns those of which most pieces were sold, and those that were sold for
// the most money.
func (f *figuring) products() (byUnits, byPrice []ProductFigures) {
	var all []ProductFigures
	f.ask(func(row sqlview.Row) error {
		var p ProductFigures
		defer func() { all = append(all, p) }()
		return row.Scan(&p.Product, &p.Category, &p.Units, &p.Orders, &p.ItemPrice)
	}, `select product, max(category), sum(quantity), count(distinct order_id), sum(quantity * unit_price)
		from lines where order_id in (select id from o) group by product`)
	top := func(figure func(ProductFigures) int64) []ProductFigures {
		slices.SortFunc(all, func(a, b ProductFigures) int {
			return cmp.Or(cmp.Compare(figure(b), figure(a)), cmp.Compare(a.Product, b.Product))
		})
		return append([]ProductFigures{}, all[:min(len(all), topProducts)]...)
	}
	byUnits = top(func(p ProductFigures) int64 { return p.Units })
	byPrice = top(func(p ProductFigures) int64 { return int64(p.ItemPrice) })
	return byUnits, byPrice
}

// figureCache keeps the figures that were asked for last, which cost a walk over all
// orders, for as long as nothing happens.
type figureCache struct {
	mu   sync.Mutex
	at   string // the tag of what they show
	asOf map[time.Time]Dashboard
}

// maxFigures is how many moments are remembered: somebody who moves a slider back and
// forth passes a few dozen.
const maxFigures = 64

func (c *figureCache) get(at string, asOf time.Time) (Dashboard, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at {
		return Dashboard{}, false
	}
	d, known := c.asOf[asOf]
	return d, known
}

func (c *figureCache) put(at string, d Dashboard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at || c.asOf == nil || len(c.asOf) >= maxFigures {
		c.at, c.asOf = at, make(map[time.Time]Dashboard)
	}
	c.asOf[d.AsOf] = d
}
