package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// A shopfront is a site that a test can ask.
type shopfront struct {
	t     *testing.T
	shop  *orders.Shop
	store daybook.Store
	site  *Site
	url   string
	end   func() // ends it before the test does
}

// openFront opens a shop on a store, with its views in a directory of the test's, and
// serves it until the test ends.
func openFront(t *testing.T, store daybook.Store, options *Options) *shopfront {
	t.Helper()
	return openFrontIn(t, store, t.TempDir(), options)
}

func openFrontIn(t *testing.T, store daybook.Store, views string, options *Options) *shopfront {
	t.Helper()
	return openShopFront(t, store, views, options, orders.Options{})
}

// openShopFront does the same for a shop with options of its own.
func openShopFront(t *testing.T, store daybook.Store, views string, options *Options, of orders.Options) *shopfront {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	of.Logger = quiet
	shop, err := orders.Open(t.Context(), store, views, &of)
	if err != nil {
		t.Fatalf("open the shop: %v", err)
	}
	if options == nil {
		options = new(Options)
	}
	if options.Logger == nil {
		options.Logger = quiet
	}
	site := New(shop, options)
	server := httptest.NewServer(site)
	end := sync.OnceFunc(func() {
		site.Close()
		server.Close()
		if err := shop.Close(); err != nil {
			t.Errorf("close the shop: %v", err)
		}
	})
	t.Cleanup(end)
	return &shopfront{t, shop, store, site, server.URL, end}
}

// named takes everybody for who they say that they are: ada, if they say nothing.
var named = access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
	return access.Principal{Name: cmp.Or(r.Header.Get("X-Principal"), "ada"), Roles: []string{"admin"}}, nil
})

// fromHere returns a request as this machine itself would send it.
func fromHere(r *http.Request) *http.Request {
	r.RemoteAddr, r.Host = "127.0.0.1:1024", "127.0.0.1:8080"
	return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}))
}

// An answer is what came of a request.
type answer struct {
	*http.Response
	Body string
}

// noRedirects shows a test where it is led to.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends a request. The header is given as names and values by turns.
func (f *shopfront) ask(method, path, body string, header ...string) answer {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := noRedirects.Do(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatalf("%s %s: read the answer: %v", method, path, err)
	}
	return answer{response, string(read)}
}

func (f *shopfront) get(path string, header ...string) answer {
	f.t.Helper()
	return f.ask("GET", path, "", header...)
}

// send sends a command as JSON.
func (f *shopfront) send(path, body string, header ...string) answer {
	f.t.Helper()
	return f.ask("POST", path, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

// placed places an order of a real and returns its id, when the views show it.
func (f *shopfront) placed() string {
	f.t.Helper()
	a := f.send("/orders", `{"total": 100}`)
	if a.StatusCode != http.StatusCreated {
		f.t.Fatalf("placing an order: %d %s", a.StatusCode, a.Body)
	}
	read[orders.Details](f.t, f.get(a.Header.Get("Location"), a.token()...), http.StatusOK)
	return strings.TrimPrefix(a.Header.Get("Location"), "/orders/")
}

// token returns the header with which a query shows what a command did.
func (a answer) token() []string {
	return []string{httpapi.TokenHeader, a.Header.Get(httpapi.TokenHeader)}
}

// now returns the header with which a query shows everything that is recorded.
func (f *shopfront) now() []string {
	f.t.Helper()
	now, err := f.shop.Now(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return []string{httpapi.TokenHeader, now.String()}
}

// problem returns the problem that an answer is.
func (a answer) problem(t *testing.T) httpapi.Problem {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("answered %d as %s: %s", a.StatusCode, got, a.Body)
	}
	var p httpapi.Problem
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("read the problem %s: %v", a.Body, err)
	}
	return p
}

// isProblem checks that an answer is a problem of a kind, told in full.
func (a answer) isProblem(t *testing.T, k httpapi.Kind) httpapi.Problem {
	t.Helper()
	p := a.problem(t)
	if a.StatusCode != k.Status || p.Status != k.Status || p.Type != "/problems#"+k.Name || p.Title != k.Title || p.Advice == "" || p.Instance == "" {
		t.Errorf("answered %d %+v, want the problem %s with status %d", a.StatusCode, p, k.Name, k.Status)
	}
	if k.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		t.Errorf("the problem %s does not say when to try again", k.Name)
	}
	return p
}

// read decodes an answer.
func read[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var value T
	if a.StatusCode != status {
		t.Fatalf("answered %d, want %d: %s", a.StatusCode, status, a.Body)
	}
	if err := json.Unmarshal([]byte(a.Body), &value); err != nil {
		t.Fatalf("read %s: %v", a.Body, err)
	}
	return value
}

// A troubled store does what the test says instead of what it should.
type troubled struct {
	daybook.Store
	// append answers an append; nil leaves that to the store.
	append atomic.Pointer[func(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error)]
	// still keeps followers from hearing of anything new.
	still atomic.Bool
}

func (s *troubled) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if f := s.append.Load(); f != nil {
		return (*f)(ctx, events, cond)
	}
	return s.Store.Append(ctx, events, cond)
}

func (s *troubled) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	at, err := s.Store.Wait(ctx, q, after)
	if err == nil && s.still.Load() {
		<-ctx.Done()
		return 0, &daybook.UnavailableError{Doing: "wait", Err: ctx.Err()}
	}
	return at, err
}

// fails makes every append answer with an error.
func (s *troubled) fails(err error) {
	f := func(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error) {
		return daybook.Receipt{}, err
	}
	s.append.Store(&f)
}

func newTroubled() *troubled { return &troubled{Store: memstore.New()} }

var errDisk = errors.New("the disk is on fire")
