package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
)

// Quoted returns a tag as an ETag header has it.
func Quoted(tag string) string { return `"` + tag + `"` }

// Unquoted returns what is in an entity tag, if s is exactly one strong one.
func Unquoted(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.Contains(s[1:len(s)-1], `"`) {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// Unchanged answers 304 if the client has the answer with this tag already, as its
// If-None-Match says. Otherwise it sets the headers that let the client ask so next
// time.
func Unchanged(w http.ResponseWriter, r *http.Request, tag string) bool {
	w.Header().Set("ETag", Quoted(tag))
	// Keep it, and ask every time whether it is still so.
	w.Header().Set("Cache-Control", "private, no-cache")
	for _, header := range r.Header.Values("If-None-Match") {
		for given := range strings.SplitSeq(header, ",") {
			given = strings.TrimSpace(given)
			if given == "*" || strings.TrimPrefix(given, "W/") == Quoted(tag) {
				w.WriteHeader(http.StatusNotModified)
				return true
			}
		}
	}
	return false
}

// IfMatch returns the condition that an If-Match header sets on what is recorded in a
// stream: that it exists, or that it is at the version that the ETag begins with. TagAt
// returns the tag, without the quotes, that it had at a version, or none if it never had
// that one. The noun says what it is.
func IfMatch(given, noun, stream string, tagAt func(daybook.Version) (string, error)) (daybook.Condition, error) {
	given = strings.TrimSpace(given)
	if given == "*" {
		return daybook.Exists(stream), nil
	}
	tag, isTag := Unquoted(given)
	if !isTag {
		return nil, Malformed.Problem("If-Match is %s, and should be the one ETag of the %s, or *", given, noun)
	}
	changed := Preconditions.Problem("the ETag in If-Match is none that this %s has had since the log was made or restored", noun)
	number, _, _ := strings.Cut(tag, ".")
	version, err := strconv.ParseUint(number, 10, 63)
	if err != nil || version == 0 {
		return nil, changed
	}
	had, err := tagAt(daybook.Version(version))
	switch {
	case err != nil:
		return nil, err
	case had != tag:
		return nil, changed
	}
	return daybook.At(stream, daybook.Version(version)), nil
}
