package sqlview

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// A connection is one to a database of SQLite, with the statements that were prepared on it.
// It is used by one goroutine at a time.
type connection struct {
	conn *sql.Conn
	// prepared are the statements that are not in use. One that is, by a query whose
	// rows are being read, is not here: whoever asks the same again meanwhile gets
	// another.
	prepared map[string]*sql.Stmt
}

// A projection has some dozens of statements, and so have its readers. One that has more
// than this writes values into them.
const maxPrepared = 1000

func newConnection(conn *sql.Conn) connection {
	return connection{conn: conn, prepared: make(map[string]*sql.Stmt)}
}

// query yields the rows of a query, as sessions do.
func (c *connection) query(ctx context.Context, query string, args []any, yield func(Row, error) bool) {
	s, err := c.take(ctx, query)
	if err != nil {
		yield(Row{}, err)
		return
	}
	defer c.giveBack(query, s)
	rows, err := s.QueryContext(ctx, arguments(args)...)
	each(rows, err, yield)
}

// take returns a prepared statement that is not in use.
func (c *connection) take(ctx context.Context, statement string) (*sql.Stmt, error) {
	if s, found := c.prepared[statement]; found {
		delete(c.prepared, statement)
		return s, nil
	}
	// The driver takes what ends in white space for a script, and prepares that each time.
	return c.conn.PrepareContext(ctx, strings.TrimSpace(statement))
}

// giveBack keeps a statement for the next who takes it.
func (c *connection) giveBack(statement string, s *sql.Stmt) {
	if _, found := c.prepared[statement]; found || len(c.prepared) >= maxPrepared {
		_ = s.Close() // frees memory, and has nothing to report that its use has not
		return
	}
	c.prepared[statement] = s
}

// close closes the statements and the connection.
func (c *connection) close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// discard ends a connection for good. Closed only, it would go back to the pool of package
// sql as it is, with a transaction that has begun perhaps, and to whoever asks next.
func (c *connection) discard() {
	for _, s := range c.prepared {
		_ = s.Close()
	}
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// readers are connections that only read, lent to one goroutine each. They are kept with
// what was prepared on them: SQLite takes longer to prepare most queries than to answer them.
type readers struct {
	db *sql.DB
	// lent has room for as many as may be in use at a time.
	lent chan struct{}

	mu     sync.Mutex
	idle   []*connection // who was used last is lent first
	closed bool
}

func newReaders(db *sql.DB) *readers {
	db.SetMaxOpenConns(maxReaders)
	return &readers{db: db, lent: make(chan struct{}, maxReaders)}
}

// with calls do with a connection, and waits for one if need be.
func (r *readers) with(ctx context.Context, do func(*connection) error) error {
	select {
	case r.lent <- struct{}{}:
		defer func() { <-r.lent }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	var c *connection
	if n := len(r.idle); n > 0 {
		c, r.idle = r.idle[n-1], r.idle[:n-1]
	}
	r.mu.Unlock()
	if c == nil {
		conn, err := r.db.Conn(ctx)
		if err != nil {
			return err
		}
		made := newConnection(conn)
		c = &made
	}
	good := false
	defer func() { r.giveBack(c, good) }()
	err := do(c)
	good = !errors.Is(err, errBroken)
	return err
}

// errBroken is of a connection whose state is not known any more.
var errBroken = errors.New("the connection is given up")

// giveBack keeps a connection for the next, if it is good for one.
func (r *readers) giveBack(c *connection, good bool) {
	r.mu.Lock()
	kept := good && !r.closed
	if kept {
		r.idle = append(r.idle, c)
	}
	r.mu.Unlock()
	if !kept {
		c.discard() // whoever used it was told what is wrong with it
	}
}

// transact calls look in a transaction, which sees what was committed when it asks first.
func (r *readers) transact(ctx context.Context, look func(*connection) error) error {
	return r.with(ctx, func(c *connection) (err error) {
		// It takes no time. If it watched the context, one that ends just then would leave
		// nobody knowing whether it has begun.
		if err := c.exec(context.WithoutCancel(ctx), "begin"); err != nil {
			return fmt.Errorf("begin to read: %w", errors.Join(err, errBroken))
		}
		ended := false
		defer func() {
			// Nothing was written: a rollback only says that the reading is over. It is said
			// whether or not there is still time, and when look panics.
			if end := c.exec(context.WithoutCancel(ctx), "rollback"); end != nil && ended {
				err = fmt.Errorf("end to read: %w", errors.Join(err, end, errBroken))
			}
		}()
		err = look(c)
		ended = true
		return err
	})
}

// exec runs a statement that has nothing to say.
func (c *connection) exec(ctx context.Context, statement string) error {
	s, err := c.take(ctx, statement)
	if err != nil {
		return err
	}
	defer c.giveBack(statement, s)
	_, err = s.ExecContext(ctx)
	return err
}

// close closes the connections. Those that are lent are closed when they come back.
func (r *readers) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, c := range r.idle {
		errs = append(errs, c.close())
	}
	r.idle = nil
	return errors.Join(append(errs, r.db.Close())...)
}
