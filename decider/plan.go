package decider

import (
	"context"
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
)

// A Plan is one decision, bound to what it is about. Make it with [Decider.At] or
// [Boundary.Within], and run it with [Decide]. It never changes, and may be run any
// number of times and by many goroutines. Running the zero Plan is an
// [*daybook.InvalidError].
type Plan struct {
	about   string
	query   daybook.Query
	begin   func() subject
	final   daybook.Condition
	invalid error
}

// If returns the plan with a condition of the caller's own, such as that a stream
// is still at the version that somebody was shown. It is final: if it does not
// hold, Decide returns a [*daybook.ConflictError] with the clauses that failed and
// does not decide again. It is checked even if the decision returns no facts, but
// not if it refuses: then the refusal is the answer. Several conditions must all
// hold.
func (p Plan) If(cond daybook.Condition) Plan {
	p.final = slices.Concat(p.final, cond)
	return p
}

// About returns what the plan is about: a stream, or the name of a boundary.
func (p Plan) About() string { return p.about }

// read returns the plan's subject with its past folded into it, and the reading that
// was folded last.
func (p Plan) read(ctx context.Context, store daybook.Store, snapshots snapshots) (subject, daybook.Reading, error) {
	subject := p.begin()
	from := snapshots.restore(ctx, subject)
	reading, err := store.Read(ctx, p.query, daybook.Span{After: from.Position})
	if err == nil && from.Precedes(reading.Snapshot()) != nil {
		// The snapshot is of another life of the log, and says nothing about this one.
		subject = p.begin()
		reading, err = store.Read(ctx, p.query, daybook.Span{})
	}
	if err != nil {
		return nil, reading, err
	}
	folded := 0
	for event, err := range reading.Events() {
		if err == nil {
			err = subject.fold(event)
		}
		if err != nil {
			return nil, reading, fmt.Errorf("decider: fold %s: %w", p.about, err)
		}
		folded++
	}
	snapshots.keep(ctx, subject, reading.Snapshot(), folded)
	return subject, reading, nil
}

// A subject is a state that events are folded into and that is decided on, its type
// forgotten.
type subject interface {
	fold(daybook.Recorded) error
	decided() ([]any, error)
	event(decided any) (daybook.Event, error)
	// key says which cached states are of this subject.
	key() (string, bool)
	state() ([]byte, bool)
	restore(state []byte) bool
}
