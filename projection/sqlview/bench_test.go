package sqlview_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// What these benchmarks apply, and in batches of how many events.
const (
	benchEvents = 20_000
	benchBatch  = 1000
)

// Each event inserts a row and changes another: an entry, and the balance of its till.
const (
	benchSchema = `
create table entries (position bigint primary key, till text not null, cents bigint not null);
create table tills (till text primary key, cents bigint not null);`
	benchInsert = `insert into entries values ($1, $2, $3)`
	benchUpdate = `insert into tills values ($1, $2) on conflict (till) do update set cents = tills.cents + excluded.cents`
)

var benchTills = sqlview.New("tills", 1, codec, benchSchema,
	sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
		if err := tx.Exec(`insert into entries values (?, ?, ?)`, at.Position, at.Stream, e.Cents); err != nil {
			return err
		}
		return tx.Exec(`insert into tills values (?, ?) on conflict (till) do update set cents = tills.cents + excluded.cents`, at.Stream, e.Cents)
	}))

var benchLog = endless{events: benchEvents, streams: 1000}

// BenchmarkCatchUp measures how many events a second are applied, on each database, with
// one part and with four, and with lineage. "byHand" is the loop that one writes without
// Daybook: the same statements, prepared, in transactions of as many events, which also
// keep the position.
func BenchmarkCatchUp(b *testing.B) {
	for _, database := range databases {
		b.Run(database.name, func(b *testing.B) {
			b.Run("parts=1", func(b *testing.B) { benchCatchUp(b, database.make, benchTills) })
			b.Run("parts=4", func(b *testing.B) { benchCatchUp(b, database.make, benchTills.WithParts(4)) })
			b.Run("lineage", func(b *testing.B) { benchCatchUp(b, database.make, benchTills.WithLineage()) })
			b.Run("byHand", func(b *testing.B) { benchByHand(b, database.make) })
		})
	}
}

func benchCatchUp(b *testing.B, where func(testing.TB) place, d *sqlview.Definition) {
	for b.Loop() {
		b.StopTimer()
		view := open(b, d, where(b))
		b.StartTimer()
		if err := projection.NewRunner(benchLog, view, &projection.Options{BatchEvents: benchBatch}).CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkDiff measures how many rows a second of two versions are compared.
func BenchmarkDiff(b *testing.B) {
	for _, database := range databases {
		b.Run(database.name, func(b *testing.B) {
			view := open(b, benchTills, database.make(b))
			if err := projection.NewRunner(benchLog, view, nil).CatchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
			rows := 0
			for b.Loop() {
				c, err := sqlview.Diff(b.Context(), view, view, nil)
				if err != nil || !c.Same() {
					b.Fatal(c, err)
				}
				rows += c.Tables[0].Rows + c.Tables[1].Rows
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func benchByHand(b *testing.B, where func(testing.TB) place) {
	for b.Loop() {
		b.StopTimer()
		at := where(b)
		b.StartTimer()
		var err error
		if at.URL != "" {
			err = byHandInPostgreSQL(b.Context(), at.URL)
		} else {
			err = byHandInSQLite(b.Context(), filepath.Join(at.Dir, "tills.db"))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*benchEvents/b.Elapsed().Seconds(), "events/s")
}

// batches reads the log, and calls apply with each batch.
func batches(ctx context.Context, apply func([]daybook.Recorded) error) error {
	reading, err := benchLog.Read(ctx, daybook.Query{{Types: []string{"Earned"}}}, daybook.Span{})
	if err != nil {
		return err
	}
	var batch []daybook.Recorded
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		if batch = append(batch, e); len(batch) == benchBatch {
			if err := apply(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return apply(batch)
}

// cents reads what an event says.
func cents(e daybook.Recorded) (int, error) {
	facts, err := codec.Facts(e)
	if err != nil {
		return 0, err
	}
	return facts[0].(Earned).Cents, nil
}

func byHandInSQLite(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-32768)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(benchSchema + `create table at (position bigint); insert into at values (0);`); err != nil {
		return err
	}
	insert, err := db.Prepare(benchInsert)
	if err != nil {
		return err
	}
	defer insert.Close()
	update, err := db.Prepare(benchUpdate)
	if err != nil {
		return err
	}
	defer update.Close()
	return batches(ctx, func(events []daybook.Recorded) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		insert, update := tx.Stmt(insert), tx.Stmt(update)
		for _, e := range events {
			n, err := cents(e)
			if err != nil {
				return err
			}
			if _, err := insert.Exec(int64(e.Position), e.Stream, n); err != nil {
				return err
			}
			if _, err := update.Exec(e.Stream, n); err != nil {
				return err
			}
		}
		if len(events) > 0 {
			if _, err := tx.Exec(`update at set position = $1`, int64(events[len(events)-1].Position)); err != nil {
				return err
			}
		}
		return tx.Commit()
	})
}

func byHandInPostgreSQL(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url+"&synchronous_commit=off")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, benchSchema+`create table at (position bigint); insert into at values (0);`); err != nil {
		return err
	}
	return batches(ctx, func(events []daybook.Recorded) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer tx.Rollback(ctx)
		for _, e := range events {
			n, err := cents(e)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, benchInsert, int64(e.Position), e.Stream, n); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, benchUpdate, e.Stream, n); err != nil {
				return err
			}
		}
		if len(events) > 0 {
			if _, err := tx.Exec(ctx, `update at set position = $1`, int64(events[len(events)-1].Position)); err != nil {
				return err
			}
		}
		return tx.Commit(ctx)
	})
}
