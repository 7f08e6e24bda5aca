package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/store/memstore"
)

// behindAProxy puts so many services of each kind behind a proxy that knows one rule, and
// otherwise takes turns. It returns the proxy's address.
func behindAProxy(t *testing.T, store daybook.Store, writes, reads int) string {
	t.Helper()
	var posted, asked []*url.URL
	serve := func(site http.Handler) *url.URL {
		server := httptest.NewServer(site)
		t.Cleanup(server.Close)
		at, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for range writes {
		posted = append(posted, serve(NewWriteSite(store, &WriteOptions{Options: httpapi.Options{Logger: quiet}})))
	}
	for range reads {
		inventory, err := library.Open(t.Context(), store, &library.InventoryOptions{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { inventory.Close() })
		asked = append(asked, serve(NewReadSite(inventory, &ReadOptions{Options: httpapi.Options{Logger: quiet}})))
	}
	var turn atomic.Uint64
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		services := asked
		if r.In.Method == http.MethodPost {
			services = posted
		}
		r.SetURL(services[turn.Add(1)%uint64(len(services))])
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// Behind a plain proxy the services are one site: whoever has something done sees it done
// on the next page, whichever read service that comes from.
func TestBehindAProxy(t *testing.T) {
	site := behindAProxy(t, memstore.New(), 2, 3)
	for _, isbn := range []string{emma, jane} {
		a := sitetest.Ask(t, "POST", site+"/books", `{"isbn": "`+isbn+`", "title": "A title", "author": "Somebody", "copies": 50}`, "Content-Type", "application/json")
		sitetest.Read[library.Book](t, a, http.StatusCreated)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for n := range 30 {
		form := url.Values{"isbn": {[]string{emma, jane}[n%2]}, "reader": {fmt.Sprintf("reader-%d", n)}, "from": {"desk"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site+"/loans", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", httpapi.FormBody)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Origin", site)
		page, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(page.Body)
		page.Body.Close()
		if err != nil || page.StatusCode != http.StatusOK {
			t.Fatalf("lending answers %d %s, %v", page.StatusCode, body, err)
		}
		for _, want := range []string{"The book is lent.", fmt.Sprintf("reader-%d</a> has 1 book", n), fmt.Sprintf("<dt>With readers</dt><dd>%d</dd>", n+1)} {
			if !strings.Contains(string(body), want) {
				t.Errorf("the page after the form does not say %q:\n%s", want, body)
			}
		}
	}
}

// What belongs together is found together: the reference of a request to a read service is
// in the event that the write service recorded because of it.
func TestTheReferenceGoesAlong(t *testing.T) {
	d := openDesk(t, memstore.New(), WriteOptions{}, ReadOptions{})
	a := d.send("/books", `{"isbn": "`+emma+`", "title": "Emma", "author": "Jane Austen", "copies": 2}`, httpapi.CorrelationHeader, "shelf-7")
	for _, name := range httpapi.GuardHeaders {
		if got := a.Header.Values(name); len(got) != 1 {
			t.Errorf("a command that is handed on answers %s: %q", name, got)
		}
	}
	history := sitetest.Read[historyAnswer](t, d.get("/books/"+emma+"/history", a.Token()...), http.StatusOK)
	if got := history.Events[0].Trace.Correlation; got != "shelf-7" || a.Header.Get(httpapi.CorrelationHeader) != got {
		t.Errorf("the event's reference is %q, and the answer's %q", got, a.Header.Get(httpapi.CorrelationHeader))
	}
}
