package process

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An instance is one instance of a process, as its stream has it. The zero instance
// with its names has not begun. It is used by one goroutine at a time.
type instance struct {
	process, id string
	definitions versions

	at         daybook.Version // of the stream
	number     int             // the version of the process that it stays with; zero before it has begun
	definition *definition     // of that version; nil if this program lacks it
	begun      time.Time
	seen       daybook.Position // of the newest event received

	state  any   // a pointer to an S
	folded error // why the state could not be folded; nil if it could

	open      []*step // without an outcome, in the order decided
	undos     []*registered
	deadlines map[string]deadline
	finished  bool

	aside *aside   // why it cannot go on; nil if it can
	held  []*input // recorded without a reaction, in order
}

// A step is a command or an effect that was decided on.
type step struct {
	id      uuid.UUID
	effect  bool
	request request
	after   *uuid.UUID
	undo    *undo
	undoes  *uuid.UUID
	late    bool          // to be undone once it has succeeded
	trace   daybook.Trace // of the event that decided on it
	calls   int           // calls of an effect that were begun
	failed  int           // and how many of them failed
	blocked bool
	skipped string // why it was skipped; empty if it was not. Its outcome says so too, once it is recorded
}

// registered is what undoes something that has succeeded.
type registered struct {
	id     uuid.UUID // of the step or the undoable
	what   undo
	undone bool
}

// aside says why an instance cannot go on.
type aside struct {
	since time.Time
	cause string
	input *uuid.UUID
	step  *uuid.UUID
}

// An input is one thing that an instance reacts to.
type input struct {
	id    uuid.UUID
	what  record // received, answered, returned or fired
	at    time.Time
	trace daybook.Trace

	event daybook.Recorded // that was received
	facts []any            // that it says
	step  *step            // that was answered or returned
	// condition must hold for the input to be recorded, beside that it is the next one.
	condition daybook.Condition
	lost      error // why it cannot be read
}

// versions are the definitions of one process that a program has.
type versions map[int]*definition

// newest returns the numbers of the versions, the newest first.
func (v versions) newest() []int {
	return slices.SortedFunc(maps.Keys(v), func(a, b int) int { return b - a })
}

func newInstance(process, id string, definitions versions) *instance {
	return &instance{process: process, id: id, definitions: definitions, deadlines: make(map[string]deadline)}
}

func (i *instance) stream() string { return streamOf(i.process, i.id) }

func (i *instance) deadlineNames() []string { return slices.Sorted(maps.Keys(i.deadlines)) }

// begin lets the instance begin in a version of its process.
func (i *instance) begin(version int) {
	i.number, i.definition = version, i.definitions[version]
	if i.definition != nil {
		i.state = i.definition.begin()
	}
}

// load reads an instance from its stream, and folds its state. One that has not begun
// is returned as such.
func load(ctx context.Context, store daybook.Store, process, id string, definitions versions) (*instance, error) {
	i := newInstance(process, id, definitions)
	reading, err := store.Read(ctx, daybook.Stream(i.stream()), daybook.Span{})
	if err != nil {
		return nil, err
	}
	events, err := reading.Collect()
	if err != nil || len(events) == 0 {
		return i, err
	}
	records := make([]record, len(events))
	var referenced []uuid.UUID
	held := make(map[uuid.UUID]bool) // inputs without a reaction of their own
	for n, e := range events {
		if records[n], err = recordOf(e); err != nil {
			records[n] = unreadable{err}
		}
		switch r := records[n].(type) {
		case received:
			referenced = append(referenced, r.Event)
		case setAside:
			if r.Input != nil {
				held[*r.Input] = true
			}
		}
	}
	facts, err := readEvents(ctx, store, referenced)
	if err != nil {
		return nil, fmt.Errorf("process: load %s: %w", i.stream(), err)
	}
	for n, e := range events {
		i.apply(e, records[n], &folding{events: facts, held: held})
	}
	return i, nil
}

// readEvents reads events by their ids.
func readEvents(ctx context.Context, store daybook.Store, ids []uuid.UUID) (map[uuid.UUID]daybook.Recorded, error) {
	events := make(map[uuid.UUID]daybook.Recorded, len(ids))
	for some := range slices.Chunk(ids, 500) {
		reading, err := store.Read(ctx, daybook.Query{{IDs: some}}, daybook.Span{})
		if err != nil {
			return nil, err
		}
		for e, err := range reading.Events() {
			if err != nil {
				return nil, err
			}
			events[e.ID] = e
		}
	}
	return events, nil
}

// folding is what is needed to fold the state while records are applied.
type folding struct {
	events map[uuid.UUID]daybook.Recorded
	held   map[uuid.UUID]bool // inputs that were not reacted to when they were recorded
}

// apply brings the instance up to date with the next event of its stream. With a
// folding it also folds the state; without one the state is that of whoever has just
// reacted.
func (i *instance) apply(e daybook.Recorded, r record, f *folding) {
	i.at = e.Version
	switch r := r.(type) {
	case received:
		if i.number == 0 {
			i.begin(r.Version)
			i.begun = e.RecordedAt
		}
		i.arrive(i.receivedInput(e, r, f), f)
	case answered:
		i.arrive(&input{id: e.ID, what: r, at: r.At, trace: e.Trace()}, f)
	case returned:
		i.arrive(&input{id: e.ID, what: r, at: r.At, trace: e.Trace()}, f)
	case fired:
		i.arrive(&input{id: e.ID, what: r, at: r.At, trace: e.Trace()}, f)

	case sent:
		i.opened(e, false, r.ordered)
	case asked:
		i.opened(e, true, r.ordered)
	case scheduled:
		i.deadlines[r.Name] = deadline{ID: e.ID, Name: r.Name, Due: r.Due, Position: e.Position}
	case cancelled:
		delete(i.deadlines, r.Name)
	case undoable:
		i.undos = append(i.undos, &registered{id: e.ID, what: r.undo})
	case compensated:
		for _, id := range r.Late {
			if s := i.step(id); s != nil {
				s.late = true
			}
		}
	case finished:
		i.finished = true

	case calling:
		if s := i.step(r.Step); s != nil {
			s.calls, s.failed = r.Call, r.Failed
		}
	case setAside:
		i.setAside(e.RecordedAt, r)
		if r.Step != nil {
			if s := i.step(*r.Step); s != nil {
				s.blocked = true
			}
		}
	case unreadable:
		i.held = append(i.held, &input{id: e.ID, what: r, trace: e.Trace(), lost: r.err})
		i.setAside(e.RecordedAt, setAside{Input: &e.ID, Cause: r.err.Error()})
	case retried:
		if in := i.resolve(r.Input, r.Step); in != nil && f != nil {
			i.fold(in)
		}
	case skipped:
		i.resolve(r.Input, r.Step)
		if r.Step != nil {
			if s := i.step(*r.Step); s != nil {
				s.skipped = r.Reason
			}
		}
	}
}

// setAside notes that the instance cannot go on, for one more reason if there was one.
func (i *instance) setAside(at time.Time, why setAside) {
	if i.aside == nil {
		i.aside = &aside{since: at}
	}
	i.aside.cause, i.aside.input, i.aside.step = why.Cause, why.Input, why.Step
}

// arrive notes an input, before it is reacted to: a step that has its outcome is not
// open any more, and a deadline that fired not pending. It folds the input into the
// state, if that is asked for and the input is not held.
func (i *instance) arrive(in *input, f *folding) {
	switch r := in.what.(type) {
	case received:
		if i.number == 0 {
			i.begin(r.Version)
		}
		i.seen = max(i.seen, r.Position)
	case answered:
		in.step = i.close(r.Step, r.Refused == nil)
	case returned:
		in.step = i.close(r.Step, r.Failure == "")
	case fired:
		delete(i.deadlines, r.Name)
	}
	switch {
	case i.aside != nil || f != nil && f.held[in.id]:
		i.held = append(i.held, in)
	case f != nil:
		i.fold(in)
	}
}

// fold changes the state by an input, with steps that lead to nothing.
func (i *instance) fold(in *input) {
	if i.folded != nil || i.definition == nil {
		return
	}
	do := i.steps(in)
	do.discarded = true
	if err := i.react(in, do); err != nil {
		i.folded = fmt.Errorf("fold the state: %w", err)
	}
}

// resolve ends the wait of a held input or a blocked step, and returns the input. The
// instance goes on when nothing is left that waits.
func (i *instance) resolve(id, stepID *uuid.UUID) (in *input) {
	if id != nil {
		if n := slices.IndexFunc(i.held, func(in *input) bool { return in.id == *id }); n >= 0 {
			in = i.held[n]
			i.held = slices.Delete(i.held, n, n+1)
		}
	}
	if stepID != nil {
		if s := i.step(*stepID); s != nil {
			s.blocked = false
		}
	}
	if len(i.held) == 0 && !slices.ContainsFunc(i.open, func(s *step) bool { return s.blocked }) {
		i.aside = nil
	}
	return in
}

// receivedInput returns the input that a received event is. What it says is read only
// if the state is to be folded, or the input to be held.
func (i *instance) receivedInput(e daybook.Recorded, r received, f *folding) *input {
	in := &input{id: e.ID, what: r, trace: e.Trace()}
	if f == nil || i.definition == nil {
		in.lost = fmt.Errorf("%s at position %d was not read", r.Type, r.Position)
		return in
	}
	event, there := f.events[r.Event]
	if !there {
		in.lost = fmt.Errorf("%s at position %d is not in the log any more", r.Type, r.Position)
		return in
	}
	in.event, in.at = event, event.RecordedAt
	in.facts, in.lost = i.definition.codec.Facts(event)
	return in
}

// opened notes a step that was decided on.
func (i *instance) opened(e daybook.Recorded, effect bool, o ordered) {
	i.open = append(i.open, &step{
		id: e.ID, effect: effect, request: o.request, after: o.After, undo: o.Undo, undoes: o.Undoes,
		trace: e.Trace(),
	})
	if o.Undoes == nil {
		return
	}
	for _, u := range i.undos {
		if u.id == *o.Undoes {
			u.undone = true
		}
	}
}

// close ends a step that has its outcome, and returns it.
func (i *instance) close(id uuid.UUID, succeeded bool) *step {
	n := slices.IndexFunc(i.open, func(s *step) bool { return s.id == id })
	if n < 0 {
		return nil
	}
	s := i.open[n]
	i.open = slices.Delete(i.open, n, n+1)
	if s.undo != nil && succeeded {
		i.undos = append(i.undos, &registered{id: s.id, what: *s.undo})
	}
	return s
}

// step returns a step that has no outcome yet; nil if there is none of this id.
func (i *instance) step(id uuid.UUID) *step {
	for _, s := range i.open {
		if s.id == id {
			return s
		}
	}
	return nil
}

// ready returns the steps that can be carried out now: effects whose turn it is, and
// the first command whose turn it is.
func (i *instance) ready() []*step {
	var ready []*step
	commanding := false
	for _, s := range i.open {
		if s.after != nil && i.step(*s.after) != nil {
			continue
		}
		if !s.effect {
			if commanding {
				continue
			}
			commanding = true
		}
		if !s.blocked {
			ready = append(ready, s)
		}
	}
	return ready
}

func (i *instance) steps(in *input) *Steps {
	due := make(map[string]time.Time)
	for name, d := range i.deadlines {
		due[name] = d.Due
	}
	return &Steps{instance: i, input: in, now: in.at, due: due}
}

// react runs the reaction to an input. The error says why it could not; then the state
// is of no use any more.
func (i *instance) react(in *input, do *Steps) (err error) {
	if in.lost != nil {
		return in.lost
	}
	if i.finished {
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the reaction to %s panicked: %v", i.describe(in), cause)
		}
	}()
	switch r := in.what.(type) {
	case received:
		for _, fact := range in.facts {
			if id, _ := i.definition.correlate(fact, in.event); id == i.id {
				i.definition.events[reflect.TypeOf(fact)].react(i.state, fact, do)
			}
		}
	case answered:
		return i.reactTo(in, i.definition.commands, outcome{answer: answerOf(r)}, do)
	case returned:
		return i.reactTo(in, i.definition.effects, outcome{result: r.Result, failure: r.Failure}, do)
	case fired:
		react, declared := i.definition.deadlines[r.Name]
		if !declared {
			return fmt.Errorf("version %d of the process declares no deadline %q any more", i.number, r.Name)
		}
		react(i.state, do)
	}
	return nil
}

// reactTo runs the reaction to the outcome of a step.
func (i *instance) reactTo(in *input, handlers map[string]*requestHandler, out outcome, do *Steps) error {
	if in.step == nil {
		return fmt.Errorf("it is the outcome of a step that was never decided")
	}
	handler, declared := handlers[in.step.request.Name]
	if !declared {
		return fmt.Errorf("version %d of the process does not declare %s any more", i.number, in.step.request.Name)
	}
	if handler.react == nil {
		return nil
	}
	return handler.react(i.state, in.step.request.Data, out, do)
}

func answerOf(r answered) Answer {
	var a Answer
	if r.Point != nil {
		a.Point = *r.Point
	}
	if r.Refused != nil {
		a.Rule, a.Reason = r.Refused.Rule, r.Refused.Reason
	}
	return a
}

// describe names an input for people.
func (i *instance) describe(in *input) string {
	switch r := in.what.(type) {
	case received:
		return fmt.Sprintf("%s at position %d", r.Type, r.Position)
	case answered:
		return "the answer to " + nameOf(in.step)
	case returned:
		return "the result of " + nameOf(in.step)
	case fired:
		return fmt.Sprintf("the deadline %q", r.Name)
	}
	return "an input"
}

func nameOf(s *step) string {
	if s == nil {
		return "a step"
	}
	return s.request.Name
}
