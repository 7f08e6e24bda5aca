package projection

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Checkpoint says how far a view has come: it shows everything that its query
// selects up to Point, except what is set aside or was skipped, and nothing after it. The
// zero Checkpoint is that of a view to which nothing was ever applied.
type Checkpoint struct {
	// Point is the point up to which the view shows the log.
	daybook.Point
	// Applied is the position of the last event that was applied, and EventID its
	// id. Point may be far ahead of it where nothing was selected in between. They
	// are zero if no event was ever applied.
	Applied daybook.Position
	EventID uuid.UUID
	// Events is how many events were applied in all.
	Events uint64
	// Owner is changed by whoever moves the view, or keeps something of it, so that others
	// who believed to know where it stands notice.
	Owner uuid.UUID
}

// Together returns how far a view has come whose parts are at these checkpoints: Point
// is what all of them have come to, Applied and EventID are the newest event that one of
// them applied, and Events is the sum. There is an Owner only if there is one part.
func Together(parts []Checkpoint) Checkpoint {
	whole := parts[0]
	for _, part := range parts[1:] {
		whole.Owner = uuid.UUID{}
		if part.Position < whole.Position {
			whole.Point = part.Point
		}
		if part.Applied > whole.Applied {
			whole.Applied, whole.EventID = part.Applied, part.EventID
		}
		whole.Events += part.Events
	}
	return whole
}

// LastApplied returns the point of the last event that was applied: the moment at
// which the view last changed, unless an event was applied since that had been set
// aside. An answer that was cached under it and under Events stays good until another
// event is applied, while Point moves on past events that the view does not select.
func (c Checkpoint) LastApplied() daybook.Point { return c.At(c.Applied) }

// with returns the checkpoint of a view that has applied events too, which are in order
// of position.
func (c Checkpoint) with(events []daybook.Recorded) Checkpoint {
	c.Events += uint64(len(events))
	if len(events) == 0 {
		return c
	}
	// An event that was set aside is applied later than others after it.
	if last := events[len(events)-1]; last.Position > c.Applied {
		c.Applied, c.EventID = last.Position, last.ID
	}
	return c
}

// ErrMoved is what [View.Apply] returns if the part is not at the checkpoint from
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

func (r *Runner) divergedError(at Checkpoint, log daybook.Point) *DivergedError {
	return &DivergedError{Name: r.view.Name(), Version: r.view.Version(), Checkpoint: at, Log: log}
}

// Unwrap returns a [*daybook.LifeError] with the view's point and that of the log.
func (e *DivergedError) Unwrap() error {
	return &daybook.LifeError{Given: e.Checkpoint.Point, Log: e.Log}
}
