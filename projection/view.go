package projection

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A View is a read model together with its checkpoint. Packages memview and sqlview
// have views; implement another to keep a read model elsewhere.
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
	// Checkpoint returns how far the view has come: the zero Checkpoint if nothing was
	// ever applied.
	Checkpoint(ctx context.Context) (Checkpoint, error)
	// Apply applies events, which are in order of position, and moves the checkpoint:
	// all of it, or nothing if it returns an error. If the view's checkpoint is not
	// exactly from, the error is [ErrMoved]; if one of the events cannot be applied,
	// it is an [*EventError]. Without events, only the checkpoint moves.
	//
	// The view does not keep the slice.
	Apply(ctx context.Context, from Checkpoint, events []daybook.Recorded, to Checkpoint) error
}
