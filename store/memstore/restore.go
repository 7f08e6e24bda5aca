package memstore

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
)

var _ daybook.Restorer = (*Store)(nil)

// Restore implements [daybook.Restorer].
func (s *Store) Restore(ctx context.Context, events []daybook.Recorded) error {
	events, err := daybook.PrepareRestored(events, limits)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &daybook.UnavailableError{Doing: "restore", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return daybook.ErrClosed
	}
	s.begin()
	for len(events) > 0 {
		if events[0].Position <= s.head().Position {
			if err := s.holds(events[0]); err != nil {
				return err
			}
			events = events[1:]
			continue
		}
		n := daybook.FirstAppend(events)
		for _, e := range events[:n] {
			if err := s.follows(e); err != nil {
				return err
			}
		}
		s.put(events[:n])
		events = events[n:]
	}
	return nil
}

// holds returns an error unless an event is in the log where it says.
func (s *Store) holds(e daybook.Recorded) error {
	if place := s.behind(e.Position - 1); s.events[place].Position == e.Position && s.events[place].Digest() == e.Digest() {
		return nil
	}
	return daybook.NotRestorable(e, "is not what the log has there")
}

// follows returns an error if an event cannot be recorded behind the log as it is.
func (s *Store) follows(e daybook.Recorded) error {
	if n := len(s.events); n > 0 && !e.RecordedAt.After(s.events[n-1].RecordedAt) {
		return daybook.NotRestorable(e, "was recorded no later than what the log ends with")
	}
	if place, has := s.byID[e.ID]; has {
		return daybook.NotRestorable(e, fmt.Sprintf("has the id of position %d", s.events[place].Position))
	}
	state := s.state(e.Stream)
	if e.Stream != "" && e.Version <= state.Version {
		return daybook.NotRestorable(e, fmt.Sprintf("has version %d, and its stream is at %d", e.Version, state.Version))
	}
	if at := state.Horizon.Tombstoned; at > 0 {
		return daybook.NotRestorable(e, fmt.Sprintf("is in a stream that was tombstoned at position %d", at))
	}
	return nil
}
