package sqlview

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A Synchronous is a read model that the store itself changes, in the transaction that
// records an event: whoever is told that the event is recorded finds it in the tables,
// and what a handler refuses is not recorded. It is for what must never be behind, such as
// a table with a unique constraint that the events have to respect. Every append waits for
// its handlers, and they hold up all other appends of the log; whatever may be a moment
// behind is better a [View].
//
// Package pgstore takes it, among its options, and keeps it, in the database where the
// events are; it calls Make, Apply and Move, inside its transactions. It is safe for use by
// many goroutines.
type Synchronous struct {
	view   *View // whose tables are reached through the connections of others
	schema *postgresSchema
}

// Synchronous returns the read model as one that the store changes itself. Its tables lie
// beside those of a [View] of the same version, in the schema daybook_NAME_vVERSION_sync.
// It has one part, whatever the definition says, and no keys: nothing is set aside.
func (d *Definition) Synchronous() *Synchronous {
	own := *d
	own.edition, own.parts = synchronousEdition, 1
	schema := &postgresSchema{name: own.PostgresSchema(), where: "the store's database", shared: true, rewritten: make(map[string]string)}
	return &Synchronous{view: &View{def: &own, db: schema}, schema: schema}
}

// synchronousEdition stands for what the store changes itself among the editions of a
// version.
const synchronousEdition = 0

// Name returns the name of the read model.
func (s *Synchronous) Name() string { return s.view.def.name }

// Version returns the version of the read model.
func (s *Synchronous) Version() int { return s.view.def.version }

// Query returns which events have a handler.
func (s *Synchronous) Query() daybook.Query { return s.view.Query() }

// Make makes the tables, unless they are there, and returns up to which point of a log
// they show it: the zero Point if nothing was ever applied. It is called inside a
// transaction, which the caller ends, and undoes if there is an error.
func (s *Synchronous) Make(ctx context.Context, conn *pgx.Conn) (at daybook.Point, err error) {
	err = s.within(ctx, conn, func(tx *Tx) error {
		if err := s.view.create(tx); err != nil {
			return err
		}
		checkpoint, err := s.checkpoint(tx)
		at = checkpoint.Point
		return err
	})
	if err != nil {
		return daybook.Point{}, fmt.Errorf("sqlview: make %s: %w", s.schema.name, err)
	}
	return at, nil
}

// Apply has the handlers change the tables for events that the query selects, in order of
// position. It is called inside a transaction, after a savepoint, to which the caller
// returns if there is an error: then none of the events was applied. What a handler
// returns, or PostgreSQL of a statement of its, comes back through errors.Is and errors.As.
func (s *Synchronous) Apply(ctx context.Context, conn *pgx.Conn, events []daybook.Recorded) error {
	facts, err := s.view.def.handlers.Facts(events)
	if err == nil {
		err = s.within(ctx, conn, func(tx *Tx) error {
			for i, e := range events {
				if err := s.view.handle(ctx, tx, facts[i], e); err != nil {
					return err
				}
			}
			return settle(tx)
		})
	}
	if err != nil {
		return fmt.Errorf("sqlview: change %s: %w", s.schema.name, err)
	}
	return nil
}

// settle has constraints checked that are otherwise checked when the transaction ends,
// where they would be blamed on all appends that end together.
func settle(tx *Tx) error {
	if err := tx.Exec("set constraints all immediate"); err != nil {
		return err
	}
	return tx.Exec("set constraints all deferred")
}

// Move notes that the tables show the log up to a point, now that these events were
// applied. It is called inside the transaction that applied them. If the tables did not
// show the log up to the position from before, it is an error, and the transaction must be
// undone. The incarnation does not matter: what brings a database back to an earlier moment
// brings back its tables and its log.
func (s *Synchronous) Move(ctx context.Context, conn *pgx.Conn, from, to daybook.Point, applied []daybook.Recorded) error {
	err := s.within(ctx, conn, func(tx *Tx) error {
		now, err := s.checkpoint(tx)
		if err != nil {
			return err
		}
		if now.Log != from.Log || now.Position != from.Position {
			return fmt.Errorf("the tables show the log up to %v, and not up to %v", now.Point, from)
		}
		next := now
		next.Point, next.Owner = to, uuid.New()
		if n := len(applied); n > 0 {
			next.Events += uint64(n)
			next.Applied, next.EventID = applied[n-1].Position, applied[n-1].ID
		}
		return s.view.move(tx, projection.Change{From: now, To: next})
	})
	if err != nil {
		return fmt.Errorf("sqlview: move %s: %w", s.schema.name, err)
	}
	return nil
}

// checkpoint returns where the tables stand.
func (s *Synchronous) checkpoint(tx *Tx) (projection.Checkpoint, error) {
	parts, err := s.view.find(tx)
	if err != nil {
		return projection.Checkpoint{}, err
	}
	return parts[0], nil
}

// within runs statements in the transaction of a connection, with the path by which they
// find the read model's tables, and puts the path back as it was.
func (s *Synchronous) within(ctx context.Context, conn *pgx.Conn, do func(*Tx) error) error {
	session := &postgresSession{p: s.schema, conn: conn}
	defer session.putAside()
	session.waiting.Queue(`select set_config('daybook.path', current_setting('search_path'), true), set_config('search_path', $1, true)`, s.schema.path())
	// A statement is prepared before those that are sent with it run, and must find its tables.
	if err := session.flush(ctx); err != nil {
		return err
	}
	if err := do(&Tx{ctx: ctx, s: session}); err != nil {
		return err
	}
	session.waiting.Queue(`select set_config('search_path', current_setting('daybook.path'), true)`)
	return session.flush(ctx)
}

// A SynchronousView is a [Synchronous] that is open for its readers. It is safe for use by
// many goroutines.
type SynchronousView struct{ view *View }

// OpenIn opens the read model for reading, in the database where a store keeps it. The
// address is as for [Definition.OpenIn]. If no store has made it yet, it is an error. The
// caller closes the view.
func (s *Synchronous) OpenIn(ctx context.Context, url string) (*SynchronousView, error) {
	schema, err := openPostgres(ctx, url, s.view.def)
	if err != nil {
		return nil, fmt.Errorf("sqlview: open %s version %d: %w", s.Name(), s.Version(), err)
	}
	v := &SynchronousView{&View{def: s.view.def, db: schema}}
	if err := v.Read(ctx, func(*Reader, projection.Checkpoint) error { return nil }); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// Name returns the name of the read model.
func (v *SynchronousView) Name() string { return v.view.Name() }

// Version returns the version of the read model.
func (v *SynchronousView) Version() int { return v.view.Version() }

// Read does what [View.Read] does. What was recorded before it is called is in the tables.
func (v *SynchronousView) Read(ctx context.Context, look func(rows *Reader, at projection.Checkpoint) error) error {
	return v.view.Read(ctx, look)
}

// Lineage does what [View.Lineage] does.
func (v *SynchronousView) Lineage(ctx context.Context, table string, key ...any) ([]Touch, error) {
	return v.view.Lineage(ctx, table, key...)
}

// Close does what [View.Close] does. The store goes on changing the tables.
func (v *SynchronousView) Close() error { return v.view.Close() }
