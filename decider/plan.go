package decider

import (
	"slices"

	"github.com/daybook-es/daybook"
)

// A Plan is one decision, bound to what it is about. Make it with [Decider.At] or
// [Boundary.Within], and run it with [Decide]. It never changes, and may be run any
// number of times.
type Plan struct {
	about   string
	query   daybook.Query
	begin   func() subject
	final   daybook.Condition
	invalid error
}

// If returns the plan with a condition of the caller's own, such as that a stream
// is still at the version that somebody was shown. It is final: if it does not
// hold, Decide returns the [*daybook.ConflictError] and does not decide again. It is
// checked, too, when nothing is decided.
func (p Plan) If(cond daybook.Condition) Plan {
	p.final = slices.Concat(p.final, cond)
	return p
}

// About returns what the plan is about: a stream, or the name of a boundary.
func (p Plan) About() string { return p.about }

// subject is a state that events are folded into and that is decided on, its type
// forgotten.
type subject interface {
	fold(daybook.Recorded) error
	decided() ([]any, error)
	event(decided any) (daybook.Event, error)
}

// folding is the subject of state S.
type folding[S any] struct {
	folds  folds[S]
	stream string
	state  S
	decide Decision[S]
}

func (f *folding[S]) fold(e daybook.Recorded) error { return f.folds.apply(&f.state, e) }

func (f *folding[S]) decided() ([]any, error) { return f.decide(f.state) }

func (f *folding[S]) event(decided any) (daybook.Event, error) {
	return f.folds.event(decided, f.stream)
}
