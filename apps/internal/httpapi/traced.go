package httpapi

import (
	"net/http"
	"regexp"
)

// ParentHeader names the span that a request belongs to, as W3C Trace Context has it.
const ParentHeader = "Traceparent"

var isParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// parentOf returns the span that a request says it belongs to; nothing if it says none.
func parentOf(r *http.Request) string {
	if given := r.Header.Get(ParentHeader); isParent.MatchString(given) {
		return given
	}
	return ""
}

// traced begins the span of a request, and returns what ends it with the status of the
// answer.
func (s *Server) traced(r *http.Request, route Route) (*http.Request, func(status int)) {
	if s.Options.Traces == nil {
		return r, func(int) {}
	}
	pattern := route.Pattern()
	if route.Method == "" {
		pattern = "" // none of the site's
	}
	return s.Options.Traces.Request(r, pattern)
}
