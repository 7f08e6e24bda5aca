package web

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
)

// ReadOptions adjust a read service. The zero value, and nil, are right for a library that
// only this machine looks at.
type ReadOptions struct {
	httpapi.Options
	// Write is where a write service is, to which whatever is posted is handed on. Nil means
	// that a proxy in front sees to that.
	Write *url.URL
}

// A ReadSite answers questions about a library, and has its pages. Any number of them may
// be at work on one library. Make it with [NewReadSite]. It is safe for use by many
// goroutines. Its server runs it, with timeouts and a clean end.
type ReadSite struct {
	*httpapi.Server
	inventory *library.Inventory
	write     *httputil.ReverseProxy
}

// NewReadSite returns the read service of an inventory, which must stay open for as long
// as the site is used.
func NewReadSite(inventory *library.Inventory, options *ReadOptions) *ReadSite {
	var o ReadOptions
	if options != nil {
		o = *options
	}
	if o.Guard == nil {
		o.Guard = access.NewGuard(Policy(), nil)
	}
	s := &ReadSite{Server: httpapi.NewServer("library", o.Options), inventory: inventory}
	if o.Write != nil {
		s.write = s.handing(o.Write)
	}
	s.Page = problemPage(s.Server)
	s.Metrics.Daybook.Projections(viewOf(inventory))
	s.Route(s.routes())
	return s
}

// show answers a query with JSON, or with 304 if the client has it already.
func show(w http.ResponseWriter, r *http.Request, shown library.Shown, answer any) error {
	return httpapi.Show(w, r, shown.At, shown.Tag, answer)
}

// missing says what an error means where something was asked for by its name.
func missing(err error, m library.Moment) error {
	var rule *daybook.Rule
	switch {
	case errors.As(err, &rule) && errors.Is(err, library.ErrNoSuchBook):
		problem := httpapi.NotFound.Problem("the library never had this book")
		switch {
		case m.Version > 0:
			problem = httpapi.NotFound.Problem("the library has no version %d of this book", m.Version)
		case m != (library.Moment{}):
			problem = httpapi.NotFound.Problem("the library did not have this book then")
		}
		problem.Rule, problem.Err = rule.Name(), err
		return problem
	case errors.Is(err, library.ErrNoSuchReader):
		problem := httpapi.NotFound.Problem("%s", err.Error())
		problem.Err = err
		return problem
	}
	return err
}

// books answers GET /books.
func (s *ReadSite) books(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.inventory)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "search", "show", "after", "limit", "as_of", "known_at")
	if err != nil {
		return err
	}
	filter, moment, err := filterIn(asked)
	if err != nil {
		return err
	}
	page, shown, err := s.inventory.Books(r.Context(), filter, moment)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.booksPage(w, r, asked, moment, page, shown)
	}
	httpapi.LinkNext(w, r, "after", string(page.Next))
	return show(w, r, shown, page)
}

func filterIn(asked url.Values) (f library.Filter, m library.Moment, err error) {
	f.Search = strings.TrimSpace(asked.Get("search"))
	switch given := asked.Get("show"); given {
	case "":
	case "left":
		f.Left = true
	case "removed":
		f.Removed = true
	default:
		return f, m, httpapi.Malformed.Problem("show is %q, and can be left or removed", given)
	}
	if given := asked.Get("after"); given != "" {
		if f.After, err = library.ParseISBN(given); err != nil {
			return f, m, httpapi.Malformed.Problem("after: %v", err)
		}
	}
	limit, err := httpapi.Number(asked, "limit", 1, library.MaxLimit, 0)
	if err != nil {
		return f, m, err
	}
	f.Limit = int(limit)
	m, err = httpapi.MomentIn(asked)
	return f, m, err
}

// book answers GET /books/{isbn}, now or at a moment of the past.
func (s *ReadSite) book(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.inventory)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "version", "as_of", "known_at")
	if err != nil {
		return err
	}
	isbn, err := bookOf(r)
	if err != nil {
		return err
	}
	moment, err := httpapi.MomentIn(asked)
	if err != nil {
		return err
	}
	book, shown, err := s.inventory.Book(r.Context(), isbn, moment)
	if err != nil {
		return missing(err, moment)
	}
	if form == httpapi.AsHTML {
		return s.bookPage(w, r, book, moment, shown)
	}
	return show(w, r, shown, book)
}

// A historyAnswer is every event of a book, or about a reader.
type historyAnswer struct {
	Book   library.ISBN         `json:"isbn,omitempty"`
	Reader library.Card         `json:"reader,omitempty"`
	Events []library.Occurrence `json:"events"`
}

// history answers GET /books/{isbn}/history.
func (s *ReadSite) history(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Asked(w, r, s.inventory); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	isbn, err := bookOf(r)
	if err != nil {
		return err
	}
	events, shown, err := s.inventory.History(r.Context(), isbn)
	if err != nil {
		return missing(err, library.Moment{})
	}
	return show(w, r, shown, historyAnswer{Book: isbn, Events: events})
}

// loans answers GET /loans.
func (s *ReadSite) loans(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.inventory)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "overdue", "after", "limit", "as_of", "known_at")
	if err != nil {
		return err
	}
	filter := library.LoanFilter{After: asked.Get("after")}
	switch given := asked.Get("overdue"); given {
	case "", "false":
	case "true":
		filter.Overdue = true
	default:
		return httpapi.Malformed.Problem("overdue is %q, and can be true or false", given)
	}
	limit, err := httpapi.Number(asked, "limit", 1, library.MaxLimit, 0)
	if err != nil {
		return err
	}
	filter.Limit = int(limit)
	moment, err := httpapi.MomentIn(asked)
	if err != nil {
		return err
	}
	page, shown, err := s.inventory.Loans(r.Context(), filter, moment)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.loansPage(w, r, asked, filter, page, shown)
	}
	httpapi.LinkNext(w, r, "after", page.Next)
	return show(w, r, shown, page)
}

// readerOf returns the reader that the address names.
func readerOf(r *http.Request) (card library.Card, err error) {
	_ = card.UnmarshalText([]byte(r.PathValue("reader")))
	if err := card.Validate(); err != nil {
		return "", httpapi.NotFound.Problem("%s", err.Error())
	}
	return card, nil
}

// reader answers GET /readers/{reader}.
func (s *ReadSite) reader(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.inventory)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "as_of", "known_at")
	if err != nil {
		return err
	}
	card, err := readerOf(r)
	if err != nil {
		return err
	}
	moment, err := httpapi.MomentIn(asked)
	if err != nil {
		return err
	}
	reader, shown, err := s.inventory.Reader(r.Context(), card, moment)
	if err != nil {
		return missing(err, moment)
	}
	if form == httpapi.AsHTML {
		return s.readerPage(w, r, reader, moment, shown)
	}
	return show(w, r, shown, reader)
}

// readerHistory answers GET /readers/{reader}/history.
func (s *ReadSite) readerHistory(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Asked(w, r, s.inventory); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	card, err := readerOf(r)
	if err != nil {
		return err
	}
	events, shown, err := s.inventory.ReaderHistory(r.Context(), card)
	if err != nil {
		return missing(err, library.Moment{})
	}
	return show(w, r, shown, historyAnswer{Reader: card, Events: events})
}

// live is a stream of server-sent events: what happens to books, as it is shown; see
// [httpapi.Live]. ?isbn= selects one book, ?reader= one reader.
func (s *ReadSite) live(w http.ResponseWriter, r *http.Request) error {
	asked, err := httpapi.Ask(r, "isbn", "reader", "each", "after")
	if err != nil {
		return err
	}
	isbn, reader := library.ISBN(asked.Get("isbn")), library.Card(asked.Get("reader"))
	changes := httpapi.Live[library.Change]{Now: s.inventory.Now, Changes: s.inventory.Changes, At: func(c library.Change) daybook.Point { return c.At }}
	return changes.Stream(s.Server, w, r, asked.Get("each"), asked.Get("after"), func(c library.Change) bool {
		return (isbn == "" || c.ISBN == isbn) && (reader == "" || c.Reader == reader)
	})
}

// readyz says whether the read service can be asked: whether it has once shown all that was
// recorded when it began, and goes on. One that lags behind since is ready; how far is in
// the answer.
func (s *ReadSite) readyz(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	status, err := s.inventory.Status(r.Context())
	standing := httpapi.StandingOf(status, err)
	switch {
	case err != nil:
	case status.Stuck != nil:
		err = status.Stuck.Err
	case !s.inventory.Ready():
		err = errors.New("it has not read the log to its end yet")
	default:
		err = s.Options.Health()
	}
	return ready(s.Server, w, r, readiness{Service: "read", Standing: standing}, err)
}
