package web

import (
	"errors"
	"math"
	"net/http"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// A readModel says where an edition of the read model stands, for programs.
type readModel struct {
	Name     string           `json:"name"`
	Version  int              `json:"version"`
	Edition  int              `json:"edition"`
	Answers  bool             `json:"answers"`
	Unready  string           `json:"unready,omitempty"`
	Position daybook.Position `json:"position"`
	Head     daybook.Position `json:"head"`
	Lag      uint64           `json:"lag"`
	// Progress is how much of the log it shows, from 0 to 1.
	Progress float64 `json:"progress"`
	// Rate is how many events it applied in a second lately, and Left about how many seconds
	// it takes until it shows the whole log.
	Rate float64 `json:"rate"`
	Left float64 `json:"left,omitempty"`
	// Events is how many events were applied to it in all.
	Events   uint64 `json:"events"`
	Stuck    string `json:"stuck,omitempty"`
	SetAside int    `json:"set_aside"`
}

// readModelsAnswer says where the editions stand.
type readModelsAnswer struct {
	// Away says why nothing is shown but what was asked lately; empty if all is.
	Away       string      `json:"away,omitempty"`
	ReadModels []readModel `json:"read_models"`
}

func describeEdition(e readmodel.Edition) readModel {
	d := readModel{
		Name: e.Name, Version: e.Version, Edition: e.Number, Answers: e.Answers, Unready: e.Unready,
		Position: e.Checkpoint.Position, Head: e.Head.Position, Lag: e.Lag, Progress: e.Progress(),
		Rate: math.Round(e.Rate), Left: max(0, e.Left.Seconds()), Events: e.Checkpoint.Events, SetAside: len(e.SetAside),
	}
	if e.Stuck != nil {
		d.Stuck = e.Stuck.Err.Error()
	}
	return d
}

// readModels answers GET /readmodels. It says so where nobody can tell.
func (s *Site) readModels(w http.ResponseWriter, r *http.Request) error {
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
	return httpapi.WriteJSON(w, http.StatusOK, answer)
}

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
	s.Log.InfoContext(r.Context(), "read model", "correlation", daybook.TraceOf(r.Context()).Correlation, "what", what,
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
