package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/daybook-es/daybook/apps/internal/browser"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/store/memstore"
)

// A visitor is somebody at a browser, at a library of their own.
type visitor struct {
	*desk
	*browser.Visitor
}

// visit opens a browser for a test; without one the test is skipped.
func visit(t *testing.T) *visitor {
	t.Helper()
	browser.Chromium(t) // before anything else
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	return &visitor{d, browser.Visit(t, d.url)}
}

// lend fills in the desk's form, and sends it.
func (v *visitor) lend(isbn, reader string) {
	v.t.Helper()
	v.Write("#lend [name=isbn]", isbn)
	if reader != "" {
		v.Write("#lend [name=reader]", reader)
	}
	v.Click("#lend button")
}

func TestAVisitorAtTheDesk(t *testing.T) {
	v := visit(t)
	v.Open("/")
	v.Shows("#sums", "Copies\n3")
	v.lend("978-0-14-144114-6", "Grace")
	v.Shows("main", "The book is lent.")
	v.Shows("#handled", "Jane Eyre")
	v.Shows("#handled", "all out")
	v.Shows("#reader", "grace has 1 book and may borrow 4 more")
	// The next book is for the same reader, whose card is there still.
	v.lend(emma, "")
	v.Shows("#reader", "grace has 2 books")
	v.lend(emma, "")
	v.Shows("#problem", "one copy of a book at most")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	v.Click(".title .back a")
	v.Write("#take [name=isbn]", emma)
	v.Write("#take [name=reader]", "grace")
	v.Click("#take button")
	v.Shows("main", "The book is back.")
	v.Click("#reader .act button")
	v.Until(`location.search.includes("` + jane + `")`) // what is live may be there before the page that the form leads to
	v.Shows("#reader", "grace has 0 books")

	v.Write(".lookup input", "austen")
	v.Click(".lookup button")
	v.Shows("#matching", "1 book matches")
	v.Click("#list a")
	v.Shows("#status", "1 of 2 left")
	v.Shows("#events", "Back from grace")
	v.Click("#do-copies summary")
	v.Write("#do-copies [name=copies]", "3")
	v.Click("#do-copies button")
	v.Shows("main", "The copies are on the shelf.")
	v.Shows("#status", "4 of 5 left")
	v.Click("#details .act button")
	v.Shows("main", "The book is back.")
	v.Shows("#status", "5 left")
	v.Click("#do-remove summary")
	v.Write("#do-remove [name=reason]", "the cover is off")
	v.Click("#do-remove button")
	v.Shows("main", "The book is removed.")
	v.Shows("#status", "removed")
	v.Shows("#events", "the cover is off")
	v.Click("#actions button")
	v.Shows("main", "The book is on the shelf.")
	v.Shows("#status", "1 left")
	v.Click(".masthead a[href='/books']")
	v.Click("#add summary")
	for name, words := range map[string]string{"isbn": "0-8044-2957-X", "title": "A title", "author": "Somebody"} {
		v.Write("#add [name="+name+"]", words)
	}
	v.Click("#add button")
	v.Shows("h1", "A title")
}

func TestAVisitorWithAKeyboard(t *testing.T) {
	v := visit(t)
	v.Open("/desk")
	v.TabTo(".skip")
	v.TabTo("#lend [name=isbn]")
	v.Press(jane)
	v.TabTo("#lend [name=reader]")
	v.Press("hedy" + kb.Enter)
	v.Shows("#reader", "hedy has 1 book")
	v.TabTo("#reader .act button")
	v.Press(" ")
	v.Shows("#reader", "hedy has 0 books")
	v.Open("/books/" + emma)
	v.TabTo("#do-copies summary")
	v.Press(kb.Enter)
	v.TabTo("#do-copies [name=copies]")
	v.Press("1" + kb.Enter)
	v.Shows("main", "The copies are on the shelf.")
	v.Shows("#status", "2 of 3 left")
	v.TabTo("#version")
	v.Press(kb.ArrowLeft + kb.ArrowLeft)
	v.Shows("#past", "after event 1")
	v.Shows("#status", "2 left")
	v.Shows("#actions", "Nothing, in the past")
	v.Press(kb.ArrowRight + kb.ArrowRight)
	v.Until(`!document.querySelector("#past").innerText.trim() && !location.search`)
	v.Shows("#status", "2 of 3 left")
}

// What happens at another desk shows by itself, and takes nothing from under the hands of
// whoever is writing.
func TestPagesAreLive(t *testing.T) {
	v := visit(t)
	elsewhere := func(path, isbn, reader string) {
		t.Helper()
		v.send(path, `{"isbn": "`+isbn+`", "reader": "`+reader+`"}`)
	}
	v.Open("/desk?reader=ada")
	v.Shows("#state", "Live")
	v.Write("#lend [name=isbn]", "978")
	elsewhere("/loans", jane, "ada")
	v.Shows("#reader", "ada has 2 books")
	v.Shows("#sums", "With readers\n2")
	if kept := v.Value("#lend [name=isbn]"); kept != "978" {
		t.Errorf("what was being written in the form is now %q", kept)
	}
	for page, shows := range map[string][2]string{"/books": {"#book-" + emma, "all out"}, "/books/" + emma: {"#details", "grace"}, "/loans": {"#matching", "3 books are"}} {
		v.Open(page)
		v.Shows("#state", "Live")
		elsewhere("/loans", emma, "grace")
		v.Shows(shows[0], shows[1])
		elsewhere("/returns", emma, "grace")
		v.Until(`!document.querySelector("` + shows[0] + `").innerText.includes("` + shows[1] + `")`)
	}
	v.Open("/readers/ada")
	v.Shows("#state", "Live")
	elsewhere("/returns", jane, "ada")
	v.Shows("#status", "has 1 book")
	v.Shows("#events", "Brought back Jane Eyre")
}

// No page is wider than a phone, whatever words it has to show.
func TestPagesFitAPhone(t *testing.T) {
	v := visit(t)
	v.TakePhone()
	long := strings.Repeat("x", 190)
	card := strings.Repeat("y", 32)
	v.send("/books", `{"isbn": "9780141439846", "title": "`+long+`", "author": "`+long+`", "copies": 10000}`)
	v.send("/loans", `{"isbn": "9780141439846", "reader": "`+card+`"}`)
	for _, page := range []string{"/desk", "/desk?isbn=9780141439846&reader=" + card, "/books", "/books/9780141439846", "/books/9780141439846?version=1", "/loans", "/readers/" + card, "/problems", "/" + long} {
		v.Open(page)
		if page == "/"+long {
			v.Expect("Failed to load resource: the server responded with a status of 404")
		}
		v.Fits(page)
	}
	v.Open("/desk")
	v.lend("9780141439846", card)
	v.Shows("#problem", "one copy of a book at most")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	v.Fits("a form that was refused")
}

func TestAVisitorWithoutJavaScript(t *testing.T) {
	v := visit(t)
	v.DoWithoutScripts()
	v.Open("/desk")
	v.lend("9780141441147", "grace")
	v.Shows("#problem", "so a digit is mistyped")
	v.Expect("Failed to load resource: the server responded with a status of 422")
	v.At("[name=isbn]", chromedp.Clear(chromedp.CSS("[name=isbn]")))
	v.Write("[name=isbn]", jane)
	v.Click(".counter button")
	v.Shows("#reader", "grace has 1 book")
	v.Shows("main", "The book is lent.")
	v.Click("#reader .act button")
	v.Shows("main", "The book is back.")
	v.Open("/books/" + emma + "?" + url.Values{"version": {"1"}}.Encode())
	v.Shows("#past", "after event 1")
	v.Click("#past a")
	v.Shows("#status", "1 of 2 left")
	if reader := sitetest.Read[library.Reader](t, v.get("/readers/grace"), 200); len(reader.Loans) != 0 {
		t.Errorf("the reader has %v", reader.Loans)
	}
}
