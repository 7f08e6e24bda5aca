//go:build unix

package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook/apps/internal/programtest"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// The password has signs that are written in another way in an URL, in JSON and in a log, and in
// its middle some that are the same in all of them.
const password, middle = `tell/n0b0dy:any@"of" th%s`, "n0b0dy"

// withPassword returns the URL of a database that nobody needs a password for, with a user's
// name and what stands in the place of one.
func withPassword(database, place string) string {
	return strings.Replace(database, "postgres@", "postgres:"+place+"@", 1)
}

// The shop tells its database's password to nobody: not when it starts, when it is asked, when
// the database is away, when it is called wrongly, nor when it ends in the middle of something.
func TestThePasswordIsToldToNobody(t *testing.T) {
	cable, database := pgtest.Lay(t, pgtest.Database(t))
	file := programtest.Secret(t, password)
	data := filepath.Join(t.TempDir(), "shop")
	config := filepath.Join(t.TempDir(), "orders.yaml")
	settings := "log-level: debug\naddr: 127.0.0.1:0\ndata: " + data + "\nstore: " + withPassword(database, "${file:"+file+"}") + "\n"
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	tellsNone := func(where, told string) {
		t.Helper()
		programtest.TellsNone(t, []string{password, middle}, where, told)
	}

	p := programtest.Start(t, nil, "orders", "--config", config)
	p.Ready(t, http.StatusOK)
	ask := func(method, path string) int {
		t.Helper()
		r, err := http.NewRequest(method, p.Address+path, strings.NewReader(`{"total": 100}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		told, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		tellsNone(method+" "+path, string(told))
		return answer.StatusCode
	}
	if status := ask(http.MethodPost, "/orders"); status != http.StatusCreated {
		t.Errorf("placing an order answers %d", status)
	}
	away := func([]byte) bool { return true }
	cable.ToServer.Store(&away)
	cable.Cut()
	if status := ask(http.MethodPost, "/orders"); status < 500 {
		t.Errorf("without a database placing an order answers %d", status)
	}
	for _, path := range []string{"/", "/orders", "/metrics", "/healthz", "/readyz", "/processes", "/nowhere"} {
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
	if !strings.Contains(p.Told(), "serving") || !strings.Contains(p.Told(), "postgres:") {
		t.Errorf("the log does not name the store:\n%s", p.Told())
	}

	// As a variable, and in everything that one can do wrong.
	t.Setenv("ORDERS_STORE", withPassword("postgres://postgres@127.0.0.1:1/shop?connect_timeout=1", url.QueryEscape(password)))
	t.Setenv("ORDERS_DATA", data)
	for _, c := range []struct {
		args string
		code int
	}{
		{"--help", 0}, {"serve --help", 0}, {"--check-config", 0}, {"--version", 0}, {"", 1}, {"report", 1}, {"audit", 1}, {"report --as-of tomorrow", 2}, {"fly", 2},
		{"--config " + config + " --check-config --store " + withPassword("postgres://postgres@db:port/shop", url.QueryEscape(password)), 2},
		{"--store " + withPassword("mysql://postgres@db/shop", url.QueryEscape(password)), 1},
		{"--stroe " + withPassword("postgres://postgres@db/shop", url.QueryEscape(password)), 2},
	} {
		out, errs, code := run(t.Context(), strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("orders %s ends with %d, want %d: %s%s", c.args, code, c.code, out, errs)
		}
		tellsNone("orders "+c.args, out+errs)
	}
}
