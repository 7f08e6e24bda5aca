package pgstore

import (
	"context"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// A seen is the newest head that a store has seen.
type seen struct {
	mu          sync.Mutex
	incarnation uuid.UUID
	position    int64
}

// saw takes note of a head.
func (s *seen) saw(h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.incarnation != s.incarnation {
		s.incarnation, s.position = h.incarnation, 0
	}
	s.position = max(s.position, h.position)
}

// beyond reports whether something was seen in this incarnation behind a head that is
// locked, and so is no older than anything that was seen.
func (s *seen) beyond(h head) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.incarnation == s.incarnation && h.position < s.position
}

// NewIncarnation begins a new incarnation of the log, for a reason that is kept, and returns
// its head. Points, conditions and checkpoints of the one before are no longer taken.
//
// A store does this by itself where it can see that the database is not the one that it was:
// restored elsewhere or anew from a dump, recovered to a moment in the past, promoted from a
// standby, or behind what this process has seen. Call it after what it cannot see: after
// rows were put back into the tables by hand, or the files of the whole cluster were
// replaced by an older copy of them.
func (s *Store) NewIncarnation(ctx context.Context, reason string) (daybook.Point, error) {
	if err := s.records(ctx, "new incarnation"); err != nil {
		return daybook.Point{}, err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return daybook.Point{}, s.unavailable("new incarnation", err)
	}
	defer conn.Release()
	at, err := s.renew(ctx, conn.Conn(), reason, func(head) bool { return true })
	if err != nil {
		return daybook.Point{}, s.unavailable("new incarnation", err)
	}
	return at.point(), nil
}

// renew begins a new incarnation if, with the head locked, it is still due.
func (s *Store) renew(ctx context.Context, conn *pgx.Conn, reason string, due func(head) bool) (at head, err error) {
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if at, err = headOf(tx.QueryRow(ctx, lockSQL, s.number)); err != nil || !due(at) {
			return err
		}
		before := at.incarnation
		at.incarnation = uuid.New()
		if err := tx.QueryRow(ctx, originSQL).Scan(&at.origin); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, renewSQL, s.number, at.incarnation, at.origin); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, lifeSQL, s.number, at.incarnation, reason); err != nil {
			return err
		}
		s.options.Logger.WarnContext(ctx, "pgstore: a new incarnation of the log begins", "log", s.where, "reason", reason, "before", before, "now", at.incarnation, "position", at.position)
		return nil
	})
	return at, err
}
