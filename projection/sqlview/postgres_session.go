package sqlview

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A postgresSession is one transaction on one connection. pgx prepares each statement
// once per connection, and keeps some hundreds.
type postgresSession struct {
	p    *postgresSchema
	conn *pgx.Conn

	// waiting are the statements that are yet to be sent, and trusted how many of them have
	// a caller who has gone on.
	waiting pgx.Batch
	trusted int
	// patient is set when each statement is sent at once, and its answer waited for.
	patient bool
	// late is set when a statement failed that was sent after its caller had gone on.
	late bool
	// broken is the error after which PostgreSQL takes no other statement until the
	// transaction ends.
	broken error
	// open are the rows that are being read. A connection has one answer at a time: they
	// are put aside before the next statement.
	open *postgresRows
}

// maxWaiting statements take some hundred microseconds to run, against some fifty for
// the journey, and some hundred kilobytes.
const maxWaiting = 256

// transact runs a whole transaction.
func (s *postgresSession) transact(ctx context.Context, do func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.begin("begin")
	err := do(&Tx{ctx: ctx, s: s})
	if err == nil {
		err = s.broken
	}
	if err == nil {
		s.waiting.Queue("commit").Exec(func(done pgconn.CommandTag) error {
			if done.String() != "COMMIT" {
				return fmt.Errorf("commit: the transaction was undone, and the answer is %s", done)
			}
			return nil
		})
		err = s.flush(ctx)
	}
	if err != nil {
		s.rollback(ctx)
	}
	return err
}

// begin begins a transaction, with the first statement that is sent.
func (s *postgresSession) begin(statement string) { s.waiting.Queue(statement) }

// rollback ends a transaction that changes nothing, unless it has not begun.
func (s *postgresSession) rollback(ctx context.Context) {
	s.putAside()
	s.waiting = pgx.Batch{}
	if s.conn.IsClosed() || s.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	_, _ = s.conn.Exec(ctx, "rollback") // if it fails the pool closes the connection, which undoes the transaction too
}

// send implements session.
func (s *postgresSession) send(ctx context.Context, statement string, args []any) error {
	if s.patient {
		_, err := s.exec(ctx, statement, args)
		return err
	}
	if s.broken != nil {
		return s.broken
	}
	values, err := postgresArguments(args)
	if err != nil {
		return err
	}
	s.waiting.Queue(s.p.numbered(statement), values...)
	s.trusted++
	if s.waiting.Len() < maxWaiting {
		return nil
	}
	return s.flush(ctx)
}

// flush sends what waits, and waits for all answers.
func (s *postgresSession) flush(ctx context.Context) error {
	if s.broken != nil {
		return s.broken
	}
	if s.waiting.Len() == 0 {
		return nil
	}
	s.putAside()
	err := s.conn.SendBatch(ctx, &s.waiting).Close()
	if err != nil {
		s.broken, s.late = err, s.trusted > 0
	}
	s.waiting, s.trusted = pgx.Batch{}, 0
	return err
}

// exec implements session.
func (s *postgresSession) exec(ctx context.Context, statement string, args []any) (count int64, err error) {
	values, err := postgresArguments(args)
	if err != nil {
		return 0, err
	}
	if s.broken != nil {
		return 0, s.broken
	}
	s.putAside()
	s.waiting.Queue(s.p.numbered(statement), values...).Exec(func(done pgconn.CommandTag) error {
		count = done.RowsAffected()
		return nil
	})
	err = s.flush(ctx)
	return count, err
}

// check implements session.
func (s *postgresSession) check(ctx context.Context) error {
	if !s.patient {
		return nil
	}
	if _, err := s.exec(ctx, "set constraints all immediate", nil); err != nil {
		return err
	}
	_, err := s.exec(ctx, "set constraints all deferred", nil)
	return err
}

// script implements session.
func (s *postgresSession) script(ctx context.Context, statements string) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	s.putAside()
	_, s.broken = s.conn.PgConn().Exec(ctx, statements).ReadAll()
	return s.broken
}

// query implements session.
func (s *postgresSession) query(ctx context.Context, query string, args []any, yield func(Row, error) bool) {
	values, err := postgresArguments(args)
	if err == nil {
		err = s.flush(ctx)
	}
	if err != nil {
		yield(Row{}, err)
		return
	}
	s.putAside()
	answer, err := s.conn.Query(ctx, s.p.numbered(query), values...)
	if err != nil {
		s.broken = err
		yield(Row{}, err)
		return
	}
	rows := &postgresRows{live: answer}
	s.open = rows
	defer func() {
		if s.open == rows {
			s.open = nil
		}
		rows.live.Close()
	}()
	for rows.next() {
		if !yield(Row{scan: s.scan(rows)}, nil) {
			return
		}
	}
	if err := rows.live.Err(); err != nil {
		s.broken = err
		yield(Row{}, err)
	}
}

// scan returns what copies the columns of the row that was yielded last.
func (s *postgresSession) scan(rows *postgresRows) func(dest ...any) error {
	return func(dest ...any) error {
		return pgx.ScanRow(s.conn.TypeMap(), rows.live.FieldDescriptions(), rows.row, destinations(dest)...)
	}
}

// putAside reads to its end what is being read, so that the connection is free.
func (s *postgresSession) putAside() {
	if s.open == nil {
		return
	}
	s.open.putAside()
	s.open = nil
}

// A postgresRows is an answer that is read row by row as it arrives, or, once the
// connection was needed for something else, from memory.
type postgresRows struct {
	live  pgx.Rows
	row   [][]byte // the row that next found
	aside [][][]byte
	over  bool // the rest is in aside
}

// next goes on to the next row, if there is one.
func (r *postgresRows) next() bool {
	if !r.over {
		if !r.live.Next() {
			return false
		}
		r.row = r.live.RawValues()
		return true
	}
	if len(r.aside) == 0 {
		return false
	}
	r.row, r.aside = r.aside[0], r.aside[1:]
	return true
}

// putAside keeps the row that was found last, and all that follow.
func (r *postgresRows) putAside() {
	r.over, r.row = true, cloned(r.row)
	for r.live.Next() {
		r.aside = append(r.aside, cloned(r.live.RawValues()))
	}
}

// cloned returns values that stay when the next row is read. Null stays nil.
func cloned(values [][]byte) [][]byte {
	own := make([][]byte, len(values))
	for i, value := range values {
		own[i] = bytes.Clone(value)
	}
	return own
}

// failed implements session.
func (s *postgresSession) failed() error { return s.broken }

// worldly implements session. What a class of errors is about is said in appendix A of
// PostgreSQL's manual.
func (s *postgresSession) worldly(err error) bool {
	if err == nil {
		return false
	}
	failed := (*pgconn.PgError)(nil)
	if !errors.As(err, &failed) {
		return s.conn.IsClosed()
	}
	if failed.Code == "55P03" { // a lock that could not be had
		return true
	}
	switch failed.Code[:2] {
	case "08", // connection
		"25", // a transaction that was ended by a timeout, or a standby that cannot write
		"40", // deadlock
		"53", // no memory, no space, too many connections
		"57", // the server goes down, or an administrator has broken off the statement
		"58", // failures of the system
		"XX": // damage
		return true
	}
	return s.p.lacking(failed)
}
