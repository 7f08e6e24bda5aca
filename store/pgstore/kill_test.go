package pgstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/history"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// A deed is what a client of these tests wants to have recorded, once.
type deed struct{ Client, Number int }

// insist has a deed recorded, however often that must be tried. What is unavailable is tried
// again with other ids, so that if it was recorded after all, it is there twice.
func insist(ctx context.Context, store daybook.Store, d deed) (unavailable, unknown int, err error) {
	data, err := json.Marshal(d)
	if err != nil {
		return 0, 0, err
	}
	for {
		batch := []daybook.Event{
			{ID: uuid.New(), Stream: fmt.Sprintf("own-%d", d.Client), Type: "Done", Tags: []string{fmt.Sprintf("client:%d", d.Client)}, Data: data},
			{ID: uuid.New(), Stream: fmt.Sprintf("shared-%d", d.Number%5), Type: "Noted"},
		}
		_, err := store.Append(ctx, batch, nil)
		for errors.As(err, new(*daybook.UnknownError)) {
			unknown++
			_, err = store.Append(ctx, batch, nil)
		}
		if err == nil {
			return unavailable, unknown, nil
		}
		if !errors.As(err, new(*daybook.UnavailableError)) {
			return unavailable, unknown, err
		}
		unavailable++
		time.Sleep(time.Millisecond)
	}
}

// wait waits for a condition.
func wait(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for range 6000 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s: not in a minute", what)
}

// Servers, connections and processes of servers are killed under load, at any moment and
// just between a commit and its answer. Whoever appends learns what became of it.
func TestNoKillLosesAnEventOrDoublesOne(t *testing.T) {
	kills := asked(t, "DAYBOOK_KILLS", 6, 6)
	server := pgtest.Own(t)
	database := server.Database(t)
	cable, address := pgtest.Lay(t, database)
	team := newTeam(t, 2, address, Options{})
	recorder := history.Record(team)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))

	const clients = 12
	var done, unavailable, unknown, cuts atomic.Int64
	var stop atomic.Bool
	var deeds [clients]int
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() {
			store := recorder.Client(i)
			for !stop.Load() {
				n, m, err := insist(t.Context(), store, deed{i, deeds[i]})
				if err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
				deeds[i]++
				done.Add(1)
				unavailable.Add(int64(n))
				unknown.Add(int64(m))
			}
		})
	}

	again := func(end func() error) func() error {
		return func() error { return errors.Join(end(), server.Run()) }
	}
	ways := []struct {
		what string
		kill func() error
	}{
		{"the server is killed", again(server.Kill)},
		{"the answer to a commit is cut off", func() error {
			left := atomic.Int64{}
			left.Store(1 + random.Int64N(8))
			over := make(chan struct{})
			cut := func(said []byte) bool {
				if !bytes.Contains(said, pgtest.Committed) || left.Add(-1) != 0 {
					return false
				}
				cuts.Add(1)
				close(over)
				return true
			}
			cable.ToClient.Store(&cut)
			defer cable.ToClient.Store(nil)
			<-over
			return nil
		}},
		{"all connections are cut", func() error { cable.Cut(); return nil }},
		{"a process of the server is killed", func() error { return strike(t, database) }},
		{"all processes of the server are killed", again(server.Slay)},
		{"the answer to a commit is cut off and the server killed", func() error {
			over := make(chan struct{})
			var once sync.Once
			cut := func(said []byte) bool {
				if !bytes.Contains(said, pgtest.Committed) {
					return false
				}
				once.Do(func() { close(over) })
				return true
			}
			cable.ToClient.Store(&cut)
			<-over
			err := server.Kill()
			cable.ToClient.Store(nil)
			return errors.Join(err, server.Run())
		}},
	}
	for n := range kills {
		before := done.Load()
		wait(t, "some appends", func() bool { return done.Load() > before+20 || t.Failed() })
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		way := ways[n%len(ways)]
		if err := way.kill(); err != nil {
			t.Errorf("%s: %v", way.what, err)
		}
		if t.Failed() {
			break
		}
	}
	before := done.Load()
	wait(t, "appends after all", func() bool { return done.Load() > before+20 || t.Failed() })
	stop.Store(true)
	working.Wait()

	log, err := history.Log(t.Context(), team)
	if err != nil {
		t.Fatal(err)
	}
	if err := recorder.History().Check(log); err != nil {
		t.Errorf("the answers cannot be those of one log:\n%v", err)
	}
	var next [clients]int
	for _, e := range log {
		var d deed
		if e.Type != "Done" {
			continue
		}
		if err := json.Unmarshal(e.Data, &d); err != nil {
			t.Fatal(err)
		}
		if d.Number != next[d.Client] {
			t.Errorf("position %d has deed %d of client %d, after which comes %d", e.Position, d.Number, d.Client, next[d.Client])
		}
		next[d.Client] = d.Number + 1
	}
	if next != deeds {
		t.Errorf("the clients did %v, and recorded are %v", deeds, next)
	}
	if unknown.Load() > 0 {
		t.Errorf("%d appends were unknown: they could have been found out", unknown.Load())
	}
	t.Logf("%d kills, %d of them between a commit and its answer; %d appends recorded, %d answered unavailable, %d unknown", kills, cuts.Load(), done.Load(), unavailable.Load(), unknown.Load())
	t.Attr("cases", strconv.Itoa(kills))
}

// strike kills a process of the server that is in a transaction.
func strike(t *testing.T, database string) error {
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for {
		var pid int
		err := conn.QueryRow(t.Context(), `select pid from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend' and state in ('active', 'idle in transaction') limit 1`).Scan(&pid)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		return nil
	}
}
