package process

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cenkalti/backoff/v5"
	"github.com/daybook-es/daybook"
)

// A manager runs one process. While the log lives the same life it does so in one
// session; when the log was restored it begins another.
type manager struct {
	*Runner
	name     string
	versions versions
	running  atomic.Bool

	mu      sync.Mutex
	session *session         // nil while the runner does not run
	stuck   map[string]error // what keeps it from going on, by what does not
}

func newManager(r *Runner, name string) *manager {
	return &manager{Runner: r, name: name, versions: make(versions)}
}

// run runs one session after the other.
func (m *manager) run(ctx context.Context) error {
	defer func() {
		m.mu.Lock()
		m.session = nil
		m.mu.Unlock()
	}()
	for pauses := m.pauses(); ; {
		s := newSession(m)
		m.mu.Lock()
		m.session = s
		m.mu.Unlock()
		err := s.run(ctx)
		m.mu.Lock()
		m.stuck = nil // its goroutines are no more
		m.mu.Unlock()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, daybook.ErrClosed) {
			return err
		}
		if errors.Is(err, errAgain) {
			continue
		}
		m.getStuck(ctx, following, err)
		if !m.pause(ctx, pauses) {
			return nil
		}
	}
}

// beginAgain ends a session, and returns when the next one has tried what was set aside.
func (m *manager) beginAgain(ctx context.Context, old *session) error {
	select {
	case old.again <- struct{}{}:
	default: // somebody else has asked for it
	}
	for {
		changed := m.changed.wait()
		if s := m.current(); s != old && s.hasTakenUp() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (s *session) hasTakenUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tookUp
}

func (m *manager) current() *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

func (m *manager) isSettled(head daybook.Point) bool {
	s := m.current()
	return s != nil && s.isSettled(head)
}

func (m *manager) kick() {
	if s := m.current(); s != nil {
		s.following.kick()
		s.registering.kick()
	}
}

func (m *manager) wake() {
	if s := m.current(); s != nil {
		s.woken.tell()
	}
}

// What gets stuck, and goes on, for itself: one goroutine of a session does not know how
// the others fare. Instances and steps do, too, under their own names.
const (
	following   = "following the log"
	registering = "following the instances"
	firing      = "firing deadlines"
)

// getStuck notes what keeps a part of the process from going on, and logs it if it is new.
func (m *manager) getStuck(ctx context.Context, part string, err error) {
	m.mu.Lock()
	before := m.stuck[part]
	if m.stuck == nil {
		m.stuck = make(map[string]error)
	}
	m.stuck[part] = err
	m.mu.Unlock()
	if before == nil || before.Error() != err.Error() {
		m.options.Logger.ErrorContext(ctx, "the process is stuck", "process", m.name, "part", part, "error", err)
	}
}

// goOn notes that a part of the process goes on, and logs it if it did not.
func (m *manager) goOn(ctx context.Context, part string) {
	m.mu.Lock()
	before := m.stuck[part]
	delete(m.stuck, part)
	m.mu.Unlock()
	if before != nil {
		m.options.Logger.InfoContext(ctx, "the process goes on", "process", m.name, "part", part)
	}
}

// stuckOn returns what keeps the process from going on: the same error of several parts
// once.
func (m *manager) stuckOn() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []error
	for _, part := range slices.Sorted(maps.Keys(m.stuck)) {
		err := m.stuck[part]
		if !slices.ContainsFunc(all, func(other error) bool { return other.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (m *manager) pauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     m.options.RetryAfter,
		MaxInterval:         m.options.RetryAtMost,
		Multiplier:          2,
		RandomizationFactor: 0.3,
	}
}

// pause waits for the next pause to pass, and reports whether ctx did not end before.
func (m *manager) pause(ctx context.Context, pauses *backoff.ExponentialBackOff) bool {
	select {
	case <-ctx.Done():
		return false
	case <-m.options.Clock.After(pauses.NextBackOff()):
		return true
	}
}

// insist has a part of the process do something until it succeeds. It gives up if ctx ends, if the store is
// closed, and if the log lives another life.
func (m *manager) insist(ctx context.Context, part string, do func() error) error {
	for pauses, failed := m.pauses(), false; ; failed = true {
		err := do()
		life := (*daybook.LifeError)(nil)
		switch {
		case err == nil:
			if failed {
				m.goOn(ctx, part)
			}
			return nil
		case ctx.Err() != nil, errors.Is(err, daybook.ErrClosed), errors.As(err, &life):
			return err
		}
		m.getStuck(ctx, part, err)
		if !m.pause(ctx, pauses) {
			return err
		}
	}
}
