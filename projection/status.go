package projection

import (
	"cmp"
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
	// Checkpoint is how far the view has come: all its parts together.
	Checkpoint Checkpoint
	// Head is the newest point of the log.
	Head daybook.Point
	// Lag is how many positions the view is behind the head. It is zero if nothing that
	// the view selects was recorded since its checkpoint.
	Lag uint64
	// Age is how long ago the first event was recorded that the view does not show yet. It
	// is zero if there is none.
	Age time.Duration
	// Applied counts the events that this runner has applied, and Rate is how many it
	// applied in a second lately.
	Applied uint64
	Rate    float64
	// Left is about how long it takes at that rate until the view shows the head. It is
	// zero if it does, and negative if that cannot be told, because this runner does not
	// move it.
	Left time.Duration
	// Paused says why the view is not to be moved; empty if it is.
	Paused string
	// Aside counts the events that are set aside, and Waiting those of them that no runner
	// tries by itself any more.
	Aside, Waiting int
	// Parts says the same of each part, of which most views have one. It is empty if the
	// view could not tell.
	Parts []PartStatus
	// Stuck says what keeps this runner from going on; nil if nothing does.
	Stuck *Stuck
}

// PartStatus says where a part of a view stands.
type PartStatus struct {
	// Position is how far the part has come.
	Position daybook.Position
	// Aside counts its events that are set aside.
	Aside int
	// Stuck says what keeps this runner from going on with it; nil if nothing does.
	Stuck *Stuck
}

// Progress returns how much of the log the view shows, from 0 to 1.
func (s Status) Progress() float64 {
	if s.Lag == 0 || s.Head.Position == 0 {
		return 1
	}
	return 1 - float64(min(s.Lag, uint64(s.Head.Position)))/float64(s.Head.Position)
}

// Stuck says why a runner does not go on. It tries again by itself, unless Run has given
// up.
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
	s.Applied = r.rate.events
	events, positions := r.rate.lately(time.Now())
	r.mu.Unlock()
	s.Rate = events
	stands, err := r.stands(ctx)
	if err != nil {
		return s, err
	}
	s.Checkpoint = together(stands)
	for part, stand := range stands {
		s.Parts = append(s.Parts, PartStatus{Position: stand.Position, Aside: len(stand.Aside), Stuck: r.partStuckOn(part)})
		s.Paused = cmp.Or(s.Paused, stand.Paused)
		s.Aside += len(stand.Aside)
		s.Waiting += len(queue(stand.Aside).waiting())
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
	for e, err := range reading.Events() {
		if err != nil {
			return s, err
		}
		s.Lag = uint64(s.Head.Position - after)
		s.Age = max(0, time.Since(e.RecordedAt))
		s.Left = -1
		// A rate that has all but faded away tells nothing.
		if left := float64(s.Lag) / positions; r.running.Load() > 0 && left < longestLeft.Seconds() {
			s.Left = time.Duration(left * float64(time.Second))
		}
		return s, nil
	}
	return s, nil
}

// longestLeft is the longest time left that is told: a year.
const longestLeft = 365 * 24 * time.Hour

// together returns how far a view has come whose parts stand here.
func together(stands []Stand) Checkpoint {
	parts := make([]Checkpoint, len(stands))
	for i, stand := range stands {
		parts[i] = stand.Checkpoint
	}
	return Together(parts)
}

// stuckOn returns a copy of what the runner is stuck on, the first if several parts are,
// or nil.
func (r *Runner) stuckOn() *Stuck {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first *Stuck
	for _, stuck := range r.stuck {
		if stuck != nil && (first == nil || stuck.Since.Before(first.Since)) {
			first = stuck
		}
	}
	if first == nil {
		return nil
	}
	stuck := *first
	return &stuck
}

// partStuckOn returns a copy of what a part is stuck on, or nil.
func (r *Runner) partStuckOn(part int) *Stuck {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck[part] == nil {
		return nil
	}
	stuck := *r.stuck[part]
	return &stuck
}

// getStuck notes that a part failed, and returns how often it did in a row. It
// is logged when it fails for the first time, and when it fails otherwise than
// before.
func (r *Runner) getStuck(ctx context.Context, part int, err error) int {
	now := Stuck{Since: time.Now(), Err: err}
	if failed := (*EventError)(nil); errors.As(err, &failed) {
		now.Event = &failed.Event
	}
	r.mu.Lock()
	before := r.stuck[part]
	if before != nil && sameEvent(before.Event, now.Event) {
		now.Since, now.Attempts = before.Since, before.Attempts
	}
	now.Attempts++
	r.stuck[part] = &now
	r.mu.Unlock()
	if now.Attempts == 1 || before.Err.Error() != err.Error() {
		r.options.Logger.ErrorContext(ctx, "the projection is stuck", "part", part, "attempts", now.Attempts, "error", err)
	}
	return now.Attempts
}

func sameEvent(a, b *daybook.Recorded) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// calm notes that this runner does not try to move a part, and says nothing of it.
func (r *Runner) calm(part int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stuck[part] = nil
}

// goOn notes that nothing keeps a part any more.
func (r *Runner) goOn(ctx context.Context, part int) {
	r.mu.Lock()
	before := r.stuck[part]
	r.stuck[part] = nil
	r.mu.Unlock()
	if before != nil {
		r.options.Logger.InfoContext(ctx, "the projection goes on", "part", part, "since", before.Since, "attempts", before.Attempts)
	}
}
