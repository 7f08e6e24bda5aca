// Package accesstest holds the sites of the applications to what they say about who may do
// what: every route, as the description of the API and the site itself have them, is asked by
// everybody there could be.
package accesstest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/memstore"
)

var update = flag.Bool("update-who", false, "write the table of who may do what anew")

// A Site is one that the table is made of.
type Site struct {
	http.Handler
	Routes []httpapi.Route
}

// visitors are those who ask, in the order of the table's columns. Those with a role have a
// key that is as it should be; the others have one of an administrator that is not.
var visitors = []string{"none", "reader", "editor", "admin", "elsewhere", "expired", "wrong"}

// Table asks every route of some sites as every visitor, and compares who may have what with
// the table in testdata/who.txt: a route that is not in it fails, and so does a row for which
// there is no route, or an act that the description of the API (openapi.json) does not name
// as the site has it. What is answered 401 or 403 must say why, must have done nothing to the
// store, and must have been written down; and so must what is administered. The sites are
// opened with the options that they are given, and record in the store.
func Table(t *testing.T, store daybook.Store, policy *access.Policy, openAPI []byte, open func(httpapi.Options) []Site) {
	t.Helper()
	for _, role := range policy.RoleNames() {
		if !slices.Contains(visitors, role) {
			t.Errorf("the policy has a role %q, and the table has no column for it: add it to visitors", role)
		}
	}
	info, err := store.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, tokens := issued(t, info.Head.Log)
	notes := new(notebook)
	quiet := slog.New(slog.DiscardHandler)
	sites := open(httpapi.Options{
		Guard:         access.NewGuard(policy, &access.GuardOptions{Log: info.Head.Log, Recorder: notes, Logger: quiet}),
		Authenticator: keys, Logger: quiet,
		Limits: httpapi.Limits{Rate: -1},
	})

	described := actsIn(t, openAPI)
	table := make(map[string]string)
	for _, site := range sites {
		server := httptest.NewServer(site)
		for _, route := range site.Routes {
			if act, is := described[route.Pattern()]; is && act != route.Right.String() {
				t.Errorf("%s is described as the act %q, and is %q", route.Pattern(), act, route.Right)
			}
			row := fmt.Sprintf("%-28s", route.Right)
			for _, visitor := range visitors {
				row += fmt.Sprintf(" %-9s", try(t, server.URL, store, notes, route, visitor, tokens[visitor]))
			}
			row = strings.TrimRight(row, " ")
			if before, twice := table[route.Pattern()]; twice && before != row {
				t.Errorf("%s is %q here and %q there", route.Pattern(), row, before)
			}
			table[route.Pattern()] = row
		}
		server.CloseClientConnections() // live streams go on for ever
		server.Close()
	}
	for operation := range described {
		if _, there := table[operation]; !there {
			t.Errorf("%s is described, and no route of any site", operation)
		}
	}
	compare(t, table)
}

// issued returns keys of a log, and the visitors' tokens.
func issued(t *testing.T, log uuid.UUID) (*apikey.Keys, map[string]string) {
	t.Helper()
	now := time.Now()
	keys, err := apikey.Open(t.Context(), memstore.New(), &apikey.Options{Log: log, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	tokens := make(map[string]string)
	issue := func(visitor string, key apikey.Key) {
		key.Name = visitor
		_, token, err := keys.Issue(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		tokens[visitor] = token
	}
	for _, role := range visitors[1:4] {
		issue(role, apikey.Key{Roles: []string{role}, Log: log})
	}
	issue("elsewhere", apikey.Key{Roles: []string{"admin"}, Log: uuid.New()})
	issue("expired", apikey.Key{Roles: []string{"admin"}, Log: log, Until: now.Add(time.Minute)})
	now = now.Add(time.Hour)
	secret := tokens["admin"][len(tokens["admin"])-52:]
	tokens["wrong"] = strings.Replace(tokens["admin"], secret, strings.Repeat("a", 52), 1)
	return keys, tokens
}

// actsIn returns the acts of the operations that a document describes.
func actsIn(t *testing.T, openAPI []byte) map[string]string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Act *string `json:"x-act"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		t.Fatal(err)
	}
	acts := make(map[string]string)
	for path, operations := range document.Paths {
		for method, operation := range operations {
			name := strings.ToUpper(method) + " " + path
			if operation.Act == nil {
				t.Errorf("the description does not say which act %s is", name)
				continue
			}
			acts[name] = *operation.Act
		}
	}
	return acts
}

var part = regexp.MustCompile(`\{[^}]+\}`)

// try asks a route as a visitor, and returns "yes", or the status with which it was turned
// away.
func try(t *testing.T, url string, store daybook.Store, notes *notebook, route httpapi.Route, visitor, token string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	path := part.ReplaceAllString(strings.TrimSuffix(route.Path, "{$}"), "x")
	var body io.Reader
	if route.Method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	r, err := http.NewRequestWithContext(ctx, route.Method, url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	told, recorded := notes.count()
	before := head(t, store)
	answer, err := noRedirects.Do(r)
	if err != nil {
		t.Fatalf("%s as %s: %v", route.Pattern(), visitor, err)
	}
	defer answer.Body.Close()
	toldNow, recordedNow := notes.count()
	wrong := func(reason string) {
		t.Helper()
		t.Errorf("%s as %s is answered %s, and %s", route.Pattern(), visitor, answer.Status, reason)
	}
	kind := map[int]string{http.StatusUnauthorized: httpapi.Anonymous.Name, http.StatusForbidden: httpapi.Denied.Name}[answer.StatusCode]
	if kind == "" {
		if administers := strings.HasPrefix(route.Right.String(), "administer "); administers != (recordedNow == recorded+1) {
			wrong(fmt.Sprintf("%d acts of administering were written down", recordedNow-recorded))
		}
		return "yes"
	}
	var problem httpapi.Problem
	if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil || !strings.HasSuffix(problem.Type, "#"+kind) || problem.Detail == "" {
		wrong(fmt.Sprintf("the problem is %+v, %v", problem, err))
	}
	if challenge := answer.Header.Get("WWW-Authenticate"); (kind == httpapi.Anonymous.Name) != strings.HasPrefix(challenge, "Bearer ") {
		wrong(fmt.Sprintf("its challenge is %q", challenge))
	}
	if toldNow != told+1 || recordedNow != recorded {
		wrong(fmt.Sprintf("%d denials and %d acts were written down", toldNow-told, recordedNow-recorded))
	}
	if head(t, store) != before {
		wrong("something was recorded")
	}
	return fmt.Sprint(answer.StatusCode)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func head(t *testing.T, store daybook.Store) daybook.Position {
	t.Helper()
	info, err := store.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Head.Position
}

// compare compares a table with the one in testdata/who.txt.
func compare(t *testing.T, table map[string]string) {
	t.Helper()
	var rows []string
	for route, row := range table {
		rows = append(rows, fmt.Sprintf("%-44s %s", route, row))
	}
	slices.SortFunc(rows, func(a, b string) int {
		methodA, pathA, _ := strings.Cut(a, " ")
		methodB, pathB, _ := strings.Cut(b, " ")
		if c := strings.Compare(pathA, pathB); c != 0 {
			return c
		}
		return strings.Compare(methodA, methodB)
	})
	title := fmt.Sprintf("%-44s %-28s", "route", "act")
	for _, visitor := range visitors {
		title += fmt.Sprintf(" %-9s", visitor)
	}
	got := strings.TrimRight(title, " ") + "\n" + strings.Join(rows, "\n") + "\n"
	path := filepath.Join("testdata", "who.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("who may do what (-%s, +is so; see -update-who):\n%s", path, diff)
	}
}

// A notebook is a recorder in memory.
type notebook struct {
	mu             sync.Mutex
	told, recorded int
}

func (n *notebook) Record(context.Context, access.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.recorded++
	return nil
}

func (n *notebook) Tell(context.Context, access.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told++
	return nil
}

func (n *notebook) count() (told, recorded int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.told, n.recorded
}
