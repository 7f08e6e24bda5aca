// Package outcome gives what came of a command or an append one of a few names, which
// metrics, spans and logs share.
package outcome

import (
	"context"
	"errors"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// Of returns the name of what a receipt and an error say:
//
//	recorded     events were recorded
//	repeated     they had been recorded before
//	nothing      there was nothing to record
//	refused      the domain said no
//	conflict     somebody else was first
//	denied       the sender may not
//	invalid      it can never be recorded
//	reused       another one was recorded under its id
//	cancelled    whoever asked went away
//	unavailable  the store could not be reached, and nothing was recorded
//	unknown      it may be recorded
//	corrupt      the log is damaged
//	closed       the store was closed
//	failed       anything else went wrong
func Of(receipt daybook.Receipt, err error) string {
	if err != nil {
		return ofError(err)
	}
	switch {
	case receipt.Repeated:
		return "repeated"
	case receipt.RecordedAt.IsZero():
		return "nothing"
	}
	return "recorded"
}

// IsFailure reports whether an outcome is one that somebody who runs the program answers
// for, rather than an answer to who has asked.
func IsFailure(name string) bool {
	switch name {
	case "unavailable", "unknown", "corrupt", "closed", "failed":
		return true
	}
	return false
}

// ofError is asked with errors of several layers: what a decider gave up after is still the
// conflict that it met.
func ofError(err error) string {
	is := func(target any) bool { return errors.As(err, target) }
	switch {
	case is(new(*daybook.UnknownError)):
		return "unknown"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case is(new(*daybook.RefusedError)):
		return "refused"
	case is(new(*daybook.ConflictError)):
		return "conflict"
	case is(new(*command.DeniedError)):
		return "denied"
	case is(new(*daybook.InvalidError)):
		return "invalid"
	case is(new(*daybook.ReusedError)), is(new(*command.ReusedError)):
		return "reused"
	case is(new(*daybook.UnavailableError)):
		return "unavailable"
	case is(new(*daybook.CorruptError)), is(new(*daybook.UnreadableError)):
		return "corrupt"
	case errors.Is(err, daybook.ErrClosed):
		return "closed"
	}
	return "failed"
}
