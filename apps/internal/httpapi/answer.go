package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/daybook-es/daybook"
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
