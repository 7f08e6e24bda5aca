package pgstore

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// callers calls do b.N times in all, from so many goroutines.
func callers(b *testing.B, n int, do func(caller, i int) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var calling sync.WaitGroup
	b.ResetTimer()
	begun := time.Now()
	for caller := range n {
		calling.Go(func() {
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				if err := do(caller, int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	calling.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "appends/s")
}

// The server syncs what it commits. The peers do what a table of events takes at least: one
// INSERT for each append, an id and a version that are unique, an index of tags. One of them
// takes positions from a sequence, so that readers skip events; the other one from a row.
func BenchmarkAppend(b *testing.B) {
	server := pgtest.Own(b, "fsync=on")
	data := []byte(`{"order":"42","lines":[{"sku":"abc","count":2},{"sku":"def","count":1}],"customer":"ada@example.com","total":4200}`)
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("pgstore/%d", n), func(b *testing.B) {
			s := open(b, server.Database(b), Options{})
			callers(b, n, func(caller, i int) error {
				stream := fmt.Sprintf("order-%d", i)
				_, err := s.Append(b.Context(), []daybook.Event{{Stream: stream, Type: "Placed", Tags: []string{stream}, Data: data}}, daybook.New(stream))
				return err
			})
		})
		b.Run(fmt.Sprintf("insert/%d", n), func(b *testing.B) {
			database := server.Database(b)
			run(b, database, `create table event (position bigserial primary key, id uuid unique, stream text, version bigint, type text, tags text[], data jsonb, recorded_at timestamptz default now(), unique (stream, version));
				create index on event using gin (tags)`)
			pool, err := pgxpool.New(b.Context(), database+fmt.Sprintf("&pool_max_conns=%d", n))
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			callers(b, n, func(caller, i int) error {
				stream := fmt.Sprintf("order-%d", i)
				_, err := pool.Exec(b.Context(), `insert into event (id, stream, version, type, tags, data) values ($1, $2, 1, 'Placed', $3, $4)`, uuid.Must(uuid.NewV7()).String(), stream, []string{stream}, string(data))
				return err
			})
		})
		b.Run(fmt.Sprintf("locked/%d", n), func(b *testing.B) {
			database := server.Database(b)
			run(b, database, `create table event (position bigint primary key, id uuid unique, stream text, version bigint, type text, tags text[], data jsonb, recorded_at timestamptz default now(), unique (stream, version));
				create index on event using gin (tags);
				create table log (position bigint);
				insert into log values (0)`)
			pool, err := pgxpool.New(b.Context(), database+fmt.Sprintf("&pool_max_conns=%d", n))
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			callers(b, n, func(caller, i int) error {
				stream := fmt.Sprintf("order-%d", i)
				_, err := pool.Exec(b.Context(), locked, uuid.Must(uuid.NewV7()).String(), stream, []string{stream}, string(data))
				return err
			})
		})
	}
}

// locked makes the order of positions that of the commits, for one append.
const locked = `with head as materialized (update log set position = position + 1 returning position)
	insert into event (position, id, stream, version, type, tags, data) select position, $1, $2, 1, 'Placed', $3, $4 from head`

func BenchmarkReplay(b *testing.B) {
	const events = 200_000
	s := open(b, pgtest.Database(b), Options{})
	data := []byte(`{"order":"42","lines":[{"sku":"abc","count":2},{"sku":"def","count":1}],"customer":"ada@example.com","total":4200}`)
	for i := 0; i < events; i += 1000 {
		var batch []daybook.Event
		for n := range 1000 {
			stream := fmt.Sprintf("order-%d", (i+n)%5000)
			batch = append(batch, daybook.Event{Stream: stream, Type: "Placed", Tags: []string{stream, "all"}, Data: data})
		}
		if _, err := s.Append(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	for what, q := range map[string]daybook.Query{"all": daybook.All(), "tag": {{Tags: []string{"all"}}}, "type": {{Types: []string{"Placed"}}}, "category": {{Categories: []string{"order"}}}} {
		b.Run(what, func(b *testing.B) {
			n := 0
			begun := time.Now()
			for range b.N {
				reading, err := s.Read(b.Context(), q, daybook.Span{})
				if err != nil {
					b.Fatal(err)
				}
				for _, err := range reading.Events() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			if n != b.N*events {
				b.Errorf("%d events of %d", n, b.N*events)
			}
			b.ReportMetric(float64(n)/time.Since(begun).Seconds(), "events/s")
		})
	}
}
