package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A writer is the connection on which a store appends, and what is prepared on it. It
// belongs to the sequencer.
type writer struct {
	store    *Store
	conn     *pgx.Conn
	prepared map[string]*pgconn.StatementDescription
}

// mostPrepared statements are kept on a connection: those of this package, and one for each
// shape of a clause. A program has some tens.
const mostPrepared = 500

// dial connects, if there is no connection.
func (w *writer) dial(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	conn, err := w.store.connect(ctx)
	if err != nil {
		return err
	}
	w.conn, w.prepared = conn, make(map[string]*pgconn.StatementDescription)
	if _, err := conn.PgConn().Exec(ctx, writerSQL).ReadAll(); err != nil {
		return err
	}
	for _, text := range []string{beginSQL, lockSQL, idsSQL, streamsSQL, aboutSQL, betweenSQL, recordSQL, tagSQL, advanceSQL, commitSQL, durabilitySQL} {
		if err := w.know(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// hangUp closes the connection. What was begun on it is undone by the server, when it finds
// out.
func (w *writer) hangUp() {
	if w.conn != nil {
		w.store.hangUp(w.conn)
		w.conn = nil
	}
}

// prepare prepares what a group asks.
func (w *writer) prepare(ctx context.Context, g *group) error {
	for _, r := range g.requests {
		for _, search := range r.searches {
			if err := w.know(ctx, search.text); err != nil {
				return err
			}
		}
	}
	return nil
}

// know prepares a statement, unless that was done.
func (w *writer) know(ctx context.Context, text string) error {
	if w.prepared[text] != nil {
		return nil
	}
	if len(w.prepared) >= mostPrepared {
		w.hangUp()
		return errTooManyPrepared
	}
	description, err := w.conn.PgConn().Prepare(ctx, fmt.Sprintf("daybook_%d", len(w.prepared)), text, nil)
	if err != nil {
		return err
	}
	w.prepared[text] = description
	return nil
}

var errTooManyPrepared = errors.New("the connection has too many prepared statements, and is replaced")

// A journey sends statements and then reads their answers, in one round trip. Each is
// followed by a point of synchronization: so the server knows that it is idle in a
// transaction, and for how long, whenever it waits for the next.
type journey struct {
	w        *writer
	pipeline *pgconn.Pipeline
	build    pgx.ExtendedQueryBuilder
	err      error
}

func (w *writer) journey(ctx context.Context) *journey {
	return &journey{w: w, pipeline: w.conn.PgConn().StartPipeline(ctx)}
}

// inBinary is the format in which all answers are wanted.
var inBinary = []int16{pgx.BinaryFormatCode}

// send adds a statement, which has been prepared.
func (j *journey) send(text string, args ...any) {
	if j.err != nil {
		return
	}
	description := j.w.prepared[text]
	if j.err = j.build.Build(j.w.conn.TypeMap(), description, args); j.err != nil {
		return
	}
	j.pipeline.SendQueryStatement(description, j.build.ParamValues, j.build.ParamFormats, inBinary)
	j.pipeline.SendPipelineSync()
}

// depart sends what was added.
func (j *journey) depart() error {
	if j.err == nil {
		j.err = j.pipeline.Flush()
	}
	return j.err
}

// answer reads the answer to the next statement, and hands its rows to each.
func (j *journey) answer(each func(values [][]byte)) (tag pgconn.CommandTag, err error) {
	results, err := j.pipeline.GetResults()
	if reader, is := results.(*pgconn.ResultReader); err == nil && is {
		for reader.NextRow() {
			if each != nil {
				each(reader.Values())
			}
		}
		tag, err = reader.Close()
	}
	if refused := (*pgconn.PgError)(nil); err != nil && !errors.As(err, &refused) {
		return tag, err // the connection is lost
	}
	if _, lost := j.pipeline.GetResults(); lost != nil && err == nil { // the point of synchronization
		err = lost
	}
	return tag, err
}

// failed ends a journey that failed, and returns why. What came of the statements behind
// the one that did says nothing more.
func (j *journey) failed(err error) error {
	_ = j.pipeline.Close()
	return err
}

// end makes the connection ready for the next journey.
func (j *journey) end() error { return j.pipeline.Close() }
