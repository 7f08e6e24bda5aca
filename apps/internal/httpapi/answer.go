package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/projection"
)

// WriteJSON answers with a value as JSON, which nobody may keep.
func WriteJSON(w http.ResponseWriter, status int, value any) error {
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

// Show answers a query with JSON, or with 304 if the client has it already: the tag names
// its content. It says up to where the answer knows the log, too.
func Show(w http.ResponseWriter, r *http.Request, at daybook.Point, tag string, answer any) error {
	w.Header().Set(TokenHeader, at.String())
	if Unchanged(w, r, tag) {
		return nil
	}
	return WriteJSON(w, http.StatusOK, answer)
}

// Healthz says that the process is alive.
func Healthz(w http.ResponseWriter, r *http.Request) error {
	if _, err := Ask(r); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// Readyz answers whether a site can be used: if nothing is wrong, and it is not about to
// end. The function answer returns what is written as JSON, given whether the site is ready
// and, if it is not, what keeps it. That is for those who may ask for "Readiness": strangers
// hear that it is ready or not, and nothing else.
func (s *Server) Readyz(w http.ResponseWriter, r *http.Request, wrong error, answer func(ready bool, stuck string) any) error {
	stuck := ""
	switch {
	case wrong != nil:
		stuck = wrong.Error()
	case s.Closing():
		stuck = "the server is closing"
	}
	code := http.StatusOK
	if stuck != "" {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	if !s.May(r, access.Ask("Readiness")) {
		return WriteJSON(w, code, map[string]bool{"ready": stuck == ""})
	}
	return WriteJSON(w, code, answer(stuck == "", stuck))
}

// A Standing is how far what a site shows is behind the log, in its readiness.
type Standing struct {
	// Head is the newest position of the log, and Lag how many positions Shown is behind it.
	// Both are missing while the log cannot be reached: nobody knows.
	Head  *daybook.Position `json:"head,omitempty"`
	Shown daybook.Position  `json:"shown"`
	Lag   *uint64           `json:"lag,omitempty"`
}

// StandingOf returns where what is shown stands, of a status that came with an error or
// with none.
func StandingOf(status projection.Status, err error) Standing {
	at := Standing{Shown: status.Checkpoint.Position}
	if err == nil {
		at.Head, at.Lag = &status.Head.Position, &status.Lag
	}
	return at
}
