package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/logstore"
)

// A process is a server on a directory, as it is from its start to its end.
type process struct {
	t      *testing.T
	store  *logstore.Store
	shop   *orders.Shop
	site   *Site
	server *httptest.Server
	// While cut is set, what would have been answered goes into lost, and the connection
	// is cut off instead.
	cut  atomic.Bool
	lost chan said
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store, err := logstore.Open(filepath.Join(dir, "log"), &logstore.Options{Logger: quiet})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	shop, err := orders.Open(t.Context(), store, filepath.Join(dir, "views"), &orders.Options{Log: quiet})
	if err != nil {
		t.Fatalf("open the shop: %v", err)
	}
	p := &process{t: t, store: store, shop: shop, site: New(shop, &Options{Log: quiet}), lost: make(chan said, 1)}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.cut.Load() {
			p.site.ServeHTTP(w, r)
			return
		}
		lost := httptest.NewRecorder()
		p.site.ServeHTTP(lost, r)
		p.lost <- saidBy(lost.Code, lost.Header(), lost.Body.Bytes())
		panic(http.ErrAbortHandler)
	}))
	return p
}

func (p *process) end() {
	p.t.Helper()
	p.site.Close()
	p.server.Close()
	if err := p.shop.Close(); err != nil {
		p.t.Errorf("close the shop: %v", err)
	}
	if err := p.store.Close(); err != nil {
		p.t.Errorf("close the store: %v", err)
	}
}

func (p *process) head() daybook.Point {
	p.t.Helper()
	now, err := p.shop.Now(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return now
}

// said is what a retry must say again.
type said struct {
	Status                        int
	Token, ETag, Location, Answer string
}

func saidBy(status int, header http.Header, body []byte) said {
	return said{status, header.Get(tokenHeader), header.Get("ETag"), header.Get("Location"), string(bytes.TrimSpace(body))}
}

// For every command: its answer is cut off, the process ends, another one begins on the
// same directory, and the client sends the command again under its key. It hears what
// it would have heard, and nothing is added; also when the order has gone on since.
func TestEveryCommandMayBeSentAgain(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, dir)
	// With connections kept alive, Go's client would send by itself again what has a key.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func(path, body, key string) said {
		t.Helper()
		r, err := http.NewRequest("POST", p.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		a, err := client.Do(r)
		if p.cut.Load() {
			if err == nil {
				t.Fatalf("POST %s was answered, and its answer should have been cut off", path)
			}
			return <-p.lost
		}
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		body2, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return saidBy(a.StatusCode, a.Header, body2)
	}
	var all []func()
	step := func(path, body, key string) said {
		t.Helper()
		p.cut.Store(true)
		lost := send(path, body, key)
		if lost.Status >= 300 {
			t.Fatalf("POST %s would have been answered with %d %s", path, lost.Status, lost.Answer)
		}
		head := p.head()
		p.end()

		p = startProcess(t, dir)
		again := func() {
			t.Helper()
			before := p.head()
			if diff := cmp.Diff(lost, send(path, body, key)); diff != "" {
				t.Errorf("POST %s was answered, and again (-, +):\n%s", path, diff)
			}
			if now := p.head(); now != before {
				t.Errorf("POST %s again: the head was %v, and is %v", path, before, now)
			}
		}
		if now := p.head(); now != head {
			t.Errorf("after POST %s the head was %v, and after starting again %v", path, head, now)
		}
		again()
		all = append(all, again)
		return lost
	}

	placed := step("/orders", `{"total": 100, "customer": {"id": "ada"}}`, "1")
	step(placed.Location+"/pay", `{"amount": 100, "method": "boleto"}`, "2")
	step(placed.Location+"/ship", `{"carrier": "Correios"}`, "3")
	step(placed.Location+"/deliver", `{}`, "4")
	step(placed.Location+"/return", `{"reason": "broken"}`, "5")
	step(placed.Location+"/refund", `{"amount": 40}`, "6")
	step(placed.Location+"/refund", `{}`, "7")
	other := step("/orders", `{"total": 100}`, "8")
	step(other.Location+"/cancel", `{"reason": "no"}`, "9")
	if other.Location == placed.Location {
		t.Error("two keys placed one order")
	}

	// Each of them once more, now that the orders have gone on.
	for _, again := range all {
		again()
	}
	p.end()
}
