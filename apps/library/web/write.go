package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/command"
)

// WriteOptions adjust a write service. The zero value, and nil, are right for a library that
// only this machine uses.
type WriteOptions struct {
	httpapi.Options
	// Now tells the time at which what a command decides happened. Nil means time.Now.
	Now func() time.Time
	// Commands are options of the command bus: who may send what, and what goes on around
	// it.
	Commands command.Options
}

// A WriteSite takes the commands of a library. It has no read model, and any number of
// them may be at work on one library. Make it with [NewWriteSite]. It is safe for use by
// many goroutines. Its server runs it, with timeouts and a clean end.
type WriteSite struct {
	*httpapi.Server
	store daybook.Store
	bus   *command.Bus
}

// NewWriteSite returns the write service of the library that is recorded in a store, which
// must stay open for as long as the site is used.
func NewWriteSite(store daybook.Store, options *WriteOptions) *WriteSite {
	var o WriteOptions
	if options != nil {
		o = *options
	}
	if o.Guard == nil {
		o.Guard = access.NewGuard(Policy(), nil)
	}
	s := &WriteSite{Server: httpapi.NewServer("library", o.Options), store: store, bus: library.NewBus(store, o.Now, &o.Commands)}
	s.Page = problemPage(s.Server)
	s.Route(s.routes())
	return s
}

// A command is sent as a JSON object, or by a form of a page. Either way it goes over the
// bus once, and is answered with the book as it was right after it: a program gets the
// book, a browser is led to the page that it came from.

// add takes POST /books.
func (s *WriteSite) add(w http.ResponseWriter, r *http.Request) error {
	var c library.AddBook
	return act(s, w, r, &c, &c.ISBN, func(f *httpapi.Fields) {
		c.ISBN, c.Title, c.Author, c.Copies = isbnIn(f), f.Text("title"), f.Text("author"), f.Number("copies")
	})
}

// addCopies takes POST /books/{isbn}/copies.
func (s *WriteSite) addCopies(w http.ResponseWriter, r *http.Request) error {
	var c library.AddCopies
	return act(s, w, r, &c, &c.ISBN, func(f *httpapi.Fields) { c.Copies = f.Number("copies") })
}

// remove takes POST /books/{isbn}/remove.
func (s *WriteSite) remove(w http.ResponseWriter, r *http.Request) error {
	var c library.RemoveBook
	return act(s, w, r, &c, &c.ISBN, func(f *httpapi.Fields) { c.Reason = f.Text("reason") })
}

// borrow takes POST /loans.
func (s *WriteSite) borrow(w http.ResponseWriter, r *http.Request) error {
	var c library.BorrowBook
	return act(s, w, r, &c, &c.ISBN, func(f *httpapi.Fields) {
		c.ISBN, c.Reader, c.Due = isbnIn(f), cardIn(f), library.Day(f.Text("due"))
	})
}

// takeBack takes POST /returns.
func (s *WriteSite) takeBack(w http.ResponseWriter, r *http.Request) error {
	var c library.ReturnBook
	return act(s, w, r, &c, &c.ISBN, func(f *httpapi.Fields) { c.ISBN, c.Reader = isbnIn(f), cardIn(f) })
}

// isbnIn and cardIn read the fields that most forms have.
func isbnIn(f *httpapi.Fields) (isbn library.ISBN) {
	_ = isbn.UnmarshalText([]byte(f.Text("isbn"))) // the command says what is wrong with it
	return isbn
}

func cardIn(f *httpapi.Fields) (card library.Card) {
	_ = card.UnmarshalText([]byte(f.Text("reader")))
	return card
}

// act takes a command: c, which names its book in *isbn. If the address names a book, it is
// about that one.
func act[C any](s *WriteSite, w http.ResponseWriter, r *http.Request, c *C, isbn *library.ISBN, fill func(*httpapi.Fields)) error {
	sent, err := s.Receive(w, r, c, fill)
	if named := r.PathValue("isbn"); err == nil && named != "" {
		var about library.ISBN
		if about, err = bookOf(r); err == nil && *isbn != "" && *isbn != about {
			err = httpapi.Malformed.Problem("it is about book %q, and the address about %q", *isbn, about)
		}
		*isbn = about
	}
	if err == nil {
		err = s.send(w, r, sent, *c, *isbn)
	}
	if err != nil {
		return s.refuse(w, r, sent, err)
	}
	return nil
}

// bookOf returns the book that the address names.
func bookOf(r *http.Request) (library.ISBN, error) {
	isbn, err := library.ParseISBN(r.PathValue("isbn"))
	if err != nil {
		return "", httpapi.NotFound.Problem("%s", err.Error())
	}
	return isbn, nil
}

// send runs a command and answers.
func (s *WriteSite) send(w http.ResponseWriter, r *http.Request, sent httpapi.Received, c any, isbn library.ISBN) (err error) {
	ctx := r.Context()
	// What the client has been told, here or elsewhere, is known when this is decided.
	if err := s.Await(w, r, httpapi.Stored{Store: s.store}); err != nil {
		return err
	}
	stream := library.StreamOf(isbn)
	if sent.IfMatch != "" {
		sent.Envelope.If, err = httpapi.IfMatch(sent.IfMatch, "book", stream, func(version daybook.Version) (string, error) {
			_, shown, err := library.BookAsOf(ctx, s.store, isbn, library.Moment{Version: version})
			if errors.Is(err, library.ErrNoSuchBook) {
				return "", nil
			}
			return shown.Tag, err
		})
		if err != nil {
			return err
		}
	}
	name := strings.TrimPrefix(fmt.Sprintf("%T", c), "library.")
	receipt, err := s.Do(ctx, s.bus, sent.Envelope, name, c, stream, "book", isbn)
	if err != nil {
		return explain(err, sent, isbn)
	}
	w.Header().Set(httpapi.TokenHeader, receipt.Point.String())
	if sent.Form != nil {
		s.Carry(w, receipt.Point, name)
		http.Redirect(w, r, backTo(sent.Form, isbn), http.StatusSeeOther)
		return nil
	}

	// The answer is the book as this command left it, whatever has happened to it since: a
	// retry is told the same.
	book, shown, err := s.after(ctx, isbn, receipt)
	if err != nil {
		return err
	}
	created := ""
	if name == "AddBook" {
		created = addressOf(isbn)
	}
	return httpapi.WriteLeft(w, receipt, shown.Tag, created, book)
}

// after returns the book as a command left it.
func (s *WriteSite) after(ctx context.Context, isbn library.ISBN, receipt daybook.Receipt) (library.Book, library.Shown, error) {
	return library.BookAsOf(ctx, s.store, isbn, library.Moment{Version: receipt.Versions[library.StreamOf(isbn)]})
}

// explain returns the problem that some errors of a command mean to its sender; any other
// error as it is.
func explain(err error, sent httpapi.Received, isbn library.ISBN) error {
	if errors.Is(err, library.ErrNoSuchBook) {
		problem := httpapi.NotFound.Problem("the library does not have book %s", isbn)
		problem.Advice = "Check the ISBN, or add the book first."
		problem.Rule, problem.Err = library.ErrNoSuchBook.Name(), err
		return problem
	}
	return sent.Unmatched(err, "book")
}

// addressOf returns where a book is.
func addressOf(isbn library.ISBN) string { return "/books/" + url.PathEscape(string(isbn)) }

// backTo returns where a form leads when it was taken: to the page that it stood on, which
// its field "from" names.
func backTo(form url.Values, isbn library.ISBN) string {
	fields := &httpapi.Fields{Values: form}
	switch reader := cardIn(fields); form.Get("from") {
	case "desk":
		// Whoever borrows one book often borrows another.
		q := url.Values{"isbn": {string(isbn)}}
		if reader.Validate() == nil {
			q.Set("reader", string(reader))
		}
		return "/desk?" + q.Encode()
	case "reader":
		if reader.Validate() == nil {
			return "/readers/" + url.PathEscape(string(reader))
		}
	case "loans":
		return "/loans"
	}
	return addressOf(isbn)
}

// refuse answers a command that came to nothing. A page's form is shown again, as it was
// filled in, with what was wrong above it.
func (s *WriteSite) refuse(w http.ResponseWriter, r *http.Request, sent httpapi.Received, err error) error {
	if sent.Form == nil {
		return err
	}
	switch httpapi.ProblemOf(err).Kind {
	case httpapi.KeyReused, httpapi.Internal:
		return err
	}
	body := refusedView{RefusedForm: s.Again(w, r, sent, err), Action: r.URL.Path}
	body.Command = path.Base(r.URL.Path)
	body.Back = backTo(sent.Form, isbnIn(&httpapi.Fields{Values: sent.Form}))
	if isbn, err := bookOf(r); err == nil {
		body.Back = addressOf(isbn)
	} else if form := sent.Form.Get("from"); form == "" || body.Back == "/books/" {
		body.Back = "/desk"
	}
	pages.Render(s.Server, w, r, body.Problem.Status, "refused", view{Title: body.Problem.Title, Nav: "desk", Body: body})
	return nil
}

// readyz says whether commands can be taken: whether the store can be reached, and
// records.
func (s *WriteSite) readyz(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	status, err := httpapi.Stored{Store: s.store}.Status(r.Context())
	standing := httpapi.StandingOf(status, err)
	if err == nil {
		err = s.Options.Health()
	}
	return ready(s.Server, w, r, readiness{Service: "write", Standing: standing}, err)
}
