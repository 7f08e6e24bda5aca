package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A readModel says where an edition of the shop's read model stands, for programs.
type readModel struct {
	httpapi.ReadModel
	SetAside []asideEvent `json:"set_aside"`
}

// An asideEvent is an event that a read model could not apply.
type asideEvent struct {
	Position daybook.Position `json:"position"`
	Event    uuid.UUID        `json:"event"`
	Type     string           `json:"type"`
	Keys     []string         `json:"keys"`
	// Cause is why; empty for one that follows another.
	Cause    string    `json:"cause,omitempty"`
	Attempts int       `json:"attempts"`
	Since    time.Time `json:"since"`
	Next     time.Time `json:"next,omitzero"`
}

func describe(m orders.ReadModel) readModel {
	d := readModel{httpapi.ReadModelOf(m.Status, m.Number, m.Answers, m.Unready), []asideEvent{}}
	for _, a := range m.SetAside {
		d.SetAside = append(d.SetAside, asideEvent{a.Position, a.EventID, a.Type, a.Keys, a.Cause, a.Attempts, a.Since, a.Next})
	}
	return d
}

// A readModelsAnswer is where the editions stand.
type readModelsAnswer struct {
	ReadModels []readModel `json:"read_models"`
	Compared   *compared   `json:"compared,omitempty"`
}

// compared says how an edition differs from the one that answers.
type compared struct {
	Edition int              `json:"edition"`
	At      daybook.Position `json:"at"`
	Same    bool             `json:"same"`
	Tables  []comparedTable  `json:"tables"`
	// Rows are the first differences.
	Rows []difference `json:"rows"`
}

type comparedTable struct {
	Name    string `json:"name"`
	Rows    int    `json:"rows"`
	Added   int    `json:"added"`
	Gone    int    `json:"gone"`
	Changed int    `json:"changed"`
	Skipped string `json:"skipped,omitempty"`
}

type difference struct {
	Table string   `json:"table"`
	Key   []string `json:"key"`
	Old   []string `json:"old,omitempty"`
	New   []string `json:"new,omitempty"`
}

// mostDifferences is how many rows are shown: more nobody reads.
const mostDifferences = 50

// readModels answers GET /readmodels.
func (s *Site) readModels(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	return s.showReadModels(w, r, form, nil)
}

// showReadModels answers where the editions stand, and how one of them compared.
func (s *Site) showReadModels(w http.ResponseWriter, r *http.Request, form httpapi.Form, result *compared) error {
	answer := readModelsAnswer{ReadModels: []readModel{}, Compared: result}
	models, err := s.shop.ReadModels(r.Context())
	if err != nil {
		return err
	}
	var shown orders.Shown
	building := false
	for _, m := range models {
		answer.ReadModels = append(answer.ReadModels, describe(m))
		if m.Answers {
			shown.At = m.Checkpoint.Point
		}
		building = building || m.Lag > 0 || m.Aside > 0
	}
	if form == httpapi.AsHTML {
		v := view{Title: "Read models", Nav: "readmodels", Shown: shown, Body: answer}
		if building && result == nil {
			v.Poll = int(time.Second.Milliseconds())
		}
		s.render(w, r, http.StatusOK, "readmodels", v)
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, answer)
}

// compare takes POST /readmodels/{edition}/compare: an edition is compared, row by row,
// with the one that answers. That both stand still for a moment is more than asking.
func (s *Site) compare(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	if _, err := s.Receive(w, r, &none, func(*httpapi.Fields) {}); err != nil {
		return err
	}
	edition, err := strconv.Atoi(r.PathValue("edition"))
	if err != nil {
		return httpapi.NotFound.Problem("%q is no number of an edition", r.PathValue("edition"))
	}
	result, err := s.compared(r, edition)
	if err != nil {
		return err
	}
	form, _ := httpapi.Wanted(r)
	return s.showReadModels(w, r, form, result)
}

// compared compares an edition with the one that answers.
func (s *Site) compared(r *http.Request, edition int) (*compared, error) {
	c := &compared{Edition: edition, Tables: []comparedTable{}, Rows: []difference{}}
	result, err := s.shop.Compare(r.Context(), edition, func(d sqlview.Difference) error {
		if len(c.Rows) < mostDifferences {
			c.Rows = append(c.Rows, difference{d.Table, texts(d.Key), texts(d.Old), texts(d.New)})
		}
		return nil
	})
	if err != nil {
		return nil, editionProblem(err)
	}
	c.At, c.Same = result.New.Position, result.Same()
	for _, t := range result.Tables {
		c.Tables = append(c.Tables, comparedTable{t.Name, t.Rows, t.Added, t.Gone, t.Changed, t.Skipped})
	}
	return c, nil
}

func texts(values []any) (all []string) {
	for _, v := range values {
		all = append(all, fmt.Sprint(v))
	}
	return all
}

// rebuild takes POST /readmodels: the read model is built once more beside the one that
// answers.
func (s *Site) rebuild(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	if _, err := s.Receive(w, r, &none, func(*httpapi.Fields) {}); err != nil {
		return err
	}
	edition, err := s.shop.Rebuild(r.Context())
	return s.did(w, r, "Rebuild", edition, err, func() error {
		w.Header().Set("Location", "/readmodels")
		return httpapi.WriteJSON(w, http.StatusAccepted, map[string]int{"edition": edition})
	})
}

// onEdition returns what takes a POST about one edition.
func (s *Site) onEdition(what string, do func(r *http.Request, edition int, c editionCommand) error) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var c editionCommand
		if _, err := s.Receive(w, r, &c, func(f *httpapi.Fields) {
			c.Key, c.Event, c.Reason = f.Text("set_aside_key"), f.Text("event"), f.Text("reason")
		}); err != nil {
			return err
		}
		edition, err := strconv.Atoi(r.PathValue("edition"))
		if err != nil {
			return httpapi.NotFound.Problem("%q is no number of an edition", r.PathValue("edition"))
		}
		return s.did(w, r, what, edition, do(r, edition, c), func() error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		})
	}
}

// An editionCommand says what of an edition is to be tried again, or skipped and why.
type editionCommand struct {
	Key    string `json:"key,omitempty"`
	Event  string `json:"event,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// did answers what was done to an edition: a program with answer, a form with the page.
func (s *Site) did(w http.ResponseWriter, r *http.Request, what string, edition int, err error, answer func() error) error {
	s.Log.InfoContext(r.Context(), "read model", "what", what,
		"edition", edition, "actor", access.Of(r.Context()).Name, "error", err)
	if err != nil {
		return editionProblem(err)
	}
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		now, err := s.shop.Now(r.Context())
		if err != nil {
			return err
		}
		s.Carry(w, now, what)
		http.Redirect(w, r, "/readmodels", http.StatusSeeOther)
		return nil
	}
	return answer()
}

func (s *Site) switchEdition(r *http.Request, edition int, _ editionCommand) error {
	return s.shop.SwitchTo(r.Context(), edition)
}

func (s *Site) removeEdition(r *http.Request, edition int, _ editionCommand) error {
	return s.shop.RemoveEdition(r.Context(), edition)
}

func (s *Site) retryAside(r *http.Request, edition int, c editionCommand) error {
	return s.shop.RetrySetAside(r.Context(), edition, c.Key)
}

func (s *Site) skipAside(r *http.Request, edition int, c editionCommand) error {
	event, err := uuid.Parse(c.Event)
	if err != nil {
		return httpapi.Invalid.Problem("event: %q is no id of an event", c.Event)
	}
	return s.shop.SkipSetAside(r.Context(), edition, event, c.Reason)
}

// editionProblem says which problem an error about an edition is.
func editionProblem(err error) error {
	aside, away := (*projection.SetAsideError)(nil), (*daybook.UnavailableError)(nil)
	var problem *httpapi.Problem
	switch {
	case errors.Is(err, orders.ErrNoSuchEdition):
		problem = httpapi.NotFound.Problem("%s", orders.ErrNoSuchEdition.Error())
	case errors.Is(err, orders.ErrBuilding):
		problem = httpapi.Conflict.Problem("%s", orders.ErrBuilding.Error())
	case errors.Is(err, projection.ErrNotSetAside):
		problem = httpapi.Conflict.Problem("%s", err.Error())
	case errors.As(err, &aside):
		problem = httpapi.StillAside.Problem("%s", aside.Error())
	case errors.As(err, &away):
		problem = httpapi.Unavailable.Problem("%s", away.Doing)
	default:
		return err
	}
	problem.Err = err
	return problem
}
