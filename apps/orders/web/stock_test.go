package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestStockOverHTTP(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	a := f.send("/stock", `{"sku": "lamp/shade", "quantity": 10, "supplier": "Lux"}`)
	made := sitetest.Read[orders.ArticleDetails](t, a, http.StatusCreated)
	if made.SKU != "lamp/shade" || made.OnHand != 10 || made.Free != 10 || made.Version != 1 {
		t.Errorf("received %+v", made)
	}
	at := a.Header.Get("Location")
	if at != "/stock/lamp%2Fshade" {
		t.Errorf("it is at %s", at)
	}
	for _, step := range []struct {
		act, body   string
		free, level int64
	}{
		{"receive", `{"quantity": 5}`, 15, 0},
		{"count", `{"counted": 12, "reason": "yearly"}`, 12, 0},
		{"level", `{"level": 20}`, 12, 20},
	} {
		a = f.send(at+"/"+step.act, step.body)
		article := sitetest.Read[orders.ArticleDetails](t, a, http.StatusOK)
		if article.Free != step.free || article.Level != step.level || article.Low != (step.level > 0) {
			t.Errorf("after %s it is %+v", step.act, article)
		}
		if want := fmt.Sprintf(`"%d.`, article.Version); !strings.HasPrefix(a.Header.Get("ETag"), want) {
			t.Errorf("after %s the ETag is %s, want that it begins with %s", step.act, a.Header.Get("ETag"), want)
		}
		there := f.get(at, a.Token()...)
		if diff := cmp.Diff(article, sitetest.Read[orders.ArticleDetails](t, there, http.StatusOK)); diff != "" || there.Header.Get("ETag") != a.Header.Get("ETag") {
			t.Errorf("after %s: what was answered, and what is there (-, +):\n%s", step.act, diff)
		}
	}
	if again := f.get(at, append(a.Token(), "If-None-Match", a.Header.Get("ETag"))...); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked for again it answers %d", again.StatusCode)
	}
	if past := sitetest.Read[orders.ArticleDetails](t, f.get(at+"?version=2"), http.StatusOK); past.OnHand != 15 {
		t.Errorf("after its second event it was %+v", past)
	}
	history := sitetest.Read[articleHistoryAnswer](t, f.get(at+"/history"), http.StatusOK)
	var types []string
	for _, e := range history.Events {
		types = append(types, e.Type)
	}
	if want := []string{"StockReceived", "StockReceived", "StockCounted", "ReorderLevelSet"}; !slices.Equal(types, want) || history.SKU != "lamp/shade" {
		t.Errorf("its history is %+v", history)
	}
	f.send("/stock", `{"sku": "bulb", "quantity": 1}`)
	page := sitetest.Read[orders.StockPage](t, f.get("/stock?low=true", f.now()...), http.StatusOK)
	if len(page.Articles) != 1 || page.Articles[0].SKU != "lamp/shade" {
		t.Errorf("low in stock are %+v", page)
	}
	first := f.get("/stock?limit=1")
	next := sitetest.Read[orders.StockPage](t, first, http.StatusOK).Next
	if link := first.Header.Get("Link"); !strings.Contains(link, "cursor="+url.QueryEscape(next)) {
		t.Errorf("the first page leads to %s", link)
	}
	if page := sitetest.Read[orders.StockPage](t, f.get("/stock?limit=1&cursor="+url.QueryEscape(next)), http.StatusOK); len(page.Articles) != 1 || page.Articles[0].SKU != "lamp/shade" || page.Next != "" {
		t.Errorf("the second page is %+v", page)
	}
}

// A command about stock is recorded once, only on the condition that its sender sets, and
// otherwise refused with a problem that says why.
func TestCommandsAboutStockAreLikeTheOthers(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	key := []string{"Idempotency-Key", "one"}
	first := f.send("/stock/lamp/receive", `{"quantity": 10}`, key...)
	again := f.send("/stock/lamp/receive", `{"sku": "lamp", "quantity": 10}`, key...)
	if first.Body != again.Body || again.Header.Get("Daybook-Repeated") != "true" {
		t.Errorf("sent twice it answers %s, then %s", first.Body, again.Body)
	}
	f.send("/stock/lamp/receive", `{"quantity": 11}`, key...).IsProblem(t, httpapi.KeyReused)
	f.send("/stock/lamp/receive", `{"quantity": 1}`)
	f.send("/stock/lamp/count", `{"counted": 10}`, "If-Match", first.Header.Get("ETag")).IsProblem(t, httpapi.Preconditions)
	if _, err := f.shop.Bus().Do(t.Context(), command.Envelope{}, orders.ReserveStock{Order: "1", Wanted: []orders.Wanted{{SKU: "lamp", Quantity: 4}}}); err != nil {
		t.Fatal(err)
	}
	p := f.send("/stock/lamp/count", `{"counted": 3}`).IsProblem(t, httpapi.Refused)
	if p.Rule != orders.ErrCountedTooFew.Name() {
		t.Errorf("counting too few breaks the rule %q", p.Rule)
	}
	f.send("/stock/portrait/count", `{"counted": 3}`).IsProblem(t, httpapi.NotFound)
	f.get("/stock/portrait").IsProblem(t, httpapi.NotFound)
	f.get("/stock/portrait/history").IsProblem(t, httpapi.NotFound)
	f.get("/stock/lamp?version=9").IsProblem(t, httpapi.NotFound)
	f.send("/stock/lamp/count", `{}`).IsProblem(t, httpapi.Invalid)
	f.send("/stock/lamp/level", `{"level": -1}`).IsProblem(t, httpapi.Invalid)
	f.send("/stock/lamp/count", `{"sku": "bulb", "counted": 3}`).IsProblem(t, httpapi.Malformed)
	f.send("/stock", `{"quantity": 3}`).IsProblem(t, httpapi.Invalid)
	f.send("/stock", `{"sku": "..", "quantity": 3}`).IsProblem(t, httpapi.Invalid)
	f.get("/stock?low=maybe").IsProblem(t, httpapi.Malformed)
	f.get("/stock?cursor=x").IsProblem(t, httpapi.Malformed)
}

// The pages of the stock take what people write, and show it again where it cannot be.
func TestThePagesOfTheStock(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	page := []string{"Accept", "text/html"}
	form := append([]string{"Content-Type", httpapi.FormBody}, page...)
	if body := f.get("/stock", page...).Body; !strings.Contains(body, "Nothing is in stock") {
		t.Errorf("an empty warehouse shows %s", body)
	}
	a := f.ask("POST", "/stock", "sku=lamp&quantity=10&supplier=Lux&key=1", form...)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/stock/lamp" {
		t.Fatalf("receiving leads to %d %s", a.StatusCode, a.Header.Get("Location"))
	}
	a = f.ask("POST", "/stock/lamp/count", "counted=0&reason=flood&key=2", form...)
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("counting none leads to %d %s", a.StatusCode, a.Body)
	}
	f.ask("POST", "/stock/lamp/level", "level=7&key=3", form...)
	f.get("/stock/lamp", append(page, f.now()...)...)
	for _, failed := range []struct{ path, body, words string }{
		{"/stock", "sku=&quantity=1&key=4", "Say which article came in"},
		{"/stock", "sku=bulb&quantity=&key=5", "Say how many pieces came in"},
		{"/stock/lamp/count", "counted=&key=6", "Say how many pieces were counted"},
		{"/stock/lamp/level", "level=x&key=7", "is not a whole number"},
		{"/stock/lamp/receive", "quantity=0&supplier=Solar&key=8", `value="Solar"`},
	} {
		if a := f.ask("POST", failed.path, failed.body, form...); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Body, failed.words) {
			t.Errorf("POST %s %s answers %d without %q", failed.path, failed.body, a.StatusCode, failed.words)
		}
	}
	for path, wants := range map[string][]string{
		"/stock":                        {"1 article", `href="/stock/lamp"`, "none free"},
		"/stock?search=bulb":            {"No article is like that"},
		"/stock/lamp":                   {"from Lux", "10 fewer than expected, flood", "low at 7 pieces", "Kept for orders"},
		"/stock/lamp?version=1":         {"This is the past", "after event 1 of 3", "Back to now"},
		"/stock/lamp?as_of=2200-01-01":  {"This is the past"},
		"/stock/nothing":                {"made to order"},
		"/stock/lamp?known_at=1999-1-1": {"The request cannot be read"},
	} {
		body := f.get(path, append(page, f.now()...)...).Body
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not show %q", path, want)
			}
		}
	}
}

// Who follows an article hears of it alone, and who follows an order of what is kept for
// it.
func TestTheLiveStreamOfStock(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	id := f.placed()
	article, order := f.listen("?sku=lamp"), f.listen("?order="+id)
	for _, sku := range []string{"bulb", "lamp"} {
		f.send("/stock", fmt.Sprintf(`{"sku": %q, "quantity": 10}`, sku))
	}
	if _, err := f.shop.Bus().Do(t.Context(), command.Envelope{}, orders.ReserveStock{Order: id, Wanted: []orders.Wanted{{SKU: "lamp", Quantity: 4}}}); err != nil {
		t.Fatal(err)
	}
	f.send("/stock/lamp/level", `{"level": 3}`)
	f.send("/orders/"+id+"/cancel", `{"reason": "no"}`)
	told := func(l *listener, n int) (told []string) {
		for range n {
			c := l.next().change(t)
			told = append(told, c.Type+" "+c.SKU+" "+c.Order)
		}
		return told
	}
	if diff := cmp.Diff([]string{"StockReceived lamp ", "StockReserved lamp " + id, "ReorderLevelSet lamp "}, told(article, 3)); diff != "" {
		t.Errorf("of the article it tells (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"StockReserved lamp " + id, "OrderCancelled  " + id}, told(order, 2)); diff != "" {
		t.Errorf("of the order it tells (-want +got):\n%s", diff)
	}
}
