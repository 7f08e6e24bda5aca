package web

import (
	"cmp"
	"context"
	"errors"
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
	"github.com/daybook-es/daybook/apps/internal/sitetest"
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

// ask sends a request. The header is given as names and values by turns.
func (f *shopfront) ask(method, path, body string, header ...string) sitetest.Answer {
	f.t.Helper()
	return sitetest.Ask(f.t, method, f.url+path, body, header...)
}

func (f *shopfront) get(path string, header ...string) sitetest.Answer {
	f.t.Helper()
	return f.ask("GET", path, "", header...)
}

// send sends a command as JSON.
func (f *shopfront) send(path, body string, header ...string) sitetest.Answer {
	f.t.Helper()
	return sitetest.Send(f.t, f.url+path, body, header...)
}

// placed places an order of a real and returns its id, when the views show it.
func (f *shopfront) placed() string {
	f.t.Helper()
	a := f.send("/orders", `{"total": 100}`)
	if a.StatusCode != http.StatusCreated {
		f.t.Fatalf("placing an order: %d %s", a.StatusCode, a.Body)
	}
	sitetest.Read[orders.Details](f.t, f.get(a.Header.Get("Location"), a.Token()...), http.StatusOK)
	return strings.TrimPrefix(a.Header.Get("Location"), "/orders/")
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
