package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// away is for how long the tests below take the read database away: as long as the
// environment variable says, such as CATALOG_AWAY=1m, or a second.
func away(t *testing.T) time.Duration {
	given := os.Getenv("CATALOG_AWAY")
	if given == "" {
		return time.Second
	}
	d, err := time.ParseDuration(given)
	if err != nil {
		t.Fatalf("CATALOG_AWAY: %v", err)
	}
	return d
}

// A traffic is commands and queries that are sent all the time, whatever happens. Goroutines
// of its own do that, until it is stopped.
type traffic struct {
	*shop
	stop func()
	// products are those that there were to begin with, and asked what is asked over and
	// over again.
	products []string
	asked    []string

	commands, fresh, stale atomic.Int64
	over                   atomic.Bool
}

// begin begins to send.
func (s *shop) begin() *traffic {
	s.t.Helper()
	t := &traffic{shop: s}
	var last sitetest.Answer
	for i := range 20 {
		last = s.send("/products", fmt.Sprintf(`{"name": "Product %d", "price": %d, "sku": "S-%[1]d", "category": "c%d"}`, i, i+1, i%3))
		t.products = append(t.products, last.Header.Get("Location"))
	}
	t.asked = append([]string{"/products", "/products?search=product", "/products?category=c1&sort=dearest", "/products/facets", t.products[3] + "/history", t.products[4] + "/prices"}, t.products...)
	for _, path := range t.asked {
		if a := s.get(path, last.Token()...); a.StatusCode != http.StatusOK {
			s.t.Fatalf("GET %s is answered %d: %s", path, a.StatusCode, a.Body)
		}
	}
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() { t.command(rand.New(rand.NewPCG(7, uint64(n)))) })
		all.Go(func() { t.query(rand.New(rand.NewPCG(8, uint64(n)))) })
	}
	t.stop = sync.OnceFunc(func() { t.over.Store(true); all.Wait() })
	s.t.Cleanup(t.stop)
	return t
}

// command sends commands. None of them fails.
func (t *traffic) command(chance *rand.Rand) {
	for !t.over.Load() {
		product := t.products[chance.IntN(len(t.products))]
		path, body := "/products", `{"name": "New", "price": 1}`
		switch chance.IntN(4) {
		case 0:
			path, body = product+"/price", fmt.Sprintf(`{"price": %d}`, chance.IntN(1000))
		case 1:
			path, body = product+"/restock", `{"quantity": 1}`
		case 2:
			path, body = product+"/rename", fmt.Sprintf(`{"name": "Product %d"}`, chance.IntN(1000))
		}
		a := t.send(path, body)
		if a.StatusCode/100 != 2 {
			t.t.Errorf("POST %s is answered %d: %s", path, a.StatusCode, a.Body)
		}
		t.commands.Add(1)
		time.Sleep(20 * time.Millisecond) // or a busy machine would do nothing else
	}
}

// query asks. All of it is answered.
func (t *traffic) query(chance *rand.Rand) {
	for !t.over.Load() {
		path := t.asked[chance.IntN(len(t.asked))]
		a := t.get(path)
		if a.StatusCode != http.StatusOK {
			t.t.Errorf("GET %s is answered %d: %s", path, a.StatusCode, a.Body)
		}
		if stale := a.Header.Get(StaleHeader) != ""; stale {
			if a.Header.Get("Age") == "" || !strings.Contains(a.Header.Get("Cache-Status"), "ttl=-") {
				t.t.Errorf("a stale answer has the Age %q and the Cache-Status %q", a.Header.Get("Age"), a.Header.Get("Cache-Status"))
			}
			t.stale.Add(1)
		} else {
			t.fresh.Add(1)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// goesOn waits until so many more commands were taken and queries answered from what is
// counted.
func (t *traffic) goesOn(answered *atomic.Int64) {
	t.t.Helper()
	commands, queries := t.commands.Load()+20, answered.Load()+20
	until(t.t, "the traffic goes on", func() bool { return t.commands.Load() >= commands && answered.Load() >= queries })
}

// agree stops the traffic, and compares both sides: what is shown is what the log says.
func (t *traffic) agree() {
	t.t.Helper()
	t.stop()
	until(t.t, "the showcase answers", func() bool { return t.showcase.ReadModel().Away() == nil })
	reading, err := t.store.Read(t.t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.t.Fatal(err)
	}
	newest := map[string]daybook.Version{}
	for e, err := range reading.Events() {
		if err != nil {
			t.t.Fatal(err)
		}
		newest[catalog.ProductID(e.Stream)] = e.Version
	}
	info, err := t.store.Info(t.t.Context())
	if err != nil {
		t.t.Fatal(err)
	}
	if err := t.showcase.Wait(t.t.Context(), info.Head); err != nil { // longer than a client would
		t.t.Fatal(err)
	}
	shown := map[string]catalog.Product{}
	for path := "/products?limit=500"; path != ""; {
		a := t.get(path, httpapi.TokenHeader, t.now())
		for _, p := range sitetest.Read[[]catalog.Product](t.t, a, http.StatusOK) {
			shown[p.ID] = p
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
	}
	if len(shown) != len(newest) {
		t.t.Errorf("%d products are shown, and %d were created", len(shown), len(newest))
	}
	for id, version := range newest {
		left, _, err := catalog.LeftBy(t.t.Context(), t.store, id, version)
		if diff := cmp.Diff(left, shown[id]); diff != "" || err != nil {
			t.t.Fatalf("product %s in the log and as it is shown, %v (-, +):\n%s", id, err, diff)
		}
	}
	t.t.Logf("%d commands, %d fresh answers and %d stale ones; %d products agree", t.commands.Load(), t.fresh.Load(), t.stale.Load(), len(shown))
}

// The read database is gone for a while under load: no command fails, every query is
// answered, marked as stale, and when it is back both sides agree again by themselves.
func TestTheReadDatabaseIsAwayUnderLoad(t *testing.T) {
	t.Run("PostgreSQL is killed", func(t *testing.T) {
		server := pgtest.Own(t)
		s := open(t, readmodel.Place{URL: server.Database(t)})
		traffic := s.begin()
		traffic.goesOn(&traffic.fresh)
		if err := server.Slay(); err != nil {
			t.Fatal(err)
		}
		s.awayFor(t, traffic)
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		s.backAgain(traffic)
	})
	t.Run("the directory of SQLite is taken away", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "views")
		s := open(t, readmodel.Place{Dir: dir})
		traffic := s.begin()
		traffic.goesOn(&traffic.fresh)
		// With a file in its place it can be made by nobody.
		err := errors.Join(os.Rename(dir, dir+"-away"), os.WriteFile(dir, nil, 0o600))
		if err != nil {
			t.Fatal(err)
		}
		s.awayFor(t, traffic)
		if err := errors.Join(os.Remove(dir), os.Rename(dir+"-away", dir)); err != nil {
			t.Fatal(err)
		}
		s.backAgain(traffic)
	})
}

// awayFor lets the traffic go on while the read database is away.
func (s *shop) awayFor(t *testing.T, traffic *traffic) {
	t.Helper()
	until(t, "it is known that the read model is away", func() bool { return s.showcase.ReadModel().Away() != nil })
	traffic.goesOn(&traffic.stale)
	time.Sleep(away(t))
	traffic.goesOn(&traffic.stale)

	// Of what nobody asked before there is no answer, and one who wants no old one gets none.
	p := s.get("/products?search=unheard").IsProblem(t, httpapi.Unavailable)
	if !strings.Contains(p.Detail, "cannot be reached") {
		t.Errorf("what nobody asked before is told %q", p.Detail)
	}
	s.get("/products", "Cache-Control", "stale-if-error=0").IsProblem(t, httpapi.Unavailable)
	if a := s.get("/products", "Cache-Control", "stale-if-error=600"); a.StatusCode != http.StatusOK {
		t.Errorf("one who takes what is ten minutes old is answered %d", a.StatusCode)
	}
	// A command's token does not keep anybody from the last that is known.
	created := s.send("/products", `{"name": "Meanwhile", "price": 1}`)
	if a := s.get("/products", created.Token()...); a.StatusCode != http.StatusOK || a.Header.Get(StaleHeader) == "" {
		t.Errorf("with a token it is answered %d", a.StatusCode)
	}
	if ready := sitetest.Read[readiness](t, s.get("/readyz"), http.StatusOK); ready.Away == "" || !ready.Ready {
		t.Errorf("it is %+v", ready)
	}
	if a := s.get("/readmodels"); a.StatusCode != http.StatusOK || !strings.Contains(a.Body, "read database is away") {
		t.Errorf("where it stands is answered %d: %s", a.StatusCode, a.Body)
	}
}

// backAgain waits until all is well again.
func (s *shop) backAgain(traffic *traffic) {
	s.t.Helper()
	until(s.t, "the showcase answers again", func() bool { return s.showcase.ReadModel().Away() == nil })
	traffic.goesOn(&traffic.fresh)
	traffic.agree()
	if traffic.stale.Load() == 0 {
		s.t.Error("nothing was ever stale")
	}
}

// The read model is dropped under load, by an administrator or behind everybody's back: it
// is built again from the log, and meanwhile everything goes on.
func TestTheReadModelIsDroppedUnderLoad(t *testing.T) {
	dir := t.TempDir()
	url := pgtest.Database(t)
	dropped := func(s *shop) {
		if a := s.send("/readmodels/drop", `{}`); a.StatusCode != http.StatusAccepted {
			s.t.Errorf("it is answered %d: %s", a.StatusCode, a.Body)
		}
	}
	for name, c := range map[string]struct {
		place readmodel.Place
		drop  func(s *shop)
	}{
		"by an administrator, in SQLite":     {readmodel.Place{Dir: t.TempDir()}, dropped},
		"by an administrator, in PostgreSQL": {readmodel.Place{URL: pgtest.Database(t)}, dropped},
		"its file is deleted": {readmodel.Place{Dir: dir}, func(s *shop) {
			if err := os.Remove(filepath.Join(dir, catalog.Display.File())); err != nil {
				s.t.Error(err)
			}
		}},
		"its schema is dropped": {readmodel.Place{URL: url}, func(s *shop) {
			conn, err := pgx.Connect(s.t.Context(), url)
			if err != nil {
				s.t.Fatal(err)
			}
			defer conn.Close(context.Background())
			for {
				_, err := conn.Exec(s.t.Context(), `drop schema `+catalog.Display.PostgresSchema()+` cascade`)
				if deadlock := (*pgconn.PgError)(nil); errors.As(err, &deadlock) && deadlock.Code == "40P01" {
					continue // with whoever writes to it, who went on instead
				}
				if err != nil {
					s.t.Error(err)
				}
				return
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c.place)
			traffic := s.begin()
			for range 2 {
				traffic.goesOn(&traffic.fresh)
				c.drop(s)
				traffic.goesOn(&traffic.fresh)
			}
			traffic.agree()
		})
	}
}

// It is built once more beside itself under load, and nobody notices.
func TestTheReadModelIsBuiltAgainUnderLoad(t *testing.T) {
	for name, place := range map[string]readmodel.Place{"SQLite": {Dir: t.TempDir()}, "PostgreSQL": {URL: pgtest.Database(t)}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, place)
			traffic := s.begin()
			traffic.goesOn(&traffic.fresh)
			for want := 2; want <= 3; want++ {
				a := s.send("/readmodels", `{}`)
				if edition := sitetest.Read[map[string]int](t, a, http.StatusAccepted)["edition"]; edition != want {
					t.Errorf("edition %d is being built; want %d", edition, want)
				}
				until(t, "readers are switched to it, and the other is gone", func() bool {
					is := sitetest.Read[readModelsAnswer](t, s.get("/readmodels"), http.StatusOK).ReadModels
					return len(is) == 1 && is[0].Edition == want && is[0].Answers
				})
				traffic.goesOn(&traffic.fresh)
			}
			traffic.agree()
			if stale := traffic.stale.Load(); stale > 0 {
				t.Errorf("%d answers were stale", stale)
			}
		})
	}
}

// A read database that takes questions and does not answer is away like any other.
func TestAReadDatabaseThatDoesNotAnswerIsAway(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, readmodel.Place{URL: url})
	created := s.send("/products", `{"name": "Lamp", "price": 1}`)
	s.get("/products", created.Token()...)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) // and with it the lock is gone
	if _, err = conn.Exec(t.Context(), `begin; do $$ declare t record; begin
		for t in select schemaname, tablename from pg_tables where schemaname like 'daybook%' loop
			execute format('lock table %I.%I in access exclusive mode', t.schemaname, t.tablename);
		end loop; end $$`); err != nil {
		t.Fatal(err)
	}
	if a := s.get("/products"); a.StatusCode != http.StatusOK || a.Header.Get(StaleHeader) == "" {
		t.Errorf("it is answered %d: %s", a.StatusCode, a.Body)
	}
}
