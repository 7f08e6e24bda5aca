package command

import (
	"fmt"

	"github.com/daybook-es/daybook"
)

// A DeniedError reports that a principal may not send a command. Nothing was decided.
type DeniedError struct {
	// Principal is who sent the command.
	Principal string
	// Type is the command's name.
	Type string
	// Err is what Authorize returned.
	Err error
}

func (e *DeniedError) Error() string {
	return fmt.Sprintf("command: %q may not send %s: %v", e.Principal, e.Type, e.Err)
}

// Unwrap returns what Authorize returned.
func (e *DeniedError) Unwrap() error { return e.Err }

// A ReusedError reports that a command was sent under the id of another one that is
// recorded: of another type, or with another content. Nothing was recorded.
type ReusedError struct {
	// ID is the id of both.
	ID ID
	// Type is the name of the command that was sent. Recorded is the name of the
	// command whose events are recorded; empty if they are of no command.
	Type, Recorded string
	// Event says which of its events is recorded, and where.
	Event *daybook.ReusedError
}

func (e *ReusedError) Error() string {
	recorded := "something that is no command"
	switch e.Recorded {
	case "":
	case e.Type:
		recorded = "a " + e.Type + " with other content"
	default:
		recorded = "a " + e.Recorded
	}
	return fmt.Sprintf("command: reused: the id of this %s, %s, is that of %s, recorded at position %d", e.Type, e.ID, recorded, e.Event.Position)
}

// Unwrap returns the [*daybook.ReusedError].
func (e *ReusedError) Unwrap() error { return e.Event }
