package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// A readModel says where an edition of the read model stands, for programs.
type readModel struct {
	httpapi.ReadModel
	SetAside int `json:"set_aside"`
}

// readModelsAnswer says where the editions stand.
type readModelsAnswer struct {
	// Away says why nothing is shown but what was asked lately; empty if all is.
	Away       string      `json:"away,omitempty"`
	ReadModels []readModel `json:"read_models"`
}

func describeEdition(e readmodel.Edition) readModel {
	return readModel{httpapi.ReadModelOf(e.Status, e.Number, e.Answers, e.Unready), len(e.SetAside)}
}

// readModels answers GET /readmodels. It says so where nobody can tell.
func (s *Site) readModels(w http.ResponseWriter, r *http.Request) error {
	form, err := s.asked(w, r)
	if err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	answer := readModelsAnswer{ReadModels: []readModel{}}
	keeper := s.showcase.ReadModel()
	if away := keeper.Away(); away != nil {
		answer.Away = awayWords(away)
	}
	editions, err := keeper.Editions(r.Context())
	if err != nil && answer.Away == "" {
		return awayProblem(err)
	}
	for _, e := range editions {
		answer.ReadModels = append(answer.ReadModels, describeEdition(e))
	}
	if form == httpapi.AsHTML {
		return s.readModelsPage(w, r, answer)
	}
	return httpapi.WriteJSON(w, http.StatusOK, answer)
}

// A readModelsView is the page of the read model.
type readModelsView struct {
	readModelsAnswer
	// MayRebuild and MayDrop report whether the visitor may.
	MayRebuild, MayDrop bool
}

// readModelsPage shows where the editions stand.
func (s *Site) readModelsPage(w http.ResponseWriter, r *http.Request, answer readModelsAnswer) error {
	body := readModelsView{answer, s.May(r, access.Administer("Rebuild")), s.May(r, access.Administer("Drop"))}
	v := view{Title: "Read model", Nav: "readmodels", Body: body}
	moving := answer.Away != "" || len(answer.ReadModels) != 1
	for _, m := range answer.ReadModels {
		if m.Answers {
			v.Shown.At.Position = m.Position
		}
		moving = moving || m.Lag > 0 || m.SetAside > 0
	}
	if moving {
		v.Poll = int(pollEvery.Milliseconds())
	}
	return s.render(w, r, http.StatusOK, "readmodels", v)
}

// pollEvery is how often the page of what is being built is drawn anew.
const pollEvery = 500 * time.Millisecond

// rebuild takes POST /readmodels: the read model is built once more beside the one that
// answers, and then takes its place.
func (s *Site) rebuild(w http.ResponseWriter, r *http.Request) error {
	return s.administer(w, r, "Rebuild", func() (int, error) { return s.showcase.ReadModel().Rebuild(r.Context()) })
}

// drop takes POST /readmodels/drop: all of what is shown is dropped, and built again from
// the log. Meanwhile queries are answered as they last were.
func (s *Site) drop(w http.ResponseWriter, r *http.Request) error {
	return s.administer(w, r, "Drop", func() (int, error) { return 1, s.showcase.ReadModel().Drop(r.Context()) })
}

// administer does something to the read model, and answers with the edition that comes of
// it: a program with that, a form with the page.
func (s *Site) administer(w http.ResponseWriter, r *http.Request, what string, do func() (edition int, err error)) error {
	var none struct{}
	sent, err := s.Receive(w, r, &none, func(*httpapi.Fields) {})
	if err != nil {
		return err
	}
	edition, err := do()
	s.Log.InfoContext(r.Context(), "read model", "what", what,
		"edition", edition, "actor", sent.Envelope.Principal, "error", err)
	switch {
	case errors.Is(err, readmodel.ErrBuilding):
		problem := httpapi.Conflict.Problem("%s", err.Error())
		problem.Err = err
		return problem
	case err != nil:
		return awayProblem(err)
	}
	if sent.Form != nil {
		s.Carry(w, daybook.Point{}, what)
		http.Redirect(w, r, "/readmodels", http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Location", "/readmodels")
	return httpapi.WriteJSON(w, http.StatusAccepted, map[string]int{"edition": edition})
}
