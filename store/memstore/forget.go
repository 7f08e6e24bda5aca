package memstore

import (
	"context"

	"github.com/daybook-es/daybook"
)

// horizons are what is forgotten of each stream. They are never changed, but replaced,
// so that a reading keeps those of the moment when it began.
type horizons map[string]daybook.Horizon

// with returns the horizons after a further event of the log.
func (h horizons) with(e daybook.Recorded) horizons {
	stream, about := daybook.AboutStream(e.Stream)
	if !about {
		return h
	}
	after := horizons{stream: h[stream].With(e)}
	for other, horizon := range h {
		if other != stream {
			after[other] = horizon
		}
	}
	return after
}

// mark returns the event, marked if it is forgotten.
func (h horizons) mark(e daybook.Recorded) daybook.Recorded {
	e.Forgotten = e.Stub != nil || h[e.Stream].Hides(e.Version, e.Position)
	return e
}

// Scavenge gives back the memory of what is forgotten, and leaves a [daybook.Stub] of
// each such event. Readings that were begun before keep what they had. The error is
// [daybook.ErrClosed], or a [*daybook.UnavailableError] if ctx has ended.
func (s *Store) Scavenge(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &daybook.UnavailableError{Doing: "scavenge", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return daybook.ErrClosed
	}
	events := make([]daybook.Recorded, len(s.events))
	for i, e := range s.events {
		if events[i] = e; s.hidden.mark(e).Forgotten {
			events[i] = e.AsStub()
		}
	}
	s.events = events
	return nil
}
