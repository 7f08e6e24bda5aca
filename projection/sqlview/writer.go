package sqlview

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// A writer is the one connection that changes a database. It is used by one goroutine at a
// time.
type writer struct {
	connection
	// patient is set when constraints that are deferred are checked after each event.
	patient bool
}

func newWriter(conn *sql.Conn) *writer { return &writer{connection: newConnection(conn)} }

// transact calls do in a transaction: what it did is kept if it returns nil, and
// undone if not.
//
// The context bounds how long it waits to begin. What was begun does not watch it:
// the driver would start a goroutine for every statement. So do looks at it itself,
// between events.
func (w *writer) transact(ctx context.Context, do func(*Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	within := context.WithoutCancel(ctx)
	// A transaction that begins by reading could find, when it comes to write, that
	// another process has written since.
	if _, err := w.conn.ExecContext(ctx, "begin immediate"); err != nil {
		w.rollback(within) // a context that ends just now can hide that it has begun
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := do(&Tx{ctx: within, s: w}); err != nil {
		w.rollback(within)
		return err
	}
	if _, err := w.conn.ExecContext(within, "commit"); err != nil {
		w.rollback(within)
		return &commitError{err}
	}
	return nil
}

// A commitError is why a transaction could not be kept at its end.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// rollback undoes a transaction. Its own error is not told: mostly it would be that
// there is nothing to undo, because the statement that failed has undone everything.
// If there is, the next transaction cannot begin and says so, and undoes it then.
func (w *writer) rollback(ctx context.Context) {
	_, _ = w.conn.ExecContext(ctx, "rollback")
}

// exec implements session.
func (w *writer) exec(ctx context.Context, statement string, args []any) (int64, error) {
	s, err := w.take(ctx, statement)
	if err != nil {
		return 0, err
	}
	defer w.giveBack(statement, s)
	result, err := s.ExecContext(ctx, arguments(args)...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// send implements session, at once: there is no way to go.
func (w *writer) send(ctx context.Context, statement string, args []any) error {
	_, err := w.exec(ctx, statement, args)
	return err
}

// script implements session.
func (w *writer) script(ctx context.Context, statements string) error {
	_, err := w.conn.ExecContext(ctx, statements)
	return err
}

// check implements session.
func (w *writer) check(ctx context.Context) error {
	if !w.patient {
		return nil
	}
	var table string
	err := first(func(yield func(Row, error) bool) {
		w.query(ctx, `select "table" from pragma_foreign_key_check limit 1`, nil, yield)
	}).Scan(&table)
	if err == nil {
		return fmt.Errorf("a row of %s refers to one that is not there", table)
	}
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	return err
}

// failed implements session: after a statement that failed SQLite takes others.
func (w *writer) failed() error { return nil }
