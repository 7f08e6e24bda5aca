package web

import (
	"encoding/json"
	"net/http"

	"github.com/daybook-es/daybook"
)

// healthz says that the process is alive.
func (s *Site) healthz(w http.ResponseWriter, r *http.Request) error {
	if _, err := ask(r); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readiness says whether the shop can be used, and how far its views are behind.
type readiness struct {
	Ready bool `json:"ready"`
	// View and ViewVersion name the read model that answers.
	View        string           `json:"view"`
	ViewVersion int              `json:"view_version"`
	Head        daybook.Position `json:"head"`
	Shown       daybook.Position `json:"shown"`
	Lag         uint64           `json:"lag"`
	// Stuck says what keeps the store from recording, or the views from going on.
	Stuck string `json:"stuck,omitempty"`
}

// readyz says whether the shop can be used: whether its store records and its views go
// on. Views that only lag behind, such as during an import, are ready; how far they are
// behind is in the answer.
func (s *Site) readyz(w http.ResponseWriter, r *http.Request) error {
	if _, err := ask(r); err != nil {
		return err
	}
	status, err := s.shop.Status(r.Context())
	if err == nil {
		err = s.options.Health()
	}
	ready := readiness{
		Ready: err == nil && status.Stuck == nil && s.closing.Err() == nil,
		View:  status.Name, ViewVersion: status.Version,
		Head: status.Head.Position, Shown: status.Checkpoint.Position, Lag: status.Lag,
	}
	code := http.StatusOK
	switch {
	case status.Stuck != nil:
		ready.Stuck = status.Stuck.Err.Error()
	case err != nil:
		ready.Stuck = err.Error()
	case !ready.Ready:
		ready.Stuck = "the server is closing"
	}
	if !ready.Ready {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	return writeJSON(w, code, ready)
}

// writeJSON answers with a value as JSON, which nobody may keep.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n')) // a client that is gone is nobody to tell
	return nil
}
