package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-es/daybook"
)

// A Synchronous is a read model in the log's own database that is changed in the
// transaction that records an event: whoever is told that the event is recorded finds it
// there, and what the read model refuses is not recorded. The append is then answered with a
// [*daybook.RefusedError] whose Err is what the read model returned; others that are recorded
// in the same transaction are not concerned. It is for what must never be behind, such as a
// table whose constraints the events have to respect, and it is paid for by every append of
// the log, each of which waits for all of them. Package projection/sqlview makes them.
//
// Which read models a log is kept with is noted in the log. A process that does not have
// them all, or has one more, cannot append; one that opens the log with one more has it
// built from the events that are there, and from then on whoever lacks it is refused, also
// if it has the log open already. So a new one is deployed everywhere at once, or while
// nobody appends.
//
// The store calls the methods one at a time, in transactions of its own.
type Synchronous interface {
	// Name says which read model it is. It has no space and no slash.
	Name() string
	// Version says which generation of its code it is.
	Version() int
	// Query selects the events that change it.
	Query() daybook.Query
	// Make makes what it needs in the database, unless it is there, and returns up to
	// which point of a log it has been changed; the zero Point if it never was.
	Make(ctx context.Context, conn *pgx.Conn) (daybook.Point, error)
	// Apply changes it for events that it selects, in order of position. After an error the
	// store returns to a savepoint.
	Apply(ctx context.Context, conn *pgx.Conn, events []daybook.Recorded) error
	// Move notes that it has been changed up to a point of the log, and which events it
	// was changed for. It is an error if it was not changed up to the position from before.
	Move(ctx context.Context, conn *pgx.Conn, from, to daybook.Point, applied []daybook.Recorded) error
}

// A roster is the synchronous read models that a log is kept with, as this process has
// them.
type roster struct {
	models []Synchronous
	names  string // of all, as the head has them
}

// newRoster returns the roster of these read models.
func newRoster(models []Synchronous) (roster, error) {
	r := roster{models: slices.Clone(models)}
	var names []string
	for _, m := range models {
		if m.Name() == "" || strings.ContainsAny(m.Name(), " /") {
			return roster{}, &daybook.InvalidError{What: "pgstore: name of a synchronous read model", Value: m.Name(), Reason: "is empty, or has a space or a slash"}
		}
		if slices.Contains(names, called(m)) {
			return roster{}, &daybook.InvalidError{What: "pgstore: synchronous read model", Value: called(m), Reason: "is given twice"}
		}
		names = append(names, called(m))
	}
	slices.Sort(names)
	r.names = strings.Join(names, " ")
	return r, nil
}

// called returns how a head calls a read model.
func called(m Synchronous) string { return fmt.Sprintf("%s/%d", m.Name(), m.Version()) }

// are returns an error if the log is kept with other read models than this process has.
func (r roster) are(names string) error {
	if names == r.names {
		return nil
	}
	return fmt.Errorf("%w: the log is kept with the synchronous read models [%s], and this program has [%s]", errRefused, names, r.names)
}

// lacking returns the read models that the log is not kept with yet. It is an error if the
// log is kept with one that this process does not have.
func (r roster) lacking(names string) (fresh []Synchronous, err error) {
	kept := strings.Fields(names)
	for _, m := range r.models {
		if i := slices.Index(kept, called(m)); i >= 0 {
			kept = slices.Delete(kept, i, i+1)
		} else {
			fresh = append(fresh, m)
		}
	}
	if len(kept) > 0 {
		return nil, r.are(names)
	}
	return fresh, nil
}

// apply has the read models change for events that are about to be recorded. If one refuses
// them none is changed, and the error is the [*daybook.RefusedError] of an append that was
// checked at a point, or a [*daybook.UnavailableError] if a statement took too long.
// Otherwise an error is a lookError: it is not the append's.
func (r roster) apply(ctx context.Context, conn *pgx.Conn, events []daybook.Recorded, at daybook.Point) error {
	saved := false
	for _, m := range r.models {
		own := selected(m, events)
		if len(own) == 0 {
			continue
		}
		if !saved {
			if _, err := conn.Exec(ctx, "savepoint daybook_append"); err != nil {
				return &lookError{err}
			}
			saved = true
		}
		if err := m.Apply(ctx, conn, own); err != nil {
			return undo(ctx, conn, err, at)
		}
	}
	if !saved {
		return nil
	}
	if _, err := conn.Exec(ctx, "release daybook_append"); err != nil {
		return &lookError{err}
	}
	return nil
}

// undo returns to the savepoint because a read model refused an append, and returns what the
// append is answered.
func undo(ctx context.Context, conn *pgx.Conn, refused error, at daybook.Point) error {
	if _, err := conn.Exec(ctx, "rollback to daybook_append"); err != nil {
		return &lookError{fmt.Errorf("undo what a read model did: %w", err)} // the connection is lost
	}
	if outOfTime(refused) {
		return &daybook.UnavailableError{Doing: "append", Err: refused}
	}
	if worldly(conn, refused) {
		return &lookError{refused}
	}
	return daybook.Refused(refused, at)
}

// outOfTime reports whether a statement took longer than it may. It would again, and hold
// up all others each time.
func outOfTime(err error) bool {
	failed := (*pgconn.PgError)(nil)
	return errors.As(err, &failed) && failed.Code == "57014"
}

// worldly reports whether an error of a read model is the database's, and may not come again.
func worldly(conn *pgx.Conn, err error) bool {
	return conn.IsClosed() || answered(err) && passes(err)
}

// selected returns the events that change a read model.
func selected(m Synchronous, events []daybook.Recorded) (own []daybook.Recorded) {
	q := m.Query()
	for _, e := range events {
		if e.Stub == nil && q.SelectsRecorded(e) {
			own = append(own, e)
		}
	}
	return own
}

// move notes how far the read models have been changed.
func (r roster) move(ctx context.Context, conn *pgx.Conn, from, to daybook.Point, events []daybook.Recorded) error {
	for _, m := range r.models {
		if err := m.Move(ctx, conn, from, to, selected(m, events)); err != nil {
			if worldly(conn, err) {
				return err
			}
			return fmt.Errorf("%w: the synchronous read model %s: %w", errRefused, called(m), err)
		}
	}
	return nil
}

// restore has the read models change for events that are restored behind a point.
func (r roster) restore(ctx context.Context, conn *pgx.Conn, from daybook.Point, events []daybook.Recorded) error {
	for _, m := range r.models {
		own := selected(m, events)
		if len(own) == 0 {
			continue
		}
		if err := m.Apply(ctx, conn, own); err != nil {
			return fmt.Errorf("%w: the synchronous read model %s: %w", errRefused, called(m), err)
		}
	}
	return r.move(ctx, conn, from, from.At(events[len(events)-1].Position), events)
}
