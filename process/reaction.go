package process

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A Reaction is an input that an instance is about to take, as [Options.Reacting] sees it.
// The context has the input's trace, of which Parent is the span that led to it.
type Reaction struct {
	// Process and Instance say which instance it is.
	Process, Instance string
	// Kind says what kind of input it is, and Of what it is an input of: the type of the
	// event, the name of the command or effect, or that of the deadline.
	Kind ReactionKind
	Of   string
}

// A ReactionKind is what an instance reacts to.
type ReactionKind string

// The kinds of inputs.
const (
	ToEvent    ReactionKind = "event"    // of the log
	ToAnswer   ReactionKind = "answer"   // of the bus to a command of the instance
	ToResult   ReactionKind = "result"   // of an effect of the instance
	ToDeadline ReactionKind = "deadline" // that was due
)

// react has do done about an input, within what goes around it.
func (s *session) react(ctx context.Context, of *slot, in *input, do func(context.Context) error) error {
	ctx = daybook.WithTrace(ctx, in.trace)
	if s.options.Reacting == nil {
		return do(ctx)
	}
	r := Reaction{Process: s.name, Instance: of.id}
	switch what := in.what.(type) {
	case received:
		r.Kind, r.Of = ToEvent, what.Type
	case answered:
		r.Kind, r.Of = ToAnswer, in.step.request.Name
	case returned:
		r.Kind, r.Of = ToResult, in.step.request.Name
	case fired:
		r.Kind, r.Of = ToDeadline, what.Name
	}
	return s.options.Reacting(ctx, r, func(ctx context.Context) error {
		in.trace.Parent = daybook.TraceOf(ctx).Parent
		return do(ctx)
	})
}
