package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/daybook-es/daybook/apps/internal/browser"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// A visitor is somebody at a browser, on a shop of their own.
type visitor struct {
	*shopfront
	*browser.Visitor
}

// visit opens a browser for a test; without one the test is skipped.
func visit(t *testing.T) *visitor {
	t.Helper()
	browser.Chromium(t) // before anything else
	return visitFront(t, openFront(t, memstore.New(), nil))
}

// visitFront opens a browser on a site that there is.
func visitFront(t *testing.T, front *shopfront) *visitor {
	t.Helper()
	return &visitor{front, browser.Visit(t, front.url)}
}

// order returns the order whose page is open, as a program sees it.
func (v *visitor) order() orders.Details {
	v.t.Helper()
	at, err := chromedp.Run(v.Ctx, chromedp.Evaluate[string](`location.pathname`))
	if err != nil {
		v.t.Fatal(err)
	}
	return sitetest.Read[orders.Details](v.t, v.get(at, v.now()...), http.StatusOK)
}

func TestAVisitorWithAMouse(t *testing.T) {
	v := visit(t)
	v.Open("/orders")
	v.Shows("#list", "No orders yet")
	v.Click("#place summary")
	v.Write("#place [name=product1]", "lamp")
	v.Write("#place [name=quantity1]", "2")
	v.Write("#place [name=price1]", "19.99")
	v.Write("#place [name=customer]", "ada")
	v.Click("#place button")
	v.Shows("main", "The order is placed.")
	v.Shows("#details", "lamp")
	v.Click("form[action$='/pay'] button")
	v.Shows("#status", "paid")
	v.Write("[name=carrier]", "Correios")
	v.Write("[name=tracking]", "BR1")
	v.Click("form[action$='/ship'] button")
	v.Shows("#status", "shipped")
	v.Click("form[action$='/deliver'] button")
	v.Shows("#status", "delivered")
	v.Shows("#events", "with Correios, BR1")
	if order := v.order(); order.Status != orders.Delivered || order.Paid != 3998 || order.Customer.ID != "ada" || order.Tracking != "BR1" {
		t.Errorf("the order is %+v", order)
	}

	// The slider, by the click of a mouse near its left end, shows the beginning.
	box, err := chromedp.Run(v.Ctx, chromedp.Evaluate[[]float64](`document.querySelector("#version").scrollIntoView(), (b => [b.left, b.top, b.width, b.height])(document.querySelector("#version").getBoundingClientRect())`))
	if err != nil {
		t.Fatal(err)
	}
	v.Do(chromedp.MouseClickXY(box[0]+2, box[1]+box[3]/2))
	v.Shows("#past", "after event 1 of 5")
	v.Shows("#status", "placed")
	v.Shows("#actions", "Nothing, in the past")
	v.Click("#past a")
	v.Shows("#status", "delivered")

	v.Open("/orders")
	v.Click("#place summary")
	v.Write("#place [name=total]", "5")
	v.Click("#place button")
	v.Shows("#status", "placed")
	v.Click("#do-cancel summary")
	v.Write("#do-cancel [name=reason]", "changed my mind")
	v.Click("#do-cancel button")
	v.Shows("#status", "cancelled")
	v.Shows("#details", "changed my mind")
	v.Click(".masthead a[href='/dashboard']")
	v.Shows("#figures", "39.98")
}

func TestAVisitorWithAKeyboard(t *testing.T) {
	v := visit(t)
	v.Open("/orders")
	v.TabTo(".skip")
	v.TabTo("#place summary")
	v.Press(kb.Enter)
	v.TabTo("[name=total]")
	v.Press("12.50" + kb.Enter)
	v.Shows("#status", "placed")
	v.TabTo("form[action$='/pay'] button")
	v.Press(kb.Enter)
	v.Shows("#status", "paid")
	v.TabTo("[name=carrier]")
	v.Press("DHL" + kb.Enter)
	v.Shows("#status", "shipped")
	v.TabTo("form[action$='/deliver'] button")
	v.Press(" ")
	v.Shows("#status", "delivered")
	v.TabTo("#version")
	v.Press(kb.ArrowLeft)
	v.Shows("#past", "after event 4 of 5")
	v.Shows("#slider-says", "Handed to the carrier")
	v.Press(kb.ArrowLeft + kb.ArrowLeft)
	v.Shows("#past", "after event 2 of 5")
	v.Press(kb.ArrowRight + kb.ArrowRight + kb.ArrowRight)
	v.Shows("#status", "delivered")
	v.Until(`!document.querySelector("#past").innerText.trim() && !location.search`)

	v.Open("/orders")
	v.TabTo("#place summary")
	v.Press(kb.Enter)
	v.TabTo("[name=total]")
	v.Press("3" + kb.Enter)
	v.Shows("#status", "placed")
	v.TabTo("#do-cancel summary")
	v.Press(kb.Enter)
	v.TabTo("#do-cancel [name=reason]")
	v.Press("no" + kb.Enter)
	v.Shows("#status", "cancelled")
	v.Open("/dashboard")
	v.TabTo(".columns a")
	v.Press(kb.Enter)
	v.Until(`location.search.startsWith("?month=")`)
}

// What other people do shows by itself, and takes nothing from under the hands of
// whoever is writing.
func TestPagesAreLive(t *testing.T) {
	v := visit(t)
	v.Open("/orders")
	v.Shows("#state", "Live")
	v.Click("#place summary")
	v.Write("#place [name=total]", "77")
	id := v.placed()
	v.Until(fmt.Sprintf(`document.getElementById(%q)?.innerText.includes("placed")`, "order-"+id))
	v.Shows("#matching", "1 order")
	v.send("/orders/"+id+"/pay", `{"amount": 100, "method": "boleto"}`)
	v.Until(fmt.Sprintf(`document.getElementById(%q)?.innerText.includes("paid")`, "order-"+id))
	if kept := v.Value("#place [name=total]"); kept != "77" {
		t.Errorf("what was being written in the form is now %q", kept)
	}

	v.Open("/orders/" + id)
	v.Shows("#state", "Live")
	v.send("/orders/"+id+"/ship", `{"carrier": "Correios"}`)
	v.Shows("#status", "shipped")
	v.Shows("#events", "Handed to the carrier")
	v.Shows("#actions", "It was delivered")
	v.Until(`document.querySelector("#version").max === "4" && document.querySelector("#version").value === "4"`)

	// A form that is being filled in stays as it is until it is left.
	v.Click("#do-refund summary")
	v.Write("#do-refund [name=reason]", "scratch")
	v.send("/orders/"+id+"/deliver", ``)
	v.Shows("#status", "delivered")
	if kept := v.Value("#do-refund [name=reason]"); kept != "scratch" {
		t.Errorf("what was being written in the form is now %q", kept)
	}

	v.Open("/dashboard")
	v.Shows("#state", "Live")
	v.placed()
	v.Shows("#figures .sums", "2")
}

// No page is wider than a phone, nor hides a part of a table, whatever words it has
// to show.
func TestPagesFitAPhone(t *testing.T) {
	v := visit(t)
	v.TakePhone()
	long := strings.Repeat("x", 190)
	v.Open("/orders")
	v.Click("#place summary")
	v.Write("#place [name=product1]", strings.Repeat("0123456789abcdef", 2))
	v.Write("#place [name=quantity1]", "2")
	v.Write("#place [name=price1]", "1234.50")
	v.Write("#place [name=customer]", long)
	v.Write("#place [name=state]", long)
	v.Click("#place button")
	v.Shows("#status", "placed")
	for _, page := range []string{"/orders/" + v.order().ID, "/orders", "/customers/" + long, "/dashboard", "/problems", "/orders/" + long} {
		v.Open(page)
		if page == "/orders/"+long {
			v.Expect("Failed to load resource: the server responded with a status of 404")
		}
		v.Fits(page)
	}
}

func TestAVisitorWithoutJavaScript(t *testing.T) {
	v := visit(t)
	v.DoWithoutScripts()
	v.Open("/orders")
	v.Click("#place summary")
	v.Write("#place [name=total]", "10")
	v.Click("#place button")
	v.Shows("#status", "placed")
	v.At("[name=amount]", chromedp.Clear(chromedp.CSS("[name=amount]")))
	v.Write("[name=amount]", "9.99")
	v.Click("form[action$='/pay'] button")
	v.Shows("#problem", "neither more nor less")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	v.At("[name=amount]", chromedp.Clear(chromedp.CSS("[name=amount]")))
	v.Write("[name=amount]", "10.00")
	v.Click("form[action$='/pay'] button")
	v.Shows("#status", "paid")
	v.Shows("main", "The payment is recorded.")
	v.Click("#event-1 a")
	v.Shows("#past", "after event 1 of 3")
	// The page that comes looks like the one that is there.
	v.Until(`document.body.dataset.before = "yes"`)
	v.Click("#timeline .slider button")
	v.Until(`document.body && !document.body.dataset.before`)
	v.Shows("#past", "after event 1 of 3")
	v.Click("#past a")
	v.Shows("#status", "paid")
}
