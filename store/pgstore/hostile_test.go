package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// asked returns how much a test is to do: as much as the environment says, or few.
func asked(t testing.TB, variable string, short, few int) int {
	text := os.Getenv(variable)
	switch {
	case text == "" && os.Getenv("DAYBOOK_SOAK_SEED") != "":
		return 10 * few
	case text == "" && testing.Short():
		return short
	case text == "":
		return few
	}
	many, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return many
}

// A hostile transaction does to the tables of a log what a slow, a stopped or a failing
// program could do. It rolls back or commits.
type hostile struct {
	what string
	do   func(ctx context.Context, tx pgx.Tx, nap time.Duration) error
	keep bool
}

const (
	lockHead  = `select position from daybook.daybook_log where number = 1 for update`
	insertOne = `insert into daybook.daybook_event (log, position, recorded_at, id, type, tags, data) values (1, $1, $2, $3, 'Hostile', '{}', '')`
)

// takeHead locks the head and inserts an event behind it, as a writer does that is slow.
func takeHead(ctx context.Context, tx pgx.Tx, nap time.Duration) error {
	var position, stamp int64
	if err := tx.QueryRow(ctx, `select position, stamp from daybook.daybook_log where number = 1 for update`).Scan(&position, &stamp); err != nil {
		return err
	}
	time.Sleep(nap / 2)
	if _, err := tx.Exec(ctx, insertOne, position+1, stamp+1, uuid.New()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update daybook.daybook_log set position = $1, stamp = $2 where number = 1`, position+1, stamp+1); err != nil {
		return err
	}
	time.Sleep(nap / 2)
	return nil
}

var hostiles = []hostile{
	{what: "locks the head, sleeps and rolls back", do: func(ctx context.Context, tx pgx.Tx, nap time.Duration) error {
		_, err := tx.Exec(ctx, lockHead)
		time.Sleep(nap)
		return err
	}},
	{what: "records slowly and rolls back", do: takeHead},
	{what: "records slowly", do: takeHead, keep: true},
	// It has its number long before it commits, and others commit meanwhile.
	{what: "takes its number early", do: func(ctx context.Context, tx pgx.Tx, nap time.Duration) error {
		if _, err := tx.Exec(ctx, `select pg_current_xact_id()`); err != nil {
			return err
		}
		time.Sleep(nap)
		return takeHead(ctx, tx, nap/4)
	}, keep: true},
	// It takes a place that is not its own, and whoever it belongs to waits for it.
	{what: "takes the next place without the lock and rolls back", do: func(ctx context.Context, tx pgx.Tx, nap time.Duration) error {
		var position int64
		if err := tx.QueryRow(ctx, `select position from daybook.daybook_log where number = 1`).Scan(&position); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertOne+` on conflict do nothing`, position+1, position, uuid.New())
		time.Sleep(nap / 4)
		return err
	}},
}

// harass carries out hostile transactions until the context ends, and returns how many.
func harass(ctx context.Context, t *testing.T, database string, seed uint64) (count int) {
	random := rand.New(rand.NewPCG(seed, 0))
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		h := hostiles[random.IntN(len(hostiles))]
		tx, err := conn.Begin(context.WithoutCancel(ctx))
		if err != nil {
			t.Error(err)
			return count
		}
		err = h.do(context.WithoutCancel(ctx), tx, time.Duration(random.IntN(20))*time.Millisecond)
		if err == nil && h.keep {
			err = tx.Commit(context.WithoutCancel(ctx))
		} else {
			err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
		}
		if err != nil {
			t.Errorf("%s: %v", h.what, err)
			return count
		}
		count++
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond) // let the others live
	}
	return count
}

// A follower remembers the last position that it has seen, and asks for what is behind it.
type follower struct {
	name string
	next func(ctx context.Context, after int64) ([]int64, error)
	seen []int64
}

// follow reads until the context ends and nothing is left, and returns an error if there
// was anything but the next position.
func (f *follower) follow(ctx context.Context, done <-chan struct{}) error {
	last := int64(0)
	for {
		over := false
		select {
		case <-done:
			over = true // what there is now is all
		default:
		}
		positions, err := f.next(ctx, last)
		if err != nil {
			return err
		}
		f.seen = append(f.seen, positions...)
		if len(positions) > 0 {
			last = positions[len(positions)-1]
		} else if over {
			return nil
		}
	}
}

// Many append through several processes, while hostile transactions hold the head, number
// themselves early, are slow and roll back; readers of every kind ask for what is behind the
// last position. If one of them skips an event it never comes back for it.
func TestNoReaderSkipsAnEventWhateverOtherTransactionsDo(t *testing.T) {
	appends := asked(t, "DAYBOOK_HOSTILE", 600, 3000)
	database := pgtest.Database(t)
	team := newTeam(t, 3, database, Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	var harassing, appending, reading sync.WaitGroup
	var harassed atomic.Int64
	for i := range 3 {
		harassing.Go(func() { harassed.Add(int64(harass(ctx, t, database, uint64(i)))) })
	}
	// One transaction is older than everything, and stays so.
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `begin isolation level repeatable read; select pg_current_xact_id(), count(*) from daybook.daybook_event`); err != nil {
		t.Fatal(err)
	}

	raw, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close(context.WithoutCancel(ctx))
	readers := []*follower{{name: "SQL", next: func(ctx context.Context, after int64) ([]int64, error) {
		rows, err := raw.Query(ctx, `select position from daybook.daybook_event where log = 1 and position > $1 order by position limit 500`, after)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	}}}
	for i, store := range team.stores {
		readers = append(readers, &follower{name: fmt.Sprintf("store %d", i), next: func(ctx context.Context, after int64) ([]int64, error) {
			reading, err := store.Read(ctx, daybook.All(), daybook.Span{After: daybook.Position(after)})
			if err != nil {
				return nil, err
			}
			var positions []int64
			for e, err := range reading.Events() {
				if err != nil {
					return nil, err
				}
				positions = append(positions, int64(e.Position))
			}
			return positions, nil
		}})
	}
	done := make(chan struct{})
	for _, r := range readers {
		reading.Go(func() {
			if err := r.follow(context.WithoutCancel(ctx), done); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		})
	}

	// Those who wait together share a turn: many of them, and many turns, are many appends.
	appenders := min(48+appends/2000, 600)
	var left atomic.Int64
	left.Store(int64(appends))
	for i := range appenders {
		appending.Go(func() {
			stream := fmt.Sprintf("own-%d", i)
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				batch := []daybook.Event{{Stream: stream, Type: "Done", Tags: []string{stream}}}
				if n%7 == 0 {
					batch = append(batch, daybook.Event{Stream: stream, Type: "Done twice"}, daybook.Event{Type: "Noted"})
				}
				if _, err := team.Append(context.WithoutCancel(ctx), batch, nil); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	appending.Wait()
	stop()
	harassing.Wait()
	close(done)
	reading.Wait()

	log, err := raw.Query(t.Context(), `select position from daybook.daybook_event where log = 1 order by position`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(log, pgx.RowTo[int64])
	if err != nil {
		t.Fatal(err)
	}
	for i, position := range all {
		if position != int64(i+1) {
			t.Fatalf("position %d is the %dth: there is a gap", position, i+1)
		}
	}
	for _, r := range readers {
		for i := range max(len(all), len(r.seen)) {
			if i >= len(all) || i >= len(r.seen) || r.seen[i] != all[i] {
				t.Errorf("%s: of %d events it saw %d, and the %dth is not the one of the log", r.name, len(all), len(r.seen), i+1)
				break
			}
		}
	}
	t.Logf("%d appends, %d events, %d hostile transactions, %d readers", appends, len(all), harassed.Load(), len(readers))
	t.Attr("cases", strconv.Itoa(appends))
}
