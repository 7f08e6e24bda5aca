package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
)

func TestThePastIsShownToThoseWhoMayReadTheEvents(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	created := s.send("/products", `{"name": "Lamp", "price": 1}`)
	product := sitetest.Read[catalog.Product](t, created, http.StatusCreated)
	guard := access.NewGuard(access.MustParsePolicy([]byte(`{"roles": {"till": "sends", "reader": "asks", "admin": "sees"}, "allow": [
	  {"roles": ["till"], "send": ["*"]}, {"roles": ["reader", "admin"], "ask": ["*"]}, {"roles": ["admin"], "read": ["*"]}]}`)), nil)
	site := New(s.store, s.showcase, &Options{Options: httpapi.Options{Logger: quiet, Guard: guard, Authenticator: access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
		return access.Principal{Name: "ada", Roles: []string{r.Header.Get("X-Role")}}, nil
	})}})
	defer site.Close()
	server := httptest.NewServer(site)
	defer server.Close()
	at := "/products/" + product.ID
	for role, may := range map[string]bool{"admin": true, "reader": false} {
		if a := sitetest.Ask(t, "GET", server.URL+at, "", append(created.Token(), "X-Role", role, "Accept", "text/html")...); a.StatusCode != http.StatusOK || strings.Contains(a.Body, "by local") != may {
			t.Errorf("the page shows %s %d, and the past: %s", role, a.StatusCode, a.Body)
		}
	}
	if a := sitetest.Ask(t, "POST", server.URL+at+"/price", "price=-1", "X-Role", "till", "Accept", "text/html", "Content-Type", httpapi.FormBody); a.StatusCode < 400 || strings.Contains(a.Body, "Lamp") {
		t.Errorf("a form that is refused shows %d, and the product: %s", a.StatusCode, a.Body)
	}
	for path, status := range map[string]int{
		at: 200, "/products": 200, "/products/facets": 200,
		at + "/history": 403, at + "?version=1": 403, at + "?known_at=2100-01-01": 403, "/products?as_of=2100-01-01": 403, "/products/facets?known_at=2100-01-01": 403,
	} {
		shown := sitetest.Ask(t, "GET", server.URL+path, "", append(created.Token(), "X-Role", "admin")...)
		if shown.StatusCode != http.StatusOK {
			t.Errorf("%s: an admin is answered %d: %s", path, shown.StatusCode, shown.Body)
		}
		// What was answered is kept, and its tag known.
		for _, header := range [][]string{{"X-Role", "reader"}, {"X-Role", "reader", "If-None-Match", shown.Header.Get("ETag")}} {
			want := status
			if want == 200 && len(header) > 2 {
				want = http.StatusNotModified
			}
			if a := sitetest.Ask(t, "GET", server.URL+path, "", header...); a.StatusCode != want {
				t.Errorf("%s: who may not read events is answered %d, want %d: %s", path, a.StatusCode, want, a.Body)
			}
		}
	}
}

// A page shows of what it is made of no more than whoever sees it may ask for.
func TestAPageShowsOnlyWhatItsReaderMayAsk(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	created := s.send("/products", `{"name": "Lamp", "price": 1, "category": "Light"}`)
	product := sitetest.Read[catalog.Product](t, created, http.StatusCreated)
	guard := access.NewGuard(access.MustParsePolicy([]byte(`{"roles": {"till": "knows what there is", "admin": "sees"}, "allow": [
	  {"roles": ["till"], "ask": ["Products", "Product"]}, {"roles": ["admin"], "ask": ["*"], "read": ["*"]}]}`)), nil)
	site := New(s.store, s.showcase, &Options{Options: httpapi.Options{Logger: quiet, Guard: guard, Authenticator: access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
		return access.Principal{Name: "ada", Roles: []string{r.Header.Get("X-Role")}}, nil
	})}})
	defer site.Close()
	server := httptest.NewServer(site)
	defer server.Close()
	for path, parts := range map[string][]string{
		"/products/" + product.ID: {`id="cost"`, `id="timeline"`, "data-live"},
		"/products":               {"category=Light", "data-live"},
	} {
		for role, may := range map[string]bool{"admin": true, "till": false} {
			a := sitetest.Ask(t, "GET", server.URL+path, "", append(created.Token(), "X-Role", role, "Accept", "text/html")...)
			if a.StatusCode != http.StatusOK || !strings.Contains(a.Body, "Lamp") {
				t.Fatalf("%s is shown %d at %s: %s", role, a.StatusCode, path, a.Body)
			}
			for _, part := range parts {
				if strings.Contains(a.Body, part) != may {
					t.Errorf("%s at %s is shown %s: %v, want %v", role, path, part, !may, may)
				}
			}
		}
	}
}
