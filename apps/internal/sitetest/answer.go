// Package sitetest asks the sites of the applications over HTTP, and reads what they answer.
// Only tests import it.
package sitetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// An Answer is what came of a request.
type Answer struct {
	*http.Response
	Body string
}

// noRedirects shows a test where it is led to.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Ask sends a request. The header is given as names and values by turns.
func Ask(t *testing.T, method, address, body string, header ...string) Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := noRedirects.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: read the answer: %v", method, address, err)
	}
	return Answer{response, string(read)}
}

// Send sends a command as JSON.
func Send(t *testing.T, address, body string, header ...string) Answer {
	t.Helper()
	return Ask(t, http.MethodPost, address, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// Form sends a command as a page does.
func Form(t *testing.T, address string, fields url.Values, header ...string) Answer {
	t.Helper()
	return Ask(t, http.MethodPost, address, fields.Encode(), append([]string{"Content-Type", httpapi.FormBody, "Accept", "text/html"}, header...)...)
}

// Token returns the header with which a query shows what a command did.
func (a Answer) Token() []string {
	return []string{httpapi.TokenHeader, a.Header.Get(httpapi.TokenHeader)}
}

// Read decodes an answer that has a status.
func Read[T any](t *testing.T, a Answer, status int) (value T) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.Body)
	}
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		t.Fatalf("%s %s: %v: %s", a.Request.Method, a.Request.URL, err, a.Body)
	}
	return value
}

// Problem returns the problem that an answer is.
func (a Answer) Problem(t *testing.T) (p httpapi.Problem) {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%s %s answered %d as %s: %s", a.Request.Method, a.Request.URL, a.StatusCode, got, a.Body)
	}
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("%s %s: read the problem %s: %v", a.Request.Method, a.Request.URL, a.Body, err)
	}
	return p
}

// IsProblem checks that an answer is a problem of a kind, told in full.
func (a Answer) IsProblem(t *testing.T, k httpapi.Kind) httpapi.Problem {
	t.Helper()
	p := a.Problem(t)
	if a.StatusCode != k.Status || p.Status != k.Status || p.Type != "/problems#"+k.Name || p.Title != k.Title || p.Advice == "" || p.Instance == "" {
		t.Errorf("%s %s answered %d %+v, want the problem %s with status %d", a.Request.Method, a.Request.URL, a.StatusCode, p, k.Name, k.Status)
	}
	if k.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		t.Errorf("the problem %s does not say when to try again", k.Name)
	}
	return p
}
