package publish

import (
	"errors"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
)

// ErrMoved is what [Bookmark.Save] returns, and then [Publisher.Run], if the bookmark is
// not as it was loaded or saved last: another publisher has moved it, and goes on from
// there.
var ErrMoved = errors.New("publish: the bookmark was moved by another publisher")

// ErrNotRunning is the answer to [Publisher.Retry] and [Publisher.Skip] of a publisher
// whose Run was not called, or has returned.
var ErrNotRunning = errors.New("publish: the publisher is not running")

// ErrNotSetAside is the answer to [Publisher.Retry] and [Publisher.Skip] of a key that is
// not set aside, or not at that event any more.
var ErrNotSetAside = errors.New("publish: the key is not set aside")

// A RefusedError reports a message that the other side will never take. The message is set
// aside at once.
type RefusedError struct {
	// Err says why.
	Err error
}

// Refused returns a [*RefusedError].
func Refused(err error) error { return &RefusedError{Err: err} }

func (e *RefusedError) Error() string { return fmt.Sprintf("publish: refused: %v", e.Err) }

// Unwrap returns why the message was refused.
func (e *RefusedError) Unwrap() error { return e.Err }

// An UnavailableError reports that the other side takes no message at all now, whichever
// it is: it cannot be reached, or asks to be left alone. All messages wait, and none is set
// aside because of it.
type UnavailableError struct {
	// After is how long the other side asks to be left alone. Zero means that it does not
	// say. More than ten minutes count as ten.
	After time.Duration
	// Err says why.
	Err error
}

// Unavailable returns an [*UnavailableError] that leaves the pause to the publisher.
func Unavailable(err error) error { return &UnavailableError{Err: err} }

func (e *UnavailableError) Error() string { return fmt.Sprintf("publish: unavailable: %v", e.Err) }

// Unwrap returns why nothing can be sent.
func (e *UnavailableError) Unwrap() error { return e.Err }

// A DivergedError reports a bookmark that stands at an event which is not in the log: the
// log was restored to a moment before it, its files were put back from a copy made before
// it, or it is another log. What was published cannot be called back; say where to go on
// with [Place].
type DivergedError struct {
	// Mark is what the bookmark keeps.
	Mark Mark
	// Log is a point of the log as it is now.
	Log daybook.Point
}

func (e *DivergedError) Error() string {
	const advice = "place the bookmark where publishing is to go on"
	if e.Mark.Point.Log != e.Log.Log {
		return fmt.Sprintf("publish: the bookmark is of another log; %s: %v", advice, e.Unwrap())
	}
	if e.Mark.Point.Incarnation == e.Log.Incarnation {
		return fmt.Sprintf("publish: the bookmark is at position %d, behind event %s at position %d, and the log, whose files were put back from a copy, has no such event there; %s",
			e.Mark.Point.Position, e.Mark.LastID, e.Mark.Last, advice)
	}
	return fmt.Sprintf("publish: the bookmark stands behind event %s at position %d, which is not in the restored log; %s: %v",
		e.Mark.LastID, e.Mark.Last, advice, e.Unwrap())
}

// Unwrap returns a [*daybook.LifeError] with the bookmark's point and that of the log.
func (e *DivergedError) Unwrap() error {
	return &daybook.LifeError{Given: e.Mark.Point, Log: e.Log}
}
