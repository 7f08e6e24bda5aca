package sqlview

import (
	"context"
	"errors"
	"iter"
)

// ErrNoRow is what [Row.Scan] returns where a query found nothing.
var ErrNoRow = errors.New("sqlview: no row")

// A Tx is what a handler changes tables with. It may be used by one goroutine at a
// time, until the handler returns.
//
// Statements have one parameter ? for each argument, or ?1, ?2 and so on. An argument
// is nil, a bool, a number, a string, a []byte, a value of a type based on one of
// these, or a time.Time. A time is kept as a number of nanoseconds since 1970 in UTC,
// the zero time as null, and is scanned back from either; one outside 1678 to 2261 is
// a [*daybook.InvalidError]. A statement is prepared once and then kept: pass values as
// arguments, never write them into the statement. For PostgreSQL too parameters are
// question marks; its operators that have one are written with two, as in tags ??| ?1.
type Tx struct {
	ctx context.Context
	s   session
}

// Exec runs a statement.
//
// PostgreSQL may be sent several of them at once. If one of those fails, the batch is
// undone and its handlers are run again, each statement by itself.
func (tx *Tx) Exec(statement string, args ...any) error { return tx.s.send(tx.ctx, statement, args) }

// ExecCount runs a statement and returns how many rows it inserted, updated or
// deleted.
func (tx *Tx) ExecCount(statement string, args ...any) (int64, error) {
	return tx.s.exec(tx.ctx, statement, args)
}

// Query yields the rows that a query finds, and ends after the last one or with the
// one error that stopped it. A row may be used until the next one is yielded.
func (tx *Tx) Query(query string, args ...any) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { tx.s.query(tx.ctx, query, args, yield) }
}

// QueryRow returns the first row that a query finds. The query runs when Scan is
// called, which returns [ErrNoRow] if there is no row.
func (tx *Tx) QueryRow(query string, args ...any) Row { return first(tx.Query(query, args...)) }

// A Reader asks the tables of a read model. It may be used by one goroutine at a
// time, until the function that was given it returns. Queries and arguments are as
// for [Tx].
type Reader struct {
	ctx context.Context
	s   interface {
		query(ctx context.Context, query string, args []any, yield func(Row, error) bool)
	}
}

// Query yields the rows that a query finds, and ends after the last one or with the
// one error that stopped it. A row may be used until the next one is yielded.
func (r *Reader) Query(query string, args ...any) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { r.s.query(r.ctx, query, args, yield) }
}

// QueryRow returns the first row that a query finds. The query runs when Scan is
// called, which returns [ErrNoRow] if there is no row.
func (r *Reader) QueryRow(query string, args ...any) Row { return first(r.Query(query, args...)) }

// An asker is a Tx or a Reader.
type asker interface {
	Query(query string, args ...any) iter.Seq2[Row, error]
	QueryRow(query string, args ...any) Row
}

// A Row is one row that a query found.
type Row struct {
	scan func(dest ...any) error
}

// Scan copies the row's columns into what the pointers point at, which must be as
// many as there are columns. A column that may be null needs a pointer to a pointer,
// to a time.Time or to a []byte.
func (r Row) Scan(dest ...any) error { return r.scan(destinations(dest)...) }

// first returns the first of rows.
func first(rows iter.Seq2[Row, error]) Row {
	return Row{scan: func(dest ...any) error {
		for row, err := range rows {
			if err != nil {
				return err
			}
			return row.Scan(dest...)
		}
		return ErrNoRow
	}}
}
