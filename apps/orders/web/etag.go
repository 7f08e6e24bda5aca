package web

import (
	"net/http"
	"strings"
)

// quoted returns a tag as an ETag header has it.
func quoted(tag string) string { return `"` + tag + `"` }

// unquoted returns what is in an entity tag, if s is exactly one strong one.
func unquoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.Contains(s[1:len(s)-1], `"`) {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// unchanged answers 304 if the client has the answer with this tag already, as its
// If-None-Match says. Otherwise it sets the headers that let the client ask so next
// time.
func unchanged(w http.ResponseWriter, r *http.Request, tag string) bool {
	w.Header().Set("ETag", quoted(tag))
	// Keep it, and ask every time whether it is still so.
	w.Header().Set("Cache-Control", "private, no-cache")
	for _, header := range r.Header.Values("If-None-Match") {
		for given := range strings.SplitSeq(header, ",") {
			given = strings.TrimSpace(given)
			if given == "*" || strings.TrimPrefix(given, "W/") == quoted(tag) {
				w.WriteHeader(http.StatusNotModified)
				return true
			}
		}
	}
	return false
}
