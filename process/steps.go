package process

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Steps are what a reaction decides to do next. They are recorded together with the
// input that is reacted to, or not at all, and carried out afterwards. A Steps is of use
// only until the reaction returns.
//
// The commands of an instance are sent one after the other, in the order in which they
// were decided. Effects are called beside them, at the same time.
//
// What is asked for by its Go type or its name must be declared in the process: anything
// else panics, and so sets the instance aside.
type Steps struct {
	instance *instance
	input    *input
	now      time.Time

	decided   []*decision
	moved     []string // deadlines that were set or cancelled, in order
	due       map[string]time.Time
	isDone    bool
	discarded bool // the state is folded, and nothing is decided
}

// A decision is one record that a reaction leads to.
type decision struct {
	id   uuid.UUID // once all is decided
	what record
	// after and undoes stand for the ids of decisions that were made in the same
	// reaction.
	after, undoes *decision
	late          []*decision // of a compensated
}

// A StepOption is a particular of a step.
type StepOption func(*Steps, *ordered)

// Undo registers what undoes a step: a command or an effect, which [Steps.Compensate]
// asks for if the step has succeeded. If it depends on the step's result, call
// [Steps.Undo] in the reaction to that instead.
func Undo(commandOrEffect any) StepOption {
	return func(do *Steps, o *ordered) {
		u := do.undo(commandOrEffect)
		o.Undo = &u
	}
}

// Instance returns the id of the instance.
func (do *Steps) Instance() string { return do.instance.id }

// Now returns the time of the input: when the event was recorded, the command answered,
// the effect's result known, or when the deadline fired.
func (do *Steps) Now() time.Time { return do.now }

// Event returns the event that is reacted to. It is the zero Recorded if the input is
// no event of the log.
func (do *Steps) Event() daybook.Recorded { return do.input.event }

// Send has a command sent, a value of a type that [Sends] declares. Its id is that of the
// event that says so, so it is decided once. If the bus does not know it, or finds it
// invalid, or its sender may not send it, the instance is set aside.
func (do *Steps) Send(command any, options ...StepOption) {
	handler := do.instance.definition.request(command)
	if handler.effect {
		panic(fmt.Sprintf("process %s: %T is an effect: ask for it", do.instance.process, command))
	}
	do.order(handler, command, options)
}

// Ask has an effect carried out, a value of a type that [Calls] declares. Its key is the
// id of the event that says so.
func (do *Steps) Ask(effect any, options ...StepOption) {
	handler := do.instance.definition.request(effect)
	if !handler.effect {
		panic(fmt.Sprintf("process %s: %T is a command: send it", do.instance.process, effect))
	}
	do.order(handler, effect, options)
}

// order decides on a step.
func (do *Steps) order(handler *requestHandler, value any, options []StepOption) {
	o := ordered{request: do.request(handler, value)}
	for _, option := range options {
		option(do, &o)
	}
	do.step(handler.effect, o, nil, nil)
}

func (do *Steps) step(effect bool, o ordered, after, undoes *decision) *decision {
	var what record = &sent{o}
	if effect {
		what = &asked{o}
	}
	return do.decide(&decision{what: what, after: after, undoes: undoes})
}

func (do *Steps) decide(d *decision) *decision {
	if !do.discarded {
		do.decided = append(do.decided, d)
	}
	return d
}

// request encodes a command or an effect.
func (do *Steps) request(handler *requestHandler, value any) request {
	if do.discarded {
		return request{}
	}
	data, err := handler.encode(value)
	if err != nil {
		panic(fmt.Sprintf("process %s: %s cannot be written as JSON: %v", do.instance.process, handler.name, err))
	}
	return request{Name: handler.name, Data: data}
}

func (do *Steps) undo(commandOrEffect any) undo {
	handler := do.instance.definition.request(commandOrEffect)
	return undo{do.request(handler, commandOrEffect), handler.effect}
}

// At sets a deadline, which fires at that time or, if it has passed, at once. An
// instance has at most one deadline of a name: setting it again moves it.
//
// The time is kept in nanoseconds, and must lie in the years 1678 to 2261.
func (do *Steps) At(name string, due time.Time) {
	do.deadline(name)
	if due = due.UTC().Round(0); due.Year() < 1678 || due.Year() > 2261 {
		panic(fmt.Sprintf("process %s: the deadline %q at %s is outside the years that are kept", do.instance.process, name, due))
	}
	do.due[name] = due
}

// After sets a deadline at some time after [Steps.Now].
func (do *Steps) After(name string, wait time.Duration) { do.At(name, do.now.Add(wait)) }

// Cancel takes a deadline back. It is nothing to one that is not set.
func (do *Steps) Cancel(name string) {
	do.deadline(name)
	delete(do.due, name)
}

func (do *Steps) deadline(name string) {
	if do.instance.definition.deadlines[name] == nil {
		panic(fmt.Sprintf("process %s version %d declares no deadline %q", do.instance.process, do.instance.number, name))
	}
	if !slices.Contains(do.moved, name) {
		do.moved = append(do.moved, name)
	}
}

// Undo registers a command or an effect that undoes what has happened, for
// [Steps.Compensate]: what has just succeeded, most often.
func (do *Steps) Undo(commandOrEffect any) {
	u := do.undo(commandOrEffect)
	d := do.decide(&decision{what: &undoable{u}})
	if s := do.input.step; s != nil && s.late && !do.discarded {
		do.step(u.Effect, ordered{request: u.request}, nil, d)
	}
}

// Compensate undoes what was done so far: it asks for the registered undos, the last one
// first and each when the one before it has its outcome. A step that has an undo and is
// still on its way is undone as soon as it succeeds, and so is what [Steps.Undo] registers
// in the reaction to its outcome. What was undone is not undone again.
func (do *Steps) Compensate() {
	if do.discarded {
		return
	}
	var late compensated
	mark := &decision{what: &late}
	var before *decision
	undone := make(map[*decision]bool)
	for _, d := range do.decided {
		if d.undoes != nil {
			undone[d.undoes] = true
		}
	}
	for _, d := range slices.Backward(slices.Clone(do.decided)) {
		switch what := d.what.(type) {
		case *undoable:
			if !undone[d] {
				before = do.step(what.Effect, ordered{request: what.request}, before, d)
			}
		case *sent, *asked:
			if d.undoes == nil {
				mark.late = append(mark.late, d)
			}
		}
	}
	for _, u := range slices.Backward(do.instance.undos) {
		if u.undone || do.undoing(u.id) {
			continue
		}
		before = do.step(u.what.Effect, ordered{request: u.what.request, Undoes: &u.id}, before, nil)
	}
	for _, s := range do.instance.open {
		if s.undoes == nil && !s.late {
			late.Late = append(late.Late, s.id)
		}
	}
	do.decide(mark)
}

// undoing reports whether this reaction has decided to undo something already.
func (do *Steps) undoing(id uuid.UUID) bool {
	return slices.ContainsFunc(do.decided, func(d *decision) bool {
		o := orderedOf(d.what)
		return o != nil && o.Undoes != nil && *o.Undoes == id
	})
}

// Done ends the instance: its deadlines are taken back, and it reacts to nothing any
// more. What it decided to send or to ask for is still carried out, and undone if
// Compensate said so.
func (do *Steps) Done() { do.isDone = true }

// orderedOf returns what a step has in common with others; nil if the record is no step.
func orderedOf(what record) *ordered {
	switch what := what.(type) {
	case *sent:
		return &what.ordered
	case *asked:
		return &what.ordered
	case sent:
		return &what.ordered
	case asked:
		return &what.ordered
	}
	return nil
}

// records returns everything that was decided, with the ids of the events that will say
// so, behind the first event of an append.
func (do *Steps) records(first uuid.UUID) []*decision {
	i := do.instance
	if do.isDone {
		for _, name := range i.deadlineNames() {
			do.deadline(name)
		}
		clear(do.due)
	}
	for _, name := range do.moved {
		due, set := do.due[name]
		before, pending := i.deadlines[name]
		if set && pending && due.Equal(before.Due) {
			continue
		}
		if pending {
			do.decide(&decision{what: &cancelled{before}})
		}
		if set {
			do.decide(&decision{what: &scheduled{name, due}})
		}
	}
	if do.isDone {
		do.decide(&decision{what: &finished{i.number}})
	}
	for n, d := range do.decided {
		d.id = daybook.EventID(first, n+1)
	}
	for _, d := range do.decided {
		if o := orderedOf(d.what); o != nil {
			if d.after != nil {
				o.After = &d.after.id
			}
			if d.undoes != nil {
				o.Undoes = &d.undoes.id
			}
		}
		if late, is := d.what.(*compensated); is {
			for _, s := range d.late {
				late.Late = append(late.Late, s.id)
			}
		}
	}
	return do.decided
}
