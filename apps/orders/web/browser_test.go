package web

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// chromium returns where a browser is, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("DAYBOOK_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"headless_shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no Chromium in PATH, and DAYBOOK_CHROMIUM does not name one")
	return ""
}

// A visitor is somebody at a browser, on a site of their own.
type visitor struct {
	*shopfront
	ctx context.Context

	mu      sync.Mutex
	console []string // what went wrong in the pages
}

// visit opens a browser for a test. Whatever is wrong enough in a page to be said in
// the console fails the test.
func visit(t *testing.T) *visitor {
	t.Helper()
	chromium(t) // before anything else, or else skip the test
	return visitFront(t, openFront(t, memstore.New(), nil))
}

// visitFront opens a browser on a site that there is.
func visitFront(t *testing.T, front *shopfront) *visitor {
	t.Helper()
	path := chromium(t)
	v := &visitor{shopfront: front}
	// In a container there is often no other user and no other name space.
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	v.ctx = ctx
	messages := chromedp.Console(ctx)
	v.do(chromedp.EmulateViewport(1280, 900))
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning {
				v.mu.Lock()
				v.console = append(v.console, m.String())
				v.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-listened
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, m := range v.console {
			t.Errorf("the console says: %s", m)
		}
	})
	return v
}

func (v *visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

func (v *visitor) open(path string) {
	v.t.Helper()
	v.do(chromedp.Navigate(v.url + path))
}

// until waits until an expression holds in the page.
func (v *visitor) until(expression string) {
	v.t.Helper()
	// The page may be on its way to another one while it is asked.
	for deadline := time.Now().Add(20 * time.Second); ; {
		if holds, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`!!(`+expression+`)`)); err == nil && holds {
			return
		}
		if time.Now().After(deadline) || v.ctx.Err() != nil {
			page, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.querySelector("main").innerText`))
			v.t.Fatalf("it never came to %s; the page is %s %v", expression, page, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// shows waits until an element of the page has certain words in it.
func (v *visitor) shows(selector, words string) {
	v.t.Helper()
	v.until(fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, words))
}

// at does something to an element, once it is there: a page that is about to leave, or
// to be drawn anew, takes its elements with it.
func (v *visitor) at(selector string, step chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.until(fmt.Sprintf(`document.querySelector(%q)`, selector))
		err := chromedp.Do(v.ctx, step)
		if err == nil {
			return
		}
		if time.Now().After(deadline) || !strings.Contains(err.Error(), "node") {
			v.t.Fatalf("at %s: %v", selector, err)
		}
	}
}

func (v *visitor) click(selector string) {
	v.t.Helper()
	v.at(selector, chromedp.Click(chromedp.CSS(selector)))
}

func (v *visitor) write(selector, words string) {
	v.t.Helper()
	v.at(selector, chromedp.SendKeys(chromedp.CSS(selector), words))
}

// order returns the order whose page is open, as a program sees it.
func (v *visitor) order() orders.Details {
	v.t.Helper()
	at, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`location.pathname`))
	if err != nil {
		v.t.Fatal(err)
	}
	return read[orders.Details](v.t, v.get(at, v.now()...), http.StatusOK)
}

func TestAVisitorWithAMouse(t *testing.T) {
	v := visit(t)
	v.open("/orders")
	v.shows("#list", "No orders yet")
	v.click("#place summary")
	v.write("#place [name=product1]", "lamp")
	v.write("#place [name=quantity1]", "2")
	v.write("#place [name=price1]", "19.99")
	v.write("#place [name=customer]", "ada")
	v.click("#place button")
	v.shows("main", "The order is placed.")
	v.shows("#details", "lamp")
	v.click("form[action$='/pay'] button")
	v.shows("#status", "paid")
	v.write("[name=carrier]", "Correios")
	v.write("[name=tracking]", "BR1")
	v.click("form[action$='/ship'] button")
	v.shows("#status", "shipped")
	v.click("form[action$='/deliver'] button")
	v.shows("#status", "delivered")
	v.shows("#events", "with Correios, BR1")
	if order := v.order(); order.Status != orders.Delivered || order.Paid != 3998 || order.Customer.ID != "ada" || order.Tracking != "BR1" {
		t.Errorf("the order is %+v", order)
	}

	// The slider, by the click of a mouse near its left end, shows the beginning.
	box, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]float64](`document.querySelector("#version").scrollIntoView(), (b => [b.left, b.top, b.width, b.height])(document.querySelector("#version").getBoundingClientRect())`))
	if err != nil {
		t.Fatal(err)
	}
	v.do(chromedp.MouseClickXY(box[0]+2, box[1]+box[3]/2))
	v.shows("#past", "after event 1 of 5")
	v.shows("#status", "placed")
	v.shows("#actions", "Nothing, in the past")
	v.click("#past a")
	v.shows("#status", "delivered")

	v.open("/orders")
	v.click("#place summary")
	v.write("#place [name=total]", "5")
	v.click("#place button")
	v.shows("#status", "placed")
	v.click("#do-cancel summary")
	v.write("#do-cancel [name=reason]", "changed my mind")
	v.click("#do-cancel button")
	v.shows("#status", "cancelled")
	v.shows("#details", "changed my mind")
	v.click(".masthead a[href='/dashboard']")
	v.shows("#figures", "39.98")
}

// tabTo presses the tabulator until something has the focus.
func (v *visitor) tabTo(selector string) {
	v.t.Helper()
	for range 80 {
		v.do(chromedp.KeyEvent(kb.Tab))
		there, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector)))
		if err != nil {
			v.t.Fatal(err)
		}
		if !there {
			continue
		}
		// Who cannot see where the focus is cannot use a keyboard.
		seen, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`getComputedStyle(document.activeElement).outlineStyle !== "none"`))
		if err != nil || !seen {
			v.t.Errorf("at %s the focus cannot be seen: %v", selector, err)
		}
		return
	}
	v.t.Fatalf("the tabulator does not lead to %s", selector)
}

func (v *visitor) press(keys string) {
	v.t.Helper()
	v.do(chromedp.KeyEvent(keys))
}

func TestAVisitorWithAKeyboard(t *testing.T) {
	v := visit(t)
	v.open("/orders")
	v.tabTo(".skip")
	v.tabTo("#place summary")
	v.press(kb.Enter)
	v.tabTo("[name=total]")
	v.press("12.50" + kb.Enter)
	v.shows("#status", "placed")
	v.tabTo("form[action$='/pay'] button")
	v.press(kb.Enter)
	v.shows("#status", "paid")
	v.tabTo("[name=carrier]")
	v.press("DHL" + kb.Enter)
	v.shows("#status", "shipped")
	v.tabTo("form[action$='/deliver'] button")
	v.press(" ")
	v.shows("#status", "delivered")
	v.tabTo("#version")
	v.press(kb.ArrowLeft)
	v.shows("#past", "after event 4 of 5")
	v.shows("#slider-says", "Handed to the carrier")
	v.press(kb.ArrowLeft + kb.ArrowLeft)
	v.shows("#past", "after event 2 of 5")
	v.press(kb.ArrowRight + kb.ArrowRight + kb.ArrowRight)
	v.shows("#status", "delivered")
	v.until(`!document.querySelector("#past").innerText.trim() && !location.search`)

	v.open("/orders")
	v.tabTo("#place summary")
	v.press(kb.Enter)
	v.tabTo("[name=total]")
	v.press("3" + kb.Enter)
	v.shows("#status", "placed")
	v.tabTo("#do-cancel summary")
	v.press(kb.Enter)
	v.tabTo("#do-cancel [name=reason]")
	v.press("no" + kb.Enter)
	v.shows("#status", "cancelled")
	v.open("/dashboard")
	v.tabTo(".columns a")
	v.press(kb.Enter)
	v.until(`location.search.startsWith("?month=")`)
}

// What other people do shows by itself, and takes nothing from under the hands of
// whoever is writing.
func TestPagesAreLive(t *testing.T) {
	v := visit(t)
	v.open("/orders")
	v.shows("#state", "Live")
	v.click("#place summary")
	v.write("#place [name=total]", "77")
	id := v.placed()
	v.until(fmt.Sprintf(`document.getElementById(%q)?.innerText.includes("placed")`, "order-"+id))
	v.shows("#matching", "1 order")
	v.send("/orders/"+id+"/pay", `{"amount": 100, "method": "boleto"}`)
	v.until(fmt.Sprintf(`document.getElementById(%q)?.innerText.includes("paid")`, "order-"+id))
	if kept, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.querySelector("#place [name=total]").value`)); err != nil || kept != "77" {
		t.Errorf("what was being written in the form is now %q: %v", kept, err)
	}

	v.open("/orders/" + id)
	v.shows("#state", "Live")
	v.send("/orders/"+id+"/ship", `{"carrier": "Correios"}`)
	v.shows("#status", "shipped")
	v.shows("#events", "Handed to the carrier")
	v.shows("#actions", "It was delivered")
	v.until(`document.querySelector("#version").max === "4" && document.querySelector("#version").value === "4"`)

	// A form that is being filled in stays as it is until it is left.
	v.click("#do-refund summary")
	v.write("#do-refund [name=reason]", "scratch")
	v.send("/orders/"+id+"/deliver", ``)
	v.shows("#status", "delivered")
	if kept, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.querySelector("#do-refund [name=reason]").value`)); err != nil || kept != "scratch" {
		t.Errorf("what was being written in the form is now %q: %v", kept, err)
	}

	v.open("/dashboard")
	v.shows("#state", "Live")
	v.placed()
	v.shows("#figures .sums", "2")
}

// No page is wider than a phone, nor hides a part of a table, whatever words it has
// to show.
func TestPagesFitAPhone(t *testing.T) {
	v := visit(t)
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 390, Height: 844, DeviceScaleFactor: 1})
		return err
	}))
	long := strings.Repeat("x", 190)
	v.open("/orders")
	v.click("#place summary")
	v.write("#place [name=product1]", strings.Repeat("0123456789abcdef", 2))
	v.write("#place [name=quantity1]", "2")
	v.write("#place [name=price1]", "1234.50")
	v.write("#place [name=customer]", long)
	v.write("#place [name=state]", long)
	v.click("#place button")
	v.shows("#status", "placed")
	for _, page := range []string{"/orders/" + v.order().ID, "/orders", "/customers/" + long, "/dashboard", "/problems", "/orders/" + long} {
		v.open(page)
		if page == "/orders/"+long {
			v.expect("Failed to load resource: the server responded with a status of 404")
		}
		wide, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](`[document.documentElement, ...document.querySelectorAll(".scroll")]
			.filter(e => e.scrollWidth > e.clientWidth).map(e => e.tagName + "." + e.className + " " + e.scrollWidth + " > " + e.clientWidth)`))
		if err != nil || len(wide) > 0 {
			t.Errorf("on a phone %.20s is too wide: %v %v", page, wide, err)
		}
	}
}

func TestAVisitorWithoutJavaScript(t *testing.T) {
	v := visit(t)
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	v.open("/orders")
	v.click("#place summary")
	v.write("#place [name=total]", "10")
	v.click("#place button")
	v.shows("#status", "placed")
	v.at("[name=amount]", chromedp.Clear(chromedp.CSS("[name=amount]")))
	v.write("[name=amount]", "9.99")
	v.click("form[action$='/pay'] button")
	v.shows("#problem", "neither more nor less")
	v.expect("Failed to load resource: the server responded with a status of 422")
	v.at("[name=amount]", chromedp.Clear(chromedp.CSS("[name=amount]")))
	v.write("[name=amount]", "10.00")
	v.click("form[action$='/pay'] button")
	v.shows("#status", "paid")
	v.shows("main", "The payment is recorded.")
	v.click("#event-1 a")
	v.shows("#past", "after event 1 of 3")
	// The page that comes looks like the one that is there.
	v.until(`document.body.dataset.before = "yes"`)
	v.click("#timeline .slider button")
	v.until(`document.body && !document.body.dataset.before`)
	v.shows("#past", "after event 1 of 3")
	v.click("#past a")
	v.shows("#status", "paid")
}

// expect takes a message that a test provoked from those that fail it.
func (v *visitor) expect(words string) {
	v.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		v.mu.Lock()
		for i, m := range v.console {
			if strings.Contains(m, words) {
				v.console = append(v.console[:i], v.console[i+1:]...)
				v.mu.Unlock()
				return
			}
		}
		v.mu.Unlock()
		if time.Now().After(deadline) {
			v.t.Fatalf("the console never said: %s", words)
		}
	}
}
