package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// SetAside returns what is set aside, in order of position within each part.
func (r *Runner) SetAside(ctx context.Context) ([]Aside, error) {
	stands, err := r.stands(ctx)
	var all []Aside
	for _, stand := range stands {
		all = append(all, stand.Aside...)
	}
	return all, err
}

// Retry tries the events of a key that are set aside once more, and what follows them,
// in order. With an empty key it tries whatever is set aside. If one cannot be applied
// again, it stays where it is with those that follow it, and Retry returns a
// [*SetAsideError] of the first when it has tried them all. A paused view is a
// [*PausedError]; a key of which nothing is set aside is no error. Retry needs no Run, and
// disturbs none.
func (r *Runner) Retry(ctx context.Context, key string) error {
	defer r.tell()
	asked := func(a Aside) bool { return key == "" || slices.Contains(a.Keys, key) }
	var still error
	for part := range r.view.Parts() {
		w := r.worker(part)
		if err := w.retry(ctx, asked); err != nil {
			return err
		}
		if i := slices.IndexFunc(w.stand.Aside, asked); i >= 0 && still == nil {
			still = w.failure(w.stand.Aside[i])
		}
	}
	return still
}

// ErrNotSetAside is what [Runner.Skip] wraps if the event is not set aside.
var ErrNotSetAside = errors.New("it is not set aside")

// Skip does without an event that is set aside, for a reason that is kept, and applies
// what follows it, unless the view is paused. The error wraps [ErrNotSetAside] if there is
// no such event, and is a [*daybook.InvalidError] without a reason. Later versions of the
// projection skip the event too if they cannot apply it, where the view knows what
// earlier ones skipped, as those of package sqlview do.
func (r *Runner) Skip(ctx context.Context, event uuid.UUID, reason string) error {
	if reason == "" {
		return &daybook.InvalidError{What: "skip of event " + event.String(), Reason: "has no reason"}
	}
	defer r.tell()
	for part := range r.view.Parts() {
		w := r.worker(part)
		found, err := w.skip(ctx, event, reason)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		err = w.retry(context.WithoutCancel(ctx), func(Aside) bool { return false })
		if errors.As(err, new(*PausedError)) {
			return nil // what follows it is applied when the view goes on
		}
		return err
	}
	return fmt.Errorf("projection %s version %d: skip event %s: %w", r.view.Name(), r.view.Version(), event, ErrNotSetAside)
}

// skip takes an event out of what is set aside, and reports whether it was there.
func (w *worker) skip(ctx context.Context, event uuid.UUID, reason string) (bool, error) {
	found := false
	err := w.amend(ctx, func(c *Change) bool {
		i := slices.IndexFunc(w.stand.Aside, func(a Aside) bool { return a.EventID == event })
		if found = i >= 0; !found {
			return false
		}
		a := w.stand.Aside[i]
		c.TakenUp = []daybook.Position{a.Position}
		c.Skipped = []Skip{{EventID: a.EventID, Position: a.Position, Reason: reason, At: time.Now()}}
		return true
	})
	return found, err
}

// A PausedError reports a view that somebody has paused: see [Runner.Pause].
type PausedError struct {
	// Name and Version say which projection.
	Name    string
	Version int
	// Reason is why, as whoever paused it said.
	Reason string
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("projection %s version %d is paused: %s", e.Name, e.Version, e.Reason)
}

func (r *Runner) pausedError(reason string) *PausedError {
	return &PausedError{Name: r.view.Name(), Version: r.view.Version(), Reason: reason}
}

// Pause keeps every runner, of any process, from moving the view until [Runner.Resume]
// is called, for a reason that is shown. It survives restarts. What is being applied
// is finished or undone. Readers go on. If Pause returns an error, some parts may be paused
// and others not; calling it again, or Resume, is safe.
func (r *Runner) Pause(ctx context.Context, reason string) error {
	if reason == "" {
		return &daybook.InvalidError{What: "pause", Reason: "has no reason"}
	}
	return r.setPaused(ctx, reason)
}

// Resume lets runners move a view again that was paused. They notice within a second.
func (r *Runner) Resume(ctx context.Context) error { return r.setPaused(ctx, "") }

func (r *Runner) setPaused(ctx context.Context, reason string) error {
	defer r.tell()
	for part := range r.view.Parts() {
		w := r.worker(part)
		err := w.amend(ctx, func(c *Change) bool {
			c.Paused = reason
			return w.stand.Paused != reason
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// told returns a channel that is closed when somebody next changes what is kept of the
// view through this runner.
func (r *Runner) told() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// tell wakes the workers.
func (r *Runner) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.asked)
	r.asked = make(chan struct{})
}

// takeTurn waits until nobody else of this process changes the part.
func (w *worker) takeTurn(ctx context.Context) error {
	select {
	case w.turns[w.part] <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endTurn lets the next one.
func (w *worker) endTurn() { <-w.turns[w.part] }

// amend makes one change of no events, built from where the part stands, and builds it
// again if another was first. It makes none if build returns false.
//
// The part's runner waits meanwhile, if it is of this process: one that has always something
// to apply would always be first.
func (w *worker) amend(ctx context.Context, build func(*Change) bool) error {
	if err := w.takeTurn(ctx); err != nil {
		return err
	}
	defer w.endTurn()
	w.amends = true
	defer func() { w.amends = false }()
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		c := w.change()
		// Whoever believes to know where the part stands is told that it has moved.
		c.To.Owner = uuid.New()
		if !build(&c) {
			return nil
		}
		err := w.make(ctx, c)
		if !errors.Is(err, ErrMoved) {
			return err
		}
		w.known = false
	}
}

// Reset empties the view and what is kept of it, so that it is built again from the
// first event: what is set aside and skipped too, whether it is paused, and whether
// readers were switched to it. Readers see it empty meanwhile: where somebody reads, build
// another version beside it instead (see [Versions]). A Run that has given up is to be
// called again.
func (r *Runner) Reset(ctx context.Context) error {
	if err := r.view.Reset(ctx); err != nil {
		return fmt.Errorf("projection %s version %d: reset: %w", r.view.Name(), r.view.Version(), err)
	}
	for part := range r.confirmed {
		r.confirmed[part].Store(false)
	}
	r.move(ctx, 0, Change{})
	return nil
}
