//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/logstore"
)

// A catalogue that is told to end while many create products answers for every product that it
// keeps, and keeps every product that it answers for.
func TestNoProductIsLostWhenTheCatalogueEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "catalogue")
	p := programtest.Start(t, nil, "catalog", "--data", dir, "--addr", "127.0.0.1:0", "--log-level", "error", "--rate=-1", "--drain", "1s")
	programtest.EndUnderLoad(t, p, func(address, name string) *http.Request {
		r, err := http.NewRequest(http.MethodPost, address+"/products", strings.NewReader(fmt.Sprintf(`{"name": %q, "price": 1}`, name)))
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Content-Type", "application/json")
		return r
	}, func() map[string]int {
		store, err := logstore.Open(filepath.Join(dir, "log"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]int{}
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			var created catalog.ProductCreated
			if e.Type == "ProductCreated" {
				if err := json.Unmarshal(e.Data, &created); err != nil {
					t.Fatal(err)
				}
				names[created.Name]++
			}
		}
		return names
	})
}

// The catalogue tells nobody the passwords of its two databases, nor a key that somebody shows,
// while it has the databases and while it has not.
func TestThePasswordsAndKeysAreToldToNobody(t *testing.T) {
	// Signs that are written in another way in an URL, in JSON and in a log, and some that are
	// the same in all of them.
	const password, middle = `tell/n0b0dy:any@"of" th%s`, "n0b0dy"
	file := programtest.Secret(t, password)
	with := func(database string) string {
		return strings.Replace(database, "postgres@", "postgres:${file:"+file+"}@", 1)
	}
	events, eventsAt := pgtest.Lay(t, pgtest.Database(t))
	views, viewsAt := pgtest.Lay(t, pgtest.Database(t))
	env := []string{"CATALOG_STORE=" + with(eventsAt), "CATALOG_VIEWS=" + with(viewsAt), "CATALOG_ACCESS=" + filepath.Join(t.TempDir(), "access"), "CATALOG_LOG_LEVEL=debug", "CATALOG_ADDR=127.0.0.1:0"}
	issued := programtest.Run(t, env, "catalog", "access", "issue", "--role", "admin", "me")
	key := strings.TrimSpace(issued)
	if !strings.HasPrefix(key, "dbk_") {
		t.Fatalf("the first key is %q", key)
	}
	_, private, _ := strings.Cut(strings.TrimPrefix(key, "dbk_"), "_")

	p := programtest.Start(t, env, "catalog")
	p.Ready(t, http.StatusOK)
	tellsNone := func(where, told string) {
		t.Helper()
		programtest.TellsNone(t, []string{password, middle, key, private}, where, told)
	}
	ask := func(method, path string) int {
		t.Helper()
		r, err := http.NewRequest(method, p.Address+path, strings.NewReader(`{"name": "Lamp", "price": 20}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		told, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		tellsNone(method+" "+path, string(told)+fmt.Sprint(answer.Header))
		return answer.StatusCode
	}
	if status := ask(http.MethodPost, "/products"); status != http.StatusCreated {
		t.Errorf("creating a product answers %d", status)
	}
	paths := []string{"/products", "/metrics", "/healthz", "/readyz", "/access/keys", "/access/audit", "/nowhere"}
	for _, path := range paths {
		ask(http.MethodGet, path)
	}
	away := func([]byte) bool { return true }
	for _, cable := range []*pgtest.Cable{events, views} {
		cable.ToServer.Store(&away)
		cable.Cut()
	}
	if status := ask(http.MethodPost, "/products"); status < 500 {
		t.Errorf("without a database creating a product answers %d", status)
	}
	for _, path := range paths {
		ask(http.MethodGet, path)
	}
	tellsNone("the list of processes", p.CommandLine(t))
	if err := p.Command.Process.Signal(syscall.SIGQUIT); err != nil { // it ends as a panic does
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(p.Told(), "goroutine ") {
		t.Errorf("it ended with %v", err)
	}
	tellsNone("the log", p.Told())
	tellsNone("--check-config", programtest.Run(t, env, "catalog", "--check-config"))
	tellsNone("--help", programtest.Run(t, env, "catalog", "--help"))
}
