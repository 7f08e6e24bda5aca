package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
)

//go:embed templates static openapi.json
var files embed.FS

// A view is what a page shows.
type view struct {
	Title string
	// Nav is the part of the site that the page belongs to.
	Nav string
	// Live is the stream that tells when the page has changed; empty if it does not.
	Live string
	// Poll is after how many milliseconds the page is drawn anew, for what is recorded
	// nowhere; zero if it is not.
	Poll int
	// Done is what the visitor has just had done.
	Done string
	// Shown is the moment that the page shows.
	Shown orders.Shown
	Body  any
}

// templates are the pages by name, each with the layout around it.
var templates = func() map[string]*template.Template {
	pages := make(map[string]*template.Template)
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		page := strings.TrimSuffix(path.Base(name), ".html")
		if page == "layout" || page == "parts" {
			continue
		}
		pages[page] = template.Must(template.New("layout.html").Funcs(words).ParseFS(files, "templates/layout.html", "templates/parts.html", name))
	}
	return pages
}()

// render answers with a page. Nobody keeps a page: the keys in its forms are good for
// one command each.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, page string, v view) {
	if cookie, err := r.Cookie(doneCookie); err == nil && status == http.StatusOK {
		v.Done = doneWords[cookie.Value]
		forget(w, doneCookie)
	}
	var out bytes.Buffer
	if err := templates[page].Execute(&out, v); err != nil {
		// Half a page is none.
		s.log.ErrorContext(r.Context(), "render a page", "page", page, "error", err)
		internal.problem("").write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // a client that is gone is nobody to tell
}

// doneWords say what a command did.
var doneWords = map[string]string{
	"PlaceOrder":   "The order is placed.",
	"PayOrder":     "The payment is recorded.",
	"ShipOrder":    "The order is on its way.",
	"DeliverOrder": "The delivery is recorded.",
	"CancelOrder":  "The order is cancelled.",
	"ReturnOrder":  "The return is recorded.",
	"RefundOrder":  "The refund is recorded.",

	"ReceiveStock":    "The goods are in stock.",
	"CountStock":      "The count is recorded.",
	"SetReorderLevel": "The reorder level is set.",

	"Rebuild":       "It is being built beside the one that answers.",
	"SwitchEdition": "It answers now.",
	"RemoveEdition": "It is removed.",
	"RetrySetAside": "They are applied.",
	"SkipSetAside":  "It is skipped.",

	"RetryInstance": "It goes on.",
	"SkipInput":     "It is skipped.",
	"TellProvider":  "The provider knows.",
}

// A refusedForm is a form that came to nothing, to be shown again.
type refusedForm struct {
	Problem *Problem
	// Command is the end of the address that it was sent to; empty for a new order.
	Command string
	Values  url.Values
}

// Was returns what was filled in under a name, or what a form begins with.
func (f *refusedForm) Was(name, otherwise string) string {
	if f == nil || !f.Values.Has(name) {
		return otherwise
	}
	return f.Values.Get(name)
}

// Checked reports whether a box was checked, as it is to begin with.
func (f *refusedForm) Checked(name string) bool { return f == nil || f.Values.Get(name) != "" }

// Of reports whether this form was the one for a command.
func (f *refusedForm) Of(command string) bool { return f != nil && f.Command == command }

// Key returns the Idempotency-Key for a form: the one that it was sent with, so that
// sending it again is the same command, or else a new one.
func (f *refusedForm) Key(command string) string {
	if f.Of(command) && f.Values.Get("key") != "" {
		return f.Values.Get("key")
	}
	return uuid.NewString()
}

// A listView is the list of orders.
type listView struct {
	Filter   orders.Filter
	Asked    url.Values
	Filtered bool
	Page     orders.Page
	First    string // leads to the first page, unless this is it
	Next     string // leads to the page after
	Refused  *refusedForm
	Lines    []string
	// Fulfils reports whether the shop sees to orders by itself, if it is asked to.
	Fulfils bool
}

func (s *Site) listPage(w http.ResponseWriter, r *http.Request, status int, filter orders.Filter, refused *refusedForm) error {
	page, shown, err := s.shop.Orders(r.Context(), filter)
	if err != nil {
		return err
	}
	body := listView{Filter: filter, Asked: r.URL.Query(), Page: page, Refused: refused, Fulfils: s.shop.Processes() != nil}
	for i := range formLines {
		body.Lines = append(body.Lines, strconv.Itoa(i+1))
	}
	for _, name := range []string{"status", "customer", "from", "to", "search"} {
		body.Filtered = body.Filtered || body.Asked.Get(name) != ""
	}
	to := func(cursor string) string {
		q := make(url.Values)
		for name, values := range body.Asked {
			if name != "cursor" && values[0] != "" {
				q[name] = values
			}
		}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		return (&url.URL{Path: "/orders", RawQuery: q.Encode()}).String()
	}
	if filter.Cursor != "" {
		body.First = to("")
	}
	if page.Next != "" {
		body.Next = to(page.Next)
	}
	s.render(w, r, status, "orders", view{Title: "Orders", Nav: "orders", Live: liveStream(shown), Shown: shown, Body: body})
	return nil
}

// liveStream returns the address at which a page hears of what has changed since, to the
// one thing that it is about: an "order" or a "sku", with its name; nothing for all.
func liveStream(shown orders.Shown, about ...string) string {
	q := url.Values{"each": {"change"}}
	if !shown.At.IsZero() {
		q.Set("after", shown.At.String())
	}
	if len(about) == 2 {
		q.Set(about[0], about[1])
	}
	return "/events/live?" + q.Encode()
}

// An orderView is the page of an order.
type orderView struct {
	orders.Details
	// Moment is the past that is shown; Past reports whether it is one.
	Moment orders.Moment
	Past   bool
	// Events are its history, as far as the store has not forgotten it. The newest is the
	// last; Newest is its version.
	Events  []orders.Occurrence
	Newest  daybook.Version
	May     mayDo
	Owed    orders.Cents
	Left    orders.Cents // of what was paid, after refunds
	Refused *refusedForm
	// Process is what the shop does about it by itself; nil if it does nothing, and in the
	// past.
	Process *fulfilmentView
}

func (s *Site) orderPage(w http.ResponseWriter, r *http.Request, status int, id string, moment orders.Moment, refused *refusedForm) error {
	details, shown, err := s.details(r, id, moment)
	if err != nil {
		return err
	}
	events, _, err := s.shop.History(r.Context(), id)
	if err != nil && !errors.Is(err, orders.ErrNoSuchOrder) { // the view remembers what the store has forgotten
		return err
	}
	newest := details.Version
	if n := len(events); n > 0 {
		newest = events[n-1].Version
	}
	body := orderView{
		Details: details, Moment: moment, Events: events, Newest: newest,
		Owed: details.Total - details.Paid, Left: details.Paid - details.Refunded, Refused: refused,
	}
	if moment != (orders.Moment{}) && (details.Version < body.Newest || !moment.AsOf.IsZero() || !moment.KnownAt.IsZero()) {
		body.Past = true
	} else {
		body.May = may(details)
		if body.Process, err = s.fulfilmentPart(r.Context(), details); err != nil {
			return err
		}
	}
	s.render(w, r, status, "order", view{Title: "Order " + short(id), Nav: "orders", Live: liveStream(shown, "order", id), Shown: shown, Body: body})
	return nil
}

// Shows reports whether the page shows an event of the history.
func (o orderView) Shows(e orders.Occurrence) bool { return e.Version <= o.Version }

// Together returns the newest event if all of them were recorded at one time, later
// than they happened: it then says once for all when and by whom. Otherwise it returns
// nil.
func (o orderView) Together() *orders.Occurrence {
	if len(o.Events) == 0 {
		return nil
	}
	last := o.Events[len(o.Events)-1]
	if !late(o.Events[0]) || !o.Events[0].RecordedAt.Equal(last.RecordedAt) || o.Events[0].Trace.Actor != last.Trace.Actor {
		return nil
	}
	return &last
}

// Last returns the newest event that the page shows; nil if it is forgotten.
func (o orderView) Last() *orders.Occurrence {
	for i, e := range slices.Backward(o.Events) {
		if o.Shows(e) {
			return &o.Events[i]
		}
	}
	return nil
}

// mayDo says which commands an order's page offers. The rules in package orders decide;
// this only spares the visitor a no.
type mayDo struct{ Pay, Ship, Deliver, Cancel, Return, Refund bool }

// Anything reports whether there is something to be done.
func (m mayDo) Anything() bool { return m != mayDo{} }

func may(d orders.Details) mayDo {
	been := func(status orders.Status) bool {
		return slices.ContainsFunc(d.Stages, func(s orders.StageChange) bool { return s.Status == status })
	}
	var (
		open      = d.Status < orders.Unavailable
		approved  = been(orders.Paid)
		shipped   = been(orders.Shipped)
		delivered = been(orders.Delivered)
	)
	return mayDo{
		Pay:     been(orders.Placed) && open && !approved && d.Total > d.Paid,
		Ship:    been(orders.Placed) && open && approved && !shipped,
		Deliver: been(orders.Placed) && open && shipped && !delivered,
		Cancel:  been(orders.Placed) && open && !shipped,
		Return:  been(orders.Placed) && d.Status < orders.Cancelled && delivered,
		Refund:  been(orders.Placed) && d.Paid > d.Refunded,
	}
}

func (s *Site) customerPage(w http.ResponseWriter, r *http.Request, buyer orders.Buyer, shown orders.Shown) error {
	s.render(w, r, http.StatusOK, "customer", view{Title: "Customer " + short(buyer.ID), Nav: "orders", Live: liveStream(shown), Shown: shown, Body: buyer})
	return nil
}

// problems explains the kinds of problem.
func (s *Site) problems(w http.ResponseWriter, r *http.Request) error {
	if _, err := ask(r); err != nil {
		return err
	}
	all := make([]Problem, len(kinds))
	for i, k := range kinds {
		all[i] = *k.problem("")
	}
	if form, _ := wanted(r); form == asHTML {
		s.render(w, r, http.StatusOK, "problems", view{Title: "Problems", Body: all})
		return nil
	}
	return writeJSON(w, http.StatusOK, all)
}

// assets are the files that pages need, by name, and print is the fingerprint of all
// of them, with which their addresses change.
var assets, print = func() (map[string][]byte, string) {
	all := make(map[string][]byte)
	sum := sha256.New()
	entries, err := files.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		data, err := files.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(err)
		}
		all[entry.Name()] = data
		sum.Write(data)
	}
	return all, hex.EncodeToString(sum.Sum(nil)[:8])
}()

// assetTypes are the media types of assets, by the ends of their names.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static answers with an asset. Under an address that names its fingerprint it can be
// kept for good.
func (s *Site) static(w http.ResponseWriter, r *http.Request) error {
	asked, err := ask(r, "v")
	if err != nil {
		return err
	}
	data, there := assets[r.PathValue("file")]
	if !there {
		return notFound.problem("%s is no address of the shop", r.URL.Path)
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(r.PathValue("file"))])
	if unchanged(w, r, print) {
		return nil
	}
	if asked.Get("v") == print {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(data)
	return nil
}

// openAPI answers with the description of the API.
func (s *Site) openAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := ask(r); err != nil {
		return err
	}
	data, err := files.ReadFile("openapi.json")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if unchanged(w, r, print) {
		return nil
	}
	_, _ = w.Write(data)
	return nil
}
