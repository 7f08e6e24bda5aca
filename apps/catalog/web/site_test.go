package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/store/memstore"
)

var quiet = slog.New(slog.DiscardHandler)

// A shop is a catalogue over HTTP that a test can ask.
type shop struct {
	t        *testing.T
	store    daybook.Store
	showcase *catalog.Showcase
	site     *Site
	url      string
}

// open opens a catalogue until the test ends, with what is shown in a place.
func open(t *testing.T, place readmodel.Place) *shop {
	t.Helper()
	return openWith(t, place, httpapi.Options{})
}

// openFor opens a catalogue for those who have keys, with their roles.
func openFor(t *testing.T, keys map[string][]string) *shop {
	t.Helper()
	return openWith(t, readmodel.Place{Dir: t.TempDir()}, httpapi.Options{Authenticator: access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		roles, known := keys[key]
		if !known {
			return access.Principal{}, access.ErrNoCredential
		}
		return access.Principal{Name: roles[0], Roles: roles}, nil
	})})
}

// openWith opens a catalogue with options of the server.
func openWith(t *testing.T, place readmodel.Place, o httpapi.Options) *shop {
	t.Helper()
	o.Logger, o.Limits = quiet, httpapi.Limits{Rate: -1}
	s := &shop{t: t, store: memstore.New()}
	s.showcase = catalog.OpenShowcase(s.store, place, &catalog.ShowcaseOptions{Logger: quiet})
	s.site = New(s.store, s.showcase, &Options{Options: o})
	server := httptest.NewServer(s.site)
	s.url = server.URL
	t.Cleanup(func() {
		s.site.Close()
		server.Close()
		if err := s.showcase.Close(); err != nil {
			t.Error(err)
		}
	})
	until(t, "the showcase answers", func() bool { return s.showcase.ReadModel().Away() == nil })
	return s
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after half a minute it is still not so that %s", what)
		}
	}
}

func (s *shop) get(path string, header ...string) sitetest.Answer {
	s.t.Helper()
	return sitetest.Ask(s.t, "GET", s.url+path, "", header...)
}

// send sends a command as JSON.
func (s *shop) send(path, body string, header ...string) sitetest.Answer {
	s.t.Helper()
	return sitetest.Send(s.t, s.url+path, body, header...)
}

// form sends a command as a page does.
func (s *shop) form(path string, fields url.Values, header ...string) sitetest.Answer {
	s.t.Helper()
	return sitetest.Form(s.t, s.url+path, fields, header...)
}

func TestCommands(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	a := s.send("/products", `{"name": "Lamp", "price": 19.99}`)
	lamp := sitetest.Read[catalog.Product](t, a, http.StatusCreated)
	at := "/products/" + lamp.ID
	if lamp.Name != "Lamp" || lamp.Price != 19_99 || lamp.Version != 1 || lamp.Status != catalog.Offered || a.Header.Get("Location") != at || !strings.Contains(a.Body, `"price": 19.99`) {
		t.Errorf("creating a product answers %s at %q", a.Body, a.Header.Get("Location"))
	}
	for path, c := range map[string]struct {
		body string
		is   func(catalog.Product) bool
	}{
		"/rename":     {`{"name": "Light"}`, func(p catalog.Product) bool { return p.Name == "Light" }},
		"/describe":   {`{"description": "It\nshines."}`, func(p catalog.Product) bool { return p.Description == "It\nshines." }},
		"/price":      {`{"price": "25.5"}`, func(p catalog.Product) bool { return p.Price == 25_50 }},
		"/categorise": {`{"category": "home"}`, func(p catalog.Product) bool { return p.Category == "home" }},
		"/restock":    {`{"quantity": 3}`, func(p catalog.Product) bool { return p.Stock == 3 }},
	} {
		a := s.send(at+path, c.body)
		if p := sitetest.Read[catalog.Product](t, a, http.StatusOK); !c.is(p) {
			t.Errorf("%s answers %+v", path, p)
		}
		// What is shown to whoever sends the token is what the command left, with the same tag.
		shown := s.get(at, a.Token()...)
		if p := sitetest.Read[catalog.Product](t, shown, http.StatusOK); !c.is(p) || shown.Header.Get("ETag") != a.Header.Get("ETag") {
			t.Errorf("after %s it is shown as %+v, %s and %s", path, p, shown.Header.Get("ETag"), a.Header.Get("ETag"))
		}
	}
	a = s.send(at+"/discontinue", `{"reason": "old"}`)
	if p := sitetest.Read[catalog.Product](t, a, http.StatusOK); p.Status != catalog.Discontinued || p.Reason != "old" {
		t.Errorf("discontinuing answers %+v", p)
	}
	if p := s.send(at+"/price", `{"price": 1}`).IsProblem(t, httpapi.Refused); p.Rule != "offered" {
		t.Errorf("a new price of what is not offered is %+v", p)
	}
	if p := s.send("/products/another/price", `{"price": 1}`).IsProblem(t, httpapi.NotFound); p.Rule != "product-exists" {
		t.Errorf("a price of nothing is %+v", p)
	}
	if p := s.send("/products", `{"name": "Debt", "price": -1}`).IsProblem(t, httpapi.Refused); p.Rule != "never-negative" {
		t.Errorf("a negative price is %+v", p)
	}
	s.send("/products", `{"name": "One", "price": 1, "sku": "S-1"}`)
	if p := s.send("/products", `{"name": "Two", "price": 1, "sku": "s-1"}`).IsProblem(t, httpapi.Refused); p.Rule != "one-product-per-sku" {
		t.Errorf("a SKU that is taken is %+v", p)
	}
	for body, kind := range map[string]httpapi.Kind{
		`{"name": "Lamp"}`:                            httpapi.Invalid,
		`{"price": 1}`:                                httpapi.Invalid,
		`{"name": "Lamp", "price": null}`:             httpapi.Malformed,
		`{"name": "Lamp", "price": 1.999}`:            httpapi.Malformed,
		`{"name": "Lamp", "price": 1e3}`:              httpapi.Malformed,
		`{"name": "Lamp", "price": 1, "size": 2}`:     httpapi.Malformed,
		`{"name": "Lamp", "price": 1, "name": "Two"}`: httpapi.Malformed,
		`{"name": "Lamp", "price": 1} {}`:             httpapi.Malformed,
		`[]`:                                          httpapi.Malformed,
	} {
		s.send("/products", body).IsProblem(t, kind)
	}
	if a := s.form("/products", url.Values{"name": {"Rope"}, "price": {"9.99"}, "description": {"Long,\r\nand strong."}, "key": {"1"}}); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/products/") {
		t.Errorf("a form is answered %d, %s", a.StatusCode, a.Body)
	}
}

// Who sends a command, and then asks without its token, is shown what it did.
func TestWhoHasJustSentACommandIsShownWhatItDid(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	for n := range 50 {
		at := s.send("/products", `{"name": "Lamp", "price": 1}`).Header.Get("Location")
		if n%2 == 0 {
			if a := s.get(at); a.StatusCode != http.StatusOK {
				t.Errorf("the product is answered %d", a.StatusCode)
			}
		} else if all := sitetest.Read[[]catalog.Product](t, s.get("/products?limit=100"), http.StatusOK); len(all) != n+1 {
			t.Errorf("there are %d products; want %d", len(all), n+1)
		}
	}
}

func TestACommandIsRecordedOnceUnderItsKey(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	key := []string{"Idempotency-Key", "k1"}
	first := s.send("/products", `{"name": "Lamp", "price": 1}`, key...)
	lamp := sitetest.Read[catalog.Product](t, first, http.StatusCreated)
	s.send("/products/"+lamp.ID+"/price", `{"price": 2}`)
	again := s.send("/products", `{"price": 1.00, "name": "Lamp"}`, key...)
	if again.StatusCode != http.StatusCreated || again.Body != first.Body || again.Header.Get("Daybook-Repeated") != "true" {
		t.Errorf("again it is answered %d, %s; at first it was %s", again.StatusCode, again.Body, first.Body)
	}
	s.send("/products", `{"name": "Lamp", "price": 3}`, key...).IsProblem(t, httpapi.KeyReused)
}

func TestACommandMayDependOnWhatItsSenderSaw(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	a := s.send("/products", `{"name": "Lamp", "price": 1}`)
	at, seen := a.Header.Get("Location"), a.Header.Get("ETag")
	if a := s.send(at+"/price", `{"price": 2}`, "If-Match", seen); a.StatusCode != http.StatusOK {
		t.Errorf("as it was seen: %d, %s", a.StatusCode, a.Body)
	}
	s.send(at+"/price", `{"price": 3}`, "If-Match", seen).IsProblem(t, httpapi.Preconditions)
	s.send(at+"/price", `{"price": 3}`, "If-Match", `"77.nothing"`).IsProblem(t, httpapi.Preconditions)
	if a := s.send(at+"/price", `{"price": 3}`, "If-Match", "*"); a.StatusCode != http.StatusOK {
		t.Errorf("whatever it is: %d, %s", a.StatusCode, a.Body)
	}
}

func TestQueries(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	if all := sitetest.Read[[]catalog.Product](t, s.get("/products"), http.StatusOK); all == nil || len(all) != 0 {
		t.Errorf("to begin with there are %v; want an array of none", all)
	}
	var last sitetest.Answer
	for _, body := range []string{
		`{"name": "Red lamp", "price": 35.9, "category": "light", "sku": "LUX-1", "stock": 2}`, `{"name": "Bulb", "price": 2.5, "category": "light"}`,
		`{"name": "Ladder", "price": 89, "category": "tools", "description": "Red."}`,
	} {
		last = s.send("/products", body)
	}
	names := func(a sitetest.Answer) (all []string) {
		t.Helper()
		for _, p := range sitetest.Read[[]catalog.Product](t, a, http.StatusOK) {
			all = append(all, p.Name)
		}
		return all
	}
	for query, want := range map[string]string{
		"": "Ladder, Bulb, Red lamp", "?sort=name": "Bulb, Ladder, Red lamp", "?category=light&sort=cheapest": "Bulb, Red lamp",
		"?search=red": "Red lamp, Ladder", "?min_price=30&max_price=40": "Red lamp", "?sku=lux-1": "Red lamp", "?in_stock=true": "Red lamp",
		"?status=discontinued": "", "?as_of=2020-01-01": "", "?known_at=2020-01-01": "",
	} {
		if got := strings.Join(names(s.get("/products"+query, last.Token()...)), ", "); got != want {
			t.Errorf("GET /products%s answers %s; want %s", query, got, want)
		}
	}

	// Pages lead from one to the next.
	var paged []string
	for path, pages := "/products?limit=2&sort=oldest", 0; path != ""; pages++ {
		a := s.get(path)
		paged = append(paged, names(a)...)
		if a.Header.Get(MatchingHeader) != "3" || pages > 2 {
			t.Fatalf("%s matches %s", path, a.Header.Get(MatchingHeader))
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
	}
	if got := strings.Join(paged, ", "); got != "Red lamp, Bulb, Ladder" {
		t.Errorf("page by page there are %s", got)
	}

	at := last.Header.Get("Location")
	s.send(at+"/price", `{"price": 79}`)
	last = s.send(at+"/discontinue", `{}`)
	if p := sitetest.Read[catalog.Product](t, s.get(at+"?version=1", last.Token()...), http.StatusOK); p.Price != 89_00 || p.Version != 1 {
		t.Errorf("at version 1 it is %+v", p)
	}
	if h := sitetest.Read[catalog.PriceHistory](t, s.get(at+"/prices"), http.StatusOK); len(h.Prices) != 2 || h.Prices[1].Change != -10_00 {
		t.Errorf("its prices are %+v", h)
	}
	if h := sitetest.Read[catalog.History](t, s.get(at+"/history"), http.StatusOK); len(h.Events) != 3 || h.Events[2].Type != "ProductDiscontinued" {
		t.Errorf("its history is %+v", h)
	}
	if f := sitetest.Read[catalog.Facets](t, s.get("/products/facets?status=offered"), http.StatusOK); f.Matching != 2 || len(f.Categories) != 1 || f.Statuses[1].Count != 1 {
		t.Errorf("the facets are %+v", f)
	}
	for path, kind := range map[string]httpapi.Kind{
		"/products/another": httpapi.NotFound, "/products/another/history": httpapi.NotFound, "/products/another/prices": httpapi.NotFound,
		at + "?version=9": httpapi.NotFound, at + "?as_of=2020-01-01": httpapi.NotFound, at + "?version=x": httpapi.Malformed,
		"/products?colour=red": httpapi.Malformed, "/products?sort=size": httpapi.Malformed, "/products?limit=0": httpapi.Malformed, "/products?limit=501": httpapi.Malformed,
		"/products?min_price=a": httpapi.Malformed, "/products?status=new": httpapi.Malformed, "/products?cursor=x": httpapi.Malformed, "/products?in_stock=2": httpapi.Malformed,
		"/products?search=" + strings.Repeat("x", 201): httpapi.Malformed, "/products/facets?limit=1": httpapi.Malformed,
	} {
		s.get(path).IsProblem(t, kind)
	}
}

func TestAnAnswerThatTheClientHasIsNotSentAgain(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	a := s.send("/products", `{"name": "Lamp", "price": 1}`)
	at := a.Header.Get("Location")
	for _, path := range []string{"/products", at, at + "/history", at + "/prices", "/products/facets"} {
		first := s.get(path, a.Token()...)
		if got := first.Header.Get("Cache-Status"); got != "catalog; fwd=miss; stored" {
			t.Errorf("GET %s is answered with the Cache-Status %q at first", path, got)
		}
		kept := s.get(path)
		if got := kept.Header.Get("Cache-Status"); got != "catalog; hit" || kept.Body != first.Body || kept.Header.Get("ETag") != first.Header.Get("ETag") {
			t.Errorf("GET %s is answered with the Cache-Status %q again: %s", path, got, kept.Body)
		}
		if got := s.get(path, "If-None-Match", first.Header.Get("ETag")); got.StatusCode != http.StatusNotModified || got.Body != "" {
			t.Errorf("GET %s is answered %d to who has it", path, got.StatusCode)
		}
	}
	tag := s.get(at).Header.Get("ETag")
	other := s.send("/products", `{"name": "Rope", "price": 1}`)
	if got := s.get(at, append(other.Token(), "If-None-Match", tag)...); got.StatusCode != http.StatusNotModified {
		t.Errorf("after a change of another it is answered %d", got.StatusCode)
	}
	if got := s.get("/products", append(other.Token(), "If-None-Match", tag)...); got.StatusCode != http.StatusOK {
		t.Errorf("the list is answered %d after a change", got.StatusCode)
	}
}
