package daybook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// ErrClosed is returned by every method of a store that was closed.
var ErrClosed = errors.New("daybook: the store is closed")

// ErrReadOnly is why a store that was opened for reading records nothing. It is wrapped in
// an [*UnavailableError].
var ErrReadOnly = errors.New("daybook: the log is open for reading only; append where it is open for writing")

// An InvalidError reports something that can never be recorded, or never be asked,
// as it is. Trying again cannot help.
type InvalidError struct {
	// What names the thing that is wrong, such as "event 3: tag 1".
	What string
	// Value is the offending value, or empty if the reason says it all. Error shows at
	// most 80 characters of it.
	Value string
	// Reason says what is wrong with it, as the end of a sentence that begins with
	// What.
	Reason string
}

func (e *InvalidError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("daybook: invalid: %s %s", e.What, e.Reason)
	}
	return fmt.Sprintf("daybook: invalid: %s %.80q %s", e.What, e.Value, e.Reason)
}

// A ReusedError reports an append with an id that is recorded already, but not as
// this append has it: with another stream or type, in another order, or together
// with other events.
type ReusedError struct {
	// ID is the first id, in the order of the append, that is recorded already.
	ID uuid.UUID
	// Position is where it is recorded.
	Position Position
}

func (e *ReusedError) Error() string {
	return fmt.Sprintf("daybook: reused: event %s is recorded already at position %d, and not as this append has it", e.ID, e.Position)
}

// An UnavailableError reports that a store could not do what it was asked. An append
// that returned it definitely recorded nothing. Trying again later may help.
type UnavailableError struct {
	// Doing says what the store was doing.
	Doing string
	// Err is what stood in the way.
	Err error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("daybook: unavailable: %s: %v", e.Doing, e.Err)
}

// Unwrap returns what stood in the way, such as the context's error.
func (e *UnavailableError) Unwrap() error { return e.Err }

// An UnknownError reports an append whose outcome is not known: its events may be
// recorded already, or may still become so. Appending the same events again, with
// the same ids, is safe and tells; so does reading by their ids.
type UnknownError struct {
	// IDs are those of the append's events, in its order, including the ones that
	// the store gave to events that came without.
	IDs []uuid.UUID
	// Err is why the outcome is not known.
	Err error
}

// Unknown returns the [*UnknownError] of an append of these events whose outcome err keeps
// from being known. It keeps nothing of the events but their ids.
func Unknown(events []Event, err error) *UnknownError {
	ids := make([]uuid.UUID, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return &UnknownError{IDs: ids, Err: err}
}

func (e *UnknownError) Error() string {
	ids := make([]string, 0, 3)
	for _, id := range e.IDs[:min(len(e.IDs), 2)] {
		ids = append(ids, id.String())
	}
	if more := len(e.IDs) - len(ids); more > 0 {
		ids = append(ids, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("daybook: unknown: the append of %s may have been recorded: %v", strings.Join(ids, ", "), e.Err)
}

// Unwrap returns why the outcome is not known, such as the context's error.
func (e *UnknownError) Unwrap() error { return e.Err }

// A CorruptError reports that bytes a store kept are not the bytes it wrote.
type CorruptError struct {
	// Where names the damaged place, such as a file and an offset.
	Where string
	// Position is the last position known to be sound before the damage, or zero.
	Position Position
	// Err says how the damage shows.
	Err error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("daybook: corrupt: %s (sound up to position %d): %v", e.Where, e.Position, e.Err)
}

// Unwrap returns how the damage shows.
func (e *CorruptError) Unwrap() error { return e.Err }
