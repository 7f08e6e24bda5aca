package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

const (
	emma  = "9780141439587"
	jane  = "9780141441146"
	today = library.Day("2026-11-22")
)

var (
	quiet = slog.New(slog.DiscardHandler)
	noon  = today.Time().Add(12 * time.Hour)
)

// A desk is a library with one service of each kind that a test can ask: read has the
// address of write, so all of it is at one.
type desk struct {
	t         *testing.T
	store     daybook.Store
	inventory *library.Inventory
	writing   *WriteSite
	reading   *ReadSite
	url       string // of the read service
	writeURL  string
}

// openDesk opens a library on a store until the test ends.
func openDesk(t *testing.T, store daybook.Store, write WriteOptions, read ReadOptions) *desk {
	t.Helper()
	if write.Logger == nil {
		write.Logger = quiet
	}
	read.Logger = quiet
	if write.Now == nil {
		write.Now = func() time.Time { return noon }
	}
	d := &desk{t: t, store: store, writing: NewWriteSite(store, &write)}
	commands := httptest.NewServer(d.writing)
	d.writeURL = commands.URL
	to, err := url.Parse(commands.URL)
	if err != nil {
		t.Fatal(err)
	}
	read.Write = to
	if d.inventory, err = library.Open(t.Context(), store, &library.InventoryOptions{Now: write.Now, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	d.reading = NewReadSite(d.inventory, &read)
	queries := httptest.NewServer(d.reading)
	d.url = queries.URL
	t.Cleanup(func() {
		d.reading.Close()
		queries.Close()
		commands.Close()
		d.inventory.Close()
	})
	return d
}

func (d *desk) get(path string, header ...string) sitetest.Answer {
	d.t.Helper()
	return sitetest.Ask(d.t, "GET", d.url+path, "", header...)
}

// send sends a command as JSON.
func (d *desk) send(path, body string, header ...string) sitetest.Answer {
	d.t.Helper()
	return sitetest.Send(d.t, d.url+path, body, header...)
}

// form sends a command as a page does.
func (d *desk) form(path string, fields url.Values, header ...string) sitetest.Answer {
	d.t.Helper()
	return sitetest.Form(d.t, d.url+path, fields, header...)
}

// begun gives the library two books, of which ada has one, and waits until that is shown.
func (d *desk) begun() {
	d.t.Helper()
	d.send("/books", `{"isbn": "`+emma+`", "title": "Emma", "author": "Jane Austen", "copies": 2}`)
	d.send("/books", `{"isbn": "`+jane+`", "title": "Jane Eyre", "author": "Charlotte Brontë", "copies": 1}`)
	a := d.send("/loans", `{"isbn": "`+emma+`", "reader": "ada"}`)
	sitetest.Read[library.Page](d.t, d.get("/books", a.Token()...), http.StatusOK)
}

func TestCommands(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	a := d.send("/books", `{"isbn": "0-14-143958-0", "title": "Emma", "author": "Jane Austen", "copies": 1}`)
	if book := sitetest.Read[library.Book](t, a, http.StatusCreated); book.ISBN != emma || book.Left != 1 || a.Header.Get("Location") != "/books/"+emma {
		t.Errorf("adding a book answers %+v at %q", book, a.Header.Get("Location"))
	}
	tag := a.Header.Get("ETag")
	if got := d.get("/books/"+emma, a.Token()...); got.Header.Get("ETag") != tag || got.Body != a.Body {
		t.Errorf("the read service shows %s %s; the write service answered %s %s", got.Header.Get("ETag"), got.Body, tag, a.Body)
	}
	if p := d.send("/books", `{"isbn": "`+emma+`", "title": "Emma", "author": "Jane Austen", "copies": 1}`).IsProblem(t, httpapi.Refused); p.Rule != "added-once" {
		t.Errorf("adding it again is refused by %q", p.Rule)
	}
	if book := sitetest.Read[library.Book](t, d.send("/books/"+emma+"/copies", `{"copies": 1}`, "If-Match", tag), http.StatusOK); book.Copies != 2 {
		t.Errorf("with one more copy it is %+v", book)
	}
	d.send("/books/"+emma+"/copies", `{"copies": 1}`, "If-Match", tag).IsProblem(t, httpapi.Preconditions)
	loan := d.send("/loans", `{"isbn": "`+emma+`", "reader": "Ada"}`)
	if book := sitetest.Read[library.Book](t, loan, http.StatusOK); len(book.Loans) != 1 || book.Loans[0].Reader != "ada" || book.Loans[0].Due != today.Plus(library.UsualDays) {
		t.Errorf("lent, it is %+v", book)
	}
	for body, rule := range map[string]string{
		`{"isbn": "` + emma + `", "reader": "ada"}`:                        "one-copy-each",
		`{"isbn": "` + emma + `", "reader": "grace", "due": "2026-11-22"}`: "due-in-time",
	} {
		if p := d.send("/loans", body).IsProblem(t, httpapi.Refused); p.Rule != rule || p.Position == 0 {
			t.Errorf("%s is refused by %q at %d, want %q", body, p.Rule, p.Position, rule)
		}
	}
	if p := d.send("/loans", `{"isbn": "`+jane+`", "reader": "ada"}`).IsProblem(t, httpapi.NotFound); p.Rule != "book-exists" {
		t.Errorf("a book that is not there is refused by %q", p.Rule)
	}
	if p := d.send("/books/"+emma+"/remove", `{}`).IsProblem(t, httpapi.Refused); p.Rule != "returned-before-removed" {
		t.Errorf("removing what is lent is refused by %q", p.Rule)
	}
	if p := d.send("/returns", `{"isbn": "`+emma+`", "reader": "grace"}`).IsProblem(t, httpapi.Refused); p.Rule != "borrowed-before-returned" {
		t.Errorf("returning what one does not have is refused by %q", p.Rule)
	}
	sitetest.Read[library.Book](t, d.send("/returns", `{"isbn": "`+emma+`", "reader": "ada"}`), http.StatusOK)
	gone := d.send("/books/"+emma+"/remove", ``)
	if book := sitetest.Read[library.Book](t, gone, http.StatusOK); !book.Removed {
		t.Errorf("removed, it is %+v", book)
	}
	if history := sitetest.Read[historyAnswer](t, d.get("/books/"+emma+"/history", gone.Token()...), http.StatusOK); len(history.Events) != 5 {
		t.Errorf("a book that was removed has %d events", len(history.Events))
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	for body, kind := range map[string]httpapi.Kind{
		`{"isbn": "9780141439588", "reader": "ada"}`:                                            httpapi.Invalid,
		`{"isbn": "` + emma + `", "reader": "a b"}`:                                             httpapi.Invalid,
		`{"isbn": "` + emma + `"}`:                                                              httpapi.Invalid,
		`{"isbn": "` + emma + `", "reader": "ada", "due": "tomorrow"}`:                          httpapi.Invalid,
		`{"isbn": "` + emma + `", "reader": "ada", "until": "x"}`:                               httpapi.Malformed,
		`{"isbn": "` + emma + `", "isbn": "` + jane + `"}`:                                      httpapi.Malformed,
		`{"isbn": "` + emma + `", "reader": "ada"} x`:                                           httpapi.Malformed,
		`{"isbn": "` + emma + `", "reader": "` + strings.Repeat("x", httpapi.MaxCommand) + `"}`: httpapi.TooLarge,
	} {
		if p := d.send("/loans", body).IsProblem(t, kind); p.Detail == "" {
			t.Errorf("%.60s is a problem without a detail", body)
		}
	}
	sitetest.Ask(t, "POST", d.url+"/loans", "x", "Content-Type", "text/plain").IsProblem(t, httpapi.WrongMediaType)
	sitetest.Ask(t, "POST", d.url+"/desk", "").IsProblem(t, httpapi.WrongMethod)
	d.send("/books/"+emma+"/copies", `{"isbn": "`+jane+`", "copies": 1}`).IsProblem(t, httpapi.Malformed)
	for path, kind := range map[string]httpapi.Kind{
		"/books/9780141439588": httpapi.NotFound, "/books/" + emma: httpapi.NotFound, "/books/" + emma + "/history": httpapi.NotFound,
		"/readers/nobody": httpapi.NotFound, "/readers/a%20b": httpapi.NotFound, "/readers/nobody/history": httpapi.NotFound,
		"/books?limit=0": httpapi.Malformed, "/books?serach=x": httpapi.Malformed, "/books?show=all": httpapi.Malformed, "/books?after=x": httpapi.Malformed,
		"/loans?overdue=maybe": httpapi.Malformed, "/loans?after=x": httpapi.Malformed, "/books?as_of=then": httpapi.Malformed, "/nothing": httpapi.NotFound,
		"/desk": httpapi.NotAcceptable,
	} {
		d.get(path).IsProblem(t, kind)
	}
}

// A command that is sent again under its key is answered with what it did, by whichever
// write service; the same key for something else is refused.
func TestIdempotencyKeys(t *testing.T) {
	store := memstore.New()
	d := openDesk(t, store, WriteOptions{}, ReadOptions{})
	d.begun()
	other := httptest.NewServer(NewWriteSite(store, &WriteOptions{Options: httpapi.Options{Logger: quiet}, Now: func() time.Time { return noon.AddDate(0, 0, 1) }}))
	defer other.Close()
	body := `{"isbn": "` + emma + `", "reader": "grace"}`
	first := d.send("/loans", body, "Idempotency-Key", "k1")
	again := sitetest.Ask(t, "POST", other.URL+"/loans", body, "Content-Type", "application/json", "Idempotency-Key", "k1")
	if first.Body != again.Body || again.Header.Get("Daybook-Repeated") != "true" || first.Header.Get("ETag") != again.Header.Get("ETag") {
		t.Errorf("sent again it answers %v %s, at first %s", again.Header, again.Body, first.Body)
	}
	d.send("/loans", `{"isbn": "`+jane+`", "reader": "grace"}`, "Idempotency-Key", "k1").IsProblem(t, httpapi.KeyReused)
}

func TestQueries(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	page := d.get("/books?limit=1")
	if got := sitetest.Read[library.Page](t, page, http.StatusOK); got.Matching != 2 || got.Next != emma || !strings.Contains(page.Header.Get("Link"), "after="+emma) {
		t.Errorf("the first page is %+v with %q", got, page.Header.Get("Link"))
	}
	for _, path := range []string{"/books", "/books/" + emma, "/books/" + emma + "/history", "/loans", "/loans?overdue=true", "/readers/ada", "/readers/ada/history", "/books?as_of=2026-11-22T12:00:00Z"} {
		a := d.get(path)
		sitetest.Read[any](t, a, http.StatusOK)
		if same := d.get(path, "If-None-Match", a.Header.Get("ETag")); same.StatusCode != http.StatusNotModified || same.Body != "" {
			t.Errorf("%s with its own ETag answers %d %s", path, same.StatusCode, same.Body)
		}
	}
	before := d.get("/readers/ada").Header.Get("ETag")
	a := d.send("/loans", `{"isbn": "`+jane+`", "reader": "grace"}`)
	if after := d.get("/readers/ada", a.Token()...).Header.Get("ETag"); after != before {
		t.Error("the tag of a reader changes with what others do")
	}
	if got := sitetest.Read[library.Page](t, d.get("/books?as_of=2026-11-22T11:59:59Z"), http.StatusOK); got.Matching != 0 {
		t.Errorf("before anything was there, there were %d books", got.Matching)
	}
}

// A read service that does not follow waits for a token, and then says that it is behind.
func TestAReaderThatIsBehind(t *testing.T) {
	store := memstore.New()
	d := openDesk(t, store, WriteOptions{}, ReadOptions{Options: httpapi.Options{Patience: 30 * time.Millisecond}})
	d.begun()
	d.inventory.Close() // it shows what it did, and no more
	a := d.send("/loans", `{"isbn": "`+jane+`", "reader": "grace"}`)
	for _, path := range []string{"/books", "/books/" + jane, "/loans", "/readers/ada", "/readers/grace/history"} {
		p := d.get(path, a.Token()...).IsProblem(t, httpapi.Lagging)
		if p.Lag != 1 {
			t.Errorf("%s lags by %d", path, p.Lag)
		}
	}
	sitetest.Read[library.Page](t, d.get("/books"), http.StatusOK)
	foreign := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	foreign.begun()
	token := foreign.send("/loans", `{"isbn": "`+jane+`", "reader": "grace"}`).Token()
	d.get("/books", token...).IsProblem(t, httpapi.ForeignToken)
}

// A write service whose node of the log is behind what a client was told elsewhere waits
// until it is not, before it decides.
func TestACommandWithAToken(t *testing.T) {
	store := memstore.New()
	d := openDesk(t, store, WriteOptions{Options: httpapi.Options{Patience: time.Second}}, ReadOptions{})
	d.begun()
	info, err := store.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lend := `{"isbn": "` + jane + `", "reader": "grace"}`
	next := info.Head.At(info.Head.Position + 1)
	d.send("/loans", lend, httpapi.TokenHeader, next.String()).IsProblem(t, httpapi.Lagging)
	told := make(chan sitetest.Answer)
	go func() { told <- d.send("/loans", lend, httpapi.TokenHeader, next.String()) }()
	if _, err := store.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); err != nil {
		t.Fatal(err)
	}
	if a := <-told; a.StatusCode != http.StatusOK {
		t.Errorf("once it had come, the answer was %d: %s", a.StatusCode, a.Body)
	}
	foreign := daybook.Point{Log: info.Head.Incarnation, Incarnation: info.Head.Log, Position: 1}
	d.send("/loans", lend, httpapi.TokenHeader, foreign.String()).IsProblem(t, httpapi.ForeignToken)
}

// Pages work without JavaScript: forms lead on, and one that is refused is shown again.
func TestForms(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	fields := url.Values{"isbn": {emma}, "reader": {"Grace"}, "from": {"desk"}, "key": {"k"}}
	a := d.form("/loans", fields)
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/desk?isbn="+emma+"&reader=grace" || len(a.Cookies()) != 2 {
		t.Fatalf("lending leads to %d %q with %v: %s", a.StatusCode, a.Header.Get("Location"), a.Cookies(), a.Body)
	}
	var cookies []string
	for _, c := range a.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	page := d.get(a.Header.Get("Location"), "Accept", "text/html", "Cookie", strings.Join(cookies, "; "))
	for _, want := range []string{"The book is lent.", "Emma", "may borrow 4 more"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the desk does not say %q: %s", want, page.Body)
		}
	}
	fields.Set("isbn", jane)
	fields.Set("due", "2020-01-01")
	fields.Set("key", "another")
	refused := d.form("/loans", fields)
	for _, want := range []string{"due-in-time", `value="` + jane + `"`, `value="Grace"`, `value="another"`, `value="2020-01-01"`, `href="/desk`} {
		if refused.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(refused.Body, want) {
			t.Errorf("a form that is refused answers %d and does not have %s: %s", refused.StatusCode, want, refused.Body)
		}
	}
	for path, fields := range map[string]url.Values{
		"/books": {"isbn": {"1"}, "title": {"x"}}, "/books/" + emma + "/copies": {"copies": {"many"}}, "/books/" + emma + "/remove": {"reason": {"x"}}, "/returns": {"isbn": {jane}},
	} {
		if a := d.form(path, fields); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `action="`+path+`"`) {
			t.Errorf("the form %s is not shown again: %d %s", path, a.StatusCode, a.Body)
		}
	}
	for from, want := range map[string]string{"reader": "/readers/grace", "loans": "/loans", "": "/books/" + emma, "https://evil.example": "/books/" + emma} {
		d.send("/loans", `{"isbn": "`+emma+`", "reader": "grace"}`)
		if a := d.form("/returns", url.Values{"isbn": {emma}, "reader": {"grace"}, "from": {from}}); a.Header.Get("Location") != want {
			t.Errorf("a return from %q leads to %d %q, want %q", from, a.StatusCode, a.Header.Get("Location"), want)
		}
	}
	if a := d.form("/returns", fields, "Sec-Fetch-Site", "cross-site"); a.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form answers %d", a.StatusCode)
	}
	d.form("/returns", url.Values{"isbn": {emma}, "reader": {"ada"}}, "Origin", d.url)
	for _, path := range []string{"/desk", "/books", "/books?as_of=2026-11-22T12:00:00", "/books/" + emma, "/books/" + emma + "?version=1", "/readers/ada", "/readers/ada?as_of=2026-11-23", "/loans", "/loans?overdue=true", "/problems", "/nothing", "/books/" + jane + "?version=9"} {
		a := d.get(path, "Accept", "text/html")
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/html") || strings.Contains(a.Body, "internal") && path != "/problems" {
			t.Errorf("%s is %s: %s", path, got, a.Body)
		}
	}
}

// With the write service away, a command says what may have become of it, and questions
// are answered.
func TestTheWriteServiceIsAway(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	nobody, err := url.Parse("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	cutURL, err := url.Parse(cut.URL)
	if err != nil {
		t.Fatal(err)
	}
	for to, kind := range map[*url.URL]httpapi.Kind{nobody: httpapi.Unavailable, cutURL: httpapi.UnknownOutcome} {
		alone := httptest.NewServer(NewReadSite(d.inventory, &ReadOptions{Options: httpapi.Options{Logger: quiet}, Write: to}))
		defer alone.Close()
		sitetest.Ask(t, "POST", alone.URL+"/loans", `{}`, "Content-Type", "application/json").IsProblem(t, kind)
		sitetest.Read[library.Page](t, sitetest.Ask(t, "GET", alone.URL+"/books", ""), http.StatusOK)
	}
	without := httptest.NewServer(NewReadSite(d.inventory, &ReadOptions{Options: httpapi.Options{Logger: quiet}}))
	defer without.Close()
	sitetest.Ask(t, "POST", without.URL+"/loans", `{}`).IsProblem(t, httpapi.WrongMethod)
}

func TestHealthAndMetrics(t *testing.T) {
	metered := prommetrics.New()
	d := openDesk(t, memstore.New(), WriteOptions{Options: httpapi.Options{Metrics: metered}, Commands: command.Options{Around: metered.Command}}, ReadOptions{})
	d.begun()
	for _, service := range []struct{ url, name string }{{d.url, "read"}, {d.writeURL, "write"}} {
		if got := sitetest.Read[readiness](t, sitetest.Ask(t, "GET", service.url+"/readyz", ""), http.StatusOK); !got.Ready || got.Service != service.name || *got.Head != 3 || *got.Lag != 0 {
			t.Errorf("%s is %+v", service.name, got)
		}
		sitetest.Read[any](t, sitetest.Ask(t, "GET", service.url+"/healthz", ""), http.StatusOK)
	}
	for url, want := range map[string]string{d.url: `daybook_projection_position{edition="",projection="inventory",version="1"} 3`, d.writeURL: `daybook_commands_total{command="BorrowBook",outcome="recorded"} 1`} {
		if got := sitetest.Ask(t, "GET", url+"/metrics", ""); !strings.Contains(got.Body, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
	d.reading.Close()
	if got := sitetest.Read[readiness](t, d.get("/readyz"), http.StatusServiceUnavailable); got.Ready || got.Stuck == "" {
		t.Errorf("a read service that is closing is %+v", got)
	}
}

func TestAVersionThatABookNeverHadIsNotThere(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	d.begun()
	isbn := sitetest.Read[library.Page](t, d.get("/books"), http.StatusOK).Books[0].ISBN
	if p := d.get("/books/"+string(isbn)+"?version=99").IsProblem(t, httpapi.NotFound); p.Detail != "The library has no version 99 of this book" {
		t.Errorf("it says %q", p.Detail)
	}
}

// Where the log cannot be reached, nobody knows how far behind the services are, and they
// do not say that they are not.
func TestReadinessKnowsNoHeadWhereTheLogIsAway(t *testing.T) {
	store := memstore.New()
	d := openDesk(t, store, WriteOptions{}, ReadOptions{})
	d.begun()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{d.url, d.writeURL} {
		if got := sitetest.Read[readiness](t, sitetest.Ask(t, "GET", service+"/readyz", ""), http.StatusServiceUnavailable); got.Ready || got.Head != nil || got.Lag != nil || got.Stuck == "" {
			t.Errorf("without its log it is %+v", got)
		}
	}
}
