package orders

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Report is the dashboard's figures under the names that the publishers of the
// data use.
type Report struct {
	OrdersPerStatus    map[string]int64          `json:"orders_per_status"`
	PaymentsPerType    map[string]ReportedMethod `json:"payments_per_type"`
	TotalsCents        ReportedTotals            `json:"totals_cents"`
	PerPurchaseMonth   map[string]ReportedMonth  `json:"per_purchase_month"`
	StageDurations     map[string]ReportedStages `json:"stage_durations"`
	TopProductsByUnits []ReportedProduct         `json:"top10_products_by_units"`
	TopProductsByPrice []ReportedProduct         `json:"top10_products_by_item_price"`
	OrdersPerState     map[string]int64          `json:"orders_per_customer_state"`
	PaidCentsPerState  map[string]Cents          `json:"paid_cents_per_customer_state"`
}

// ReportedMethod tells what was paid by one method.
type ReportedMethod struct {
	Payments int64 `json:"payments"`
	Total    Cents `json:"total_cents"`
	Orders   int64 `json:"orders"`
}

// ReportedTotals are the sums over all orders.
type ReportedTotals struct {
	Paid      Cents `json:"paid"`
	ItemPrice Cents `json:"item_price"`
	Freight   Cents `json:"freight"`
}

// ReportedMonth are the figures of the orders purchased in a month.
type ReportedMonth struct {
	Orders          int64 `json:"orders"`
	DeliveredOrders int64 `json:"delivered_orders"`
	Items           int64 `json:"items"`
	Paid            Cents `json:"paid_cents"`
	ItemPrice       Cents `json:"item_price_cents"`
	Freight         Cents `json:"freight_cents"`
}

// ReportedStages tell how long orders took from one stage to another: all of them,
// and those that are delivered.
type ReportedStages struct {
	AllOrders       ReportedDuration `json:"all_orders"`
	StatusDelivered ReportedDuration `json:"status_delivered"`
}

// ReportedDuration sums up a duration. A negative one is where the later stage came
// first.
type ReportedDuration struct {
	Orders     int64 `json:"orders"`
	SumSeconds int64 `json:"sum_seconds"`
	// MeanDays is rounded to six places.
	MeanDays float64 `json:"mean_days"`
	Negative int64   `json:"negative"`
	Zero     int64   `json:"zero"`
}

// ReportedProduct tells how a product sold.
type ReportedProduct struct {
	Product   string `json:"product_id"`
	Units     int64  `json:"units"`
	Orders    int64  `json:"orders"`
	ItemPrice Cents  `json:"item_price_cents"`
	Category  string `json:"category"`
}

// A ReportAsOf says how far orders had come by some time, as their times tell.
type ReportAsOf struct {
	// Timestamps counts the orders that had come to each stage.
	Timestamps ReportedCounts `json:"timestamps_at_or_before"`
	Purchased  int64          `json:"orders_purchased"`
	// Highest counts orders by the furthest stage they had come to, Last by the one
	// that they had come to last; where several were at the same time, by the furthest
	// of those.
	Highest ReportedCounts `json:"stage_highest"`
	Last    ReportedCounts `json:"stage_by_last_event"`
}

// ReportedCounts counts orders by stage.
type ReportedCounts struct {
	Purchased int64 `json:"purchased"`
	Approved  int64 `json:"approved"`
	Carrier   int64 `json:"carrier"`
	Delivered int64 `json:"delivered"`
}

// reportedStatus is what a status is called in reports.
func reportedStatus(s Status) string {
	switch s {
	case Placed:
		return "created"
	case Paid:
		return "approved"
	case Cancelled:
		return "canceled"
	}
	return s.String()
}

// Report returns the shop in figures, as they are now.
func (s *Shop) Report(ctx context.Context) (Report, Shown, error) {
	d, shown, err := s.Dashboard(ctx, time.Time{})
	if err != nil {
		return Report{}, Shown{}, err
	}
	r := Report{
		OrdersPerStatus:    make(map[string]int64),
		PaymentsPerType:    make(map[string]ReportedMethod),
		TotalsCents:        ReportedTotals{d.Paid, d.ItemPrice, d.Freight},
		PerPurchaseMonth:   make(map[string]ReportedMonth),
		StageDurations:     make(map[string]ReportedStages),
		TopProductsByUnits: reportedProducts(d.TopByUnits),
		TopProductsByPrice: reportedProducts(d.TopByItemPrice),
		OrdersPerState:     make(map[string]int64),
		PaidCentsPerState:  make(map[string]Cents),
	}
	for _, f := range d.PerStatus {
		r.OrdersPerStatus[reportedStatus(f.Status)] = f.Orders
	}
	for _, f := range d.PerMethod {
		r.PaymentsPerType[f.Method] = ReportedMethod{f.Payments, f.Total, f.Orders}
	}
	for _, f := range d.PerMonth {
		r.PerPurchaseMonth[f.Period] = ReportedMonth{f.Orders, f.Delivered, f.Units, f.Paid, f.ItemPrice, f.Freight}
	}
	for _, f := range d.PerState {
		r.OrdersPerState[f.State], r.PaidCentsPerState[f.State] = f.Orders, f.Paid
	}
	stage := map[Status]string{Placed: "purchased", Paid: "approved", Shipped: "carrier", Delivered: "delivered"}
	for _, f := range d.StageDurations {
		name := stage[f.From] + "_to_" + stage[f.To]
		duration := ReportedDuration{f.Orders, f.SumSeconds, math.Round(f.Mean().Hours()/24*1e6) / 1e6, f.Negative, f.Zero}
		stages := r.StageDurations[name]
		if f.OnlyDelivered {
			stages.StatusDelivered = duration
		} else {
			stages.AllOrders = duration
		}
		r.StageDurations[name] = stages
	}
	return r, shown, nil
}

func reportedProducts(products []ProductFigures) []ReportedProduct {
	reported := make([]ReportedProduct, len(products))
	for i, p := range products {
		reported[i] = ReportedProduct{p.Product, p.Units, p.Orders, p.ItemPrice, p.Category}
	}
	return reported
}

// ReportAsOf returns how far orders had come by some time.
func (s *Shop) ReportAsOf(ctx context.Context, asOf time.Time) (r ReportAsOf, shown Shown, err error) {
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		shown = listShown(at)
		err := rows.QueryRow(`select count(case when placed_at <= ?1 then 1 end), count(case when paid_at <= ?1 then 1 end),
				count(case when shipped_at <= ?1 then 1 end), count(case when delivered_at <= ?1 then 1 end)
			from orders`, asOf).Scan(&r.Timestamps.Purchased, &r.Timestamps.Approved, &r.Timestamps.Carrier, &r.Timestamps.Delivered)
		if err != nil {
			return err
		}
		r.Purchased = r.Timestamps.Purchased
		if r.Highest, err = stages(rows, `case
				when delivered_at <= ?1 then 4
				when shipped_at   <= ?1 then 3
				when paid_at      <= ?1 then 2
				when placed_at    <= ?1 then 1 end`, asOf); err != nil {
			return err
		}
		// The comparisons are between the times that had come, each with the latest of
		// them; ties go to the furthest stage.
		r.Last, err = stages(rows, `(select case max(p, a, c, d)
					when -9000000000000000000 then null when d then 4 when c then 3 when a then 2 when p then 1 end
				from (select coalesce(case when placed_at    <= ?1 then placed_at    end, -9000000000000000000) as p,
				             coalesce(case when paid_at      <= ?1 then paid_at      end, -9000000000000000000) as a,
				             coalesce(case when shipped_at   <= ?1 then shipped_at   end, -9000000000000000000) as c,
				             coalesce(case when delivered_at <= ?1 then delivered_at end, -9000000000000000000) as d))`, asOf)
		return err
	})
	return r, shown, err
}

// stages counts orders by a stage, which an expression says as a number from 1 to 4.
func stages(rows *sqlview.Reader, stage string, asOf time.Time) (c ReportedCounts, err error) {
	for row, err := range rows.Query(`select stage, count(*) from (select `+stage+` as stage from orders) where stage is not null group by stage`, asOf) {
		var stage int
		var n int64
		if err == nil {
			err = row.Scan(&stage, &n)
		}
		if err != nil {
			return c, err
		}
		*[]*int64{&c.Purchased, &c.Approved, &c.Carrier, &c.Delivered}[stage-1] = n
	}
	return c, nil
}

// Print writes the report as tables for people.
func (r Report) Print(w io.Writer) error {
	t := newTable(w)
	t.title("Orders per status")
	for _, status := range byCount(r.OrdersPerStatus) {
		t.line(status, r.OrdersPerStatus[status])
	}
	t.title("Payments per method", "payments", "orders", "total")
	for _, method := range slices.Sorted(maps.Keys(r.PaymentsPerType)) {
		m := r.PaymentsPerType[method]
		t.line(method, m.Payments, m.Orders, m.Total)
	}
	t.title("Totals")
	t.line("paid", r.TotalsCents.Paid)
	t.line("articles", r.TotalsCents.ItemPrice)
	t.line("freight", r.TotalsCents.Freight)
	t.title("Month of purchase", "orders", "delivered", "articles", "paid", "price", "freight")
	for _, month := range slices.Sorted(maps.Keys(r.PerPurchaseMonth)) {
		m := r.PerPurchaseMonth[month]
		t.line(month, m.Orders, m.DeliveredOrders, m.Items, m.Paid, m.ItemPrice, m.Freight)
	}
	t.title("From stage to stage", "orders", "mean days", "negative", "zero")
	for _, stages := range []string{"purchased_to_approved", "approved_to_carrier", "carrier_to_delivered", "purchased_to_delivered"} {
		d := r.StageDurations[stages].AllOrders
		t.line(stages, d.Orders, meanDays(d.MeanDays), d.Negative, d.Zero)
	}
	t.title("Most sold", "pieces", "orders", "price", "category")
	for _, p := range r.TopProductsByUnits {
		t.line(p.Product, p.Units, p.Orders, p.ItemPrice, p.Category)
	}
	t.title("Highest sales", "pieces", "orders", "price", "category")
	for _, p := range r.TopProductsByPrice {
		t.line(p.Product, p.Units, p.Orders, p.ItemPrice, p.Category)
	}
	t.title("Customers' state", "orders", "paid")
	for _, state := range byCount(r.OrdersPerState) {
		t.line(state, r.OrdersPerState[state], r.PaidCentsPerState[state])
	}
	return t.flush()
}

// Print writes the report as a table for people.
func (r ReportAsOf) Print(w io.Writer) error {
	t := newTable(w)
	t.title("Orders that had come", "purchased", "approved", "carrier", "delivered")
	for _, row := range []struct {
		name   string
		counts ReportedCounts
	}{{"to the stage", r.Timestamps}, {"no further", r.Highest}, {"there last", r.Last}} {
		t.line(row.name, row.counts.Purchased, row.counts.Approved, row.counts.Carrier, row.counts.Delivered)
	}
	return t.flush()
}

// meanDays is written with two places.
type meanDays float64

func (m meanDays) String() string { return fmt.Sprintf("%.2f", float64(m)) }

// byCount returns the keys of counts, the most frequent first.
func byCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// A table lays out figures in columns, in blocks with a title each: words to the
// left, figures to the right.
type table struct {
	w     io.Writer
	block [][]any
	begun bool
	err   error
}

func newTable(w io.Writer) *table { return &table{w: w} }

// title begins a block. Its first cell names the block, the others its columns.
func (t *table) title(cells ...any) {
	t.write()
	t.block = append(t.block, cells)
}

func (t *table) line(cells ...any) { t.block = append(t.block, cells) }

// write writes the block that was begun.
func (t *table) write() {
	if len(t.block) == 0 {
		return
	}
	var widths []int
	for _, cells := range t.block {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(fmt.Sprint(cell)))
		}
	}
	var b strings.Builder
	if t.begun {
		b.WriteByte('\n')
	}
	for _, cells := range t.block {
		var line strings.Builder
		for i, cell := range cells {
			width := widths[i]
			if t.left(i) {
				width = -width
			}
			fmt.Fprintf(&line, "%*v  ", width, cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if _, err := io.WriteString(t.w, b.String()); t.err == nil {
		t.err = err
	}
	t.block, t.begun = nil, true
}

// left reports whether a column of the block holds words.
func (t *table) left(i int) bool {
	last := t.block[len(t.block)-1]
	_, words := last[min(i, len(last)-1)].(string)
	return words
}

// flush writes what is left, and returns the first error.
func (t *table) flush() error {
	t.write()
	return t.err
}
