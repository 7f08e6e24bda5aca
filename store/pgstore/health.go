package pgstore

import (
	"fmt"
	"sync"
	"time"
)

// health is what has gone wrong and is not well again.
type health struct {
	mu                     sync.Mutex
	appends, notifications error
	behind                 time.Duration // by how much the server's clock is behind the last stamp
}

// A clock this far behind what was recorded last has been set: see [Store.Health].
const clockLimit = time.Minute

func (h *health) listening(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notifications = err
}

func (h *health) appending(err error, behind time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.appends, h.behind = err, behind
}

// Health says what is wrong with the store, or returns nil: that the last group of appends
// failed, that the connection is lost on which others tell what they append (waits then take
// up to a second), or that the server's clock is more than a minute behind what was recorded
// last, so that each append bears a time only a nanosecond above the one before. It does not
// ask the database: it says what came of what was asked before.
func (s *Store) Health() error {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	switch {
	case s.health.appends != nil:
		return fmt.Errorf("pgstore: %s: the last appends failed: %w", s.where, s.health.appends)
	case s.health.notifications != nil:
		return fmt.Errorf("pgstore: %s: the connection that tells of new events is lost: %w", s.where, s.health.notifications)
	case s.health.behind > clockLimit:
		return fmt.Errorf("pgstore: %s: the server's clock is %v behind what was recorded last; appends go on, each a nanosecond after the one before, until the clock has caught up", s.where, s.health.behind)
	}
	return nil
}
