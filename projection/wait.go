package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-es/daybook"
)

// A runner of another process may move the view without telling this one: so Wait
// also looks again by itself, soon at first and then less often.
const (
	firstLook = time.Millisecond
	laterLook = 50 * time.Millisecond
)

// Wait returns nil when the view shows everything up to a point, such as that of a
// receipt, or of a token that came back from a client: when the view's checkpoint is
// at the point or past it, or when nothing that the view selects was recorded between
// the two. Wait does not itself move the view: a runner must be running, in this
// process or in another.
//
// Every view shows the zero Point. A point of another log or incarnation is a
// [*daybook.LifeError]. If ctx ends first, the error is a [*daybook.UnavailableError]
// that wraps the context's and says where the view stands, what it is stuck on, and
// whether this runner runs at all.
// An error of the store or the view is returned at once, and the [*DivergedError] that
// made this runner give up. If an event of the append that ended at the point is set
// aside, the error is a [*SetAsideError], as soon as no runner tries the event by itself
// any more.
func (r *Runner) Wait(ctx context.Context, token daybook.Point) error {
	if token.IsZero() {
		return nil
	}
	look := firstLook
	for {
		moved := r.movement()
		at, shown, err := r.shows(ctx, token)
		if shown {
			return nil
		}
		if ctx.Err() != nil {
			return r.late(ctx, token, at)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return r.late(ctx, token, at)
		case <-moved:
		case <-time.After(look):
			look = min(2*look, laterLook)
		}
	}
}

// movement returns a channel that is closed when this runner next moves the view.
func (r *Runner) movement() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

// shows reports whether the view shows everything up to a point now, and where it
// stands.
func (r *Runner) shows(ctx context.Context, token daybook.Point) (Checkpoint, bool, error) {
	stands, err := r.stands(ctx)
	if err != nil {
		return Checkpoint{}, false, err
	}
	at := together(stands)
	// What a view shows that has left the log is not what any token stands for.
	if stuck, diverged := r.stuckOn(), (*DivergedError)(nil); stuck != nil && errors.As(stuck.Err, &diverged) {
		return at, false, diverged
	}
	there, err := r.covers(ctx, stands, token)
	if err != nil || !there {
		return at, false, err
	}
	held, err := r.heldUp(ctx, stands, token)
	return at, err == nil && !held, err
}

// covers reports whether a view whose parts stand here shows everything up to a point,
// except what is set aside: because they have come so far, or because nothing that the
// view selects lies between.
func (r *Runner) covers(ctx context.Context, stands []Stand, token daybook.Point) (bool, error) {
	if !slices.ContainsFunc(stands, func(s Stand) bool {
		return s.IsZero() || !s.SameLife(token) || s.Position < token.Position
	}) {
		return true, nil
	}
	at := together(stands)
	reading, err := r.store.Read(ctx, r.query, daybook.Span{After: at.Position, Before: token.Position + 1, Limit: 1})
	if err != nil {
		return false, err
	}
	now := reading.Snapshot()
	if !token.SameLife(now) {
		return false, &daybook.LifeError{Given: token, Log: now}
	}
	// A view of the incarnation before is yet to be taken over, or not: positions
	// cannot be compared with it. A store that is behind the one that gave the token
	// has yet to see what it stands for.
	if slices.ContainsFunc(stands, func(s Stand) bool { return !s.SameLife(now) }) || now.Position < token.Position {
		return false, nil
	}
	for _, err := range reading.Events() {
		return false, err
	}
	return true, nil
}

// heldUp reports whether an event of the append that ended at a point is set aside,
// and will be tried again by itself. If it will not, the error is a [*SetAsideError].
// What other appends recorded before it is not what a token stands for.
func (r *Runner) heldUp(ctx context.Context, stands []Stand, token daybook.Point) (bool, error) {
	var recorded time.Time // when it was recorded, once it is known
	held := false
	for _, stand := range stands {
		waiting := queue(stand.Aside).waiting()
		for _, a := range stand.Aside {
			if a.Position > token.Position {
				break
			}
			if a.Position < token.Position && recorded.IsZero() {
				var err error
				if recorded, err = r.recordedAt(ctx, token); err != nil {
					return false, err
				}
			}
			// All events of an append, and no others, were recorded at the same time.
			if a.Position < token.Position && !a.RecordedAt.Equal(recorded) {
				continue
			}
			held = true
			if slices.ContainsFunc(waiting, func(w Aside) bool { return w.Position == a.Position }) {
				return true, r.setAsideError(a)
			}
		}
	}
	return held, nil
}

// recordedAt returns when the event at a point was recorded. If there is none, the time
// is one at which nothing was.
func (r *Runner) recordedAt(ctx context.Context, token daybook.Point) (time.Time, error) {
	reading, err := r.store.Read(ctx, daybook.All(), daybook.Span{After: token.Position - 1, Before: token.Position + 1, Forgotten: true})
	if err != nil {
		return time.Time{}, err
	}
	for e, err := range reading.Events() {
		return e.RecordedAt, err
	}
	return time.Unix(0, 0), nil
}

// late returns the error of a wait that ctx ended.
func (r *Runner) late(ctx context.Context, token daybook.Point, at Checkpoint) error {
	doing := fmt.Sprintf("wait for projection %s version %d, at position %d, to show position %d",
		r.view.Name(), r.view.Version(), at.Position, token.Position)
	if stuck := r.stuckOn(); stuck != nil {
		doing += fmt.Sprintf(" (it is stuck: %v)", stuck.Err)
	}
	if r.running.Load() == 0 {
		doing += " (this runner is not running)"
	}
	return &daybook.UnavailableError{Doing: doing, Err: ctx.Err()}
}
