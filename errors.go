package daybook

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// A store answers with one of these kinds of error, each of which a program acts
// on differently:
//
//   - [*ConflictError]: the condition did not hold; nothing was recorded.
//   - [*RefusedError]: the domain said no; nothing was recorded.
//   - [*InvalidError]: it can never be recorded or answered as it was asked.
//   - [*ReusedError]: an id is taken by another event; nothing was recorded.
//   - [*UnavailableError]: definitely not recorded; trying later may help.
//   - [*UnknownError]: it may have been recorded; ask by id, or append it again.
//   - [*CorruptError]: what is stored is damaged, and where.
//   - [ErrClosed]: the store was closed by this program.
//   - [*LifeError]: a point of another log or incarnation was handed over.

// ErrClosed is returned by every method of a store that was closed.
var ErrClosed = errors.New("daybook: the store is closed")

// An InvalidError reports something that can never be recorded, or never be asked,
// in the form in which it was handed over. Trying again cannot help.
type InvalidError struct {
	// What names the thing that is wrong, such as "event 3: tag 1".
	What string
	// Value is the offending value, if it is short enough to show.
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

// A ReusedError reports an append of an id that is recorded already for something
// else: another event, another stream, another order or in other company.
type ReusedError struct {
	// ID is the first id, in the order of the append, that is recorded already.
	ID uuid.UUID
	// Position is where it is recorded.
	Position Position
}

func (e *ReusedError) Error() string {
	return fmt.Sprintf("daybook: reused: event %s is recorded already at position %d, and not as this append has it", e.ID, e.Position)
}

// An UnavailableError reports that a store could not do what it was asked, and
// definitely did not: an append that failed so recorded nothing. It may work later.
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

// An UnknownError reports that an append was handed over and its answer was not
// seen. Its events may be recorded, or be recorded yet. Appending the same events,
// with the same ids, again is safe and tells; so does reading their ids.
type UnknownError struct {
	// IDs are those of the append's events, in its order, including the ones that
	// the store gave to events that came without.
	IDs []uuid.UUID
	// Err is why the answer was not seen.
	Err error
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

// Unwrap returns why the answer was not seen, such as the context's error.
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
