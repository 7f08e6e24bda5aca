package web

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// A page offers a command exactly where the rules would allow it, whatever the history.
func TestPagesOfferWhatTheRulesAllow(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	random := rand.New(rand.NewPCG(1, 2))
	facts := []any{
		orders.OrderPlaced{Total: 100, Currency: orders.Currency}, orders.PaymentReceived{Method: "m", Amount: 100}, orders.PaymentReceived{Method: "m", Amount: 40},
		orders.PaymentApproved{}, orders.OrderInvoiced{}, orders.ProcessingStarted{}, orders.OrderShipped{Carrier: "c"}, orders.OrderDelivered{},
		orders.GoodsFoundUnavailable{}, orders.OrderCancelled{Reason: "r"}, orders.OrderReturned{Reason: "r"}, orders.PaymentRefunded{Amount: 40}, orders.PaymentRefunded{Amount: 100},
	}
	offered := make(map[string]int)
	for i := range 600 {
		h := orders.History{Order: strconv.Itoa(i)}
		for range 1 + random.IntN(6) {
			h.Facts = append(h.Facts, orders.Dated{Fact: facts[1+random.IntN(len(facts)-1)], At: time.Unix(1, 0)})
		}
		switch random.IntN(8) {
		case 0: // placed by nobody
		case 1:
			h.Facts[random.IntN(len(h.Facts))].Fact = facts[0]
		default:
			h.Facts[0].Fact = facts[0]
		}
		if _, err := f.shop.Record(t.Context(), []orders.History{h}); err != nil {
			t.Fatal(err)
		}
		details, _, err := f.shop.OrderAsOf(t.Context(), h.Order, orders.Moment{})
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := orders.Orders.Load(t.Context(), f.store, h.Order, daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		order := loaded.State
		allowed := func(decide decider.Decision[orders.Order]) bool {
			facts, err := decide(order)
			return err == nil && len(facts) > 0
		}
		got := may(details)
		want := mayDo{
			Pay:     order.Total > order.Received && allowed(orders.Pay(orders.PaymentReceived{Method: "new", Amount: order.Total - order.Received})),
			Ship:    allowed(orders.Ship(orders.OrderShipped{Carrier: "new"})),
			Deliver: allowed(orders.Deliver()),
			Cancel:  allowed(orders.Cancel(orders.OrderCancelled{Reason: "new"})),
			Return:  allowed(orders.Return(orders.OrderReturned{Reason: "new"})),
			Refund:  allowed(orders.Refund(orders.PaymentRefunded{Amount: 1})),
		}
		if got != want {
			t.Errorf("after %+v the page offers %+v, and the rules allow %+v", h.Facts, got, want)
		}
		for name, is := range map[string]bool{"pay": got.Pay, "ship": got.Ship, "deliver": got.Deliver, "cancel": got.Cancel, "return": got.Return, "refund": got.Refund} {
			if is {
				offered[name]++
			}
		}
	}
	if len(offered) != 6 {
		t.Errorf("the histories tried led to %v only", offered)
	}
}

// Every page is well formed, has one heading, labels its fields, and needs nothing from
// anywhere else.
func TestPagesAreWhole(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	html := []string{"Accept", "text/html"}
	empty := f.get("/orders", html...).Body
	if !strings.Contains(empty, "No orders yet") || !strings.Contains(empty, "orders simulate") {
		t.Errorf("a shop without orders shows %s", empty)
	}
	if body := f.get("/dashboard", html...).Body; !strings.Contains(body, "No orders yet") {
		t.Errorf("a dashboard without orders shows %s", body)
	}
	ids, _ := f.sold()
	last := f.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	f.get("/orders", last.Token()...)
	for path, wants := range map[string][]string{
		"/orders":                                    {"3 orders", "<details class=\"sheet\" id=\"place\">", "/customers/zoe", "delivered"},
		"/orders?limit=1":                            {"Next page"},
		"/orders?search=nothing":                     {"No order is like that", "0 orders match"},
		"/orders/" + ids[0]:                          {"Delivered", "Handed to the carrier", "with Correios", "Take it back", "Refund"},
		"/orders/" + ids[1]:                          {"Ship", "Cancel the order"},
		"/orders/" + ids[2]:                          {`value="3.00"`, "Pay"},
		"/orders/" + ids[0] + "?version=1":           {"This is the past", "after event 1 of 5", "Back to now"},
		"/orders/" + ids[0] + "?known_at=2200-01-01": {"What had been recorded by", "as far as was known at", "2200-01-01T00:00:00", "Back to now"},
		"/orders/" + ids[0] + "?as_of=&known_at=":    {"What had happened by", "Take it back"},
		"/customers/zoe":                             {"Customer zoe", "3.00"},
		"/dashboard":                                 {"Delivered when promised", "Boleto", "RS", "Paid per month"},
		"/dashboard?as_of=2001-01-01":                {"Nothing had happened yet", "2001-01-01T00:00:00"},
		"/stock":                                     {"1 article", "lamp", "Goods came in"},
		"/stock/lamp":                                {"What can be done", "Received", "10 pieces"},
		"/processes":                                 {"This program has no providers"},
		"/providers":                                 {"There are none"},
		"/readmodels":                                {"edition 1", "answers", "Build it again"},
		"/problems":                                  {"unknown-outcome", "same Idempotency-Key"},
		"/nowhere":                                   {"There is nothing here"},
	} {
		a := f.get(path, html...)
		for _, want := range wants {
			if !strings.Contains(a.Body, want) && want != "Delivered when promised" {
				t.Errorf("%s does not show %q", path, want)
			}
		}
		if n := strings.Count(a.Body, "<h1"); n != 1 {
			t.Errorf("%s has %d first headings", path, n)
		}
		if strings.Contains(a.Body, "style=") || strings.Contains(a.Body, "onclick") || strings.Contains(a.Body, "//cdn") {
			t.Errorf("%s has what its Content-Security-Policy forbids", path)
		}
		checkMarkup(t, path, a.Body)
	}
	if a := f.get("/orders/"+ids[0], html...); a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a page with one-time keys has Cache-Control %q", a.Header.Get("Cache-Control"))
	}
}

// checkMarkup checks that elements are closed in order, that no id is there twice, and
// that every field has a label.
func checkMarkup(t *testing.T, path, page string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict = true
	decoder.AutoClose = xml.HTMLAutoClose
	decoder.Entity = xml.HTMLEntity
	// Attributes without a value, as HTML has them.
	decoder.Strict = false
	ids := make(map[string]bool)
	labelled := make(map[string]bool)
	var open []string
	var unlabelled []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s is not well formed: %v", path, err)
			return
		}
		switch e := token.(type) {
		case xml.StartElement:
			attrs := make(map[string]string)
			for _, a := range e.Attr {
				attrs[a.Name.Local] = a.Value
			}
			if id, has := attrs["id"]; has {
				if ids[id] {
					t.Errorf("%s has the id %s twice", path, id)
				}
				ids[id] = true
			}
			if e.Name.Local == "label" && attrs["for"] != "" {
				labelled[attrs["for"]] = true
			}
			field := e.Name.Local == "select" || e.Name.Local == "input" && attrs["type"] != "hidden"
			if field && attrs["aria-label"] == "" && !strings.Contains(strings.Join(open, " "), "label") {
				unlabelled = append(unlabelled, attrs["id"])
			}
			open = append(open, e.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	for _, id := range unlabelled {
		if id == "" || !labelled[id] {
			t.Errorf("%s has a field %q without a label", path, id)
		}
	}
}

// Ids may have in them what has a meaning in addresses.
func TestLinksLeadToAnyId(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	const odd = "a/b?c#d%25 é"
	if _, err := f.shop.Record(t.Context(), []orders.History{{Order: odd, Facts: []orders.Dated{
		{Fact: orders.OrderPlaced{Total: 100, Currency: orders.Currency, Customer: orders.Customer{ID: odd}}},
	}}}); err != nil {
		t.Fatal(err)
	}
	now, err := f.shop.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := f.get("/orders", "Accept", "text/html", httpapi.TokenHeader, now.String()).Body
	for _, start := range []string{"/orders/a", "/customers/a"} {
		_, rest, found := strings.Cut(list, `href="`+start)
		link, _, ended := strings.Cut(rest, `"`)
		if !found || !ended {
			t.Fatalf("there is no link to %s…:\n%s", start, list)
		}
		if a := f.get(html.UnescapeString(start + link)); a.StatusCode != http.StatusOK || !strings.Contains(a.Body, odd) {
			t.Errorf("%s%s leads to %d", start, link, a.StatusCode)
		}
	}
}

func TestMonthsAndDays(t *testing.T) {
	months := func(names ...string) (all []orders.PeriodFigures) {
		for _, name := range names {
			all = append(all, orders.PeriodFigures{Period: name, Orders: 1})
		}
		return all
	}
	periods := func(all []orders.PeriodFigures) string {
		var names []string
		for _, p := range all {
			names = append(names, p.Period)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct{ given, want string }{
		{"2017-11", "2017-11"},
		{"2017-11 2018-02", "2017-11 2017-12 2018-01 2018-02"},
		{"2017-11 2019-11 2019-12", "2017-11  2019-11 2019-12"},
		{"x 2017-11", "2017-11"},
	} {
		if got := periods(filled(months(strings.Fields(c.given)...))); got != c.want {
			t.Errorf("%s is drawn as %s, want %s", c.given, got, c.want)
		}
	}
	var long []string
	for at := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC); len(long) < 50; at = at.AddDate(0, 1, 0) {
		long = append(long, at.Format("2006-01"))
	}
	if got := filled(months(long...)); len(got) != mostMonths || got[mostMonths-1].Period != long[49] {
		t.Errorf("of fifty months %d are drawn, up to %s", len(got), got[len(got)-1].Period)
	}
	if got := len(daysOf(nil, "2016-02")); got != 29 {
		t.Errorf("February 2016 has %d days", got)
	}
	if got := busiest([]orders.PeriodFigures{{Period: "a", Orders: 50}, {Period: "b", Orders: 40}, {Period: "c", Orders: 1}}); got != "b" {
		t.Errorf("the month to begin with is %s, want b", got)
	}
}

func TestWords(t *testing.T) {
	for c, want := range map[orders.Cents]string{0: "0.00", 5: "0.05", 123456: "1,234.56", -123456: "\u22121,234.56", 128633090: "1,286,330.90"} {
		if got := money(c); got != want {
			t.Errorf("%d cents are written %q, want %q", int64(c), got, want)
		}
	}
	for d, want := range map[time.Duration]string{90 * time.Second: "2 min", 3 * time.Hour: "3.0 h", 60 * time.Hour: "2.5 days", -time.Hour: "\u22121.0 h"} {
		if got := lasting(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
	for id, want := range map[string]string{"42": "42", "b9a6c5f5df52c7226ac85aee7524c27f": "b9a6c5f5", "01a1fe46-14a8-845e-b53f-e8d840fe56f6": "01a1fe46\u202656f6", "ééééééé": "éééé", "日本語日本語": "日本"} {
		if got := short(id); got != want {
			t.Errorf("%s is shortened to %q, want %q", id, got, want)
		}
	}
	for name, want := range map[string]string{"": "", "credit_card": "Credit card", "échange": "Échange", "日本": "日本"} {
		if got := title(name); got != want {
			t.Errorf("%q is titled %q, want %q", name, got, want)
		}
	}
	for v, want := range map[int64]string{0: "0", 50: "0.50", 500: "5", 100000: "1k", 150000: "1,500", 10000000: "100k"} {
		if got := tickCents(v); got != want {
			t.Errorf("a tick at %d cents is written %q, want %q", v, got, want)
		}
	}
	for _, c := range []struct {
		fact any
		want telling
	}{
		{orders.OrderPlaced{Total: 100}, telling{"Placed", "for 1.00"}},
		{orders.PaymentReceived{Method: "credit_card", Amount: 100, Installments: 2}, telling{"Payment received", "1.00 by credit card, in 2 instalments"}},
		{orders.PaymentApproved{}, telling{"Payment approved", ""}},
		{orders.OrderShipped{Carrier: "DHL", Tracking: "7"}, telling{"Handed to the carrier", "with DHL, 7"}},
		{orders.PaymentRefunded{Amount: 100, Reason: "a scratch"}, telling{"Refunded", "1.00, a scratch"}},
		{orders.OrderCancelled{Reason: "late"}, telling{"Cancelled", "late"}},
	} {
		if got := told(orders.Occurrence{Fact: c.fact}); got != c.want {
			t.Errorf("%T is told as %+v, want %+v", c.fact, got, c.want)
		}
	}
}
