package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestPlacingAnOrderAnswersWithIt(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	a := f.send("/orders", `{"total": 100}`)
	order := sitetest.Read[orders.Details](t, a, http.StatusCreated)
	if order.ID == "" || order.Total != 100 || order.Status != orders.Placed || order.Version != 1 {
		t.Errorf("placed %+v", order)
	}
	if got, want := a.Header.Get("Location"), "/orders/"+order.ID; got != want {
		t.Errorf("Location is %q, want %q", got, want)
	}
	there := sitetest.Read[orders.Details](t, f.get(a.Header.Get("Location"), a.Token()...), http.StatusOK)
	if diff := cmp.Diff(order, there); diff != "" {
		t.Errorf("what was answered, and what is there (-, +):\n%s", diff)
	}
}

func TestAnOrdersWholeLife(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	a := f.send("/orders", `{"customer": {"id": "ada", "city": "Porto", "state": "RS"}, "lines": [
		{"product": "lamp", "quantity": 2, "unit_price": 1999, "freight": 300}, {"product": "bulb", "quantity": 1, "unit_price": 500}]}`)
	id := sitetest.Read[orders.Details](t, a, http.StatusCreated).ID
	for _, step := range []struct {
		act, body string
		status    orders.Status
		version   daybook.Version
	}{
		{"pay", `{"amount": 4798, "method": "credit_card"}`, orders.Paid, 3},
		{"ship", `{"carrier": "Correios", "tracking": "BR1"}`, orders.Shipped, 4},
		{"deliver", ``, orders.Delivered, 5},
		{"return", `{"reason": "too bright"}`, orders.Returned, 6},
		{"refund", `{}`, orders.Refunded, 7},
	} {
		a = f.send("/orders/"+id+"/"+step.act, step.body)
		order := sitetest.Read[orders.Details](t, a, http.StatusOK)
		if order.Status != step.status || order.Version != step.version {
			t.Errorf("after %s it is %s in version %d, want %s in %d", step.act, order.Status, order.Version, step.status, step.version)
		}
		if !strings.HasPrefix(a.Header.Get("ETag"), fmt.Sprintf(`"%d.`, step.version)) {
			t.Errorf("after %s the ETag is %s", step.act, a.Header.Get("ETag"))
		}
	}
	order := sitetest.Read[orders.Details](t, f.get("/orders/"+id, a.Token()...), http.StatusOK)
	if order.Refunded != 4798 || order.Reason != "too bright" || order.Tracking != "BR1" || len(order.Stages) != 6 {
		t.Errorf("in the end it is %+v", order)
	}

	id = f.placed()
	cancelled := sitetest.Read[orders.Details](t, f.send("/orders/"+id+"/cancel", `{"reason": "changed my mind"}`), http.StatusOK)
	if cancelled.Status != orders.Cancelled || cancelled.Reason != "changed my mind" {
		t.Errorf("cancelled, it is %+v", cancelled)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	id := f.placed()
	for _, c := range []struct{ name, path, body, says string }{
		{"no JSON", "/orders", `{"total": `, "not JSON"},
		{"no object", "/orders", `[1]`, "an array"},
		{"an unknown field", "/orders", `{"totl": 100}`, "/totl"},
		{"an unknown field further in", "/orders", `{"customer": {"name": "Ada"}}`, "/customer/name"},
		{"another case", "/orders", `{"Total": 100}`, "/Total"},
		{"a field twice", "/orders", `{"total": 100, "total": 1}`, "twice"},
		{"trailing bytes", "/orders", `{"total": 100} {"total": 1}`, "not JSON"},
		{"invalid UTF-8", "/orders", "{\"currency\": \"\xff\"}", "UTF-8"},
		{"a fraction of a cent", "/orders", `{"total": 100.5}`, "/total"},
		{"text for a number", "/orders", `{"total": "100"}`, "/total"},
		{"more than a number holds", "/orders", `{"total": 99999999999999999999}`, "/total"},
		{"null", "/orders/" + id + "/deliver", `null`, "The whole is null"},
		{"null for an amount", "/orders/" + id + "/refund", `{"amount": null}`, "/amount is null"},
		{"null further in", "/orders", `{"total": 100, "customer": {"id": null}}`, "/customer/id is null"},
		{"another order than the address's", "/orders/" + id + "/deliver", `{"order": "other"}`, "other"},
		{"a query in the address", "/orders?total=100", `{}`, "total"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := f.on(t).send(c.path, c.body).IsProblem(t, httpapi.Malformed)
			if !strings.Contains(p.Detail, c.says) {
				t.Errorf("it says %q, and should name %q", p.Detail, c.says)
			}
		})
	}
	for _, key := range []string{"", strings.Repeat("k", 256), "schl\u00fcssel"} {
		f.send("/orders", `{"total": 100}`, "Idempotency-Key", key).IsProblem(t, httpapi.Malformed)
	}
	if page := sitetest.Read[orders.Page](t, f.get("/orders", f.now()...), http.StatusOK); page.Matching != 1 {
		t.Errorf("there are %d orders now, want the 1 from the beginning", page.Matching)
	}
}

// on returns the shopfront for a subtest.
func (f *shopfront) on(t *testing.T) *shopfront {
	of := *f
	of.t = t
	return &of
}

func TestEveryProblemOfACommand(t *testing.T) {
	store := newTroubled()
	f := openFront(t, store, nil)
	id := f.placed()

	f.send("/orders/none/pay", `{"amount": 1, "method": "cash"}`).IsProblem(t, httpapi.NotFound)
	f.send("/orders/%01/pay", `{"amount": 1, "method": "cash"}`).IsProblem(t, httpapi.NotFound)
	f.send("/nowhere", `{}`).IsProblem(t, httpapi.NotFound)

	a := f.ask("PUT", "/orders", `{}`)
	if a.IsProblem(t, httpapi.WrongMethod); a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("PUT /orders: Allow is %q", a.Header.Get("Allow"))
	}
	a = f.get("/orders/" + id + "/pay")
	if a.IsProblem(t, httpapi.WrongMethod); a.Header.Get("Allow") != "POST" {
		t.Errorf("GET pay: Allow is %q", a.Header.Get("Allow"))
	}

	f.ask("POST", "/orders", `{"total": 100}`).IsProblem(t, httpapi.WrongMediaType)
	f.ask("POST", "/orders", `{"total": 100}`, "Content-Type", "text/plain").IsProblem(t, httpapi.WrongMediaType)
	f.ask("POST", "/orders", `{"total": 100}`, "Content-Type", "application/json; charset=latin1").IsProblem(t, httpapi.WrongMediaType)
	f.send("/orders", `{"currency": "`+strings.Repeat("x", httpapi.MaxCommand)+`"}`).IsProblem(t, httpapi.TooLarge)
	f.ask("POST", "/orders", "city="+strings.Repeat("x", httpapi.MaxCommand), "Content-Type", httpapi.FormBody).IsProblem(t, httpapi.TooLarge)

	p := f.send("/orders/"+id+"/ship", `{"carrier": "Correios"}`).IsProblem(t, httpapi.Refused)
	if p.Rule != "paid-before-shipped" || p.Detail != "Nothing ships unpaid" || p.Position != 1 {
		t.Errorf("shipping unpaid is refused as %+v", p)
	}
	p = f.send("/orders", `{"total": 1, "currency": "EUR"}`).IsProblem(t, httpapi.Refused)
	if p.Rule != "one-currency" {
		t.Errorf("another currency is refused by %q", p.Rule)
	}
	p = f.send("/orders", `{"total": -1}`).IsProblem(t, httpapi.Invalid)
	if !strings.Contains(p.Detail, "total") {
		t.Errorf("a negative total is invalid because %q", p.Detail)
	}
	f.send("/orders/"+id+"/cancel", `{}`).IsProblem(t, httpapi.Invalid)

	// A store that never lets the decision through, without saying that anything is
	// recorded.
	conflicted := &daybook.ConflictError{Failures: []daybook.Failure{{Clause: daybook.New("order-" + id)[0], Position: 1}}}
	store.fails(conflicted)
	f.send("/orders/"+id+"/cancel", `{"reason": "late"}`).IsProblem(t, httpapi.Conflict)
	store.fails(&daybook.UnavailableError{Doing: "append", Err: errDisk})
	if p := f.send("/orders", `{"total": 100}`).IsProblem(t, httpapi.Unavailable); strings.Contains(p.Detail, "fire") {
		t.Errorf("what went on inside is told outside: %q", p.Detail)
	}
	store.fails(daybook.ErrClosed)
	f.send("/orders", `{"total": 100}`).IsProblem(t, httpapi.Unavailable)
	store.fails(&daybook.CorruptError{Where: "segment 1", Err: errDisk})
	if p := f.send("/orders", `{"total": 100}`).IsProblem(t, httpapi.Internal); p.Detail != "" {
		t.Errorf("what went on inside is told outside: %q", p.Detail)
	}
	store.append.Store(nil)
	if page := sitetest.Read[orders.Page](t, f.get("/orders", f.now()...), http.StatusOK); page.Matching != 1 || page.Orders[0].Status != orders.Placed {
		t.Errorf("after all of these the orders are %+v, want the one placed", page)
	}
}

// An answer that was lost inside is asked for by id. Only where that cannot be done, the
// client is told that it may have been recorded; sending it again under the same key
// is then what it says: safe.
func TestAnOutcomeThatNobodyKnows(t *testing.T) {
	store := newTroubled()
	f := openFront(t, store, &Options{Options: httpapi.Options{Timeout: 300e6}})
	lose := func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
		ids := make([]uuid.UUID, len(events))
		for i, e := range events {
			ids[i] = e.ID
		}
		return daybook.Receipt{}, &daybook.UnknownError{IDs: ids, Err: errDisk}
	}
	store.append.Store(&lose)
	p := f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k").IsProblem(t, httpapi.UnknownOutcome)
	if !strings.Contains(p.Advice, "same Idempotency-Key") {
		t.Errorf("it advises %q", p.Advice)
	}

	recorded := func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
		if _, err := store.Store.Append(ctx, events, cond); err != nil {
			return daybook.Receipt{}, err
		}
		return lose(ctx, events, cond)
	}
	store.append.Store(&recorded)
	a := f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k")
	if order := sitetest.Read[orders.Details](t, a, http.StatusCreated); order.Version != 1 {
		t.Errorf("recorded, with its answer lost, it is answered with %+v", order)
	}
	store.append.Store(nil)
	again := f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k")
	if again.Body != a.Body || again.Header.Get(httpapi.TokenHeader) != a.Header.Get(httpapi.TokenHeader) || again.StatusCode != a.StatusCode {
		t.Errorf("sent again it is answered %d %s, and was %d %s", again.StatusCode, again.Body, a.StatusCode, a.Body)
	}
}

func TestAKeyIsForOneCommand(t *testing.T) {
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Authenticator: named}})
	first := f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k", "X-Principal", "ada")
	same := f.send("/orders", ` { "total" : 100 } `, "Idempotency-Key", "k", "X-Principal", "ada")
	if same.StatusCode != http.StatusCreated || same.Body != first.Body || same.Header.Get("Daybook-Repeated") != "true" {
		t.Errorf("the same command again: %d %s", same.StatusCode, same.Body)
	}
	f.send("/orders", `{"total": 200}`, "Idempotency-Key", "k", "X-Principal", "ada").IsProblem(t, httpapi.KeyReused)
	other := f.send("/orders", `{"total": 200}`, "Idempotency-Key", "k", "X-Principal", "bob")
	if sitetest.Read[orders.Details](t, other, http.StatusCreated).ID == sitetest.Read[orders.Details](t, first, http.StatusCreated).ID {
		t.Error("two principals with one key placed one order")
	}
	id := sitetest.Read[orders.Details](t, first, http.StatusCreated).ID
	if a := f.send("/orders/"+id+"/pay", `{"amount": 100, "method": "cash"}`, "Idempotency-Key", "k", "X-Principal", "ada"); a.StatusCode != http.StatusOK {
		t.Errorf("the key of another type of command: %d %s", a.StatusCode, a.Body)
	}
	f.send("/orders/"+sitetest.Read[orders.Details](t, other, http.StatusCreated).ID+"/pay", `{"amount": 100, "method": "cash"}`,
		"Idempotency-Key", "k", "X-Principal", "ada").IsProblem(t, httpapi.KeyReused)
}

func TestIfMatch(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	placed := f.send("/orders", `{"total": 100}`)
	path, tag := placed.Header.Get("Location"), placed.Header.Get("ETag")

	f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", `"1.other.v1"`).IsProblem(t, httpapi.Preconditions)
	f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", strings.Replace(tag, "1.", "2.", 1)).IsProblem(t, httpapi.Preconditions)
	f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", `"x"`).IsProblem(t, httpapi.Preconditions)
	f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", `W/`+tag).IsProblem(t, httpapi.Malformed)
	f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", tag+", "+tag).IsProblem(t, httpapi.Malformed)
	f.send("/orders/none/cancel", `{"reason": "r"}`, "If-Match", tag).IsProblem(t, httpapi.Preconditions)
	f.send("/orders/none/cancel", `{"reason": "r"}`, "If-Match", "*").IsProblem(t, httpapi.NotFound)

	pay := []string{"If-Match", tag, "Idempotency-Key", "k"}
	paid := f.send(path+"/pay", `{"amount": 100, "method": "cash"}`, pay...)
	if paid.StatusCode != http.StatusOK {
		t.Fatalf("paying with the ETag of the order as it is: %d %s", paid.StatusCode, paid.Body)
	}
	p := f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", tag).IsProblem(t, httpapi.Preconditions)
	if p.Position != 3 {
		t.Errorf("it names position %d as what has changed, want 3", p.Position)
	}
	// A condition is checked where there is nothing to be recorded, too.
	f.send(path+"/pay", `{"amount": 100, "method": "cash"}`, "If-Match", tag).IsProblem(t, httpapi.Preconditions)
	// And a command that was recorded is answered as it was, though its condition holds no more.
	if again := f.send(path+"/pay", `{"amount": 100, "method": "cash"}`, pay...); again.StatusCode != http.StatusOK || again.Body != paid.Body {
		t.Errorf("the same command again: %d %s", again.StatusCode, again.Body)
	}
	if a := f.send(path+"/cancel", `{"reason": "r"}`, "If-Match", "*"); a.StatusCode != http.StatusOK {
		t.Errorf("with If-Match: * it answers %d %s", a.StatusCode, a.Body)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	form := []string{"Content-Type", httpapi.FormBody, "Accept", "application/json"}
	f.ask("POST", "/orders", "total=1.00", append(form, "Sec-Fetch-Site", "cross-site")...).IsProblem(t, httpapi.CrossOrigin)
	f.ask("POST", "/orders", "total=1.00", append(form, "Origin", "https://elsewhere.example")...).IsProblem(t, httpapi.CrossOrigin)
	if a := f.ask("POST", "/orders", "total=1.00", append(form, "Sec-Fetch-Site", "same-origin", "Origin", f.url)...); a.StatusCode != http.StatusSeeOther {
		t.Errorf("its own form is answered with %d %s", a.StatusCode, a.Body)
	}
}

// A client that goes away in the middle is no trouble of the shop's.
func TestABodyThatEndsEarly(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	for path, media := range map[string]string{"/orders": httpapi.JSONBody, "/import": linesBody} {
		r := httptest.NewRequest("POST", path, iotest.ErrReader(io.ErrUnexpectedEOF))
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		f.site.ServeHTTP(w, fromHere(r))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s answers %d: %s", path, w.Code, w.Body)
		}
	}
}

// A page elsewhere whose name was made to lead here is not taken for the shop's own.
func TestSitesOfOtherNamesAreRefused(t *testing.T) {
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Hosts: []string{"shop.example"}, Authenticator: named}})
	for host, want := range map[string]int{
		"127.0.0.1:8080": http.StatusCreated, "[::1]:8080": http.StatusCreated, "localhost:1": http.StatusCreated, "orders.localhost": http.StatusCreated,
		"shop.example": http.StatusCreated, "SHOP.example.:443": http.StatusCreated,
		"evil.example:8080": http.StatusMisdirectedRequest, "127.0.0.1.evil.example": http.StatusMisdirectedRequest,
		"localhost.evil.example": http.StatusMisdirectedRequest, "evillocalhost": http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequest("POST", "/orders", strings.NewReader(`{"total": 100}`))
		r.Host = host
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", "http://"+host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		f.site.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("a request for %s is answered %d, want %d", host, w.Code, want)
		}
	}
}

// Who asked for what is kept with the events.
func TestCorrelation(t *testing.T) {
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Authenticator: named}})
	a := f.send("/orders", `{"total": 100}`, "X-Correlation-ID", "basket-7")
	if got := a.Header.Get("X-Correlation-ID"); got != "basket-7" {
		t.Errorf("the answer's correlation is %q", got)
	}
	type history struct{ Events []orders.Occurrence }
	h := sitetest.Read[history](t, f.get(a.Header.Get("Location")+"/history"), http.StatusOK)
	if got := h.Events[0].Trace; got.Correlation != "basket-7" || got.Actor != "ada" || got.Causation == "" {
		t.Errorf("the event's trace is %+v", got)
	}
	for _, bad := range []string{"", strings.Repeat("x", 65), "a\tb"} {
		if got := f.get("/healthz", "X-Correlation-ID", bad).Header.Get("X-Correlation-ID"); got == bad || len(got) != 36 {
			t.Errorf("for %q the correlation is %q", bad, got)
		}
	}
}

func TestForms(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	send := func(path string, form url.Values) sitetest.Answer {
		t.Helper()
		return f.ask("POST", path, form.Encode(), "Content-Type", httpapi.FormBody, "Accept", "text/html")
	}
	a := send("/orders", url.Values{"key": {"k1"}, "customer": {"ada"}, "product1": {"lamp"}, "quantity1": {"2"}, "price1": {"19.99"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("placing an order by form: %d %s", a.StatusCode, a.Body)
	}
	path := a.Header.Get("Location")
	var cookies []string
	for _, c := range a.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	page := f.get(path, "Accept", "text/html", "Cookie", strings.Join(cookies, "; "))
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Body, "The order is placed.") || !strings.Contains(page.Body, "39.98") {
		t.Errorf("its page, right after: %d %s", page.StatusCode, page.Body)
	}
	if again := send("/orders", url.Values{"key": {"k1"}, "customer": {"ada"}, "product1": {"lamp"}, "quantity1": {"2"}, "price1": {"19.99"}}); again.Header.Get("Location") != path {
		t.Errorf("sent twice it places %s too", again.Header.Get("Location"))
	}

	bad := send(path+"/pay", url.Values{"key": {"k2"}, "amount": {"12.00"}, "method": {"boleto"}})
	if bad.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("a payment of another amount: %d", bad.StatusCode)
	}
	for _, want := range []string{"A payment is what the order owes", "paid-in-full", `value="12.00"`, `value="k2"`, `<option value="boleto" selected>`} {
		if !strings.Contains(bad.Body, want) {
			t.Errorf("the form that came back does not show %s", want)
		}
	}
	bad = send(path+"/pay", url.Values{"amount": {"12,00"}, "method": {"boleto"}})
	if bad.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(bad.Body, "12,00") {
		t.Errorf("an amount with a comma: %d", bad.StatusCode)
	}
	bad = send("/orders", url.Values{"total": {"x"}, "customer": {"<b>"}})
	if bad.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(bad.Body, `value="&lt;b&gt;"`) || !strings.Contains(bad.Body, `<details class="sheet" id="place" open>`) {
		t.Errorf("a new order without sense: %d %s", bad.StatusCode, bad.Body)
	}
	for _, step := range []struct {
		act  string
		form url.Values
	}{
		{"pay", url.Values{"amount": {"39.98"}, "method": {"boleto"}}},
		{"ship", url.Values{"carrier": {"Correios"}}},
		{"deliver", url.Values{}},
		{"refund", url.Values{"amount": {"9.98"}, "reason": {"a scratch"}}},
		{"return", url.Values{"reason": {"broken"}}},
	} {
		if a := send(path+"/"+step.act, step.form); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != path {
			t.Errorf("%s by form: %d %s", step.act, a.StatusCode, a.Body)
		}
	}
	for _, step := range []struct {
		form url.Values
		want string
	}{
		{url.Values{}, "Give a total, or lines that it is the sum of."},
		{url.Values{"total": {"0"}}, "Total: 0.00 is no amount to pay"},
		{url.Values{"product2": {"lamp"}, "price2": {"1"}}, "Line 2 does not say how many pieces."},
		{url.Values{"product1": {"lamp"}, "quantity1": {"1"}}, "Line 1 does not say the price of one."},
		{url.Values{"quantity3": {"1"}, "price3": {"1"}}, "Line 3 does not say what is bought."},
	} {
		if a := send("/orders", step.form); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Body, step.want) {
			t.Errorf("the form %v: %d, want %q in %s", step.form, a.StatusCode, step.want, a.Body)
		}
	}
	gone := send("/orders/none/deliver", url.Values{})
	if gone.StatusCode != http.StatusNotFound || !strings.Contains(gone.Body, "There is no order &#34;none&#34;") {
		t.Errorf("a form about no order: %d %s", gone.StatusCode, gone.Body)
	}
}
