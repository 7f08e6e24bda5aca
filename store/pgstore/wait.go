package pgstore

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/daybook-es/daybook"
)

// arrivals tell those who wait that the head has moved.
type arrivals struct {
	mu      sync.Mutex
	head    int64
	changed chan struct{} // closed, and replaced, when there is something new
}

// next returns a channel that is closed when there is something new.
func (a *arrivals) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// arrived tells that the head has come to a position. Zero tells that it may be anywhere.
func (a *arrivals) arrived(head int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if head > 0 && head <= a.head {
		return // it was told already
	}
	a.tell(max(a.head, head))
}

// stands tells that the head was found at a position, which is below the one before if the
// log was put back: from there on it rises again.
func (a *arrivals) stands(head int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if head != a.head {
		a.tell(head)
	}
}

// tell wakes those who wait. The lock is held.
func (a *arrivals) tell(head int64) {
	a.head = head
	close(a.changed)
	a.changed = make(chan struct{})
}

// Wait implements [daybook.Store]. What other processes append ends it as soon as the
// database tells, or within a second if that fails.
func (s *Store) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if err := q.Validate(); err != nil {
		return 0, err
	}
	if err := s.usable(ctx, "wait"); err != nil {
		return 0, err
	}
	s.listening.Do(func() { s.work(s.listen) })
	enough := within(after)
	if enough += int64(s.options.Stride); enough < 0 {
		enough = within(^daybook.Position(0))
	}
	for seen := within(after); ; {
		changed := s.arrivals.next()
		head, newest, err := s.look(ctx, q, seen)
		switch {
		case err != nil && ctx.Err() != nil && !s.closed.Load():
			return 0, &daybook.UnavailableError{Doing: "wait", Err: ctx.Err()}
		case err != nil:
			return 0, s.unavailable("wait", err)
		case newest > seen || head >= enough:
			return daybook.Position(max(head, newest)), nil
		}
		seen = max(seen, head)
		select {
		case <-ctx.Done():
			return 0, &daybook.UnavailableError{Doing: "wait", Err: ctx.Err()}
		case <-s.closing:
			return 0, daybook.ErrClosed
		case <-changed:
		}
	}
}

// look returns the head, and the newest position after another one of what q selects, which
// may be above the head.
func (s *Store) look(ctx context.Context, q daybook.Query, after int64) (at, newest int64, err error) {
	err = s.persist(ctx, func() error {
		at, newest, err = s.lookOnce(ctx, q, after)
		return err
	})
	return at, newest, err
}

// lookOnce asks on one connection.
func (s *Store) lookOnce(ctx context.Context, q daybook.Query, after int64) (at, newest int64, err error) {
	var batch pgx.Batch
	batch.Queue(headSQL, s.number).QueryRow(func(row pgx.Row) error {
		h, err := headOf(row)
		at = h.position
		return err
	})
	if len(q) > 0 {
		text, args := searchNewest(q)
		batch.Queue(text, append([]any{s.number, after, int64(1<<63 - 1), 1}, args...)...).QueryRow(func(row pgx.Row) error {
			var found pgtype.Int8
			err := row.Scan(&found)
			newest = found.Int64
			return err
		})
	}
	return at, newest, s.pool.SendBatch(ctx, &batch).Close()
}
