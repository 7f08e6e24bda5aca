package web

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/browser"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

// A heldCarrier answers when the test lets it, one call each.
type heldCarrier struct {
	orders.Carrier
	let chan struct{}
}

func (h *heldCarrier) Book(ctx context.Context, key string, b orders.BookShipment) (orders.ShipmentBooked, error) {
	select {
	case <-h.let:
	case <-ctx.Done():
		return orders.ShipmentBooked{}, ctx.Err()
	}
	return h.Carrier.Book(ctx, key, b)
}

// A busyFront is the site of a shop that fulfils orders.
type busyFront struct {
	*shopfront
	payments *simulated.Payments
	carrier  *simulated.Carrier
	let      chan struct{}
}

// openBusyFront opens one. Its carrier answers when the test sends to let.
func openBusyFront(t *testing.T) *busyFront {
	t.Helper()
	f := &busyFront{payments: simulated.NewPayments(1), carrier: simulated.NewCarrier(1), let: make(chan struct{}, 100)}
	of := orders.Options{Payments: f.payments, Carrier: &heldCarrier{f.carrier, f.let}}
	of.Processes.RetryAfter, of.Processes.RetryAtMost = time.Millisecond, time.Millisecond
	f.shopfront = openShopFront(t, memstore.New(), t.TempDir(), &Options{Providers: []*simulated.Desk{f.payments.Desk, f.carrier.Desk}}, of)
	return f
}

// ordered places an order of two lamps that the shop fulfils, and returns its id.
func (f *busyFront) ordered(method string) string {
	f.t.Helper()
	a := f.send("/orders", fmt.Sprintf(`{"fulfil": true, "method": %q, "lines": [{"product": "lamp", "quantity": 2, "unit_price": 3000}]}`, method))
	return sitetest.Read[orders.Details](f.t, a, http.StatusCreated).ID
}

// until asks for an address until the answer has certain words in it, and returns it.
func (f *busyFront) until(path string, words string, header ...string) sitetest.Answer {
	f.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		a := f.get(path, header...)
		if strings.Contains(a.Body, words) {
			return a
		}
		if time.Since(began) > 20*time.Second {
			f.t.Fatalf("%s never shows %q; it shows %s", path, words, a.Body)
		}
	}
}

func TestFulfilmentOverHTTP(t *testing.T) {
	f := openBusyFront(t)
	f.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	waiting := f.ordered("boleto")
	order := f.ordered(orders.CardOnFile)
	f.until("/orders/"+order, `"status": "paid"`)
	// The two are fulfilled side by side: the other one's pieces may be kept later.
	f.until("/stock/lamp", `"reserved": 4`)

	under := sitetest.Read[processesAnswer](t, f.get("/processes", f.now()...), http.StatusOK)
	if len(under.Processes) != 1 || under.Processes[0].Live != 2 || under.Processes[0].Deadlines != 1 || under.Matching != 2 {
		t.Errorf("under way are %+v", under)
	}
	i := slices.IndexFunc(under.Fulfilments, func(s orders.FulfilmentSummary) bool { return s.Order == waiting })
	if i < 0 || under.Fulfilments[i].PayBy.IsZero() || under.Fulfilments[i].Kept != 2 {
		t.Errorf("the one that waits for its payment is %+v", under.Fulfilments)
	}
	first := sitetest.Read[processesAnswer](t, f.get("/processes?limit=1"), http.StatusOK)
	second := sitetest.Read[processesAnswer](t, f.get("/processes?limit=1&cursor="+first.Next), http.StatusOK)
	if first.Fulfilments[0].Order == second.Fulfilments[0].Order || second.Next != "" {
		t.Errorf("the pages are %+v and %+v", first, second)
	}
	f.let <- struct{}{}
	f.until("/orders/"+order, `"shipped"`)
	f.until("/stock/lamp", `"on_hand": 8`)
	ended := sitetest.Read[processesAnswer](t, f.get("/processes?ended=true", f.now()...), http.StatusOK)
	if ended.Matching != 1 || ended.Fulfilments[0].Order != order {
		t.Errorf("shipped are %+v", ended)
	}
	details := sitetest.Read[orders.Details](t, f.get("/orders/"+waiting), http.StatusOK)
	if details.Fulfilment == nil || details.Fulfilment.Method != "boleto" || details.Fulfilment.PayBy.IsZero() {
		t.Errorf("the order is %+v", details)
	}
	past := sitetest.Read[orders.Details](t, f.get("/orders/"+waiting+"?version=2"), http.StatusOK)
	if diff := cmp.Diff(details.Fulfilment, past.Fulfilment); diff != "" {
		t.Errorf("in the past it is another (-now +then):\n%s", diff)
	}
	d := sitetest.Read[orders.Dashboard](t, f.get("/dashboard"), http.StatusOK)
	if want := (orders.FulfilmentFigures{Asked: 2, Unpaid: 1, Shipped: 1}); d.Fulfilment != want {
		t.Errorf("the dashboard counts %+v, want %+v", d.Fulfilment, want)
	}

	metrics := f.get("/metrics").Body
	for _, want := range []string{`daybook_process_live{process="fulfilment"} 1`, `daybook_process_done{process="fulfilment"} 1`, `daybook_process_deadlines{process="fulfilment"} 1`, `daybook_process_set_aside{process="fulfilment"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}

	f.get("/processes?ended=x").IsProblem(t, httpapi.Malformed)
	f.get("/processes?cursor=x").IsProblem(t, httpapi.Malformed)
	f.send("/orders", `{"total": 100, "method": "boleto"}`).IsProblem(t, httpapi.Invalid)
}

// The history of a fulfilment is to be had for programs, as text, and as a picture.
func TestTheHistoryOfAFulfilment(t *testing.T) {
	f := openBusyFront(t)
	f.let <- struct{}{}
	order := f.ordered(orders.CardOnFile)
	at := "/processes/fulfilment/" + order + "/history"
	a := f.until(at, `"status": "done"`)
	h := sitetest.Read[pastAnswer](t, a, http.StatusOK)
	if h.Instance != order || h.Version != 1 || h.Entries[0].What != "FulfilmentRequested" || h.Entries[0].Side != "inbox" {
		t.Errorf("the history is %+v", h)
	}
	if again := f.get(at, "If-None-Match", a.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked for again it answers %d", again.StatusCode)
	}
	if text := f.get(at + ".txt"); !strings.Contains(text.Body, "ask charge") || !strings.HasPrefix(text.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("as text it is %s %s", text.Header.Get("Content-Type"), text.Body)
	}
	picture := f.get(at + ".svg?v=7")
	if policy := picture.Header.Get("Content-Security-Policy"); picture.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the picture is %v", picture.Header)
	}
	decoder := xml.NewDecoder(strings.NewReader(picture.Body))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the picture is not well formed: %v", err)
		}
	}
	f.get("/processes/fulfilment/none/history").IsProblem(t, httpapi.NotFound)
	f.get("/processes/other/"+order+"/history").IsProblem(t, httpapi.NotFound)
	f.get(at+"?x=1").IsProblem(t, httpapi.Malformed)
}

// A visitor can have a provider fail, and only so that it can be.
func TestProvidersAreToldToFail(t *testing.T) {
	f := openBusyFront(t)
	told := sitetest.Read[provider](t, f.send("/providers/carrier", `{"mood": "silent", "times": 3, "behaviour": {"decline": 0.25, "delay_ms": 1000}}`), http.StatusOK)
	want := provider{Name: "carrier", Behaviour: simulated.Behaviour{Decline: 0.25, DelayMillis: 1000}, Next: []simulated.Mood{"silent", "silent", "silent"}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	form := []string{"Content-Type", httpapi.FormBody, "Accept", "text/html"}
	for path, body := range map[string]string{"/providers/payments": "mood=decline&times=2", "/providers/carrier": "decline=5&unreachable=2.5&silent=&twice=0&slow=10&delay=1.5"} {
		if a := f.ask("POST", path, body, form...); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/providers" {
			t.Errorf("the form of %s leads to %d %s", path, a.StatusCode, a.Header.Get("Location"))
		}
	}
	all := sitetest.Read[[]provider](t, f.get("/providers"), http.StatusOK)
	if len(all) != 2 || !slices.Equal(all[0].Next, []simulated.Mood{"decline", "decline"}) ||
		all[1].Behaviour != (simulated.Behaviour{Slow: 0.1, Decline: 0.05, Unreachable: 0.025, DelayMillis: 1500}) {
		t.Errorf("they were told %+v", all)
	}
	f.send("/providers/carrier", `{"mood": "angry"}`).IsProblem(t, httpapi.Invalid)
	f.send("/providers/carrier", `{"mood": "slow", "times": 1001}`).IsProblem(t, httpapi.Invalid)
	f.send("/providers/carrier", `{"behaviour": {"decline": 2}}`).IsProblem(t, httpapi.Invalid)
	f.send("/providers/nobody", `{}`).IsProblem(t, httpapi.NotFound)
	openFront(t, memstore.New(), nil).send("/providers/carrier", `{}`).IsProblem(t, httpapi.NotFound)
}

// What is set aside is named, tried again and skipped; what is not, is not.
func TestWhatIsNotSetAsideIsLeftAlone(t *testing.T) {
	f := openBusyFront(t)
	order := f.ordered("boleto")
	at := "/processes/fulfilment/" + order
	f.until(at+"/history", "ReserveStock accepted")
	f.send(at+"/retry", ``).IsProblem(t, httpapi.Conflict)
	f.send(at+"/skip", `{"input": "0b6e7f0e-5a3f-4c8a-9d57-0d9f2f6f1a11", "reason": "why not"}`).IsProblem(t, httpapi.Conflict)
	f.send(at+"/skip", `{"input": "x", "reason": "why not"}`).IsProblem(t, httpapi.Invalid)
	f.send(at+"/skip", `{"input": "0b6e7f0e-5a3f-4c8a-9d57-0d9f2f6f1a11"}`).IsProblem(t, httpapi.Invalid)
	f.send("/processes/other/1/retry", ``).IsProblem(t, httpapi.NotFound)
}

// A visitor places an order and watches how the shop sees to it, without ever loading the
// page again; has the carrier fail; and watches how everything is undone.
func TestAVisitorWatchesAFulfilment(t *testing.T) {
	browser.Chromium(t)
	f := openBusyFront(t)
	f.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	v := visitFront(t, f.shopfront)
	order := func() {
		t.Helper()
		v.Open("/orders")
		v.Click("#place summary")
		v.Write("#place [name=product1]", "lamp")
		v.Write("#place [name=quantity1]", "2")
		v.Write("#place [name=price1]", "30")
		v.Click("#place button")
		v.Shows("main", "The order is placed.")
		// A page that is loaded again forgets this.
		if _, err := chromedp.Run(v.Ctx, chromedp.Evaluate[int](`window.watched = 1`)); err != nil {
			t.Fatal(err)
		}
		v.Shows("#fulfilment", "Booking the carrier")
		v.Shows("#status", "paid")
	}
	order()
	f.let <- struct{}{}
	v.Shows("#status", "shipped")
	v.Shows("#fulfilment", "Done.")
	v.Shows("#details", simulated.CarrierName)
	v.Click("#history summary")
	v.Until(`document.querySelector("#history img").complete && document.querySelector("#history img").naturalWidth > 100`)
	v.Until(`window.watched === 1`)
	v.Open("/stock/lamp")
	v.Shows("#sums", "8")

	v.Open("/providers")
	v.Do(chromedp.SetValue(chromedp.CSS("#next-carrier [name=mood]"), "decline"))
	v.Click("#next-carrier button")
	v.Shows("main", "The provider knows.")
	v.Shows("main", "say no")
	order()
	f.let <- struct{}{}
	v.Shows("#status", "refunded")
	v.Shows("#fulfilment", "Everything is undone.")
	v.Shows("#events", "nobody fetches it")
	v.Shows("#events", "Refunded")
	v.Until(`window.watched === 1`)

	v.Open("/processes?ended=true")
	v.Shows("#list", "nobody fetches it")
	v.Shows("#standing", "2")
	v.Open("/stock/lamp")
	v.Shows("#events", "Released")
	v.Shows("#sums", "8")
}

// What is set aside is listed with its cause; it goes on when it is tried again after the
// cause was mended, or when somebody skips what it cannot take.
func TestWhatIsSetAsideGoesOn(t *testing.T) {
	var closed atomic.Bool
	closed.Store(true)
	of := orders.Options{Payments: simulated.NewPayments(1), Carrier: simulated.NewCarrier(1)}
	of.Commands.Authorize = func(_ context.Context, sent command.Sent) error {
		if _, reserves := sent.Command.(orders.ReserveStock); reserves && closed.Load() {
			return errors.New("the warehouse is closed")
		}
		return nil
	}
	f := &busyFront{shopfront: openShopFront(t, memstore.New(), t.TempDir(), nil, of)}
	f.send("/stock", `{"sku": "lamp", "quantity": 10}`)
	again, skipped := f.ordered(orders.CardOnFile), f.ordered(orders.CardOnFile)
	page := []string{"Accept", "text/html"}
	for _, order := range []string{again, skipped} {
		f.until("/processes", `"instance": "`+order)
		f.until("/orders/"+order, "the warehouse is closed", page...)
	}
	standing := sitetest.Read[processesAnswer](t, f.get("/processes"), http.StatusOK).Processes[0]
	i := slices.IndexFunc(standing.SetAside, func(a aside) bool { return a.Instance == skipped })
	if i < 0 || !standing.SetAside[i].Step || !strings.Contains(standing.SetAside[i].Cause, "the warehouse is closed") {
		t.Fatalf("set aside are %+v", standing.SetAside)
	}
	list := f.get("/processes", page...).Body
	for _, want := range []string{"Set aside", "the warehouse is closed", `action="/processes/fulfilment/` + again + `/retry"`, standing.SetAside[i].Input.String(), "set aside"} {
		if !strings.Contains(list, want) {
			t.Errorf("the page of the processes does not show %q", want)
		}
	}

	form := append([]string{"Content-Type", httpapi.FormBody}, page...)
	a := f.ask("POST", "/processes/fulfilment/"+skipped+"/skip", "reason=no+lamps+today&input="+standing.SetAside[i].Input.String(), form...)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/processes" {
		t.Fatalf("skipping answers %d %s", a.StatusCode, a.Body)
	}
	f.until("/orders/"+skipped, `"cancelled"`)
	closed.Store(false)
	if a := f.send("/processes/fulfilment/"+again+"/retry", ``); a.StatusCode != http.StatusNoContent {
		t.Fatalf("trying again answers %d %s", a.StatusCode, a.Body)
	}
	f.until("/orders/"+again, `"shipped"`)
	f.until("/processes", `"set_aside": []`)
}

// Who follows an order hears what its fulfilment does, too, and goes on after the last
// message that they saw: nothing is told twice, and nothing is left out.
func TestTheLiveStreamOfAFulfilment(t *testing.T) {
	f := openBusyFront(t)
	a := f.send("/orders", `{"fulfil": true, "method": "card_on_file", "total": 6000}`)
	order := sitetest.Read[orders.Details](t, a, http.StatusCreated).ID
	f.ordered("boleto") // another one, of which nothing is told
	f.let <- struct{}{}
	told := make(map[string]int)
	var ids []string
	all := f.listen("?order="+order, "Last-Event-ID", a.Header.Get(httpapi.TokenHeader))
	for told["process.finished"] == 0 {
		m := all.next()
		c := m.change(t)
		if c.Order != order || strings.HasPrefix(c.Type, "process.") != (c.Process == orders.FulfilmentName) {
			t.Errorf("it tells %+v", c)
		}
		ids = append(ids, m.id)
		told[c.Type]++
	}
	for what, n := range map[string]int{"process.asked": 2, "PaymentReceived": 1, "OrderShipped": 1} {
		if told[what] != n {
			t.Errorf("%s is told %d times, want %d", what, told[what], n)
		}
	}
	rest := f.listen("?order="+order, "Last-Event-ID", ids[4])
	for _, want := range ids[5:] {
		if m := rest.next(); m.id != want {
			t.Fatalf("after a reconnection it tells %s, want %s", m.id, want)
		}
	}
}

// An event of which nobody knows whose it is, is listed like what is set aside, and can be
// tried again and skipped.
func TestAnEventWithoutAnInstanceIsTriedAgainAndSkipped(t *testing.T) {
	f := openBusyFront(t)
	for _, order := range []string{"one", "two"} {
		strange := daybook.Event{Stream: "order-" + order, Type: "FulfilmentRequested", Data: []byte(`{"total": "a lot"}`)}
		if _, err := f.shop.Store().Append(t.Context(), []daybook.Event{strange}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var left []aside
	for len(left) < 2 {
		left = sitetest.Read[processesAnswer](t, f.get("/processes"), http.StatusOK).Processes[0].SetAside
	}
	page := []string{"Accept", "text/html"}
	list := f.get("/processes", page...).Body
	for _, want := range []string{"An event of nobody knows which order", `action="/processes/fulfilment/retry"`, `action="/processes/fulfilment/skip"`, left[0].Input.String()} {
		if !strings.Contains(list, want) {
			t.Errorf("the page of the processes does not show %q", want)
		}
	}
	if strings.Contains(list, `href="/orders/"`) {
		t.Error("the page of the processes leads to an order without a name")
	}

	f.send("/processes/fulfilment/retry", ``).IsProblem(t, httpapi.StillAside)
	if a := f.send("/processes/fulfilment/skip", `{"input": "`+left[0].Input.String()+`", "reason": "typed by hand"}`); a.StatusCode != http.StatusNoContent {
		t.Errorf("skipping answers %d %s", a.StatusCode, a.Body)
	}
	form := append([]string{"Content-Type", httpapi.FormBody}, page...)
	a := f.ask("POST", "/processes/fulfilment/skip", "reason=typed+by+hand&input="+left[1].Input.String(), form...)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/processes" {
		t.Errorf("skipping by the form answers %d %s", a.StatusCode, a.Body)
	}
	f.until("/processes", `"set_aside": []`)
	f.send("/processes/fulfilment/retry", ``).IsProblem(t, httpapi.Conflict)
	f.send("/processes/fulfilment/skip", `{"input": "`+left[0].Input.String()+`", "reason": "twice"}`).IsProblem(t, httpapi.Conflict)
	f.send("/processes/other/retry", ``).IsProblem(t, httpapi.NotFound)
}
