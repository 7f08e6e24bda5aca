package projection

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Checkpoint says how far a view has come: it shows everything that its query
// selects up to Point, and nothing after it. The zero Checkpoint is that of a view
// to which nothing was ever applied.
type Checkpoint struct {
	// Point is the point up to which the view shows the log.
	daybook.Point
	// Applied is the position of the last event that was applied, and EventID its
	// id. Point may be far ahead of it where nothing was selected in between. They
	// are zero if no event was ever applied.
	Applied daybook.Position
	EventID uuid.UUID
	// Owner identifies the runner that moved the view last.
	Owner uuid.UUID
}

// LastApplied returns the point of the last event that was applied: the moment at
// which the view last changed. An answer that was cached under it stays good until
// another event is applied, while Point moves on past events that the view does not
// select.
func (c Checkpoint) LastApplied() daybook.Point { return c.At(c.Applied) }

// after returns the checkpoint of a view that has applied e too.
func (c Checkpoint) after(e daybook.Recorded) Checkpoint {
	c.Position, c.Applied, c.EventID = e.Position, e.Position, e.ID
	return c
}

// ErrMoved is what [View.Apply] returns if the view is not at the checkpoint from
// which it was to go on, because another runner has moved it. Nothing was applied.
var ErrMoved = errors.New("projection: the view is not at this checkpoint any more; another runner has moved it")

// A DivergedError reports a view that shows events which are not in the log: the
// log was restored to a moment before them, its files were put back from a copy made
// before them, or it is another log. Throw the view's
// read model away and have it built again.
type DivergedError struct {
	// Name and Version say which projection.
	Name    string
	Version int
	// Checkpoint is how far the view had come.
	Checkpoint Checkpoint
	// Log is a point of the log as it is now.
	Log daybook.Point
}

func (e *DivergedError) Error() string {
	if e.Checkpoint.Log != e.Log.Log {
		return fmt.Sprintf("projection %s version %d: it was built from another log; build it again: %v", e.Name, e.Version, e.Unwrap())
	}
	if e.Checkpoint.Incarnation == e.Log.Incarnation {
		return fmt.Sprintf("projection %s version %d: the last event it applied, %s at position %d, is not in the log, whose files were put back from a copy; build it again",
			e.Name, e.Version, e.Checkpoint.EventID, e.Checkpoint.Applied)
	}
	return fmt.Sprintf("projection %s version %d: the last event it applied, %s at position %d, is not in the restored log; build it again: %v",
		e.Name, e.Version, e.Checkpoint.EventID, e.Checkpoint.Applied, e.Unwrap())
}

// Unwrap returns a [*daybook.LifeError] with the view's point and that of the log.
func (e *DivergedError) Unwrap() error {
	return &daybook.LifeError{Given: e.Checkpoint.Point, Log: e.Log}
}
