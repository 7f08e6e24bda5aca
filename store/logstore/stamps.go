package logstore

import (
	"context"
	"sync"

	"github.com/daybook-es/daybook"
)

// stamps are the times at which appends are recorded. They rise. And what was known at
// a time that has passed never changes: once somebody has asked what was known at a
// time, nothing more is recorded at that time or before it.
type stamps struct {
	mu      sync.Mutex
	known   int64         // somebody asked what was known then
	issued  int64         // the last stamp given to an append
	settled int64         // the last stamp whose append is durable or has failed
	change  chan struct{} // closed when settled rises; nil if nobody waits for that
}

// next returns the stamp of an append: the clock's time, or a moment after the append
// before if that is later, or after what is known.
func (s *stamps) next(before, now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = max(now, before+1, s.known+1)
	return s.issued
}

// settle notes that every append stamped up to here is durable or has failed.
func (s *stamps) settle(stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = stamp
	if s.change != nil {
		close(s.change)
		s.change = nil
	}
}

// close makes sure that what is known at a time stays so for ever, if that time has
// come: no later append is stamped with it, and those that were are waited for.
func (s *stamps) close(ctx context.Context, known, now int64) error {
	s.mu.Lock()
	s.known = max(s.known, min(known, now))
	last := min(known, s.issued)
	for s.settled < last {
		if s.change == nil {
			s.change = make(chan struct{})
		}
		change := s.change
		s.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return &daybook.UnavailableError{Doing: "read", Err: ctx.Err()}
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	return nil
}
