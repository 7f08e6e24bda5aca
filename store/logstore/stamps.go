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

// next returns the stamp of an append: the clock's time, or a moment after the stamp
// before if that is later, or after what is known.
func (s *stamps) next(now int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if planted("recorded-at-a-time-that-was-asked-about") {
		s.known = 0
	}
	s.issued = max(now, s.issued+1, s.known+1)
	return s.issued
}

// given notes the stamp of an append that another log has recorded.
func (s *stamps) given(stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = max(s.issued, stamp)
}

// promised notes that nothing is stamped at or before a time any more.
func (s *stamps) promised(stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = max(s.known, stamp)
}

// settle notes that every append stamped up to here is durable or has failed, by
// whichever node it was stamped.
func (s *stamps) settle(stamp int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued, s.settled = max(s.issued, stamp), max(s.settled, stamp)
	s.changed()
}

// settleAll notes that every append that was stamped is durable or has failed.
func (s *stamps) settleAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = s.issued
	s.changed()
}

// changed wakes those who wait for appends to be settled. The caller holds mu.
func (s *stamps) changed() {
	if s.change != nil {
		close(s.change)
		s.change = nil
	}
}

// close makes sure that what is known at a time stays so for ever, if that time has
// come: no later append is stamped with it, and those that were are waited for. It
// returns the time up to which that is so.
func (s *stamps) close(ctx context.Context, known, now int64) (int64, error) {
	s.mu.Lock()
	closed := min(known, max(now, s.issued))
	s.known = max(s.known, closed)
	last := min(known, s.issued)
	for s.settled < last && !planted("known-at-does-not-wait") {
		if s.change == nil {
			s.change = make(chan struct{})
		}
		change := s.change
		s.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return 0, &daybook.UnavailableError{Doing: "read", Err: ctx.Err()}
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	return closed, nil
}
