package process

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A draft is an append to an instance's stream that was prepared: an input with what it
// leads to.
type draft struct {
	instance *instance
	events   []daybook.Event
	records  []record
	at       daybook.Version // of the stream before it
	// torn says that the state of the instance is of no use after it.
	torn bool
}

// add appends a record to the draft.
func (d *draft) add(id uuid.UUID, r record, trace daybook.Trace) error {
	e, err := eventOf(d.instance.stream(), id, r, trace)
	if err != nil {
		return err
	}
	d.events, d.records = append(d.events, e), append(d.records, r)
	return nil
}

func (d *draft) size() int {
	size := 0
	for _, e := range d.events {
		size += e.Size()
	}
	return size
}

func (d *draft) condition() daybook.Condition { return daybook.At(d.instance.stream(), d.at) }

// settle brings the instance up to date with what was recorded of the draft. The
// last position is that of its last event. What the first event says was noted when the
// draft was prepared.
func (d *draft) settle(last daybook.Position, receipt daybook.Receipt) {
	if d.at == 0 {
		d.instance.begun = receipt.RecordedAt
	}
	d.instance.at = d.at + 1
	for n, e := range d.events {
		if n == 0 {
			continue
		}
		r := daybook.Recorded{
			Event:      e,
			Position:   last - daybook.Position(len(d.events)-1-n),
			Version:    d.at + daybook.Version(n) + 1,
			RecordedAt: receipt.RecordedAt,
		}
		d.instance.apply(r, plain(d.records[n]), nil)
	}
}

// plain returns a record as it is read.
func plain(r record) record {
	switch r := r.(type) {
	case *sent:
		return *r
	case *asked:
		return *r
	case *scheduled:
		return *r
	case *cancelled:
		return *r
	case *undoable:
		return *r
	case *compensated:
		return *r
	case *finished:
		return *r
	}
	return r
}

// prepare lets the instance react to an input, and returns what is to be recorded.
// Whoever does not record it must throw the instance away: its state has moved.
func (i *instance) prepare(in *input) (*draft, error) {
	d := &draft{instance: i, at: i.at}
	if err := d.add(in.id, in.what, in.trace); err != nil {
		return nil, err
	}
	waits := i.aside != nil
	i.arrive(in, nil)
	if waits {
		return d, nil
	}
	return d, d.react(in)
}

// prepareRetry lets the instance react to an input that was held, and returns what is to
// be recorded, as prepare does.
func (i *instance) prepareRetry(in *input, last bool) (*draft, error) {
	d := &draft{instance: i, at: i.at}
	// An input may be retried more than once: each time leads to other events.
	id, err := uuid.NewV7()
	if err == nil {
		err = d.add(id, retried{Input: &in.id, Last: last}, in.trace)
	}
	if err != nil {
		return nil, err
	}
	i.resolve(&in.id, nil)
	return d, d.react(in)
}

// react adds what the instance decides about an input. The ids of the events that say
// so are made of that of the draft's first.
func (d *draft) react(in *input) error {
	i, first := d.instance, d.events[0].ID
	cause := i.folded
	var do *Steps
	if cause == nil {
		do = i.steps(in)
		cause = i.react(in, do)
	}
	trace := in.trace.By(in.id.String())
	if cause != nil {
		d.torn = true
		return d.add(daybook.DeriveID(first, "process set aside"), setAside{Input: &in.id, Cause: cause.Error()}, trace)
	}
	if s := in.step; s != nil && s.late && s.undo != nil && succeeded(in.what) && !do.undoing(s.id) {
		do.step(s.undo.Effect, ordered{request: s.undo.request, Undoes: &s.id}, nil, nil)
	}
	for _, decided := range do.records(first) {
		if err := d.add(decided.id, decided.what, trace); err != nil {
			return err
		}
	}
	return nil
}

// succeeded reports whether an outcome is that of a step that did what it was to do.
func succeeded(outcome record) bool {
	switch r := outcome.(type) {
	case answered:
		return r.Refused == nil
	case returned:
		return r.Failure == ""
	}
	return false
}

// refuse returns the draft of an input that cannot be reacted to because what it led to
// cannot be recorded.
func (i *instance) refuse(in *input, at daybook.Version, cause error) (*draft, error) {
	d := &draft{instance: i, at: at, torn: true}
	if err := d.add(in.id, in.what, in.trace); err != nil {
		return nil, err
	}
	cause = fmt.Errorf("what it led to cannot be recorded: %w", cause)
	return d, d.add(daybook.DeriveID(in.id, "process set aside"), setAside{Input: &in.id, Cause: cause.Error()}, in.trace.By(in.id.String()))
}
