package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// enrolBatch is how many events a read model is built with in one transaction. The last
// one, in which it is noted at the log, holds up those who append.
const enrolBatch = 1000

// enrol has the log kept with the synchronous read models of this process from now on. Those
// that are new to it are built first, beside appends as far as they can be.
func (s *Store) enrol(ctx context.Context) error {
	if s.options.ReadOnly {
		return nil
	}
	at, err := s.head(ctx)
	if err != nil {
		return err
	}
	fresh, err := s.synchronous.lacking(at.synchronous)
	if err != nil || len(fresh) == 0 {
		return err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer s.hangUp(conn)
	for _, m := range fresh {
		for more := true; more; {
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
				more, err = s.build(ctx, conn, m, enrolBatch)
				return err
			})
			if err != nil {
				return fmt.Errorf("build the synchronous read model %s: %w", called(m), err)
			}
		}
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return s.enlist(ctx, tx) })
}

// enlist brings the read models that the log still lacks to the head, while nobody appends,
// and notes at the log that it is kept with those of this process. Another process may have
// been first.
func (s *Store) enlist(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `set local idle_in_transaction_session_timeout = '5s'`); err != nil {
		return err
	}
	at, err := headOf(tx.QueryRow(ctx, lockSQL, s.number))
	if err != nil {
		return err
	}
	fresh, err := s.synchronous.lacking(at.synchronous)
	if err != nil {
		return err
	}
	for _, m := range fresh {
		if _, err := s.build(ctx, tx.Conn(), m, 0); err != nil {
			return fmt.Errorf("build the synchronous read model %s: %w", called(m), err)
		}
	}
	_, err = tx.Exec(ctx, enrolSQL, s.number, s.synchronous.names)
	return err
}

// build applies the events behind the point that a read model has come to, most of them at
// most, and all up to the head if that is zero. It reports whether there may be more.
func (s *Store) build(ctx context.Context, conn *pgx.Conn, m Synchronous, most int) (more bool, err error) {
	from, err := m.Make(ctx, conn)
	if err != nil {
		return false, err
	}
	reading, err := s.Read(ctx, m.Query(), daybook.Span{After: from.Position, Limit: most})
	if err != nil {
		return false, err
	}
	to := reading.Snapshot()
	if !from.IsZero() && !from.SameLife(to) {
		return false, &daybook.LifeError{Given: from, Log: to}
	}
	events, err := reading.Collect()
	if err != nil {
		return false, err
	}
	if more = most > 0 && len(events) == most; more {
		to = to.At(events[len(events)-1].Position)
	}
	if len(events) > 0 {
		if err := m.Apply(ctx, conn, events); err != nil {
			return false, err
		}
	}
	return more, m.Move(ctx, conn, from, to, events)
}

// RemoveSynchronous has a log go on without one of the synchronous read models that it is
// kept with, so that programs that do not have it can append. Those that still have it can
// no longer. What is in its tables stays as it is; a log that is opened with the read model
// again goes on from there. Options say which log; their Synchronous are not looked at. If
// the log is not kept with that read model, it is a [*daybook.InvalidError].
func RemoveSynchronous(ctx context.Context, url string, options *Options, name string, version int) (err error) {
	s, err := openLog(ctx, url, options)
	if err != nil {
		return err
	}
	defer s.Close()
	conn, err := s.connect(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: remove a synchronous read model of %s: %w", s.where, err)
	}
	defer s.hangUp(conn)
	gone := fmt.Sprintf("%s/%d", name, version)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		at, err := headOf(tx.QueryRow(ctx, lockSQL, s.number))
		if err != nil {
			return err
		}
		names := strings.Fields(at.synchronous)
		i := slices.Index(names, gone)
		if i < 0 {
			return &daybook.InvalidError{What: "pgstore: synchronous read model", Value: gone, Reason: fmt.Sprintf("is none of the log's, which are [%s]", at.synchronous)}
		}
		_, err = tx.Exec(ctx, enrolSQL, s.number, strings.Join(slices.Delete(names, i, i+1), " "))
		return err
	})
	if err != nil {
		return fmt.Errorf("pgstore: remove a synchronous read model of %s: %w", s.where, err)
	}
	return nil
}
