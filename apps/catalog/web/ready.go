package web

import (
	"errors"
	"net/http"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// readiness says whether the catalogue can be used, and how far what is shown is behind.
type readiness struct {
	Ready bool `json:"ready"`
	httpapi.Standing
	// Away says why nothing is shown but what was asked lately; empty if all is.
	Away string `json:"away,omitempty"`
	// Stuck says what keeps the catalogue from being ready.
	Stuck string `json:"stuck,omitempty"`
}

// readyz says whether the catalogue can be used: whether the log records, and whether
// what is shown could be asked once since the program began. That it is away again does not
// make the catalogue unready: commands go on, and queries are answered as they last were.
func (s *Site) readyz(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	status, err := s.showcase.Status(r.Context())
	is := readiness{Standing: httpapi.StandingOf(status, err)}
	if away := s.showcase.ReadModel().Away(); away != nil {
		is.Away = awayWords(away)
	}
	err = s.Options.Health()
	if err == nil && !s.showcase.ReadModel().Ready() {
		err = unready(s.showcase.ReadModel().Away())
	}
	return s.Readyz(w, r, err, func(ready bool, stuck string) any {
		is.Ready, is.Stuck = ready, stuck
		return is
	})
}

// unready says why nothing could be asked yet.
func unready(away *readmodel.AwayError) error {
	if away == nil {
		return nil // it can be just now
	}
	return errors.New("nothing can be asked yet: " + awayWords(away))
}
