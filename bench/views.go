package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// What a view is held against: the loop that one writes without Daybook, and reading
// the same log without doing anything.
const (
	byHandKey = "the loop by hand"
	replayKey = "bare replay"
)

// An order is what the read models of the bench need to know of an event.
type order struct {
	Lines []struct {
		Quantity int64 `json:"quantity"`
		Price    int64 `json:"price"`
	} `json:"lines"`
}

func (o order) cents() (sum int64) {
	for _, l := range o.Lines {
		sum += l.Quantity * l.Price
	}
	return sum
}

var orderQuery = daybook.Query{{Types: []string{eventType}}}

var orderCodec = daybook.NewCodec(daybook.KindOf[order](eventType, nil))

// The read model of the bench has a row for each stream.
const (
	totalsSchema = `create table totals (stream text primary key, cents bigint not null, events bigint not null)`
	totalsUpsert = `insert into totals values ($1, $2, 1) on conflict (stream) do update set cents = totals.cents + excluded.cents, events = totals.events + 1`
)

var totals = sqlview.New("totals", 1, orderCodec, totalsSchema,
	sqlview.On(func(tx *sqlview.Tx, o order, at daybook.Recorded) error {
		return tx.Exec(`insert into totals values (?1, ?2, 1) on conflict (stream) do update set cents = totals.cents + excluded.cents, events = totals.events + 1`, at.Stream, o.cents())
	}))

// A total is a row of the read model in memory.
type total struct{ cents, events int64 }

func newMemory() *memview.View[map[string]total] {
	return memview.New("totals", 1, orderCodec, func() map[string]total { return map[string]total{} },
		memview.On(func(all *map[string]total, o order, at daybook.Recorded) {
			t := (*all)[at.Stream]
			(*all)[at.Stream] = total{t.cents + o.cents(), t.events + 1}
		}))
}

// handBatch is how many events the loops by hand write in a transaction, and the one
// in memory changes under its lock.
const handBatch = 1000

// viewsWork measures how fast read models are built from a whole log.
func viewsWork(h *harness, part *Part) error {
	if len(h.some("logstore")) == 0 {
		return nil
	}
	store, done, events, err := h.viewLog()
	if err != nil {
		return err
	}
	defer done()
	contenders := []struct {
		in, key string
		run     func(dir string) error
	}{
		{"in memory", replayKey, func(string) error { return bareReplay(h.ctx, store) }},
		{"in memory", byHandKey, func(string) error { return memoryByHand(h.ctx, store) }},
		{"in memory", "logstore", func(string) error { return caughtUp(h.ctx, store, newMemory()) }},
		{"SQLite", byHandKey, func(dir string) error { return sqliteByHand(h.ctx, store, filepath.Join(dir, "hand.db")) }},
		{"SQLite", "logstore", func(dir string) error { return h.inSQLite(store, dir, totals) }},
		{"SQLite, 4 parts", "logstore", func(dir string) error { return h.inSQLite(store, dir, totals.WithParts(4)) }},
	}
	server, database, err := h.postgres()
	if err != nil {
		part.note("PostgreSQL: " + err.Error())
	} else {
		defer server.Close()
		contenders = append(contenders, []struct {
			in, key string
			run     func(dir string) error
		}{
			{"PostgreSQL", byHandKey, func(string) error { return postgresByHand(h.ctx, store, database) }},
			{"PostgreSQL", "logstore", func(string) error { return h.inPostgres(store, database, totals) }},
			{"PostgreSQL, 4 parts", "logstore", func(string) error { return h.inPostgres(store, database, totals.WithParts(4)) }},
		}...)
	}
	for range h.rounds {
		for _, c := range contenders {
			if err := h.timed(part, c.in, c.key, events, c.run); err != nil {
				return fmt.Errorf("%s, %s: %w", c.in, c.key, err)
			}
		}
	}
	bare, _ := part.get("in memory", replayKey, "events/s")
	for _, c := range contenders {
		rate, _ := part.get(c.in, c.key, "events/s")
		fmt.Printf("  %s, %s: %.4g events/s\n", c.in, peerName(c.key), rate)
		if c.key != replayKey {
			part.note(fmt.Sprintf("%s, %s: %.3f of bare replay.", c.in, peerName(c.key), rate/bare))
		}
	}
	return nil
}

// viewLog returns a log that views are built from.
func (h *harness) viewLog() (daybook.Store, func() error, int, error) {
	for _, k := range h.some("logstore") {
		dir, events, err := h.filled(k, true)
		if err != nil {
			return nil, nil, 0, err
		}
		peer, err := k.Open(dir)
		if err != nil {
			return nil, nil, 0, err
		}
		return bounded{peer.(*peers.Logstore).Store(), daybook.Position(min(events, viewEvents))}, peer.Close, min(events, viewEvents), nil
	}
	return nil, nil, 0, errors.New("only logstore keeps the log of views")
}

// viewEvents is the greatest number of events that views are built from.
const viewEvents = 1_000_000

// A bounded store shows the beginning of a log.
type bounded struct {
	daybook.Store
	head daybook.Position
}

func (s bounded) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if span.Before == 0 || span.Before > s.head+1 {
		span.Before = s.head + 1
	}
	return s.Store.Read(ctx, q, span)
}

func (s bounded) Info(ctx context.Context) (daybook.Info, error) {
	info, err := s.Store.Info(ctx)
	info.Head = info.Head.At(min(info.Head.Position, s.head))
	return info, err
}

// timed runs a contender in a directory of its own.
func (h *harness) timed(part *Part, in, key string, events int, run func(dir string) error) error {
	dir, err := os.MkdirTemp(h.dir, "view-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	settle()
	start := time.Now()
	if err := run(dir); err != nil {
		return err
	}
	part.add(in, key, "events/s", float64(events)/time.Since(start).Seconds())
	return nil
}

// postgres starts a server, and returns what makes another database on it.
func (h *harness) postgres() (*peers.Postgres, func() (string, error), error) {
	dir, err := os.MkdirTemp(h.dir, "pg-views-")
	if err != nil {
		return nil, nil, err
	}
	peer, err := peers.OpenPostgres(dir)
	if err != nil {
		return nil, nil, err
	}
	server, made := peer.(*peers.Postgres), 0
	return server, func() (string, error) {
		made++
		return server.Database(h.ctx, fmt.Sprintf("views%d", made))
	}, nil
}

// bareReplay reads every event and does nothing with it.
func bareReplay(ctx context.Context, store daybook.Store) error {
	reading, err := store.Read(ctx, orderQuery, daybook.Span{})
	if err != nil {
		return err
	}
	for _, err := range reading.Events() {
		if err != nil {
			return err
		}
	}
	return nil
}

// batches reads every event, decodes it, and hands out batches.
func batches(ctx context.Context, store daybook.Store, apply func(events []daybook.Recorded, cents []int64) error) error {
	reading, err := store.Read(ctx, orderQuery, daybook.Span{})
	if err != nil {
		return err
	}
	var events []daybook.Recorded
	var cents []int64
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		var o order
		if err := json.Unmarshal(e.Data, &o); err != nil {
			return err
		}
		events, cents = append(events, e), append(cents, o.cents())
		if len(events) == handBatch {
			if err := apply(events, cents); err != nil {
				return err
			}
			events, cents = events[:0], cents[:0]
		}
	}
	return apply(events, cents)
}

func memoryByHand(ctx context.Context, store daybook.Store) error {
	var mu sync.RWMutex
	all := map[string]total{}
	return batches(ctx, store, func(events []daybook.Recorded, cents []int64) error {
		mu.Lock()
		defer mu.Unlock()
		for i, e := range events {
			t := all[e.Stream]
			all[e.Stream] = total{t.cents + cents[i], t.events + 1}
		}
		return nil
	})
}

func sqliteByHand(ctx context.Context, store daybook.Store, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-32768)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(totalsSchema + `; create table at (position bigint); insert into at values (0);`); err != nil {
		return err
	}
	upsert, err := db.Prepare(totalsUpsert)
	if err != nil {
		return err
	}
	defer upsert.Close()
	return batches(ctx, store, func(events []daybook.Recorded, cents []int64) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		row := tx.Stmt(upsert)
		for i, e := range events {
			if _, err := row.Exec(e.Stream, cents[i]); err != nil {
				return err
			}
		}
		if len(events) > 0 {
			if _, err := tx.Exec(`update at set position = ?`, int64(events[len(events)-1].Position)); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

func postgresByHand(ctx context.Context, store daybook.Store, database func() (string, error)) error {
	url, err := database()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range []string{totalsSchema, `create table at (position bigint)`, `insert into at values (0)`, `set synchronous_commit = off`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return batches(ctx, store, func(events []daybook.Recorded, cents []int64) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		all := &pgx.Batch{}
		for i, e := range events {
			all.Queue(totalsUpsert, e.Stream, cents[i])
		}
		if len(events) > 0 {
			all.Queue(`update at set position = $1`, int64(events[len(events)-1].Position))
		}
		if err := tx.SendBatch(ctx, all).Close(); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
}

func caughtUp(ctx context.Context, store daybook.Store, view projection.View) error {
	return projection.NewRunner(store, view, nil).CatchUp(ctx)
}

func (h *harness) inSQLite(store daybook.Store, dir string, d *sqlview.Definition) error {
	view, err := d.Open(h.ctx, dir)
	if err != nil {
		return err
	}
	return errors.Join(caughtUp(h.ctx, store, view), view.Close())
}

func (h *harness) inPostgres(store daybook.Store, database func() (string, error), d *sqlview.Definition) error {
	url, err := database()
	if err != nil {
		return err
	}
	view, err := d.OpenIn(h.ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(caughtUp(h.ctx, store, view), view.Close())
}
