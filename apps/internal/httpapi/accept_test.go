package httpapi

import (
	"net/http"
	"testing"
)

func TestWanted(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for _, c := range []struct {
		accept string
		form   Form
		ok     bool
	}{
		{"", AsJSON, true},
		{"*/*", AsJSON, true},
		{browser, AsHTML, true},
		{"text/html", AsHTML, true},
		{"application/json", AsJSON, true},
		{"application/*", AsJSON, true},
		{"text/html;q=0.5, application/json", AsJSON, true},
		{"text/html, application/json", AsJSON, true},
		{"text/html, application/json;q=0", AsHTML, true},
		{"text/*", AsHTML, true},
		{"application/problem+json", AsJSON, true},
		{"*/*;q=0.1, application/json;q=0, application/problem+json;q=0", AsHTML, true},
		{"image/png", AsJSON, false},
		{"text/html;q=0", AsJSON, false},
		{"text/html;q=seven", AsJSON, false},
		{";;;", AsJSON, false},
	} {
		r := &http.Request{Header: http.Header{}}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if form, ok := Wanted(r); form != c.form || ok != c.ok {
			t.Errorf("Accept: %s wants form %d, %t; want %d, %t", c.accept, form, ok, c.form, c.ok)
		}
	}
}
