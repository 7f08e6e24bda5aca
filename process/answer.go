package process

import (
	"errors"

	"github.com/daybook-es/daybook"
)

// An Answer is what the bus answered to a command.
type Answer struct {
	// Point is that of the receipt: of the command's events, or of the moment at which
	// there was nothing to add. It is zero if the command was refused.
	Point daybook.Point
	// Rule is the name of the rule that refused the command, and Reason its text. They
	// are empty if it was not refused.
	Rule, Reason string
}

// Skipped is the Rule of a command that was not sent, because somebody skipped it; see
// [Runner.Skip].
const Skipped = "skipped"

// Refused reports whether the domain said no.
func (a Answer) Refused() bool { return a.Rule != "" }

// A Result is what came of an effect.
type Result[R any] struct {
	// Value is what the provider returned; the zero R if it failed.
	Value R
	// Failure is the text of the error with which it failed for good; empty if it
	// did not.
	Failure string
}

// Failed reports whether the effect failed for good.
func (r Result[R]) Failed() bool { return r.Failure != "" }

// An outcome is what became of a command or an effect, as a handler is given it.
type outcome struct {
	answer  Answer
	result  []byte
	failure string
}

// Permanent marks an error of an effect's call as one that trying again cannot help,
// such as a card that was declined: it becomes the effect's result at once. It returns
// nil if err is nil. What Unwrap returns is err.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// IsPermanent reports whether an error of an effect is one that [Permanent] has marked, so
// that the call is not tried again.
func IsPermanent(err error) bool {
	permanent := (*permanentError)(nil)
	return errors.As(err, &permanent)
}
