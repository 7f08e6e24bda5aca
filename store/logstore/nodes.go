package logstore

import (
	"context"
	"errors"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// Where several nodes keep one log, one of them sequences, and the others ask it.

// forward has another node append. What it answers can be read here when forward
// returns.
func (s *Store) forward(ctx context.Context, to shared.Colleague, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	receipt, err := to.Append(ctx, s.view.Load().head, events, cond)
	if planted("answered-before-it-has-arrived") {
		return receipt, err
	}
	failed := s.untilHere(ctx, shared.RestsOn(receipt, err))
	if failed == nil || errors.Is(failed, daybook.ErrClosed) { // nothing is read here any more
		return receipt, err
	}
	if err == nil && len(events) > 0 {
		return daybook.Receipt{}, daybook.Unknown(events, failed)
	}
	return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: failed}
}

// appendFor appends for another node, which has seen the log up to a position.
func (s *Store) appendFor(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if err := s.untilHere(ctx, seen); err != nil {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: err}
	}
	return s.appendHere(ctx, events, cond)
}

// untilHere returns when this node has everything up to a position.
func (s *Store) untilHere(ctx context.Context, p daybook.Position) error {
	if s.view.Load().head >= p {
		return nil
	}
	_, err := s.Wait(ctx, daybook.All(), p-1)
	return err
}

// knownAt sees to it that what was known at a time stays so for ever, if that time has
// come, and that all of it can be read here.
func (s *Store) knownAt(ctx context.Context, stamp int64) error {
	if stamp <= s.view.Load().stamp {
		return nil // stamps rise, so whatever is not here yet is recorded later
	}
	if c := s.journal.elsewhere(); c != nil {
		p, err := c.Known(ctx, stamp)
		if err != nil {
			return err
		}
		return s.untilHere(ctx, p)
	}
	_, err := s.knownHere(ctx, stamp)
	return err
}

// knownHere sees to that if it is this node's turn. It returns a position up to which
// everything lies that was known at the time.
func (s *Store) knownHere(ctx context.Context, stamp int64) (daybook.Position, error) {
	closed, err := s.stamps.close(ctx, stamp, s.clock.now())
	if err != nil {
		return 0, err
	}
	if err := s.journal.promise(ctx, closed); err != nil {
		return 0, &daybook.UnavailableError{Doing: "read", Err: err}
	}
	return s.view.Load().head, nil
}
