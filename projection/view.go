package projection

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A View is a read model together with its checkpoint. Those of packages memview
// and sqlview are views; implement another to keep a read model elsewhere.
//
// A View is safe for use by many goroutines, and where its read model is shared by
// processes, by many of them.
type View interface {
	// Name is what the projection is called, such as "overview".
	Name() string
	// Version is raised whenever handlers or the shape of the read model change:
	// another version is another read model, built from the first event on.
	Version() int
	// Query selects the events that the view wants to be given.
	Query() daybook.Query
	// Checkpoint returns where the view stands: the zero Checkpoint if nothing was
	// ever applied.
	Checkpoint(ctx context.Context) (Checkpoint, error)
	// Apply applies events, which follow each other in order of position, and moves
	// the checkpoint from one to the next: all of it, or nothing if it returns an
	// error. If the view does not stand exactly at from, that is [ErrMoved]. If it
	// is one of the events that cannot be applied, it is an [*EventError]. Events
	// may be empty: then the checkpoint moves alone.
	//
	// The view does not keep the slice.
	Apply(ctx context.Context, from Checkpoint, events []daybook.Recorded, to Checkpoint) error
}
