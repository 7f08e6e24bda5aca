package web

import (
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
)

// words are what templates say things with, besides those of every site.
var words = template.FuncMap{
	"money":    money,
	"short":    short,
	"title":    title,
	"told":     told,
	"currency": func() string { return orders.Currency },
	"statuses": orders.Statuses,
	"sorts":    func() []namedSort { return sortNames },
	"methods":  func() []string { return []string{"credit_card", "debit_card", "boleto", "voucher"} },
	"late":     orders.Occurrence.Late,
	"path":     url.PathEscape,
	"orderIn":  orderIn,
	"standing": standing,
	"asideForm": func(process, instance string, since time.Time, cause string, input uuid.UUID) asideForm {
		return asideForm{process, instance, since, cause, input}
	},
	"moods":      simulated.Moods,
	"moodWords":  func(m simulated.Mood) string { return moodWords[m] },
	"percentage": func(rate float64) string { return strconv.FormatFloat(100*rate, 'g', 4, 64) },
	"seconds":    func(millis int64) float64 { return float64(millis) / 1000 },
	"seq":        func(numbers ...int) []int { return numbers },
	"few":        func(moods []simulated.Mood) []simulated.Mood { return moods[:min(len(moods), fewMoods)] },
	"left":       func(moods []simulated.Mood) int { return len(moods) - fewMoods },
}

type namedSort struct {
	Sort orders.Sort
	Name string
}

var sortNames = []namedSort{
	{orders.ByNewest, "Newest first"},
	{orders.ByOldest, "Oldest first"},
	{orders.ByUpdated, "Changed last"},
	{orders.ByDearest, "Largest total"},
	{orders.ByCheapest, "Smallest total"},
}

// money writes an amount with thousands set apart: "1,234.50".
func money(c orders.Cents) string {
	whole, fraction, _ := strings.Cut(c.String(), ".")
	return httpapi.Apart(whole) + "." + fraction
}

// short writes an id as far as people need to tell it from others.
func short(id string) string {
	if len(id) <= 12 {
		return id
	}
	// Of an id of version 7 or 8 the front is the time, which those made together share.
	if len(id) == 36 {
		return prefix(id, 8) + "\u2026" + id[len(prefix(id, 32)):]
	}
	return prefix(id, 8)
}

// prefix returns at most so many bytes of s, and no half of a character.
func prefix(s string, bytes int) string {
	for bytes > 0 && !utf8.RuneStart(s[bytes]) {
		bytes--
	}
	return s[:bytes]
}

// title writes a name such as "credit_card" as words.
func title(name any) string {
	return httpapi.Capital(strings.ReplaceAll(fmt.Sprint(name), "_", " "))
}

// A telling is an event in the shop's words.
type telling struct{ What, Detail string }

// told says what happened, for an order's timeline.
func told(e orders.Occurrence) telling {
	and := func(words ...string) string {
		kept := words[:0]
		for _, w := range words {
			if w != "" {
				kept = append(kept, w)
			}
		}
		return strings.Join(kept, ", ")
	}
	switch f := e.Fact.(type) {
	case orders.OrderPlaced:
		of := "for " + money(f.Total)
		if len(f.Lines) > 0 {
			of += " in " + httpapi.Plural(len(f.Lines), "line", "lines")
		}
		return telling{"Placed", of}
	case orders.FulfilmentRequested:
		until := ""
		if !f.PayBy.IsZero() {
			until = "to be paid by " + httpapi.When(f.PayBy)
		}
		return telling{"The shop was asked to see to it", and(strings.ReplaceAll(f.Method, "_", " "), until)}
	case orders.PaymentReceived:
		parts := ""
		if f.Installments > 1 {
			parts = "in " + strconv.FormatInt(f.Installments, 10) + " instalments"
		}
		return telling{"Payment received", and(money(f.Amount)+" by "+strings.ReplaceAll(f.Method, "_", " "), parts)}
	case orders.PaymentApproved:
		return telling{"Payment approved", ""}
	case orders.OrderInvoiced:
		return telling{"Invoiced", ""}
	case orders.ProcessingStarted:
		return telling{"Being gathered in the warehouse", ""}
	case orders.OrderShipped:
		by := ""
		if f.Carrier != "" {
			by = "with " + f.Carrier
		}
		return telling{"Handed to the carrier", and(by, f.Tracking)}
	case orders.OrderDelivered:
		return telling{"Delivered", ""}
	case orders.GoodsFoundUnavailable:
		return telling{"Found unavailable", "the order ends here"}
	case orders.OrderCancelled:
		return telling{"Cancelled", f.Reason}
	case orders.OrderReturned:
		return telling{"Returned", f.Reason}
	case orders.PaymentRefunded:
		return telling{"Refunded", and(money(f.Amount), f.Reason)}
	}
	return toldOfStock(e)
}

// toldOfStock says what happened, for an article's history.
func toldOfStock(e orders.Occurrence) telling {
	pieces := func(n int64) string { return httpapi.Plural(n, "piece", "pieces") }
	switch f := e.Fact.(type) {
	case orders.StockReceived:
		detail := pieces(f.Quantity)
		if f.Supplier != "" {
			detail += ", from " + f.Supplier
		}
		return telling{"Received", detail}
	case orders.StockReserved:
		return telling{"Reserved", pieces(f.Quantity)}
	case orders.StockReleased:
		detail := pieces(f.Quantity)
		if f.Reason != "" {
			detail += ", " + f.Reason
		}
		return telling{"Released", detail}
	case orders.StockPicked:
		return telling{"Picked", pieces(f.Quantity)}
	case orders.StockCounted:
		detail := pieces(f.Counted)
		switch {
		case f.Difference > 0:
			detail += ", " + httpapi.Thousands(f.Difference) + " more than expected"
		case f.Difference < 0:
			detail += ", " + httpapi.Thousands(-f.Difference) + " fewer than expected"
		}
		if f.Reason != "" {
			detail += ", " + f.Reason
		}
		return telling{"Counted", detail}
	case orders.ReorderLevelSet:
		return telling{"Reorder level set", "low at " + pieces(f.Level)}
	}
	return telling{e.Type, ""}
}

// orderIn returns the order that a fact about an article is for; empty if it is for none.
func orderIn(e orders.Occurrence) string {
	switch f := e.Fact.(type) {
	case orders.StockReserved:
		return f.Order
	case orders.StockReleased:
		return f.Order
	case orders.StockPicked:
		return f.Order
	}
	return ""
}

// An asideForm is an instance that was set aside, or an event without one, with what can
// be done about it.
type asideForm struct {
	Process, Instance string
	Since             time.Time
	Cause             string
	Input             uuid.UUID
}

// Action is the address below which it is tried again and skipped.
func (f asideForm) Action() string {
	action := "/processes/" + url.PathEscape(f.Process)
	if f.Instance != "" {
		action += "/" + url.PathEscape(f.Instance)
	}
	return action
}

// standing says what a fulfilment waits for, or why it ended as it did.
func standing(f orders.FulfilmentSummary) string {
	switch {
	case f.Reason != "":
		return f.Reason
	case f.Status >= orders.Shipped:
		return ""
	case f.Status >= orders.Paid:
		return "waits for the carrier"
	case f.Method == orders.CardOnFile:
		return "the card is being charged"
	case !f.PayBy.IsZero():
		return "waits for the payment until " + httpapi.When(f.PayBy)
	}
	return "waits for the payment"
}

// moodWords say what a provider does in each mood.
var moodWords = map[simulated.Mood]string{
	simulated.Declining: "say no", simulated.Unreachable: "be out of reach", simulated.Silent: "do it and not answer",
	simulated.Twice: "be asked twice, and answer twice", simulated.Slow: "be slow", simulated.Obliging: "do it",
}

// fewMoods is how many moods of what a provider was told a page shows.
const fewMoods = 5

// lasting writes a duration in the unit that suits it.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "\u2212" + lasting(-d)
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
