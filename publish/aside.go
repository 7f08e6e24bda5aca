package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Retry has what is set aside of a key sent again, in order, its followers after it. If
// that fails too, the key is set aside again where it failed. Retry does not wait for any of
// it. It returns [ErrNotSetAside] or [ErrNotRunning] if there is nothing to do or nobody to
// do it.
func (p *Publisher) Retry(key string) error {
	return p.on(key, func(r *run, l *lane) error {
		if !l.draining {
			r.retry(l)
		}
		return nil
	})
}

// Skip gives up an event that is set aside, for a reason, and has its followers sent. The
// id says which event is meant: if the key is not, or no longer, set aside at that event,
// Skip returns [ErrNotSetAside]. The event and the reason are kept in the bookmark, which is
// saved at once and before any follower is sent; if the process ends before that, the event
// is set aside as before. Without a reason the error is a [*daybook.InvalidError].
func (p *Publisher) Skip(key string, id uuid.UUID, reason string) error {
	if reason == "" {
		return &daybook.InvalidError{What: fmt.Sprintf("skip of event %s", id), Reason: "has no reason"}
	}
	return p.on(key, func(r *run, l *lane) error {
		if l.aside.ID != id || l.draining || skips(r.skipped, l) {
			return ErrNotSetAside
		}
		r.skipped = append(r.skipped, Skip{Key: key, Position: l.aside.Position, ID: id, Reason: shorten(reason, maxCause), At: time.Now().UTC()})
		r.skipped = r.skipped[max(0, len(r.skipped)-maxSkips):]
		r.dirty, r.urgent = true, true
		r.p.options.Logger.Warn("an event that was set aside is skipped", "key", key, "position", l.aside.Position, "id", id.String(), "reason", reason)
		r.retry(l)
		return nil
	})
}

// on does something with a key that is set aside.
func (p *Publisher) on(key string, do func(*run, *lane) error) error {
	p.mu.Lock()
	r := p.run
	p.mu.Unlock()
	if r == nil {
		return ErrNotRunning
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.saved.IsZero() || r.stopping {
		return ErrNotRunning
	}
	l := r.lanes[key]
	if l == nil || l.aside == nil {
		return ErrNotSetAside
	}
	if err := do(r, l); err != nil {
		return err
	}
	select {
	case r.kick <- struct{}{}:
	default: // it is about to look
	}
	return nil
}

// skips reports whether the event that a key is set aside at is among those skipped.
func skips(skipped []Skip, l *lane) bool {
	return slices.ContainsFunc(skipped, func(s Skip) bool { return s.ID == l.aside.ID })
}

// retry has a key drained that is set aside.
func (r *run) retry(l *lane) {
	l.draining = true
	r.drainAfter(l, l.aside.Position-1)
}

// drainAfter has what is behind a position drained.
func (r *run) drainAfter(l *lane, after daybook.Position) {
	if skips(r.skipped, l) {
		after = max(after, l.aside.Position)
	}
	l.bound = after
	r.drain = append(r.drain, l)
}

// startDrain reads the next part of a key that is to be drained, if that is due, and returns
// in how long it will be. Of a key that was set aside ahead of the mark, the log is read up to
// there first: what lies between was sent. And what follows an event that was skipped waits
// until that is saved.
func (r *run) startDrain(now time.Time) (wait time.Duration) {
	if r.drains > 0 || len(r.drain) == 0 || r.bytes >= WindowBytes {
		return never
	}
	if now.Before(r.drainAt) {
		return r.drainAt.Sub(now)
	}
	for i, l := range r.drain {
		if l.aside.Position > r.read || skips(r.skipped, l) && !skips(r.saved.Skipped, l) {
			continue
		}
		r.drain = append(r.drain[:i:i], r.drain[i+1:]...)
		r.drains++
		a, after, bound := *l.aside, l.bound, r.read
		go func() {
			events, more, err := r.p.waiting(r.ctx, a, after, bound)
			r.drained <- drained{l, bound, events, more, err}
		}()
		break
	}
	return never
}

// resume takes what was read of a key into its lane.
func (r *run) resume(ctx context.Context, d drained, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drains--
	l := d.lane
	if d.err != nil {
		if r.stopping {
			return
		}
		r.drain = append(r.drain, l)
		r.drainAt = now.Add(r.notice(ctx, storeTrouble, d.err))
		return
	}
	r.clear(ctx, storeTrouble)
	l.bound = d.bound
	for _, e := range d.events {
		l.queue = append(l.queue, &entry{event: e, position: e.Position, size: e.Size()})
		r.bytes += e.Size()
	}
	if d.more {
		l.bound = d.events[len(d.events)-1].Position
		l.newest = max(l.newest, l.bound+1)
	}
	r.advance(l)
}

// advance goes on with a key that is being drained: with the next event read, with what
// else there is of it, or, when nothing is left, as with any other key.
func (r *run) advance(l *lane) {
	if len(l.queue) > 0 {
		e := l.queue[0]
		if e.event.ID != l.aside.ID {
			if e.position > l.aside.Newest {
				l.aside.Followers = 0
			} else if l.aside.Followers > 0 {
				l.aside.Followers--
			}
			l.aside.Position, l.aside.ID, l.aside.Attempts = e.position, e.event.ID, 0
			r.dirty = true
		}
		r.ready = append(r.ready, l)
		return
	}
	if l.newest > l.bound {
		r.drainAfter(l, l.bound)
		return
	}
	delete(r.lanes, l.key)
	l.aside, l.draining = nil, false
	r.asides--
	r.dirty, r.urgent = true, true
	r.clear(context.Background(), asideTrouble)
}
