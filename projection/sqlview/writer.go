package sqlview

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// A writer is the one connection that changes a database, with the statements that
// were prepared on it. It is used by one goroutine at a time.
type writer struct {
	conn *sql.Conn
	// prepared are the statements that are not in use. One that is, by a query whose
	// rows are being read, is not here: a handler that asks the same again meanwhile
	// gets another.
	prepared map[string]*sql.Stmt
}

// A projection has some dozens of statements. One that has more than this writes
// values into them.
const maxPrepared = 1000

func newWriter(conn *sql.Conn) *writer {
	return &writer{conn: conn, prepared: make(map[string]*sql.Stmt)}
}

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
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if err := do(&Tx{ctx: within, w: w}); err != nil {
		return errors.Join(err, w.rollback(within))
	}
	if _, err := w.conn.ExecContext(within, "commit"); err != nil {
		return errors.Join(fmt.Errorf("commit: %w", err), w.rollback(within))
	}
	return nil
}

// rollback undoes a transaction, unless a statement that failed has undone it.
func (w *writer) rollback(ctx context.Context) error {
	if _, err := w.conn.ExecContext(ctx, "rollback"); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// take returns a prepared statement that is not in use.
func (w *writer) take(ctx context.Context, statement string) (*sql.Stmt, error) {
	if s, found := w.prepared[statement]; found {
		delete(w.prepared, statement)
		return s, nil
	}
	return w.conn.PrepareContext(ctx, statement)
}

// giveBack keeps a statement for the next who takes it.
func (w *writer) giveBack(statement string, s *sql.Stmt) {
	if _, found := w.prepared[statement]; found || len(w.prepared) >= maxPrepared {
		_ = s.Close() // frees memory, and has nothing to report that its use has not
		return
	}
	w.prepared[statement] = s
}

// close closes the statements and the connection.
func (w *writer) close() error {
	var errs []error
	for _, s := range w.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}
