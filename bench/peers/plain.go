package peers

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook"
)

// Plain is the table of events that one writes by hand: an INSERT for each append, and a
// unique stream and version to find out that somebody else was first.
type Plain struct {
	pool   *pgxpool.Pool
	locked bool
}

const plainSchema = `
create table events (
	position    bigint generated always as identity primary key,
	id          uuid not null unique,
	stream      text not null,
	version     bigint not null,
	type        text not null,
	tags        text[] not null,
	data        jsonb not null,
	metadata    jsonb,
	recorded_at timestamptz not null default now(),
	unique (stream, version)
)`

const plainRow = `insert into events (id, stream, version, type, tags, data) values ($1, $2, $3, $4, $5, $6)`

// OpenPlain makes the table in an empty database. If it is locked, each append has the
// table to itself until it is committed, so that positions rise in the order of commits.
func OpenPlain(ctx context.Context, url string, locked bool) (*Plain, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 64
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, plainSchema); err != nil {
		pool.Close()
		return nil, err
	}
	return &Plain{pool, locked}, nil
}

// AppendAt implements [Versioned].
func (p *Plain) AppendAt(ctx context.Context, e daybook.Event, at daybook.Version) error {
	if !p.locked {
		_, err := p.pool.Exec(ctx, plainRow, e.ID, e.Stream, at+1, e.Type, e.Tags, e.Data)
		return err
	}
	// One journey to the server for lock, INSERT and COMMIT, which is as fast as it goes.
	batch := new(pgx.Batch)
	batch.Queue(`select pg_advisory_xact_lock(1)`)
	batch.Queue(plainRow, e.ID, e.Stream, at+1, e.Type, e.Tags, e.Data)
	return p.pool.SendBatch(ctx, batch).Close()
}

// Replay hands every event's data to visit, in order.
func (p *Plain) Replay(ctx context.Context, visit func(data []byte)) error {
	rows, err := p.pool.Query(ctx, `select data from events order by position`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		visit(rows.RawValues()[0])
	}
	return rows.Err()
}

// Fill copies events into the table, which is empty.
func (p *Plain) Fill(ctx context.Context, events []daybook.Recorded) error {
	n, err := p.pool.CopyFrom(ctx, pgx.Identifier{"events"}, []string{"id", "stream", "version", "type", "tags", "data"},
		pgx.CopyFromSlice(len(events), func(i int) ([]any, error) {
			e := &events[i]
			return []any{e.ID, e.Stream, e.Version, e.Type, e.Tags, e.Data}, nil
		}))
	if err == nil && int(n) != len(events) {
		err = fmt.Errorf("%d of %d rows were copied", n, len(events))
	}
	return err
}

// Close implements [Versioned].
func (p *Plain) Close() error {
	p.pool.Close()
	return nil
}
