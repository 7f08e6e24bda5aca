package web

import (
	"net/http"
	"testing"
)

func TestWanted(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for _, c := range []struct {
		accept string
		form   form
		ok     bool
	}{
		{"", asJSON, true},
		{"*/*", asJSON, true},
		{browser, asHTML, true},
		{"text/html", asHTML, true},
		{"application/json", asJSON, true},
		{"application/*", asJSON, true},
		{"text/html;q=0.5, application/json", asJSON, true},
		{"text/html, application/json", asJSON, true},
		{"text/html, application/json;q=0", asHTML, true},
		{"text/*", asHTML, true},
		{"application/problem+json", asJSON, true},
		{"*/*;q=0.1, application/json;q=0, application/problem+json;q=0", asHTML, true},
		{"image/png", asJSON, false},
		{"text/html;q=0", asJSON, false},
		{"text/html;q=seven", asJSON, false},
		{";;;", asJSON, false},
	} {
		r := &http.Request{Header: http.Header{}}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if form, ok := wanted(r); form != c.form || ok != c.ok {
			t.Errorf("Accept: %s wants form %d, %t; want %d, %t", c.accept, form, ok, c.form, c.ok)
		}
	}
}
