package web

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
)

//go:embed templates static openapi.json
var files embed.FS

// pages are the templates of both services, with what belongs to them.
var pages = httpapi.NewPages(files, template.FuncMap{
	"day":  func(d library.Day) string { return d.Time().Format("2 Jan 2006") },
	"key":  uuid.NewString,
	"path": func(card library.Card) string { return url.PathEscape(string(card)) },
	"told": told,
})

// A view is what a page shows.
type view struct {
	Title string
	// Nav is the part of the site that the page belongs to.
	Nav string
	// Live is the stream that tells when the page has changed; empty if it does not.
	Live string
	// Done is what the visitor has just had done.
	Done string
	// Shown is the moment that the page shows.
	Shown library.Shown
	Body  any
}

// doneWords say what a command did.
var doneWords = map[string]string{
	"AddBook":    "The book is on the shelf.",
	"AddCopies":  "The copies are on the shelf.",
	"BorrowBook": "The book is lent.",
	"ReturnBook": "The book is back.",
	"RemoveBook": "The book is removed.",
}

// render answers with a page.
func (s *ReadSite) render(w http.ResponseWriter, r *http.Request, page string, v view) error {
	v.Done = doneWords[s.Done(w, r)]
	v.Live = s.LiveFor(r, v.Live)
	pages.Render(s.Server, w, r, http.StatusOK, page, v)
	return nil
}

// problemPage returns what answers with the page of a problem.
func problemPage(s *httpapi.Server) func(http.ResponseWriter, *http.Request, *httpapi.Problem) {
	return func(w http.ResponseWriter, r *http.Request, p *httpapi.Problem) {
		pages.Render(s, w, r, p.Status, "problem", view{Title: p.Title, Body: p})
	}
}

// problems explains the kinds of problem.
func problems(s *httpapi.Server, w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		pages.Render(s, w, r, http.StatusOK, "problems", view{Title: "Problems", Body: httpapi.AllProblems()})
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, httpapi.AllProblems())
}

func (s *WriteSite) problems(w http.ResponseWriter, r *http.Request) error {
	return problems(s.Server, w, r)
}
func (s *ReadSite) problems(w http.ResponseWriter, r *http.Request) error {
	return problems(s.Server, w, r)
}

// A handling is a form in which a book goes over the desk.
type handling struct {
	Key, From    string
	ISBN, Reader string
	Due          library.Day
}

// An adding is the form for a new book.
type adding struct{ Key, ISBN, Title, Author, Copies string }

// A refusedView is a form that came to nothing.
type refusedView struct {
	*httpapi.RefusedForm
	// Action is where it was sent, and Back leads to where it stood.
	Action, Back string
}

// Handling returns the form in which a book goes over the desk, as it was filled in.
func (v refusedView) Handling() handling {
	return handling{v.Key(v.Command), v.Was("from", ""), v.Was("isbn", ""), v.Was("reader", ""), library.Day(v.Was("due", ""))}
}

// Adding returns the form for a new book, as it was filled in.
func (v refusedView) Adding() adding {
	return adding{v.Key(v.Command), v.Was("isbn", ""), v.Was("title", ""), v.Was("author", ""), v.Was("copies", "")}
}

// A loansView is a table of loans.
type loansView struct {
	// Books and Readers say which columns it has.
	Books, Readers bool
	// From names the page that it is on, to which a book that comes back leads; empty if
	// none can, because it is the past.
	From  string
	Loans []loanView
}

// A loanView is a loan, and whether it is overdue.
type loanView struct {
	library.Loan
	Overdue bool
}

// loansOn returns loans as they stand on a day.
func loansOn(today library.Day, loans []library.Loan) []loanView {
	views := make([]loanView, len(loans))
	for i, l := range loans {
		views[i] = loanView{l, l.Overdue(today)}
	}
	return views
}

// dayOf returns which day it was at a moment: that of which the moment is, or else when what
// is shown changed last.
func (s *ReadSite) dayOf(m library.Moment, changed time.Time) library.Day {
	switch {
	case m == (library.Moment{}):
		return s.inventory.Today()
	case !m.AsOf.IsZero():
		return library.DayOf(m.AsOf)
	}
	return library.DayOf(changed)
}

// fewOverdue is how much of what is overdue the desk shows.
const fewOverdue = 10

// A deskView is the desk: who is standing there, and what is going on.
type deskView struct {
	Lend, Take handling
	// Book is the one that went over the desk last, and Reader who it was.
	Book        *library.Book
	Reader      *library.Reader
	ReaderLoans loansView
	Totals      library.Totals
	Overdue     loansView
}

// desk answers GET /desk, which is a page alone.
func (s *ReadSite) desk(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.inventory)
	if err != nil {
		return err
	}
	if form != httpapi.AsHTML {
		return httpapi.NotAcceptable.Problem("the desk is a page; programs ask for /books, /loans and /readers")
	}
	asked, err := httpapi.Ask(r, "isbn", "reader")
	if err != nil {
		return err
	}
	ctx, today := r.Context(), s.inventory.Today()
	totals, shown, err := s.inventory.Totals(ctx)
	if err != nil {
		return err
	}
	overdue, _, err := s.inventory.Loans(ctx, library.LoanFilter{Overdue: true, Limit: fewOverdue}, library.Moment{})
	if err != nil {
		return err
	}
	body := deskView{
		Totals:  totals,
		Overdue: loansView{Books: true, Readers: true, From: "desk", Loans: loansOn(today, overdue.Loans)},
		Lend:    handling{Key: uuid.NewString(), From: "desk", Due: today.Plus(library.UsualDays)},
		Take:    handling{Key: uuid.NewString(), From: "desk"},
	}
	fields := &httpapi.Fields{Values: asked}
	if book, _, err := s.inventory.Book(ctx, isbnIn(fields), library.Moment{}); err == nil {
		body.Book = &book
	} else if !errors.Is(err, library.ErrNoSuchBook) {
		return err
	}
	if card := cardIn(fields); card.Validate() == nil {
		body.Lend.Reader = string(card)
		reader, _, err := s.inventory.Reader(ctx, card, library.Moment{})
		switch {
		case err == nil:
			body.Reader = &reader
			body.ReaderLoans = loansView{Books: true, From: "desk", Loans: loansOn(today, reader.Loans)}
		case !errors.Is(err, library.ErrNoSuchReader):
			return err
		}
	}
	return s.render(w, r, "desk", view{Title: "The desk", Nav: "desk", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
}

// A booksView is the list of books.
type booksView struct {
	Asked       url.Values
	Filtered    bool
	Moment      library.Moment
	Past        *httpapi.Past
	Page        library.Page
	First, Next string
	Add         adding
}

func (s *ReadSite) booksPage(w http.ResponseWriter, r *http.Request, asked url.Values, m library.Moment, page library.Page, shown library.Shown) error {
	body := booksView{
		Asked: asked, Moment: m, Past: httpapi.PastOf("the inventory", "/books", m), Page: page,
		Add: adding{Key: uuid.NewString(), Copies: "1"},
	}
	for _, name := range []string{"search", "show", "as_of", "known_at"} {
		body.Filtered = body.Filtered || asked.Get(name) != ""
	}
	body.First, body.Next = httpapi.Paging("/books", asked, "after", string(page.Next))
	v := view{Title: "Books", Nav: "books", Shown: shown, Body: body}
	if body.Past == nil {
		v.Live = httpapi.LiveAddress(shown.At)
	}
	return s.render(w, r, "books", v)
}

// fewEvents is how many events of a history a page shows: the newest.
const fewEvents = 50

// newest returns the newest events of a history, the last first if it is of a reader, and
// how many are left out.
func newest(events []library.Occurrence) ([]library.Occurrence, int) {
	earlier := max(0, len(events)-fewEvents)
	return events[earlier:], earlier
}

// A bookView is the page of a book.
type bookView struct {
	library.Book
	Moment  library.Moment
	Past    *httpapi.Past
	Ten     string
	Due     library.Day
	Readers loansView
	// Events are the newest of its history, as far as the store has not forgotten it;
	// Earlier counts the others, and Newest is the version of the last.
	Events  []library.Occurrence
	Earlier int
	Newest  daybook.Version
}

func (s *ReadSite) bookPage(w http.ResponseWriter, r *http.Request, book library.Book, m library.Moment, shown library.Shown) error {
	events, _, err := s.inventory.History(r.Context(), book.ISBN)
	if err != nil && !errors.Is(err, library.ErrNoSuchBook) { // the view remembers what the store has forgotten
		return err
	}
	body := bookView{Book: book, Moment: m, Newest: book.Version, Due: s.inventory.Today().Plus(library.UsualDays)}
	if n := len(events); n > 0 {
		body.Newest = events[n-1].Version
	}
	body.Events, body.Earlier = newest(events)
	if m.Version == body.Newest && m.AsOf.IsZero() && m.KnownAt.IsZero() {
		m = library.Moment{} // after the newest event is now
	}
	body.Ten, _ = book.ISBN.Ten()
	body.Past = httpapi.PastOf("the book", addressOf(book.ISBN), m)
	body.Readers = loansView{Readers: true, From: "book", Loans: loansOn(s.dayOf(m, book.ChangedAt), book.Loans)}
	if body.Past != nil {
		body.Readers.From = ""
	}
	return s.render(w, r, "book", view{Title: book.Title, Nav: "books", Live: httpapi.LiveAddress(shown.At, "isbn", string(book.ISBN)), Shown: shown, Body: body})
}

// A readerView is the page of a reader.
type readerView struct {
	library.Reader
	Past    *httpapi.Past
	At      loansView
	Events  []library.Occurrence
	Earlier int

	titles map[library.ISBN]string
}

// TitleOf returns what a book is called.
func (v readerView) TitleOf(isbn library.ISBN) string { return v.titles[isbn] }

func (s *ReadSite) readerPage(w http.ResponseWriter, r *http.Request, reader library.Reader, m library.Moment, shown library.Shown) error {
	events, _, err := s.inventory.ReaderHistory(r.Context(), reader.Card)
	if err != nil && !errors.Is(err, library.ErrNoSuchReader) {
		return err
	}
	body := readerView{Reader: reader, Past: httpapi.PastOf("the reader", "/readers/"+url.PathEscape(string(reader.Card)), m), titles: make(map[library.ISBN]string)}
	body.Events, body.Earlier = newest(events)
	body.Events = slices.Clone(body.Events)
	slices.Reverse(body.Events)
	for _, e := range body.Events {
		isbn := told(e).Book
		body.titles[isbn] = string(isbn)
		if book, _, err := s.inventory.Book(r.Context(), isbn, library.Moment{}); err == nil {
			body.titles[isbn] = book.Title
		}
	}
	body.At = loansView{Books: true, From: "reader", Loans: loansOn(s.dayOf(m, m.KnownAt), reader.Loans)}
	v := view{Title: "Reader " + string(reader.Card), Nav: "loans", Shown: shown, Body: body}
	if body.Past != nil {
		body.At.From = ""
		v.Body = body
	} else {
		v.Live = httpapi.LiveAddress(shown.At, "reader", string(reader.Card))
	}
	return s.render(w, r, "reader", v)
}

// A loanListView is the list of loans.
type loanListView struct {
	Overdue     bool
	Matching    int
	At          loansView
	First, Next string
}

func (s *ReadSite) loansPage(w http.ResponseWriter, r *http.Request, asked url.Values, f library.LoanFilter, page library.LoanPage, shown library.Shown) error {
	body := loanListView{Overdue: f.Overdue, Matching: page.Matching, At: loansView{Books: true, Readers: true, From: "loans", Loans: loansOn(s.inventory.Today(), page.Loans)}}
	body.First, body.Next = httpapi.Paging("/loans", asked, "after", page.Next)
	return s.render(w, r, "loans", view{Title: "Loans", Nav: "loans", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
}

// A telling is an event in the library's words.
type telling struct {
	What, Detail string
	Book         library.ISBN
	Reader       library.Card
	// Theirs is what it was to the reader, and Class how their timeline shows it.
	Theirs, Class string
}

// told says what happened.
func told(e library.Occurrence) telling {
	copies := func(n int64) string { return httpapi.Plural(n, "copy", "copies") }
	switch f := e.Fact.(type) {
	case library.BookAdded:
		return telling{What: "Added", Detail: "with " + copies(f.Copies), Book: f.ISBN}
	case library.CopiesAdded:
		return telling{What: "More came in", Detail: copies(f.Copies), Book: f.ISBN}
	case library.BookBorrowed:
		return telling{What: "Lent to", Detail: "until " + f.Due.Time().Format("2 Jan 2006"), Book: f.ISBN, Reader: f.Reader, Theirs: "Borrowed", Class: "shown"}
	case library.BookReturned:
		return telling{What: "Back from", Book: f.ISBN, Reader: f.Reader, Theirs: "Brought back"}
	case library.BookRemoved:
		return telling{What: "Removed", Detail: f.Reason, Book: f.ISBN}
	}
	return telling{What: e.Type}
}
