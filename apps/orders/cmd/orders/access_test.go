package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/apps/internal/programtest"
)

// must runs the program, and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := run(t.Context(), args...)
	if code != 0 {
		t.Fatalf("orders %s: %d\n%s", strings.Join(args, " "), code, errs)
	}
	return strings.TrimSpace(out)
}

// status asks an address with a key, and returns the status.
func status(t *testing.T, method, address, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestAServerAsksWhoIsThere(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	root := must(t, "access", "issue", "--access", kept, "--role", "admin", "root")
	address := serve(t, "--data", filepath.Join(dir, "shop"), "--access", kept, "--addr", "127.0.0.1:0")
	if got := status(t, http.MethodGet, address+"/orders", ""); got != http.StatusUnauthorized {
		t.Errorf("without a key it answers %d, though it is asked from this machine", got)
	}
	// A server has the keys open, and is the way to them.
	if _, errs, code := run(t.Context(), "access", "keys", "--access", kept); code != 1 || !strings.Contains(errs, "go through it with --addr") {
		t.Errorf("beside the server: %d, %q", code, errs)
	}
	clerk := must(t, "access", "issue", "--addr", address, "--key", root, "--role", "editor", "clerk")
	if got := status(t, http.MethodPost, address+"/readmodels", clerk); got != http.StatusForbidden {
		t.Errorf("a clerk who rebuilds is answered %d", got)
	}
	out, errs, code := run(t.Context(), "simulate", "--addr", address, "--key", clerk, "--rate", "100", "--for", "200ms", "--seed", "1")
	if code != 0 || !strings.Contains(out, "placed") || strings.Contains(out, "failed") {
		t.Errorf("simulate: %d, %q, %q", code, out, errs)
	}
	if _, errs, code := run(t.Context(), "report", "--addr", address); code != 1 || !strings.Contains(errs, "401") {
		t.Errorf("report without a key: %d, %q", code, errs)
	}

	// A browser signs in, and is out as soon as its key is revoked.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	page := func(path string, form url.Values) (int, string) {
		t.Helper()
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		r, err := http.NewRequestWithContext(t.Context(), method, address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if code, text := page("/orders", nil); code != http.StatusUnauthorized || !strings.Contains(text, `href="/session?next=%2Forders"`) {
		t.Errorf("signed out it shows %d: %s", code, text)
	}
	if code, text := page("/session", url.Values{"key": {clerk + "x"}}); code != http.StatusUnauthorized || !strings.Contains(text, `name="key"`) {
		t.Errorf("with a wrong key it shows %d: %s", code, text)
	}
	if code, text := page("/session", url.Values{"key": {clerk}, "next": {"/stock"}}); code != http.StatusOK || !strings.Contains(text, "Stock") {
		t.Errorf("signed in it shows %d: %s", code, text)
	}
	if code, text := page("/session", nil); code != http.StatusOK || !strings.Contains(text, "<strong>clerk</strong>, as editor") || strings.Contains(text, clerk) {
		t.Errorf("who they are: %d: %s", code, text)
	}
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if cookies := jar.Cookies(at); len(cookies) != 1 || cookies[0].Name != "orders-key" {
		t.Errorf("the browser keeps %v", cookies)
	}
	must(t, "access", "revoke", "--addr", address, "--key", root, "--reason", "lost", clerk[4:20])
	if code, _ := page("/orders", nil); code != http.StatusUnauthorized {
		t.Errorf("with a key that is revoked it shows %d", code)
	}
	if code, text := page("/session/end", url.Values{}); code != http.StatusOK || len(jar.Cookies(at)) != 0 {
		t.Errorf("signed out it shows %d and keeps %v: %s", code, jar.Cookies(at), text)
	}

	told := must(t, "access", "audit", "--addr", address, "--key", root)
	for _, want := range []string{"clerk denied administer Rebuild", "root permitted administer RevokeKey", "nobody denied ask Orders", "refused (key)"} {
		if !strings.Contains(told, want) {
			t.Errorf("the audit log does not tell that %s:\n%s", want, told)
		}
	}
	if asked := strings.Count(told, "administer ReadAudit"); asked != 1 {
		t.Errorf("to look at it once is told %d times:\n%s", asked, told)
	}
	if strings.Contains(told, clerk[21:]) || strings.Contains(told, root[21:]) {
		t.Errorf("the audit log tells a secret:\n%s", told)
	}
}

// Goal: nothing is administered that the audit log does not tell of, whatever happens.
// Method: the real program issues keys as fast as it can and is killed meanwhile, three times;
// no more keys are there than entries that announced them, and the chain holds.
func TestNothingIsAdministeredWithoutAnEntryWhenTheProgramIsKilled(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	root := must(t, "access", "issue", "--access", kept, "--role", "admin", "root")
	for range 3 {
		server := programtest.Start(t, nil, "orders", "serve", "--data", filepath.Join(dir, "shop"), "--access", kept, "--addr", "127.0.0.1:0")
		issued := make(chan struct{}, 1000)
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for {
					r, err := http.NewRequest(http.MethodPost, server.Address+"/access/keys", strings.NewReader(`{"name": "ada", "roles": ["reader"]}`))
					if err != nil {
						return
					}
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("Authorization", "Bearer "+root)
					answer, err := http.DefaultClient.Do(r)
					if err != nil {
						return // it is gone
					}
					answer.Body.Close()
					if answer.StatusCode != http.StatusCreated {
						t.Errorf("issuing answers %s", answer.Status)
						return
					}
					select {
					case issued <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 20 {
			select {
			case <-issued:
			case <-time.After(time.Minute):
				t.Fatalf("no keys are issued\n%s", server.Told())
			}
		}
		server.Kill(t)
		asking.Wait()
	}
	if mark, err := audit.ParseMark(must(t, "access", "verify", "--access", kept)); err != nil || mark.Entries < 61 {
		t.Errorf("the mark is %v, %v", mark, err)
	}
	var keys []struct{ ID string }
	if err := json.Unmarshal([]byte(must(t, "access", "keys", "--access", kept, "--json")), &keys); err != nil {
		t.Fatal(err)
	}
	announced := strings.Count(must(t, "access", "audit", "--access", kept), "permitted administer IssueKey")
	if len(keys) < 61 || announced < len(keys) {
		t.Errorf("%d keys are there, and %d were announced", len(keys), announced)
	}
}
