package projection

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-es/daybook"
)

// Status says where a projection stands, for health checks and metrics.
type Status struct {
	// Name and Version say which projection.
	Name    string
	Version int
	// Checkpoint is how far the view has come.
	Checkpoint Checkpoint
	// Head is the newest point of the log.
	Head daybook.Point
	// Lag is how many positions the view is behind the head. It is zero if nothing that
	// the view selects was recorded since its checkpoint.
	Lag uint64
	// Applied counts the events that this runner has applied.
	Applied uint64
	// Stuck says what keeps this runner from going on; nil if nothing does.
	Stuck *Stuck
}

// Stuck says why a runner does not go on. It tries again by itself.
type Stuck struct {
	// Since is when it first failed.
	Since time.Time
	// Attempts counts the failures since then.
	Attempts int
	// Event is the event that cannot be applied; nil if no event is to blame, such as
	// when the store or the view's database cannot be reached.
	Event *daybook.Recorded
	// Err is the error of the last attempt.
	Err error
}

// Status asks the view and the store where the projection stands. If one of them
// fails, it returns that error together with what is known all the same.
func (r *Runner) Status(ctx context.Context) (Status, error) {
	s := Status{Name: r.view.Name(), Version: r.view.Version(), Stuck: r.stuckOn()}
	r.mu.Lock()
	s.Applied = r.applied
	r.mu.Unlock()
	var err error
	if s.Checkpoint, err = r.checkpoint(ctx); err != nil {
		return s, err
	}
	info, err := r.store.Info(ctx)
	if err != nil {
		return s, err
	}
	s.Head = info.Head
	after := s.Checkpoint.Position
	if !s.Checkpoint.SameLife(s.Head) {
		after = 0 // it is to be taken over, or to be built again
	}
	if s.Head.Position <= after {
		return s, nil
	}
	reading, err := r.store.Read(ctx, r.query, daybook.Span{After: after, Limit: 1})
	if err != nil {
		return s, err
	}
	for _, err := range reading.Events() {
		s.Lag = uint64(s.Head.Position - after)
		return s, err
	}
	return s, nil
}

// stuckOn returns a copy of what the runner is stuck on, or nil.
func (r *Runner) stuckOn() *Stuck {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck == nil {
		return nil
	}
	stuck := *r.stuck
	return &stuck
}

// getStuck notes that the runner failed, and returns how often it did in a row. It
// is logged when it fails for the first time, and when it fails otherwise than
// before.
func (r *Runner) getStuck(ctx context.Context, err error) int {
	now := Stuck{Since: time.Now(), Err: err}
	if failed := (*EventError)(nil); errors.As(err, &failed) {
		now.Event = &failed.Event
	}
	r.mu.Lock()
	before := r.stuck
	if before != nil && sameEvent(before.Event, now.Event) {
		now.Since, now.Attempts = before.Since, before.Attempts
	}
	now.Attempts++
	r.stuck = &now
	r.mu.Unlock()
	if now.Attempts == 1 || before.Err.Error() != err.Error() {
		r.options.Logger.ErrorContext(ctx, "the projection is stuck", "attempts", now.Attempts, "error", err)
	}
	return now.Attempts
}

func sameEvent(a, b *daybook.Recorded) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// goOn notes that nothing keeps the runner any more.
func (r *Runner) goOn(ctx context.Context) {
	r.mu.Lock()
	before := r.stuck
	r.stuck = nil
	r.mu.Unlock()
	if before != nil {
		r.options.Logger.InfoContext(ctx, "the projection goes on", "since", before.Since, "attempts", before.Attempts)
	}
}
