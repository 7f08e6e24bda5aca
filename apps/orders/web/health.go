package web

import (
	"net/http"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// readiness says whether the shop can be used, and how far its views are behind.
type readiness struct {
	Ready bool `json:"ready"`
	// View and ViewVersion name the read model that answers.
	View        string `json:"view"`
	ViewVersion int    `json:"view_version"`
	httpapi.Standing
	// Stuck says what keeps the store from recording, or the views from going on.
	Stuck string `json:"stuck,omitempty"`
}

// readyz says whether the shop can be used: whether its store records and its views go
// on. Views that only lag behind, such as during an import, are ready; how far they are
// behind is in the answer, for those who may ask for it.
func (s *Site) readyz(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	status, err := s.shop.Status(r.Context())
	standing := httpapi.StandingOf(status, err)
	switch {
	case status.Stuck != nil:
		err = status.Stuck.Err
	case err == nil:
		err = s.Options.Health()
	}
	return s.Readyz(w, r, err, func(ready bool, stuck string) any {
		return readiness{
			Ready: ready, Stuck: stuck,
			View: status.Name, ViewVersion: status.Version, Standing: standing,
		}
	})
}
