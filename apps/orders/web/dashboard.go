package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/plot"
	"github.com/daybook-es/daybook/apps/orders"
)

// A dashboardView is the shop in figures.
type dashboardView struct {
	orders.Dashboard
	// InTime is the percentage of delivered orders that came when they were promised;
	// negative if nothing was promised.
	InTime float64
	// Month is the one whose days are shown, with the ones beside it.
	Month                    string
	MonthBefore, MonthAfter  string
	Months, Revenue          plot.Chart
	Days, DayRevenue         plot.Chart
	Statuses, Methods        []plot.Share
	States, FewStates        []plot.Share
	ByUnits, ByPrice, Stages []plot.Share
}

// fewStates is how many states are shown before the reader asks for all of them.
const fewStates = 10

func (s *Site) dashboardPage(w http.ResponseWriter, r *http.Request, d orders.Dashboard, month string, shown orders.Shown) error {
	body := dashboardView{Dashboard: d, InTime: -1}
	if promised := d.DeliveredInTime + d.DeliveredLate; promised > 0 {
		body.InTime = 100 * float64(d.DeliveredInTime) / float64(promised)
	}
	to := func(month string) string {
		q := make(url.Values)
		if !d.AsOf.IsZero() {
			q.Set("as_of", d.AsOf.Format(time.RFC3339Nano))
		}
		q.Set("month", month)
		return "/dashboard?" + q.Encode() + "#days"
	}
	if month == "" && len(d.PerMonth) > 0 {
		month = busiest(d.PerMonth)
	}
	body.Month = monthName(month)
	months := filled(d.PerMonth)
	for i, m := range months {
		if m.Period != month {
			continue
		}
		if i > 0 && months[i-1].Period != gap {
			body.MonthBefore = to(months[i-1].Period)
		}
		if i+1 < len(months) && months[i+1].Period != gap {
			body.MonthAfter = to(months[i+1].Period)
		}
	}
	count := func(p orders.PeriodFigures) int64 { return p.Orders }
	paid := func(p orders.PeriodFigures) int64 { return int64(p.Paid) }
	body.Months = monthChart("months", "Orders per month", months, month, count, to)
	body.Revenue = monthChart("revenue", "Paid per month", months, month, paid, to)
	body.Revenue.Format, body.Revenue.Tick = formatCents, tickCents
	days := daysOf(d.PerDay, month)
	body.Days = dayChart("day-orders", "Orders per day of "+body.Month, days, count)
	body.DayRevenue = dayChart("day-revenue", "Paid per day of "+body.Month, days, paid)
	body.DayRevenue.Format, body.DayRevenue.Tick = formatCents, tickCents
	body.shares(d)
	s.render(w, r, http.StatusOK, "dashboard", view{Title: "Dashboard", Nav: "dashboard", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
	return nil
}

// shares fills in the lists with bars.
func (v *dashboardView) shares(d orders.Dashboard) {
	var most int64
	for _, f := range d.PerStatus {
		most = max(most, f.Orders)
	}
	for _, f := range d.PerStatus {
		v.Statuses = append(v.Statuses, plot.Share{
			Name: f.Status.String(), Link: "/orders?status=" + f.Status.String(), Class: f.Status.String(),
			Figures: []string{httpapi.Thousands(f.Orders), percent(f.Orders, d.Orders)}, Of: ratio(f.Orders, most),
		})
	}
	var dearest orders.Cents
	for _, f := range d.PerMethod {
		dearest = max(dearest, f.Total)
	}
	for _, f := range d.PerMethod {
		v.Methods = append(v.Methods, plot.Share{
			Name: title(f.Method), Figures: []string{httpapi.Thousands(f.Payments), money(f.Total)}, Of: ratio(int64(f.Total), int64(dearest)),
		})
	}
	byOrders := slices.Clone(d.PerState)
	slices.SortStableFunc(byOrders, func(a, b orders.StateFigures) int { return int(b.Orders - a.Orders) })
	for _, f := range byOrders {
		name := f.State
		if name == "" {
			name = "unknown"
		}
		v.States = append(v.States, plot.Share{
			Name: name, Figures: []string{httpapi.Thousands(f.Orders), money(f.Paid)}, Of: ratio(f.Orders, byOrders[0].Orders),
		})
	}
	v.FewStates = v.States[:min(fewStates, len(v.States))]
	for _, f := range d.TopByUnits {
		v.ByUnits = append(v.ByUnits, productShare(f, ratio(f.Units, d.TopByUnits[0].Units)))
	}
	for _, f := range d.TopByItemPrice {
		v.ByPrice = append(v.ByPrice, productShare(f, ratio(int64(f.ItemPrice), int64(d.TopByItemPrice[0].ItemPrice))))
	}
	var longest time.Duration
	for _, f := range d.StageDurations {
		longest = max(longest, f.Mean())
	}
	names := map[orders.Status]string{orders.Placed: "Placed", orders.Paid: "approved", orders.Shipped: "carrier", orders.Delivered: "delivered"}
	for _, f := range d.StageDurations {
		if f.OnlyDelivered || f.Orders == 0 {
			continue
		}
		v.Stages = append(v.Stages, plot.Share{
			Name:    title(names[f.From]) + " to " + names[f.To],
			Figures: []string{lasting(f.Mean()), httpapi.Thousands(f.Orders), httpapi.Thousands(f.Negative)},
			Of:      ratio(int64(f.Mean()), int64(longest)),
		})
	}
}

func productShare(f orders.ProductFigures, of float64) plot.Share {
	name := title(f.Category)
	if name == "" {
		name = "No category"
	}
	return plot.Share{
		Name: name, Link: "/orders?" + url.Values{"search": {f.Product}}.Encode(), Class: short(f.Product),
		Figures: []string{httpapi.Thousands(f.Units), money(f.ItemPrice)}, Of: of,
	}
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func percent(part, whole int64) string { return fmt.Sprintf("%.1f %%", 100*ratio(part, whole)) }

func formatCents(v int64) string { return orders.Currency + " " + money(orders.Cents(v)) }

// tickCents writes an amount on an axis, without cents, and in thousands where it is
// large.
func tickCents(v int64) string {
	switch {
	case v >= 100_000_00 && v%1_000_00 == 0, v >= 1_000_00 && v%1_000_00 == 0:
		return httpapi.Thousands(v/1_000_00) + "k"
	case v%100 == 0:
		return httpapi.Thousands(v / 100)
	}
	return money(orders.Cents(v))
}

// busiest returns the last month with at least a tenth of the orders of the greatest
// one: the newest that is worth looking at. Real shops have months with a single late
// order.
func busiest(months []orders.PeriodFigures) string {
	var most int64
	for _, m := range months {
		most = max(most, m.Orders)
	}
	for _, m := range slices.Backward(months) {
		if m.Orders*10 >= most {
			return m.Period
		}
	}
	return months[len(months)-1].Period
}

// mostMonths bounds the months that are drawn: three years.
const mostMonths = 36

// longestGap is how many months without an order are drawn one by one. More of them are
// drawn as one, or a shop that slept would hide its years behind empty ones.
const longestGap = 6

// gap is the period of a month that stands for a longer time without orders.
const gap = ""

// filled returns the newest months with those between them in which nothing was
// ordered.
func filled(months []orders.PeriodFigures) []orders.PeriodFigures {
	var all []orders.PeriodFigures
	var next time.Time
	for _, m := range months {
		t, err := time.Parse("2006-01", m.Period)
		if err != nil {
			continue
		}
		var between []orders.PeriodFigures
		for ; len(all) > 0 && next.Before(t); next = next.AddDate(0, 1, 0) {
			between = append(between, orders.PeriodFigures{Period: next.Format("2006-01")})
		}
		if len(between) > longestGap {
			between = []orders.PeriodFigures{{Period: gap}}
		}
		all = append(append(all, between...), m)
		next = t.AddDate(0, 1, 0)
	}
	return all[max(0, len(all)-mostMonths):]
}

// daysOf returns every day of a month, whether something was ordered on it or not.
func daysOf(days []orders.PeriodFigures, month string) []orders.PeriodFigures {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return nil
	}
	known := make(map[string]orders.PeriodFigures)
	for _, d := range days {
		if strings.HasPrefix(d.Period, month) {
			known[d.Period] = d
		}
	}
	var all []orders.PeriodFigures
	for t := first; t.Month() == first.Month(); t = t.AddDate(0, 0, 1) {
		d := known[t.Format(time.DateOnly)]
		d.Period = t.Format(time.DateOnly)
		all = append(all, d)
	}
	return all
}

func monthName(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return month
	}
	return t.Format("January 2006")
}

func monthChart(id, name string, months []orders.PeriodFigures, current string, value func(orders.PeriodFigures) int64, to func(string) string) plot.Chart {
	c := plot.Chart{ID: id, Title: name, Format: func(v int64) string { return httpapi.Plural(v, "order", "orders") }, Tick: func(v int64) string { return httpapi.Thousands(v) }}
	for i, m := range months {
		t, err := time.Parse("2006-01", m.Period)
		if err != nil {
			c.Columns = append(c.Columns, plot.Column{Name: "A long time without orders", Label: "\u2026"})
			continue
		}
		col := plot.Column{Name: t.Format("January 2006"), Label: t.Format("Jan")[:1], Value: value(m), Link: to(m.Period), Current: m.Period == current}
		if i == 0 || t.Month() == time.January || months[i-1].Period == gap {
			col.Mark = t.Format("2006")
		}
		c.Columns = append(c.Columns, col)
	}
	return c
}

func dayChart(id, name string, days []orders.PeriodFigures, value func(orders.PeriodFigures) int64) plot.Chart {
	c := plot.Chart{ID: id, Title: name, Format: func(v int64) string { return httpapi.Plural(v, "order", "orders") }, Tick: func(v int64) string { return httpapi.Thousands(v) }}
	for _, d := range days {
		t, err := time.Parse(time.DateOnly, d.Period)
		if err != nil {
			continue
		}
		c.Columns = append(c.Columns, plot.Column{Name: t.Format("Monday 2 January 2006"), Label: t.Format("2"), Value: value(d)})
	}
	return c
}
