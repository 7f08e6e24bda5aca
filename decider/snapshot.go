package decider

import (
	"context"

	"github.com/daybook-es/daybook"
)

// Snapshots keep states that were folded, so that the next decision folds only
// what was recorded since. They are a cache outside the log: a snapshot that is lost
// or old costs time and never changes an answer. Implementations are safe for use by
// many goroutines, and deal with their own failures, since deciding can do without
// them. [NewCache] returns one in memory.
type Snapshots interface {
	// Load returns the snapshot that was last saved under the key, if it has one.
	Load(ctx context.Context, key string) (Snapshot, bool)
	// Save keeps a snapshot under the key. It may forget any, at any time.
	Save(ctx context.Context, key string, snapshot Snapshot)
}

// A Snapshot is a state and the point of the log up to which it was folded.
type Snapshot struct {
	// At is the point up to which the events were folded.
	At daybook.Point `json:"at"`
	// State is the state as JSON. Neither side may change the bytes.
	State []byte `json:"state"`
}

// WithSnapshots lets Decide begin with a snapshot, and save one whenever it had to
// fold at least this many events, less than one meaning one, or found the last one to
// be of no use any more: something of it was forgotten, or the log was restored. Without
// it, Decide folds the whole past.
//
// Only a state that comes back from JSON as it was is ever saved; a test with
// package daybooktest shows whether it does. A snapshot is used only for the same
// decider, revision, shape of the facts and of the state, and incarnation of the
// log. A change inside a fold is not seen by any of these: raise the decider's
// Revision with it.
func WithSnapshots(store Snapshots, every int) Option {
	return func(s *settings) { s.snapshots = snapshots{store, max(every, 1)} }
}

// snapshots are the option's; the zero snapshots keep nothing.
type snapshots struct {
	store Snapshots
	every int
}

// restore gives the subject the state of its snapshot and returns the point up to
// which that was folded; the zero Point if there is none.
func (s snapshots) restore(ctx context.Context, subject subject) daybook.Point {
	if s.store == nil {
		return daybook.Point{}
	}
	key, ok := subject.key()
	if !ok {
		return daybook.Point{}
	}
	snapshot, ok := s.store.Load(ctx, key)
	// A state that stands nowhere is none: the whole past would be folded into it again.
	if !ok || snapshot.At.IsZero() || !subject.restore(snapshot.State) {
		return daybook.Point{}
	}
	return snapshot.At
}

// keep saves the subject's state as of a point if it took enough events to get there,
// or if the last snapshot is stale: it would be stale the next time, too.
func (s snapshots) keep(ctx context.Context, subject subject, at daybook.Point, folded int, stale bool) {
	if s.store == nil || folded < s.every && !stale {
		return
	}
	key, ok := subject.key()
	if !ok {
		return
	}
	if state, ok := subject.state(); ok {
		s.store.Save(ctx, key, Snapshot{At: at, State: state})
	}
}
