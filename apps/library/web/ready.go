package web

import (
	"net/http"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// readiness says whether a service can be used and, if it shows something, how far that is
// behind.
type readiness struct {
	Ready bool `json:"ready"`
	// Service is "write" or "read".
	Service string `json:"service"`
	httpapi.Standing
	// Stuck says what keeps it from being ready.
	Stuck string `json:"stuck,omitempty"`
}

// ready answers whether a service is ready.
func ready(s *httpapi.Server, w http.ResponseWriter, r *http.Request, is readiness, wrong error) error {
	return s.Readyz(w, r, wrong, func(ready bool, stuck string) any {
		is.Ready, is.Stuck = ready, stuck
		return is
	})
}
