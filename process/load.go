package process

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Loaded is an instance as it is in the log; see [Process.Load].
type Loaded[S any] struct {
	// State is what its reactions made of what it saw; the zero S if it has not begun.
	State S
	// Version is that of the process in which it began; zero if it has not.
	Version int
	// Begun is when it began.
	Begun time.Time
	// Done reports that it reacts to nothing any more.
	Done bool
	// Open are the commands and effects without an outcome, in the order in which they
	// were decided.
	Open []Step
	// Deadlines are those that are pending, by name.
	Deadlines map[string]time.Time
	// SetAside says why it cannot go on; nil if it can.
	SetAside *Aside
}

// A Step is a command or an effect that an instance has decided on.
type Step struct {
	// ID is that of the command, or the key of the effect.
	ID uuid.UUID
	// Name is what it is called, and Value what was sent or asked for: nil if this program
	// does not declare it.
	Name  string
	Value any
	// IsEffect tells an effect from a command.
	IsEffect bool
}

// Codec returns the codec of the facts that the process reacts to.
func (p *Process[S]) Codec() *daybook.Codec { return p.definition.codec }

// Load returns an instance: for pages and tests. The state of one that began in another
// version than this process is not folded, and stays the zero S; so does that of one
// whose past this version cannot fold. The error is that of the store.
func (p *Process[S]) Load(ctx context.Context, store daybook.Store, id string) (Loaded[S], error) {
	d := p.definition
	i, err := load(ctx, store, d.name, id, versions{d.version: d})
	if err != nil {
		return Loaded[S]{}, err
	}
	l := Loaded[S]{Version: i.number, Begun: i.begun, Done: i.finished, Deadlines: make(map[string]time.Time)}
	if state, folded := i.state.(*S); folded && i.folded == nil {
		l.State = *state
	}
	for _, s := range i.open {
		step := Step{ID: s.id, Name: s.request.Name, IsEffect: s.effect}
		handlers := d.commands
		if s.effect {
			handlers = d.effects
		}
		if handler := handlers[s.request.Name]; handler != nil {
			if step.Value, err = handler.value(s.request.Data); err != nil {
				step.Value = nil
			}
		}
		l.Open = append(l.Open, step)
	}
	for name, deadline := range i.deadlines {
		l.Deadlines[name] = deadline.Due
	}
	if a := i.aside; a != nil {
		l.SetAside = &Aside{Process: d.name, Instance: id, Since: a.since, Cause: a.cause, IsStep: a.step != nil}
		switch {
		case a.input != nil:
			l.SetAside.Input = *a.input
		case a.step != nil:
			l.SetAside.Input = *a.step
		}
	}
	return l, nil
}
