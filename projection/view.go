package projection

import (
	"context"
	"slices"

	"github.com/daybook-es/daybook"
)

// A View is a read model together with what is kept of its progress. Packages memview
// and sqlview have views; implement another to keep a read model elsewhere.
//
// A view is divided into parts, by the keys of its events, so that several can be moved
// at once; most views are one part. What is kept of a part is its [Stand], and a
// [Change] moves it on.
//
// A View is safe for use by many goroutines and, if processes share its read model,
// by many processes.
type View interface {
	// Name is what the projection is called, such as "overview".
	Name() string
	// Version is raised whenever handlers or the shape of the read model change:
	// another version is another read model, built from the first event on.
	Version() int
	// Query selects the events that the view wants to be given.
	Query() daybook.Query
	// Parts is how many parts the view has, at least one. It is fixed for a version.
	Parts() int
	// Keys returns what an event is about, as far as this view is concerned: at least one
	// key, and the same for the same event for as long as the version lives. Events with a
	// key in common are applied in order, and wait for each other if one is set aside.
	// [ByStream] is right for most views. Nobody asks for keys while there is one part and
	// nothing set aside.
	Keys(e daybook.Recorded) []string
	// Stand returns what is kept of a part: the zero Stand if nothing was ever applied to
	// it. The caller may change what it is given.
	Stand(ctx context.Context, part int) (Stand, error)
	// Apply makes a change: all of it, or nothing if it returns an error. If the part's
	// checkpoint is not exactly c.From, the error is [ErrMoved]; if one of the events
	// cannot be applied, it is an [*EventError].
	//
	// The view does not keep the change's slices.
	Apply(ctx context.Context, c Change) error
	// Reset empties the read model, and what is kept of every part, its pause and its mark
	// too, as if nothing had ever been applied: all of it, or nothing if it returns an error. A runner that was moving
	// the view is told [ErrMoved].
	Reset(ctx context.Context) error
}

// A Stand is where one part of a view stands.
type Stand struct {
	// Checkpoint is how far the part has come.
	Checkpoint
	// Paused says why the part is not to be moved; empty if it is.
	Paused string
	// Mark is what [Versions] keeps of the version, with its first part.
	Mark Mark
	// Aside are the events up to the checkpoint that were not applied, in order of
	// position.
	Aside []Aside
	// Skips are the events that somebody decided to do without, in this version of the
	// projection or in an earlier one.
	Skips []Skip
}

// After returns the stand after a change, for those who implement views. It shares
// nothing that changes with s.
func (s Stand) After(c Change) Stand {
	s.Checkpoint, s.Paused, s.Mark = c.To, c.Paused, c.Mark
	if len(c.SetAside)+len(c.TakenUp) > 0 {
		s.Aside = queue(s.Aside).with(c)
	}
	for _, skip := range c.Skipped {
		if !slices.ContainsFunc(s.Skips, func(k Skip) bool { return k.EventID == skip.EventID }) {
			s.Skips = append(s.Skips[:len(s.Skips):len(s.Skips)], skip)
		}
	}
	return s
}

// A Change moves one part of a view on. What it sets aside, takes up and skips is kept
// in the same transaction as what the events do to the read model.
type Change struct {
	// Part is the part, from zero.
	Part int
	// From is the checkpoint that the part is at, and To the one that it moves to.
	From, To Checkpoint
	// Events are applied, in this order.
	Events []daybook.Recorded
	// SetAside are added to the events that are set aside; one at a position where there is
	// one already takes its place.
	SetAside []Aside
	// TakenUp are positions of events that are no longer set aside. One that is neither
	// among Events nor in Skipped is not in the log any more.
	TakenUp []daybook.Position
	// Skipped are added to the skips.
	Skipped []Skip
	// Paused is kept as [Stand.Paused], and Mark as [Stand.Mark].
	Paused string
	Mark   Mark
}
