package web

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/browser"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
)

// A visitor is somebody at a browser, at a catalogue of their own.
type visitor struct {
	*shop
	*browser.Visitor
}

// visit opens a browser for a test; without one the test is skipped.
func visit(t *testing.T, place readmodel.Place) *visitor {
	t.Helper()
	browser.Chromium(t) // before anything else
	s := open(t, place)
	return &visitor{s, browser.Visit(t, s.url)}
}

// product returns the product whose page is open, as a program sees it.
func (v *visitor) product() catalog.Product {
	v.t.Helper()
	at, err := chromedp.Run(v.Ctx, chromedp.Evaluate[string](`location.pathname`))
	if err != nil {
		v.t.Fatal(err)
	}
	return sitetest.Read[catalog.Product](v.t, v.get(at), http.StatusOK)
}

// costs waits until the plot ends with a price.
func (v *visitor) costs(price string) {
	v.t.Helper()
	v.Until(`document.querySelector("#cost .value.now")?.textContent === "` + price + `"`)
}

// overwrite writes words into a field in the place of those that it holds.
func (v *visitor) overwrite(selector, words string) {
	v.t.Helper()
	v.At(selector, chromedp.Clear(chromedp.CSS(selector)))
	v.Write(selector, words)
}

func TestAVisitorLooksAfterAProduct(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	v.Open("/")
	v.Shows("#list", "There are no products yet")
	v.Click("#create summary")
	for name, words := range map[string]string{"name": "Lamp", "price": "35.9", "sku": "LUX-1", "category": "light", "stock": "2", "description": "It shines."} {
		v.Write("#create [name="+name+"]", words)
	}
	v.Click("#create button")
	v.Shows("main", "The product is created.")
	v.Shows("h1", "Lamp")
	v.Shows("#sums", "35.90")
	v.costs("35.90")
	v.overwrite("form[action$='/price'] [name=price]", "29.90")
	v.Click("form[action$='/price'] button")
	v.Shows("main", "The price is changed.")
	v.costs("29.90")
	v.Shows("#events", "Price changed from 35.90 to 29.90")
	v.Write("form[action$='/restock'] [name=quantity]", "10")
	v.Click("form[action$='/restock'] button")
	v.Shows("#sums", "In stock\n12")
	for act, words := range map[string]string{"rename": "Light", "categorise": "home", "describe": "It shines brightly."} {
		field := "#do-" + act + " :is(input:not([type=hidden]), textarea)"
		v.Click("#do-" + act + " summary")
		v.overwrite(field, words)
		v.Click("#do-" + act + " button")
		v.Shows("#events", words)
	}
	if p := v.product(); p.Name != "Light" || p.Category != "home" || p.Description != "It shines brightly." || p.Price != 29_90 || p.Stock != 12 {
		t.Errorf("the product is %+v", p)
	}

	// What the rules forbid is said, and the form is as it was filled in.
	v.overwrite("form[action$='/price'] [name=price]", "-1")
	v.Click("form[action$='/price'] button")
	v.Shows("#problem", "never negative")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	if was := v.Value("form[action$='/price'] [name=price]"); was != "-1" {
		t.Errorf("the form that was refused has the price %q", was)
	}
	v.Click("#do-discontinue summary")
	v.Write("#do-discontinue [name=reason]", "old")
	v.Click("#do-discontinue button")
	v.Shows("#status", "discontinued")
	v.Shows("#actions", "Nothing more")

	// A step of the plot leads to the product as it was then.
	v.Click("#cost .columns a")
	v.Shows("#past", "after event 1")
	v.Shows("#sums", "35.90")
	v.Shows("h1", "Lamp")
	v.Click("#past a")
	v.Shows("#status", "discontinued")
}

// A price that is changed elsewhere shows by itself, in the plot and in the list, and takes
// nothing from under the hands of whoever is writing.
func TestPricesChangeWhereTheyAreLookedAt(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	created := v.send("/products", `{"name": "Lamp", "price": 10}`)
	at := created.Header.Get("Location")
	v.get(at, created.Token()...)
	v.Open(at)
	v.Shows("#state", "Live")
	v.Do(chromedp.Evaluate[chromedp.Void](`void (document.body.dataset.same = "yes")`))
	v.Click("#do-describe summary")
	v.Write("#do-describe textarea", "half a sen")
	v.send(at+"/price", `{"price": 12.5}`)
	v.costs("12.50")
	v.Shows("#sums", "12.50")
	v.Shows("#events", "from 10.00 to 12.50")
	v.Until(`document.querySelector("#version").max === "2" && document.querySelector("#version").value === "2"`)
	v.Until(`document.body.dataset.same === "yes"`) // it is the same page still
	if kept := v.Value("#do-describe textarea"); kept != "half a sen" {
		t.Errorf("what was being written in the form is now %q", kept)
	}
	v.Open("/products")
	v.Shows("#state", "Live")
	v.Do(chromedp.Evaluate[chromedp.Void](`void (document.body.dataset.same = "yes")`))
	v.send(at+"/price", `{"price": 99}`)
	v.Shows("#list .price", "99.00")
	v.send("/products", `{"name": "Rope", "price": 5, "category": "string"}`)
	v.Shows("#list", "Rope")
	v.Shows("#facets", "string")
	v.Until(`document.body.dataset.same === "yes"`)
}

func TestAVisitorSearches(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	var last sitetest.Answer
	for _, body := range []string{
		`{"name": "Red lamp", "price": 35.9, "category": "light", "sku": "LUX-1", "stock": 2}`, `{"name": "Bulb", "price": 2.5, "category": "light"}`,
		`{"name": "Ladder", "price": 89, "category": "tools", "description": "Red."}`,
	} {
		last = v.send("/products", body)
	}
	v.get("/products", last.Token()...)
	v.Open("/products")
	v.Shows("#matching", "3 products")
	// As one types, without a button.
	v.Write("[name=search]", "red")
	v.Shows("#matching", "2 products match")
	v.Until(`location.search === "?search=red"`)
	v.Write("[name=search]", " lam")
	v.Shows("#matching", "1 product matches")
	v.Until(`!document.querySelector("#list").innerText.includes("Ladder")`)
	v.overwrite("[name=search]", "zzz")
	v.Shows("#list", "No product is like that")
	v.Click("#list .empty a")
	v.Shows("#matching", "3 products")
	// A facet narrows the list, and is left by the same link.
	v.Click("#facets a[href='/products?category=light']")
	v.Shows("#matching", "2 products match")
	v.Shows("#facets [aria-current]", "light")
	v.Click("#facets a[href*='max_price=9.99']")
	v.Shows("#matching", "1 product matches")
	v.Write("[name=search]", "bu")
	v.Until(`location.search.includes("search=bu") && location.search.includes("category=light") && location.search.includes("max_price=9.99")`)
	v.Click(".chosen a[href*='category']") // the one that leaves the price
	v.Shows("#list", "Bulb")
	v.Click(".chosen .all")
	v.Shows("#matching", "3 products")
}

func TestAVisitorPastesManyProducts(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	v.send("/products", `{"name": "Taken", "price": 1, "sku": "T"}`)
	v.Open("/products/bulk")
	v.Click("form.many button")
	v.Shows("#problem", "There is nothing to read")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	paste := func(lines ...string) {
		t.Helper()
		v.At("[name=lines]", chromedp.SetValue(chromedp.CSS("[name=lines]"), strings.Join(lines, "\n")))
		v.Click("form.many button")
	}
	paste("name\tprice\tsku", "Lamp\t35.90\tL", "Other\t1\tt", "Rope\tfive\tR")
	v.Shows("#became", "1 of 3 lines")
	v.Shows("#became", "nother product has this SKU")
	v.Shows("#became", `"five" is not an amount of money`)
	// Mended and sent again, what was created stays as it is.
	paste("name\tprice\tsku", "Lamp\t35.90\tL", "Other\t1\tO", "Rope\t5\tR")
	v.Shows("#became", "All 3 lines are in the catalogue")
	v.Click("#became a")
	v.Shows("h1", "Lamp")
	v.Click(".title .back a")
	v.Shows("#matching", "4 products")
	// A file is as good, and so are lines of JSON.
	file := filepath.Join(t.TempDir(), "products.jsonl")
	if err := os.WriteFile(file, []byte(`{"name": "Nail", "price": 0.05}`+"\n"+`{"name": "Screw", "price": 0.1}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Click(".many a")
	v.At("[name=file]", chromedp.SetUploadFiles(chromedp.CSS("[name=file]"), []string{file}))
	v.Click("form.many button")
	v.Shows("#became", "All 2 lines are in the catalogue")
}

func TestAVisitorWithAKeyboard(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	v.Open("/products")
	v.TabTo(".skip")
	v.TabTo("#create summary")
	v.Press(kb.Enter)
	v.TabTo("#create [name=name]")
	v.Press("Lamp")
	v.TabTo("#create [name=price]")
	v.Press("3" + kb.Enter)
	v.Shows("h1", "Lamp")
	v.TabTo("form[action$='/price'] [name=price]")
	v.Press("4" + kb.Enter) // what the field holds is selected by the tabulator
	v.costs("4.00")
	v.TabTo("#do-rename summary")
	v.Press(kb.Enter)
	v.TabTo("#do-rename [name=name]")
	v.Press("Light" + kb.Enter)
	v.Shows("h1", "Light")
	v.TabTo("#cost .columns a")
	v.Press(kb.Enter)
	v.Shows("#past", "after event 1")
	v.TabTo("#version")
	v.Press(kb.ArrowRight)
	v.Shows("#past", "after event 2")
	v.Press(kb.ArrowRight)
	v.Until(`!document.querySelector("#past").innerText.trim() && !location.search`)
	v.Shows("h1", "Light")
}

// No page is wider than a phone, whatever words it has to show.
func TestPagesFitAPhone(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	v.TakePhone()
	long := strings.Repeat("x", 190)
	created := v.send("/products", `{"name": "`+long+`", "price": 9999999999.99, "sku": "`+long[:64]+`", "category": "`+long+`", "description": "`+long+`", "stock": 1000000}`)
	at := created.Header.Get("Location")
	for _, price := range []string{"1", "2", "3", "9999999999.98"} {
		created = v.send(at+"/price", `{"price": `+price+`}`)
	}
	v.get(at, created.Token()...)
	for _, page := range []string{"/products", "/products?category=" + long, at, at + "?version=2", "/products/bulk", "/readmodels", "/session", "/problems", "/" + long} {
		v.Open(page)
		if page == "/"+long {
			v.Expect("Failed to load resource: the server responded with a status of 404")
		}
		v.Fits(page)
	}
	v.Open("/products/bulk")
	v.Write("[name=lines]", "name,price\n"+long+",1\n"+long+",x")
	v.Click("form.many button")
	v.Shows("#became", "1 of 2 lines")
	v.Fits("what became of the lines")
}

func TestAVisitorWithoutJavaScript(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	v.DoWithoutScripts()
	v.Open("/products")
	v.Click("#create summary")
	v.Write("#create [name=name]", "Lamp")
	v.Write("#create [name=price]", "3")
	v.Click("#create button")
	v.Shows("h1", "Lamp")
	v.overwrite("form[action$='/price'] [name=price]", "4")
	v.Click("form[action$='/price'] button")
	v.costs("4.00")
	v.Click("#event-1 a")
	v.Shows("#past", "after event 1")
	v.Click(".title .back a")
	v.Write("[name=search]", "lam")
	v.Click(".filters button")
	v.Shows("#matching", "1 product matches")
	v.Open("/products/bulk")
	v.Write("[name=lines]", "name,price\nRope,5")
	v.Click("form.many button")
	v.Shows("#became", "The one line is in the catalogue")
	v.Open("/readmodels")
	v.Shows("#models", "shows the whole log")
}

// While the read database is away the pages say so, and show what was so last; when it is
// back they come to what is so by themselves.
func TestPagesSayThatTheyAreStale(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "views")
	v := visit(t, readmodel.Place{Dir: dir})
	created := v.send("/products", `{"name": "Lamp", "price": 3}`)
	at := created.Header.Get("Location")
	v.get("/products", created.Token()...)
	v.Open("/products")
	v.Open(at)
	v.costs("3.00")
	if err := errors.Join(os.Rename(dir, dir+"-away"), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	until(t, "the read database is away", func() bool { return v.showcase.ReadModel().Away() != nil })
	v.Open("/products")
	v.Shows("#stale", "cannot be reached")
	v.Shows("#list", "Lamp")
	v.Open(at)
	v.Shows("#stale", "cannot be reached")
	v.overwrite("form[action$='/price'] [name=price]", "4")
	v.Click("form[action$='/price'] button")
	v.Shows("main", "The price is changed.") // it is recorded, and cannot be shown
	v.Shows("#sums", "3.00")
	v.Open("/readmodels")
	v.Shows("#models", "The database cannot be reached")
	v.Open(at)
	if err := errors.Join(os.Remove(dir), os.Rename(dir+"-away", dir)); err != nil {
		t.Fatal(err)
	}
	v.Shows("#sums", "4.00")
	v.Until(`!document.querySelector("#stale").innerText.trim()`)
	v.Shows("#state", "Live")
	v.send(at+"/price", `{"price": 5}`)
	v.Shows("#sums", "5.00") // it hears again of what happens
}

func TestAnAdministratorHasTheReadModelBuiltAgain(t *testing.T) {
	v := visit(t, readmodel.Place{Dir: t.TempDir()})
	created := v.send("/products", `{"name": "Lamp", "price": 3}`)
	v.get("/products", created.Token()...)
	v.Open("/readmodels")
	v.Shows("#models", "edition 1 answers")
	v.Click("#models form[action='/readmodels'] button")
	v.Shows("#models", "edition 2 answers")
	v.Until(`!document.querySelector("#models").innerText.includes("edition 1")`)
	v.Click("#do-drop summary")
	v.Click("#do-drop button")
	v.Shows("main", "being built again from the log")
	v.Shows("#models", "shows the whole log")
	v.Open("/products")
	v.Shows("#list", "Lamp")
}

// Nobody is offered what they may not do.
func TestPagesOfferWhatTheVisitorMayDo(t *testing.T) {
	s := openFor(t, map[string][]string{"key-of-reader": {"reader"}, "key-of-editor": {"editor"}, "key-of-admin": {"admin"}})
	created := s.send("/products", `{"name": "Lamp", "price": 3}`, "Authorization", "Bearer key-of-editor")
	at := created.Header.Get("Location")
	for _, who := range []string{"reader", "editor", "admin"} {
		page := func(path string) sitetest.Answer {
			t.Helper()
			return s.get(path, append(created.Token(), "Accept", "text/html", "Authorization", "Bearer key-of-"+who)...)
		}
		for path, offers := range map[string]map[string]string{
			"/products":   {`action="/products"`: "editor admin", `href="/products/bulk"`: "editor admin", `href="/readmodels"`: "editor admin", "</span>" + who + "</a>": "reader editor admin"},
			at:            {"/price\"": "editor admin", "/discontinue\"": "editor admin", "Nothing by you": "reader"},
			"/readmodels": {`action="/readmodels"`: "admin", `action="/readmodels/drop"`: "admin"},
		} {
			if path == "/readmodels" && who == "reader" {
				if a := page(path); a.StatusCode != http.StatusForbidden {
					t.Errorf("a reader gets %d for the page of the read model", a.StatusCode)
				}
				continue
			}
			a := page(path)
			if a.StatusCode != http.StatusOK {
				t.Fatalf("%s gets %d for %s: %s", who, a.StatusCode, path, a.Body)
			}
			for words, whom := range offers {
				form := strings.Contains(strings.ReplaceAll(a.Body, `method="get" action="/products"`, ""), words)
				if form != strings.Contains(whom, who) {
					t.Errorf("at %s %s is shown %s: %v", path, who, words, form)
				}
			}
		}
	}
	// Nobody at all is led to where they sign in.
	if a := s.get("/products", "Accept", "text/html"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Body, "/session") {
		t.Errorf("a browser without a key gets %d: %s", a.StatusCode, a.Body)
	}
}
