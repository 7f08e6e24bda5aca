package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/process"
)

// A processStatus says where a process stands, for programs.
type processStatus struct {
	Process  string `json:"process"`
	Versions []int  `json:"versions"`
	Ready    bool   `json:"ready"`
	// Live counts the instances that are not done, Done those that are.
	Live int `json:"live"`
	Done int `json:"done"`
	// Open counts the commands and effects without an outcome, and Deadlines those that
	// are pending.
	Open      int       `json:"open"`
	Oldest    time.Time `json:"oldest,omitzero"`
	Deadlines int       `json:"deadlines"`
	NextDue   time.Time `json:"next_due,omitzero"`
	SetAside  []aside   `json:"set_aside"`
	// Clock says why no deadline fires, and Stuck what keeps the process from going on.
	Clock string `json:"clock,omitempty"`
	Stuck string `json:"stuck,omitempty"`
}

// An aside is an instance that was set aside; without an instance, an event for which
// none was found.
type aside struct {
	Instance string    `json:"instance"`
	Since    time.Time `json:"since"`
	Cause    string    `json:"cause"`
	// Input is what it could not take, or the step that could not be carried out.
	Input uuid.UUID `json:"input"`
	Step  bool      `json:"step,omitempty"`
}

// statuses returns where the processes of the shop stand; none in one without providers.
func (s *Site) statuses(ctx context.Context) ([]processStatus, error) {
	all := []processStatus{}
	if s.shop.Processes() == nil {
		return all, nil
	}
	statuses, err := s.shop.Processes().Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, st := range statuses {
		p := processStatus{
			Process: st.Process, Versions: st.Versions, Ready: st.Ready, Done: st.Done, Open: st.Open, Oldest: st.Oldest,
			Deadlines: st.Deadlines, NextDue: st.NextDue, SetAside: []aside{},
		}
		for _, n := range st.Live {
			p.Live += n
		}
		for _, a := range st.SetAside {
			p.SetAside = append(p.SetAside, aside{a.Instance, a.Since, a.Cause, a.Input, a.IsStep})
		}
		if st.Clock != nil {
			p.Clock = st.Clock.Error()
		}
		if st.Stuck != nil {
			p.Stuck = st.Stuck.Error()
		}
		all = append(all, p)
	}
	return all, nil
}

// A processesAnswer is where the processes stand, and a page of the fulfilments.
type processesAnswer struct {
	Processes []processStatus `json:"processes"`
	orders.FulfilmentPage
}

// processes answers GET /processes.
func (s *Site) processes(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "ended", "cursor", "limit")
	if err != nil {
		return err
	}
	filter := orders.FulfilmentFilter{Cursor: asked.Get("cursor")}
	switch asked.Get("ended") {
	case "", "false":
	case "true":
		filter.Ended = true
	default:
		return httpapi.Malformed.Problem("ended is %q, and can be true or false", asked.Get("ended"))
	}
	limit, err := httpapi.Number(asked, "limit", 1, orders.MaxLimit, 0)
	if err != nil {
		return err
	}
	filter.Limit = int(limit)
	page, shown, err := s.shop.Fulfilments(r.Context(), filter)
	if err != nil {
		return err
	}
	statuses, err := s.statuses(r.Context())
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.processesPage(w, r, filter, page, statuses, shown)
	}
	// It has no tag: what the processes do is not all in the views.
	w.Header().Set(httpapi.TokenHeader, shown.At.String())
	return httpapi.WriteJSON(w, http.StatusOK, processesAnswer{statuses, page})
}

// A processesView is the page of the processes.
type processesView struct {
	Filter      orders.FulfilmentFilter
	Processes   []processStatus
	Page        orders.FulfilmentPage
	First, Next string
	aside       map[string]bool
}

// IsAside reports whether the fulfilment of an order is set aside.
func (v processesView) IsAside(order string) bool { return v.aside[order] }

func (s *Site) processesPage(w http.ResponseWriter, r *http.Request, filter orders.FulfilmentFilter, page orders.FulfilmentPage, statuses []processStatus, shown orders.Shown) error {
	body := processesView{Filter: filter, Processes: statuses, Page: page, aside: make(map[string]bool)}
	for _, p := range statuses {
		for _, a := range p.SetAside {
			body.aside[a.Instance] = true
		}
	}
	body.First, body.Next = httpapi.Paging("/processes", r.URL.Query(), "cursor", page.Next)
	s.render(w, r, http.StatusOK, "processes", view{Title: "Processes", Nav: "processes", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
	return nil
}

// retryInstance takes POST /processes/{name}/{id}/retry: an instance that was set aside
// tries again what it could not take. POST /processes/{name}/retry has the process try
// again the events for which it found no instance.
func (s *Site) retryInstance(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	if _, err := s.Receive(w, r, &none, func(*httpapi.Fields) {}); err != nil {
		return err
	}
	return s.onInstance(w, r, "RetryInstance", func(runner *process.Runner, name, id string) error {
		return runner.Retry(r.Context(), name, id)
	})
}

// skipInstance takes POST /processes/{name}/{id}/skip: an instance that was set aside
// passes over one thing that it could not take. POST /processes/{name}/skip has the
// process pass over an event for which it found no instance.
func (s *Site) skipInstance(w http.ResponseWriter, r *http.Request) error {
	var c struct {
		Input  string `json:"input"`
		Reason string `json:"reason"`
	}
	if _, err := s.Receive(w, r, &c, func(f *httpapi.Fields) { c.Input, c.Reason = f.Text("input"), f.Text("reason") }); err != nil {
		return err
	}
	input, err := uuid.Parse(c.Input)
	if err != nil {
		return httpapi.Invalid.Problem("input: %q is no id of an input", c.Input)
	}
	if c.Reason == "" {
		return httpapi.Invalid.Problem("reason: say why it is skipped")
	}
	return s.onInstance(w, r, "SkipInput", func(runner *process.Runner, name, id string) error {
		return runner.Skip(r.Context(), name, id, input, c.Reason)
	})
}

// onInstance does something to an instance, or to the events that have none, and answers.
func (s *Site) onInstance(w http.ResponseWriter, r *http.Request, what string, do func(runner *process.Runner, name, id string) error) error {
	name, id := r.PathValue("name"), r.PathValue("id")
	runner := s.shop.Processes()
	if runner == nil || name != orders.FulfilmentName {
		return httpapi.NotFound.Problem("there is no process %q here", name)
	}
	err := do(runner, name, id)
	s.Log.InfoContext(r.Context(), "process", "what", what,
		"process", name, "instance", id, "actor", access.Of(r.Context()).Name, "error", err)
	away := (*daybook.UnavailableError)(nil)
	switch {
	case errors.Is(err, process.ErrNotSetAside):
		problem := httpapi.Conflict.Problem("the %s of %s is not set aside, or not because of that", name, id)
		if id == "" {
			problem = httpapi.Conflict.Problem("no event without an instance of %s is set aside, or not that one", name)
		}
		problem.Err = err
		return problem
	case errors.As(err, &away):
		return err
	case err != nil:
		problem := httpapi.StillAside.Problem("%s", err.Error())
		problem.Err = err
		return problem
	}
	now, err := s.shop.Now(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set(httpapi.TokenHeader, now.String())
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		s.Carry(w, now, what)
		http.Redirect(w, r, "/processes", http.StatusSeeOther)
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// A fulfilmentView is what an order's page says of its fulfilment.
type fulfilmentView struct {
	process.Loaded[orders.Fulfilment]
	// Asleep reports that no program here fulfils orders.
	Asleep bool
	Order  string
	Steps  []fulfilmentStep
	Says   string
	// Entries counts the events of its history, and so names what its picture shows.
	Entries int
}

// A fulfilmentStep is one on the way from the basket to the carrier: it is "done", being
// done ("now"), still to do ("todo") or "undone".
type fulfilmentStep struct{ Name, State string }

// fulfilmentPart returns what an order's page says of its fulfilment; nil if the shop was
// not asked to fulfil it.
func (s *Site) fulfilmentPart(ctx context.Context, o orders.Details) (*fulfilmentView, error) {
	if o.Fulfilment == nil {
		return nil, nil
	}
	loaded, err := s.shop.FulfilmentOf(ctx, o.ID)
	if errors.Is(err, orders.ErrFulfilsNothing) {
		return &fulfilmentView{Asleep: true}, nil
	}
	if err != nil {
		return nil, err
	}
	history, err := process.ReadHistory(ctx, s.shop.Store(), orders.FulfilmentName, o.ID)
	if err != nil {
		return nil, err
	}
	v := &fulfilmentView{Loaded: loaded, Order: o.ID, Entries: len(history.Entries)}
	f := loaded.State
	paying := "Waiting for the payment"
	if f.Method == orders.CardOnFile {
		paying = "Charging the card"
	}
	v.step("Reserving the goods", "Goods reserved", f.Reserved, f)
	v.step(paying, "Paid", f.Paid, f)
	v.step("Booking the carrier", "Carrier booked", f.Tracking != "", f)
	v.step("Shipping", "Shipped", f.Shipped, f)
	switch {
	case loaded.SetAside != nil:
		v.Says = "It cannot go on."
	case loaded.Version == 0:
		v.Says = "It is about to begin."
	case f.Shipped && loaded.Done:
		v.Says = "Done."
	case f.Cancelled && loaded.Done:
		v.Says = "Everything is undone."
	case f.Cancelled, f.Stopped:
		v.Says = "It is being undone."
	case !f.Paid && f.Reserved && f.Method != orders.CardOnFile:
		v.Says = "It waits for the payment."
	default:
		v.Says = "It is under way."
	}
	return v, nil
}

// step adds the next step, as it is called while it is done and afterwards.
func (v *fulfilmentView) step(doing, name string, done bool, f orders.Fulfilment) {
	state := "todo"
	switch {
	case done && f.Cancelled:
		state = "undone"
	case done:
		state = "done"
	case !f.Cancelled && !f.Stopped && (len(v.Steps) == 0 || v.Steps[len(v.Steps)-1].State == "done"):
		state, name = "now", doing
	}
	v.Steps = append(v.Steps, fulfilmentStep{name, state})
}

// historyOf reads the history of the instance that the address names.
func (s *Site) historyOf(r *http.Request) (*process.History, error) {
	if _, err := httpapi.Ask(r, "v"); err != nil { // v names a version, so that a page asks anew
		return nil, err
	}
	name, id := r.PathValue("name"), r.PathValue("id")
	missing := httpapi.NotFound.Problem("no process %q has begun for %q", name, id)
	if name != orders.FulfilmentName || daybook.Stream(orders.Orders.Stream(id)).Validate() != nil {
		return nil, missing
	}
	h, err := process.ReadHistory(r.Context(), s.shop.Store(), name, id)
	if err != nil {
		return nil, err
	}
	if len(h.Entries) == 0 {
		return nil, missing
	}
	return h, nil
}

// historyTag names what a history holds. An instance's stream only grows.
func (s *Site) historyTag(r *http.Request, h *process.History) (string, error) {
	now, err := s.shop.Now(r.Context())
	return fmt.Sprintf("%d.%s", len(h.Entries), now.Incarnation), err
}

// A pastEntry is one event of an instance, for programs.
type pastEntry struct {
	N       daybook.Version `json:"n"`
	At      time.Time       `json:"at"`
	Side    string          `json:"side"`
	What    string          `json:"what"`
	Detail  string          `json:"detail,omitempty"`
	About   daybook.Version `json:"about,omitempty"`
	Outcome string          `json:"outcome,omitempty"`
}

// A pastAnswer is the history of an instance.
type pastAnswer struct {
	Process  string      `json:"process"`
	Instance string      `json:"instance"`
	Version  int         `json:"version"`
	Status   string      `json:"status"`
	Entries  []pastEntry `json:"entries"`
}

var sides = map[process.Side]string{process.Inbox: "inbox", process.Outbox: "outbox", process.Note: "note"}

// instanceHistory answers GET /processes/{name}/{id}/history.
func (s *Site) instanceHistory(w http.ResponseWriter, r *http.Request) error {
	if err := s.Await(w, r, s.shop); err != nil {
		return err
	}
	h, err := s.historyOf(r)
	if err != nil {
		return err
	}
	tag, err := s.historyTag(r, h)
	if err != nil || httpapi.Unchanged(w, r, tag) {
		return err
	}
	answer := pastAnswer{h.Process, h.Instance, h.Version, h.Status, []pastEntry{}}
	for _, e := range h.Entries {
		answer.Entries = append(answer.Entries, pastEntry{e.N, e.At, sides[e.Side], e.What, e.Detail, e.About, e.Outcome})
	}
	return httpapi.WriteJSON(w, http.StatusOK, answer)
}

// drawn answers with a history in another form: as text, or as a picture.
func (s *Site) drawn(mediaType string, draw func(*process.History) string) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h, err := s.historyOf(r)
		if err != nil {
			return err
		}
		tag, err := s.historyTag(r, h)
		if err != nil || httpapi.Unchanged(w, r, tag) {
			return err
		}
		w.Header().Set("Content-Type", mediaType)
		// A picture brings its own styles, and nothing else.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = io.WriteString(w, draw(h)) // a client that is gone is nobody to tell
		return nil
	}
}
