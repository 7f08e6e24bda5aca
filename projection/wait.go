package projection

import (
	"context"
	"errors"
	"fmt"
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
// made this runner give up.
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
	at, err := r.checkpoint(ctx)
	if err != nil {
		return at, false, err
	}
	// What a view shows that has left the log is not what any token stands for.
	if stuck, diverged := r.stuckOn(), (*DivergedError)(nil); stuck != nil && errors.As(stuck.Err, &diverged) {
		return at, false, diverged
	}
	if !at.IsZero() && at.SameLife(token) && token.Position <= at.Position {
		return at, true, nil
	}
	reading, err := r.store.Read(ctx, r.query, daybook.Span{After: at.Position, Before: token.Position + 1, Limit: 1})
	if err != nil {
		return at, false, err
	}
	now := reading.Snapshot()
	if !token.SameLife(now) {
		return at, false, &daybook.LifeError{Given: token, Log: now}
	}
	// A view of the incarnation before is yet to be taken over, or not: positions
	// cannot be compared with it. A store that is behind the one that gave the token
	// has yet to see what it stands for.
	if !at.SameLife(now) || now.Position < token.Position {
		return at, false, nil
	}
	for _, err := range reading.Events() {
		return at, false, err
	}
	return at, true, nil
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
