package web

import (
	"net/http"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// readiness says whether a service can be used and, if it shows something, how far that is
// behind.
type readiness struct {
	Ready bool `json:"ready"`
	// Service is "write" or "read".
	Service string           `json:"service"`
	Head    daybook.Position `json:"head"`
	Shown   daybook.Position `json:"shown,omitempty"`
	Lag     uint64           `json:"lag"`
	// Stuck says what keeps it from being ready.
	Stuck string `json:"stuck,omitempty"`
}

// ready answers whether a service is ready: if nothing is wrong, and it is not about to
// end.
func ready(s *httpapi.Server, w http.ResponseWriter, is readiness, wrong error) error {
	is.Ready = wrong == nil && !s.Closing()
	code := http.StatusOK
	switch {
	case wrong != nil:
		is.Stuck = wrong.Error()
	case !is.Ready:
		is.Stuck = "the server is closing"
	}
	if !is.Ready {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	return httpapi.WriteJSON(w, code, is)
}
