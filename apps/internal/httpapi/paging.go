package httpapi

import (
	"net/http"
	"net/url"
	"slices"
)

// With returns an address with some of its query changed, given as names and values by
// turns; what is empty is left out.
func With(path string, asked url.Values, changes ...string) string {
	q := make(url.Values)
	for name, values := range asked {
		if values[0] != "" {
			q[name] = values
		}
	}
	for change := range slices.Chunk(changes, 2) {
		name, value := change[0], change[1]
		if q.Del(name); value != "" {
			q.Set(name, value)
		}
	}
	return (&url.URL{Path: path, RawQuery: q.Encode()}).String()
}

// Paging returns what leads to the first page of a list, unless this is it, and to the next,
// which begins after a place; empty if there is none. The name is that of the parameter that
// has such a place. The template "paging" shows both, of a page's First and Next.
func Paging(path string, asked url.Values, name, after string) (first, next string) {
	if asked.Get(name) != "" {
		first = With(path, asked, name, "")
	}
	if after != "" {
		next = With(path, asked, name, after)
	}
	return first, next
}

// LinkNext says in a header where the next page of a list is, as [Paging] has it.
func LinkNext(w http.ResponseWriter, r *http.Request, name, after string) {
	if after != "" {
		w.Header().Set("Link", "<"+With(r.URL.Path, r.URL.Query(), name, after)+`>; rel="next"`)
	}
}
