package web

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

func TestABulkEndsWhenItsKeyIsRevoked(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	var revoked atomic.Bool
	site := New(s.store, s.showcase, &Options{Options: httpapi.Options{Logger: quiet, Authenticator: access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) {
		if revoked.Load() {
			return access.Principal{}, &access.CredentialError{Kind: "key", Reason: "is revoked"}
		}
		return access.Principal{Name: "ada", Roles: []string{"editor"}}, nil
	})}})
	defer site.Close()
	server := httptest.NewServer(site)
	defer server.Close()
	body, lines := io.Pipe()
	line := func(n int) string { return strings.Repeat(`{"name": "Nail", "price": 1}`+"\n", n) }
	answered := make(chan string, 1)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/products/bulk", body)
		r.Header.Set("Content-Type", linesBody)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		last := ""
		for scan := bufio.NewScanner(answer.Body); scan.Scan(); {
			last = scan.Text()
		}
		answered <- last
	}()
	if _, err := io.WriteString(lines, line(catalog.MaxTogether+1)); err != nil {
		t.Fatal(err)
	}
	until(t, "the first batch is recorded", func() bool { return s.recorded() >= catalog.MaxTogether })
	before := s.recorded()
	revoked.Store(true)
	_, _ = io.WriteString(lines, line(3*catalog.MaxTogether)) // which nobody may read any more
	lines.Close()
	if last := <-answered; s.recorded() != before || !strings.Contains(last, `#unauthenticated`) {
		t.Errorf("%d products are created after the key was revoked; the answer ends with %s", s.recorded()-before, last)
	}
}
