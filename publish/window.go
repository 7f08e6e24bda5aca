package publish

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// finish marks an entry as done and lets go of its event.
func (e *entry) finish() {
	e.done = true
	e.event = daybook.Recorded{Event: daybook.Event{ID: e.event.ID}}
}

// pass moves the mark past all that is done in front of the window.
func (r *run) pass() {
	n := 0
	for n < len(r.window) && r.window[n].done {
		e := r.window[n]
		r.last, r.lastID = e.position, e.event.ID
		if l := e.waits; l != nil && l.aside != nil && e.position > l.aside.Position {
			l.aside.Followers++
			l.aside.Newest = e.position
		}
		r.window[n] = nil
		n++
	}
	if n > 0 {
		r.window = r.window[n:]
		r.passed += uint64(n)
		r.dirty = true
	}
}

// position returns the position up to which everything is sent, set aside or skipped.
func (r *run) position() daybook.Position {
	if len(r.window) == 0 {
		return r.read
	}
	return r.window[0].position - 1
}

// mark returns the mark as it is now, with an id of its own.
func (r *run) mark() Mark {
	m := Mark{ID: uuid.New(), Point: r.life.At(r.position()), Last: r.last, LastID: r.lastID, Aside: r.aside(), Skipped: slices.Clone(r.skipped)}
	return m
}

// aside returns what is set aside, in order of position.
func (r *run) aside() []Aside {
	if r.asides == 0 {
		return nil
	}
	var all []Aside
	for _, l := range r.lanes {
		if l.aside != nil {
			all = append(all, *l.aside)
		}
	}
	slices.SortFunc(all, func(a, b Aside) int { return cmp.Compare(a.Position, b.Position) })
	return all
}

// startSave saves the mark, if that is due, and returns in how long it will be. What was
// passed over without being sent is worth saving only once in a stride: the save itself may
// be recorded in the log that is followed.
func (r *run) startSave(now time.Time) time.Duration {
	if r.saving {
		return never
	}
	far := r.position() >= r.saved.Point.Position+daybook.Position(r.stride)
	if !r.dirty && !far && r.pending == nil {
		return never
	}
	much := r.passed-r.savedPassed >= uint64(max(1, r.p.options.Window/4))
	if now.Before(r.saveAt) && (r.pending != nil || !r.urgent && !much) {
		return r.saveAt.Sub(now)
	}
	to, passed := r.mark(), r.passed
	if r.pending != nil {
		to, passed = *r.pending, r.savedPassed
	} else {
		r.dirty, r.urgent = false, false
	}
	r.saving = true
	from := r.saved
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.p.options.StopWithin)
		defer cancel()
		r.saves <- save{to, passed, r.p.bookmark.Save(ctx, from, to)}
	}()
	return never
}

// keep notes what became of saving a mark. One that may have been saved is saved again
// before any other, so that the bookmark tells this publisher's own mark from another's.
func (r *run) keep(ctx context.Context, s save, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saving = false
	if errors.Is(s.err, ErrMoved) {
		return s.err
	}
	if s.err != nil {
		r.pending, r.dirty = &s.mark, true
		r.saveAt = now.Add(r.notice(ctx, bookmarkTrouble, s.err))
		return nil
	}
	r.clear(ctx, bookmarkTrouble)
	r.saved, r.savedPassed, r.pending = s.mark, max(s.passed, r.savedPassed), nil
	r.saveAt = now.Add(r.p.options.SaveEvery)
	return nil
}
