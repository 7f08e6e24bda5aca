package web

import (
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

//go:embed templates static openapi.json
var files embed.FS

// pages are the templates with what belongs to them.
var pages = httpapi.NewPages(files, words)

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

// render answers with a page.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, page string, v view) {
	if status == http.StatusOK {
		v.Done = doneWords[s.Done(w, r)]
	}
	v.Live = s.LiveFor(r, v.Live)
	pages.Render(s.Server, w, r, status, page, v)
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

// A listView is the list of orders.
type listView struct {
	Filter   orders.Filter
	Asked    url.Values
	Filtered bool
	Page     orders.Page
	First    string // leads to the first page, unless this is it
	Next     string // leads to the page after
	Refused  *httpapi.RefusedForm
	Lines    []string
	// Fulfils reports whether the shop sees to orders by itself, if it is asked to.
	Fulfils bool
}

func (s *Site) listPage(w http.ResponseWriter, r *http.Request, status int, filter orders.Filter, refused *httpapi.RefusedForm) error {
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
	body.First, body.Next = httpapi.Paging("/orders", body.Asked, "cursor", page.Next)
	s.render(w, r, status, "orders", view{Title: "Orders", Nav: "orders", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
	return nil
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
	Refused *httpapi.RefusedForm
	// Process is what the shop does about it by itself; nil if it does nothing, and in the
	// past.
	Process *fulfilmentView
}

func (s *Site) orderPage(w http.ResponseWriter, r *http.Request, status int, id string, moment orders.Moment, refused *httpapi.RefusedForm) error {
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
	s.render(w, r, status, "order", view{Title: "Order " + short(id), Nav: "orders", Live: httpapi.LiveAddress(shown.At, "order", id), Shown: shown, Body: body})
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
	if !o.Events[0].Late() || !o.Events[0].RecordedAt.Equal(last.RecordedAt) || o.Events[0].Trace.Actor != last.Trace.Actor {
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
	s.render(w, r, http.StatusOK, "customer", view{Title: "Customer " + short(buyer.ID), Nav: "orders", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: buyer})
	return nil
}

// problems explains the httpapi.Kinds of problem.
func (s *Site) problems(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	all := httpapi.AllProblems()
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		s.render(w, r, http.StatusOK, "problems", view{Title: "Problems", Body: all})
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, all)
}
