package sqlview

import (
	"context"

	"github.com/daybook-es/daybook/projection"
)

// A database is where one version of a read model lies: a file of SQLite, or a schema
// of PostgreSQL. It is safe for use by many goroutines.
type database interface {
	// write calls do in a transaction: what it did is kept if it returns nil, and undone
	// if not. It may call do twice, and what the first call did is then undone. If an
	// error says nothing of whether the transaction was kept, only the tables do.
	write(ctx context.Context, do func(*Tx) error) error
	// read calls look in a transaction that changes nothing and sees one moment, and
	// returns what look returns.
	read(ctx context.Context, look func(*Reader) error) error
	// ask calls look, which asks one question and no more.
	ask(ctx context.Context, look func(*Reader) error) error
	// now is an expression for the time by the database's clock, in nanoseconds since 1970.
	now() string
	// earlier adds to a stand what was skipped in earlier versions that lie elsewhere.
	earlier(ctx context.Context, d *Definition, stand *projection.Stand) error
	// inherit keeps what was skipped in earlier versions that lie elsewhere.
	inherit(tx *Tx, d *Definition) error
	// clear drops whatever the definition's statements have made.
	clear(tx *Tx) error
	// remove drops all of the read model and closes the database, which must not be used
	// any more.
	remove(ctx context.Context, d *Definition) error
	// gone reports whether the read model is no more where it was opened.
	gone(ctx context.Context) (bool, error)
	// tables lists the tables of the read model by name.
	tables(rows asker) ([]table, error)
	// trace returns the statements by which each change of these tables is noted.
	trace(tables []table) string
	// tracing is the statement that says which event changes tables from now on, with the
	// position and the id as arguments.
	tracing() string
	// text is an expression for a value of a column, as text.
	text(c column, value string) string
	// value returns an expression for a column that Diff can compare, and one to put rows in
	// the order of compareValues by.
	value(c column) (value, order string)
	// migrate brings the tables of Daybook's own up to date, within write. It reports whether
	// it made the place where the read model lies: what is kept of one that was there before
	// is then of no use.
	migrate(tx *Tx) (made bool, err error)
	// schema is what the definition says of the tables here.
	schema(d *Definition) string
	// String says where the read model lies, without secrets.
	String() string
	// close waits for transactions that are under way.
	close() error
}

// A session runs statements in one transaction. It is used by one goroutine at a time.
type session interface {
	// exec runs a statement and returns how many rows it changed.
	exec(ctx context.Context, statement string, args []any) (int64, error)
	// send runs a statement, now or together with later ones. What fails later fails
	// the transaction.
	send(ctx context.Context, statement string, args []any) error
	// query yields the rows that a query finds.
	query(ctx context.Context, statement string, args []any, yield func(Row, error) bool)
	// script runs several statements without parameters.
	script(ctx context.Context, statements string) error
	// check returns what is wrong with constraints that are otherwise checked when the
	// transaction ends, if that has failed before. Nil if nothing is.
	check(ctx context.Context) error
	// failed returns why the transaction cannot be kept whatever its handlers say: the
	// error of a statement after which the database takes no other. Nil if it can.
	failed() error
	// worldly reports whether an error is the database's, such as a full disk or a lost
	// connection, and not that of a statement or its arguments.
	worldly(err error) bool
}
