package process

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An event that cannot be read, or correlated, may concern any instance or none. The
// process goes on without it: it is set aside in the stream of the process itself, and
// tried again whenever a session begins, by a program that may have been mended.

// errAgain ends a session so that another one begins at once.
var errAgain = errors.New("process: begin again")

// putAside sets an event aside that no instance can be found for.
func (s *session) putAside(ctx context.Context, e daybook.Recorded, cause error) error {
	id := daybook.DeriveID(e.ID, "process set aside "+s.name)
	note, err := eventOf(ownStream(s.name), id, setAside{Input: &e.ID, Cause: cause.Error()}, e.Trace().By(e.ID.String()))
	if err != nil {
		return err
	}
	receipt, err := s.append(ctx, []daybook.Event{note}, nil)
	if err != nil || receipt.Repeated {
		return err // if it was set aside before, whoever did so knows of it
	}
	s.options.Logger.ErrorContext(daybook.WithTrace(ctx, e.Trace()), "an event was set aside", "process", s.name, "type", e.Type, "position", e.Position, "cause", cause)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.register.unread[e.ID] = Aside{Process: s.name, Since: receipt.RecordedAt, Cause: cause.Error(), Input: e.ID}
	return nil
}

// takeUp tries the events again that were set aside.
func (s *session) takeUp(ctx context.Context) error {
	unread, err := s.readUnread(ctx)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(unread))
	for n, a := range unread {
		ids[n] = a.Input
	}
	events, err := readEvents(ctx, s.store, ids)
	if err != nil {
		return err
	}
	for _, a := range unread {
		e, there := events[a.Input]
		reached, err := map[string]int(nil), fmt.Errorf("process %s: it is not in the log any more", s.name)
		if there {
			reached, err = s.correlate(e)
		}
		if err != nil {
			a.Cause = err.Error()
			s.mu.Lock()
			s.register.unread[a.Input] = a
			s.mu.Unlock()
			continue
		}
		for id, starts := range reached {
			if err := s.catchUp(ctx, id, delivery{event: e, starts: starts, late: true}); err != nil {
				return err
			}
		}
		if err := s.settleAside(ctx, retried{Input: &a.Input}); err != nil {
			return err
		}
	}
	return nil
}

// catchUp has an instance take an event late and, if that can begin it, what has reached
// it since: whether the event has begun it or an attempt before that came no further. What
// it took already is taken once.
func (s *session) catchUp(ctx context.Context, id string, d delivery) error {
	if err := s.deliver(ctx, id, d); err != nil || d.starts == 0 {
		return err
	}
	reading, err := s.store.Read(ctx, s.query(), daybook.Span{After: d.event.Position})
	if err != nil {
		return err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		reached, err := s.correlate(e)
		if _, is := reached[id]; err != nil || !is {
			continue // what cannot be read is set aside when its turn comes
		}
		if err := s.deliver(ctx, id, delivery{event: e, late: true}); err != nil {
			return err
		}
	}
	return nil
}

// readUnread returns the events that are set aside, as the stream of the process says.
func (s *session) readUnread(ctx context.Context) ([]Aside, error) {
	query := daybook.Query{{Streams: []string{ownStream(s.name)}, Types: []string{typeSetAside, typeRetried, typeSkipped}}}
	reading, err := s.store.Read(ctx, query, daybook.Span{})
	if err != nil {
		return nil, err
	}
	var unread []Aside
	without := func(id *uuid.UUID) {
		unread = slices.DeleteFunc(unread, func(a Aside) bool { return id != nil && a.Input == *id })
	}
	for e, err := range reading.Events() {
		if err != nil {
			return nil, err
		}
		r, err := recordOf(e)
		if err != nil {
			return nil, err
		}
		switch r := r.(type) {
		case setAside:
			if r.Input != nil {
				unread = append(unread, Aside{Process: s.name, Since: e.RecordedAt, Cause: r.Cause, Input: *r.Input})
			}
		case retried:
			without(r.Input)
		case skipped:
			without(r.Input)
		}
	}
	return unread, nil
}

// settleAside notes that an event is not set aside any more.
func (s *session) settleAside(ctx context.Context, r record) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	note, err := eventOf(ownStream(s.name), id, r, daybook.Trace{})
	if err != nil {
		return err
	}
	_, err = s.append(ctx, []daybook.Event{note}, nil)
	return err
}

// retryUnread tries the events again that were set aside. A process that runs does so in
// a new session, whose follower does nothing else meanwhile.
func (s *session) retryUnread(ctx context.Context) error {
	unread, err := s.readUnread(ctx)
	switch {
	case err != nil:
		return err
	case len(unread) == 0:
		return fmt.Errorf("%w: no event of %s", ErrNotSetAside, s.name)
	case s.manager.current() != s:
		err = s.takeUp(ctx)
	default:
		err = s.manager.beginAgain(ctx, s)
	}
	if err != nil {
		return err
	}
	left, err := s.readUnread(ctx)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("process %s: %d events stay aside, the first because: %s", s.name, len(left), left[0].Cause)
	}
	return err
}

// skipUnread passes over an event that was set aside.
func (s *session) skipUnread(ctx context.Context, event uuid.UUID, reason string) error {
	unread, err := s.readUnread(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(unread, func(a Aside) bool { return a.Input == event }) {
		return fmt.Errorf("%w: the event %s, of %s", ErrNotSetAside, event, s.name)
	}
	if err := s.settleAside(ctx, skipped{Input: &event, Reason: reason}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.register.unread, event)
	return nil
}
