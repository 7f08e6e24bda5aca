package daybook

import (
	"errors"
	"fmt"
)

// A Rule is a reason for which a domain says no, such as "an order is paid in
// full". It is an error: a decision returns it, bare or wrapped with particulars,
// and whoever asked finds it with errors.Is. Make one with [NewRule], once, and
// keep it in a variable.
type Rule struct {
	name, sentence string
}

// NewRule returns a rule with a name for programs, such as "paid-in-full", and a
// sentence for people, such as "an order is paid in full". Each rule equals itself
// alone.
func NewRule(name, sentence string) *Rule { return &Rule{name, sentence} }

// Name returns the rule's name for programs.
func (r *Rule) Name() string { return r.name }

// Error returns the rule's sentence.
func (r *Rule) Error() string { return r.sentence }

// A RefusedError reports that a decision said no. Nothing was recorded, and the
// refusal is not remembered: asked again later, the answer may be another.
type RefusedError struct {
	// Rule is the name of the rule that said no, or the text of the error where it
	// was no [*Rule].
	Rule string
	// At is the point at which it was decided.
	At Point
	// Err is what the decision returned, unchanged.
	Err error
}

// Refused returns err, which a decision returned on what it had read at a point,
// as a [*RefusedError].
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
