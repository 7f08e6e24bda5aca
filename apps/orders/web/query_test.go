package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// sold fills a shop with a few orders and returns their ids: one delivered, one paid,
// one placed.
func (f *shopfront) sold() (ids []string, last sitetest.Answer) {
	f.t.Helper()
	for i, who := range []string{"zoe", "zoe", "bob"} {
		a := f.send("/orders", fmt.Sprintf(`{"total": %d, "customer": {"id": %q, "city": "Porto", "state": "RS"}}`, 100*(i+1), who))
		ids = append(ids, sitetest.Read[orders.Details](f.t, a, http.StatusCreated).ID)
		last = a
	}
	for _, step := range []string{"0/pay", "0/ship", "0/deliver", "1/pay"} {
		i, act, _ := strings.Cut(step, "/")
		n := int(i[0] - '0')
		body := map[string]string{"pay": fmt.Sprintf(`{"amount": %d, "method": "boleto"}`, 100*(n+1)), "ship": `{"carrier": "Correios"}`, "deliver": ``}[act]
		last = f.send("/orders/"+ids[n]+"/"+act, body)
		sitetest.Read[orders.Details](f.t, last, http.StatusOK)
	}
	return ids, last
}

func TestTheListOfOrders(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	ids, last := f.sold()
	for _, c := range []struct {
		query string
		want  []int
	}{
		{"", []int{2, 1, 0}},
		{"sort=oldest", []int{0, 1, 2}},
		{"sort=cheapest", []int{0, 1, 2}},
		{"sort=updated", []int{1, 0, 2}},
		{"status=paid", []int{1}},
		{"status=paid,placed", []int{2, 1}},
		{"customer=zoe", []int{1, 0}},
		{"customer=nobody", nil},
		{"search=porto+zoe", []int{1, 0}},
		{"search=" + ids[2], []int{2}},
		{"search=CORREIOS&status=", []int{0}},
		{"from=2001-01-01&to=2002-01-01", nil},
		{"from=2001-01-01T00:00", []int{2, 1, 0}},
	} {
		page := sitetest.Read[orders.Page](t, f.get("/orders?"+c.query, last.Token()...), http.StatusOK)
		var got, want []string
		for _, o := range page.Orders {
			got = append(got, o.ID)
		}
		for _, i := range c.want {
			want = append(want, ids[i])
		}
		if diff := cmp.Diff(want, got); diff != "" || page.Matching != int64(len(want)) {
			t.Errorf("?%s: matching %d, orders (-want, +got):\n%s", c.query, page.Matching, diff)
		}
	}

	var paged []string
	at := "/orders?limit=1&sort=oldest"
	for at != "" {
		a := f.get(at)
		page := sitetest.Read[orders.Page](t, a, http.StatusOK)
		paged = append(paged, page.Orders[0].ID)
		at = ""
		if link := a.Header.Get("Link"); link != "" {
			at = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
		}
	}
	if diff := cmp.Diff(ids, paged); diff != "" {
		t.Errorf("paged one by one (-want, +got):\n%s", diff)
	}

	for _, bad := range []string{"stauts=paid", "status=lost", "sort=best", "limit=0", "limit=501", "limit=x", "from=yesterday", "cursor=x",
		"status=paid&status=placed", "search=" + strings.Repeat("x", 201), "%zz"} {
		f.get("/orders?"+bad).IsProblem(t, httpapi.Malformed)
	}
}

func TestAnOrdersPast(t *testing.T) {
	now := time.Now
	f := openFront(t, memstore.New(), nil)
	before := now().UTC()
	ids, last := f.sold()
	path := "/orders/" + ids[0]
	for version, want := range []orders.Status{1: orders.Placed, orders.Placed, orders.Paid, orders.Shipped, orders.Delivered} {
		if version == 0 {
			continue
		}
		order := sitetest.Read[orders.Details](t, f.get(fmt.Sprintf("%s?version=%d", path, version)), http.StatusOK)
		if order.Status != want || order.Version != daybook.Version(version) {
			t.Errorf("after event %d it was %s in version %d, want %s", version, order.Status, order.Version, want)
		}
	}
	f.get(path+"?version=6").IsProblem(t, httpapi.NotFound)
	f.get(path+"?version=0").IsProblem(t, httpapi.Malformed)
	f.get(path+"?version=-1").IsProblem(t, httpapi.Malformed)
	f.get("/orders/none").IsProblem(t, httpapi.NotFound)
	f.get("/orders/none/history").IsProblem(t, httpapi.NotFound)

	history := sitetest.Read[historyAnswer](t, f.get(path+"/history"), http.StatusOK)
	if len(history.Events) != 5 {
		t.Fatalf("its history has %d events, want 5", len(history.Events))
	}
	for _, name := range []string{"as_of", "known_at"} {
		then := func(at time.Time) string {
			return path + "?" + name + "=" + url.QueryEscape(at.Format(time.RFC3339Nano))
		}
		f.get(then(before.Add(-time.Second))).IsProblem(t, httpapi.NotFound)
		shipped := history.Events[3]
		at := shipped.HappenedAt
		if name == "known_at" {
			at = shipped.RecordedAt
		}
		a := f.get(then(at))
		if order := sitetest.Read[orders.Details](t, a, http.StatusOK); order.Status != orders.Shipped {
			t.Errorf("%s of the shipment: it was %s", name, order.Status)
		}
		if name == "known_at" && !strings.HasPrefix(a.Header.Get(httpapi.TokenHeader), fmt.Sprintf("%d.", shipped.Position)) {
			t.Errorf("known_at the shipment means %s, want position %d", a.Header.Get(httpapi.TokenHeader), shipped.Position)
		}
	}
	if order := sitetest.Read[orders.Details](t, f.get(path, last.Token()...), http.StatusOK); order.Status != orders.Delivered {
		t.Errorf("now it is %s", order.Status)
	}
}

func TestCustomerDashboardAndReport(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	_, last := f.sold()
	buyer := sitetest.Read[orders.Buyer](t, f.get("/customers/zoe", last.Token()...), http.StatusOK)
	if buyer.ID != "zoe" || buyer.Orders != 2 || buyer.Paid != 300 || len(buyer.Recent) != 2 {
		t.Errorf("zoe is %+v", buyer)
	}
	f.get("/customers/nobody").IsProblem(t, httpapi.NotFound)
	figures := sitetest.Read[orders.Dashboard](t, f.get("/dashboard"), http.StatusOK)
	if figures.Orders != 3 || figures.Paid != 300 || len(figures.PerDay) == 0 {
		t.Errorf("the dashboard shows %+v", figures)
	}
	if past := sitetest.Read[orders.Dashboard](t, f.get("/dashboard?as_of=2001-01-01"), http.StatusOK); past.Orders != 0 {
		t.Errorf("in 2001 the dashboard shows %d orders", past.Orders)
	}
	if other := sitetest.Read[orders.Dashboard](t, f.get("/dashboard?month=2001-01"), http.StatusOK); other.Orders != 3 || len(other.PerDay) != 0 {
		t.Errorf("for the days of 2001-01 the dashboard shows %+v", other.PerDay)
	}
	for _, wrong := range []string{"x", "9999-12-31", "0001-01-01"} {
		f.get("/dashboard?as_of="+wrong).IsProblem(t, httpapi.Malformed)
		f.get("/orders?to="+wrong).IsProblem(t, httpapi.Malformed)
	}
	f.get("/dashboard?month=x").IsProblem(t, httpapi.Malformed)
	report := sitetest.Read[orders.Report](t, f.get("/report"), http.StatusOK)
	if report.OrdersPerStatus["delivered"] != 1 || report.TotalsCents.Paid != 300 {
		t.Errorf("the report says %+v", report)
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format("2006-01-02 15:04:05")
	if past := sitetest.Read[orders.ReportAsOf](t, f.get("/report?as_of="+url.QueryEscape(tomorrow)), http.StatusOK); past.Purchased != 3 || past.Highest.Delivered != 1 {
		t.Errorf("the report as of tomorrow says %+v", past)
	}
}

// An ETag changes when the answer does, and not before: what happens to another order
// changes the list's, and not this order's.
func TestETags(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	ids, last := f.sold()
	paths := []string{"/orders", "/orders/" + ids[2], "/orders/" + ids[2] + "/history", "/customers/bob", "/dashboard", "/report", "/openapi.json", "/static/style.css"}
	tags := make(map[string]string)
	for _, path := range paths {
		a := f.get(path, last.Token()...)
		tags[path] = a.Header.Get("ETag")
		if a.StatusCode != http.StatusOK || tags[path] == "" || a.Header.Get("Cache-Control") == "" {
			t.Fatalf("%s answered %d with ETag %q and Cache-Control %q", path, a.StatusCode, tags[path], a.Header.Get("Cache-Control"))
		}
		for _, given := range []string{tags[path], `"other", ` + tags[path], "W/" + tags[path], "*"} {
			if a := f.get(path, "If-None-Match", given); a.StatusCode != http.StatusNotModified || a.Body != "" || a.Header.Get("ETag") != tags[path] {
				t.Errorf("%s with If-None-Match: %s answered %d %q", path, given, a.StatusCode, a.Body)
			}
		}
	}
	moves := func(after sitetest.Answer, moving ...string) {
		t.Helper()
		for _, path := range paths {
			want := http.StatusNotModified
			for _, m := range moving {
				if m == path {
					want = http.StatusOK
				}
			}
			a := f.get(path, append(after.Token(), "If-None-Match", tags[path])...)
			if a.StatusCode != want {
				t.Errorf("%s answered %d, want %d", path, a.StatusCode, want)
			}
			tags[path] = a.Header.Get("ETag")
		}
	}
	moves(f.send("/orders/"+ids[1]+"/ship", `{"carrier": "DHL"}`), "/orders", "/dashboard", "/report")
	moves(f.send("/orders/"+ids[2]+"/cancel", `{"reason": "r"}`), "/orders", "/orders/"+ids[2], "/orders/"+ids[2]+"/history", "/customers/bob", "/dashboard", "/report")

}

// What is of no concern to the views moves no ETag, and neither does a new start, after
// which the views have come further along the log.
func TestETagsOutliveWhatDoesNotConcernThem(t *testing.T) {
	store, views := memstore.New(), t.TempDir()
	f := openFrontIn(t, store, views, nil)
	ids, last := f.sold()
	tags := make(map[string]string)
	for _, path := range []string{"/orders", "/orders/" + ids[0], "/orders/" + ids[0] + "/history", "/customers/zoe", "/dashboard", "/report"} {
		tags[path] = f.get(path, last.Token()...).Header.Get("ETag")
	}
	receipt, err := store.Append(t.Context(), []daybook.Event{{Stream: "other-1", Type: "SomethingElse"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	same := func(when string) {
		t.Helper()
		for path, tag := range tags {
			if a := f.get(path, httpapi.TokenHeader, receipt.Point.String(), "If-None-Match", tag); a.StatusCode != http.StatusNotModified {
				t.Errorf("%s, %s answered %d with %s, want 304 for %s", when, path, a.StatusCode, a.Header.Get("ETag"), tag)
			}
		}
	}
	same("after an event of somebody else's")
	f.end()
	f = openFrontIn(t, store, views, nil)
	same("started again")
}

func TestTokens(t *testing.T) {
	store := newTroubled()
	f := openFront(t, store, &Options{Options: httpapi.Options{Patience: 30 * time.Millisecond}})
	first := f.send("/orders", `{"total": 100}`)
	if page := sitetest.Read[orders.Page](t, f.get("/orders", first.Token()...), http.StatusOK); page.Matching != 1 {
		t.Errorf("with the token of the first order there are %d", page.Matching)
	}

	// Views that hear of nothing: with the token, the answer is that they lag, and without
	// it what they have.
	store.still.Store(true)
	second := f.send("/orders", `{"total": 200}`)
	for _, path := range []string{"/orders", "/orders/x", "/dashboard", "/report", "/customers/x", "/orders/x/history"} {
		p := f.get(path, second.Token()...).IsProblem(t, httpapi.Lagging)
		if p.Lag != 1 || !strings.Contains(p.Detail, "position 1,") {
			t.Errorf("%s lags by %d and says %q", path, p.Lag, p.Detail)
		}
	}
	if page := sitetest.Read[orders.Page](t, f.get("/orders", first.Token()...), http.StatusOK); page.Matching != 1 {
		t.Errorf("with the token of the first order there are still %d", page.Matching)
	}
	if ready := sitetest.Read[readiness](t, f.get("/readyz"), http.StatusOK); !ready.Ready || *ready.Lag != 1 || *ready.Head != 2 || ready.Shown != 1 {
		t.Errorf("lagging, the shop is %+v", ready)
	}

	f.get("/orders", httpapi.TokenHeader, "x").IsProblem(t, httpapi.Malformed)
	foreign := openFront(t, memstore.New(), nil)
	f.get("/orders", foreign.send("/orders", `{"total": 100}`).Token()...).IsProblem(t, httpapi.ForeignToken)
	point, err := daybook.ParsePoint(second.Header.Get(httpapi.TokenHeader))
	if err != nil {
		t.Fatal(err)
	}
	f.get("/orders", httpapi.TokenHeader, point.At(99).String()).IsProblem(t, httpapi.Lagging)

	// A page's token is in a cookie, and one that has nothing to do with this log is
	// forgotten rather than complained about.
	for _, cookie := range []string{"x", foreign.send("/orders", `{"total": 100}`).Header.Get(httpapi.TokenHeader)} {
		a := f.get("/orders", "Accept", "text/html", "Cookie", "orders-token="+cookie)
		if a.StatusCode != http.StatusOK || len(a.Cookies()) != 1 || a.Cookies()[0].MaxAge >= 0 {
			t.Errorf("with the cookie %s the page answers %d and sets %v", cookie, a.StatusCode, a.Cookies())
		}
	}
}

func TestAnswersComeInTheFormThatIsWanted(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	id := f.placed()
	for _, path := range []string{"/orders", "/orders/" + id, "/dashboard", "/problems"} {
		if a := f.get(path, "Accept", "text/html,*/*;q=0.8"); a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("a browser that asks for %s gets %d %s", path, a.StatusCode, a.Header.Get("Content-Type"))
		}
		if a := f.get(path); a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
			t.Errorf("a program that asks for %s gets %d %s", path, a.StatusCode, a.Header.Get("Content-Type"))
		}
	}
	f.get("/orders", "Accept", "image/png").IsProblem(t, httpapi.NotAcceptable)
	a := f.get("/orders/none", "Accept", "text/html")
	if a.StatusCode != http.StatusNotFound || !strings.Contains(a.Body, "<h1>There is nothing here</h1>") {
		t.Errorf("a browser that asks for what is not there gets %d %s", a.StatusCode, a.Body)
	}
	if a := f.ask("HEAD", "/orders", ""); a.StatusCode != http.StatusOK || a.Body != "" || a.Header.Get("ETag") == "" {
		t.Errorf("HEAD /orders answers %d", a.StatusCode)
	}
	if a := f.ask("HEAD", "/events/live", ""); a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD /events/live answers %d", a.StatusCode)
	}
	if a := f.get("/"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/orders" {
		t.Errorf("/ leads to %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	f.get("/static/none.css").IsProblem(t, httpapi.NotFound)
	for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "X-Correlation-ID"} {
		for _, path := range []string{"/orders", "/nowhere", "/static/live.js", "/metrics"} {
			if f.get(path).Header.Get(header) == "" {
				t.Errorf("%s is answered without %s", path, header)
			}
		}
	}
}

func TestImport(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	const lines = `{"order": "1", "facts": [{"type": "OrderPlaced", "at": "2017-11-24T10:00:00Z", "data": {"total": 100, "currency": "BRL"}}, {"type": "OrderCancelled", "data": {}}]}
{"order": "2", "facts": [{"type": "OrderPlaced", "at": "2017-11-25T10:00:00Z", "data": {"total": 200, "currency": "BRL"}}]}
`
	jsonl := []string{"Content-Type", "application/jsonl"}
	a := f.ask("POST", "/import", lines, jsonl...)
	if got, want := sitetest.Read[orders.Kept](t, a, http.StatusOK), (orders.Kept{Added: 2, Events: 3}); !cmp.Equal(got, want) {
		t.Errorf("imported %+v, want %+v", got, want)
	}
	if got, want := sitetest.Read[orders.Kept](t, f.ask("POST", "/import", lines, jsonl...), http.StatusOK), (orders.Kept{Repeated: 2}); !cmp.Equal(got, want) {
		t.Errorf("imported again %+v, want %+v", got, want)
	}
	if order := sitetest.Read[orders.Details](t, f.get("/orders/1", a.Token()...), http.StatusOK); order.Status != orders.Cancelled {
		t.Errorf("the imported order is %+v", order)
	}
	f.ask("POST", "/import", `{"order": "3", "facts": []}`, jsonl...).IsProblem(t, httpapi.Invalid)
	p := f.ask("POST", "/import", lines+"{}x\n", jsonl...).IsProblem(t, httpapi.Malformed)
	if !strings.Contains(strings.ToLower(p.Detail), "line 3") {
		t.Errorf("a bad line is told as %q", p.Detail)
	}
	f.ask("POST", "/import", lines, "Content-Type", "text/csv").IsProblem(t, httpapi.WrongMediaType)
	f.ask("POST", "/import?x=1", lines, jsonl...).IsProblem(t, httpapi.Malformed)
}
