package httpapi

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// A Form is one in which an answer can be written.
type Form int

const (
	AsJSON Form = iota
	AsHTML
)

// Wanted returns the form in which the client wants the answer. The same address
// serves a page to a browser and JSON to everybody else; who has no preference gets
// JSON. It is false where the client takes neither.
func Wanted(r *http.Request) (Form, bool) {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if header == "" {
		return AsJSON, true
	}
	// Problems are JSON as well, and a client may ask for them alone by name.
	json := max(quality(header, "application", "json"), quality(header, "application", "problem+json"))
	html := quality(header, "text", "html")
	switch {
	case html > json:
		return AsHTML, true
	case json > 0:
		return AsJSON, true
	}
	return AsJSON, false
}

// quality returns the q with which an Accept header takes a media type, that of the
// most specific range that covers it; 0 where none does.
func quality(header, kind, subtype string) float64 {
	best, q := -1, 0.0
	for part := range strings.SplitSeq(header, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		specific := -1
		switch media {
		case kind + "/" + subtype:
			specific = 2
		case kind + "/*":
			specific = 1
		case "*/*":
			specific = 0
		}
		if specific <= best {
			continue
		}
		best, q = specific, 1
		if given, has := params["q"]; has {
			parsed, err := strconv.ParseFloat(given, 64)
			if err != nil || parsed < 0 || parsed > 1 {
				parsed = 0
			}
			q = parsed
		}
	}
	return q
}
