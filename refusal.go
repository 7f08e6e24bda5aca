package daybook

import (
	"errors"
	"fmt"
)

// A Rule is a reason for which a domain says no, such as "an order is paid in
// full". It is an error: a decision returns it, bare or wrapped with particulars,
// and the caller finds it with errors.Is. Make one with [NewRule], once, and keep
// it in a variable.
type Rule struct {
	name, sentence string
}

// NewRule returns a rule with a name for programs, such as "paid-in-full", and a
// sentence for people, such as "an order is paid in full". Two rules are never
// equal, even if both texts are.
func NewRule(name, sentence string) *Rule { return &Rule{name, sentence} }

// Name returns the rule's name for programs.
func (r *Rule) Name() string { return r.name }

// Error returns the rule's sentence.
func (r *Rule) Error() string { return r.sentence }

// A RefusedError reports that a decision said no. Nothing was recorded, and the
// refusal is not remembered: asked again later, the domain may say yes.
type RefusedError struct {
	// Rule is the name of the rule that said no, or the text of the error if it is not
	// a [*Rule].
	Rule string
	// At is the point up to which the log had been read for the decision.
	At Point
	// Err is what the decision returned, unchanged.
	Err error
}

// Refused returns the [*RefusedError] of a decision that returned err, having read
// the log up to a point.
func Refused(err error, at Point) *RefusedError {
	refused := &RefusedError{Rule: err.Error(), At: at, Err: err}
	if rule := (*Rule)(nil); errors.As(err, &rule) {
		refused.Rule = rule.Name()
	}
	return refused
}

func (e *RefusedError) Error() string {
	if e.Rule == e.Err.Error() {
		return fmt.Sprintf("daybook: refused: %v", e.Err)
	}
	return fmt.Sprintf("daybook: refused (%s): %v", e.Rule, e.Err)
}

// Unwrap returns what the decision returned.
func (e *RefusedError) Unwrap() error { return e.Err }
