package process

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An instance's stream is its inbox and its outbox. Each append to it is one input,
// followed by what it led to; or one note of the runner's own. These names and shapes
// are in people's logs.
const (
	// Inputs.
	typeReceived = "process.received" // an event of the log
	typeAnswered = "process.answered" // what the bus answered to a command
	typeReturned = "process.returned" // what came of an effect
	typeFired    = "process.fired"    // a deadline that was due

	// What an input led to.
	typeSent        = "process.sent"        // a command is to be sent
	typeAsked       = "process.asked"       // an effect is to be carried out
	typeScheduled   = "process.scheduled"   // a deadline
	typeCancelled   = "process.cancelled"   // a deadline is not to fire any more
	typeUndoable    = "process.undoable"    // what to do if all is to be undone
	typeCompensated = "process.compensated" // what is on its way is to be undone as soon as it succeeds
	typeFinished    = "process.finished"    // nothing is reacted to any more

	// Notes.
	typeCalling  = "process.calling"   // an effect is about to be called
	typeSetAside = "process.set_aside" // the instance cannot go on
	typeRetried  = "process.retried"   // what it could not take was taken
	typeSkipped  = "process.skipped"   // what it could not take is passed over

	// In the stream of the process itself.
	typeBookmarked = "process.bookmarked" // how far the log was read
)

// A record is the data of one event of an instance's stream.
type record interface{ recordType() string }

type (
	received struct {
		Event    uuid.UUID        `json:"event"`
		Position daybook.Position `json:"position"`
		Type     string           `json:"type"`
		// Version is that of the process, in the record that begins an instance.
		Version int `json:"version,omitempty"`
	}
	answered struct {
		Step    uuid.UUID      `json:"step"`
		At      time.Time      `json:"at"`
		Point   *daybook.Point `json:"point,omitempty"`
		Refused *refusal       `json:"refused,omitempty"`
	}
	refusal struct {
		Rule   string `json:"rule"`
		Reason string `json:"reason"`
	}
	returned struct {
		Step    uuid.UUID       `json:"step"`
		At      time.Time       `json:"at"`
		Result  json.RawMessage `json:"result,omitempty"`
		Failure string          `json:"failure,omitempty"`
	}
	fired struct {
		deadline
		At time.Time `json:"at"`
	}
)

type (
	// A request is a command or an effect, as JSON.
	request struct {
		Name string          `json:"name"`
		Data json.RawMessage `json:"data"`
	}
	// ordered is what commands and effects have in common when they are decided.
	ordered struct {
		request
		// After is a step that must have its outcome before this one begins.
		After *uuid.UUID `json:"after,omitempty"`
		// Undo is what undoes the step, once it has succeeded.
		Undo *undo `json:"undo,omitempty"`
		// Undoes is the step, or the undoable, that this one undoes.
		Undoes *uuid.UUID `json:"undoes,omitempty"`
	}
	undo struct {
		request
		Effect bool `json:"effect,omitempty"`
	}
	sent     struct{ ordered }
	asked    struct{ ordered }
	undoable struct{ undo }

	scheduled struct {
		Name string    `json:"name"`
		Due  time.Time `json:"due"`
	}
	// A deadline is one that was scheduled, with the id and position of that event.
	deadline struct {
		ID       uuid.UUID        `json:"deadline"`
		Name     string           `json:"name"`
		Due      time.Time        `json:"due"`
		Position daybook.Position `json:"position"`
	}
	cancelled   struct{ deadline }
	compensated struct {
		// Late are the steps that are undone once they have succeeded.
		Late []uuid.UUID `json:"late,omitempty"`
	}
	finished struct {
		// Version is that of the process.
		Version int `json:"version"`
	}
)

type (
	calling struct {
		Step uuid.UUID `json:"step"`
		// Call counts the calls, from one; Failed is how many of those before failed, and
		// Failure how the last one of them did.
		Call    int    `json:"call"`
		Failed  int    `json:"failed,omitempty"`
		Failure string `json:"failure,omitempty"`
	}
	// Of the notes about what the instance cannot take, one of Input and Step is set.
	setAside struct {
		Input *uuid.UUID `json:"input,omitempty"`
		Step  *uuid.UUID `json:"step,omitempty"`
		Cause string     `json:"cause"`
	}
	// Last says that nothing else is left that the instance cannot take.
	retried struct {
		Input *uuid.UUID `json:"input,omitempty"`
		Step  *uuid.UUID `json:"step,omitempty"`
		Last  bool       `json:"last,omitempty"`
	}
	skipped struct {
		Input  *uuid.UUID `json:"input,omitempty"`
		Step   *uuid.UUID `json:"step,omitempty"`
		Reason string     `json:"reason"`
		Last   bool       `json:"last,omitempty"`
	}
	bookmarked struct {
		// Versions says for each version of the process up to where the log was read for it.
		Versions map[int]daybook.Position `json:"versions"`
	}
)

func (received) recordType() string    { return typeReceived }
func (answered) recordType() string    { return typeAnswered }
func (returned) recordType() string    { return typeReturned }
func (fired) recordType() string       { return typeFired }
func (sent) recordType() string        { return typeSent }
func (asked) recordType() string       { return typeAsked }
func (scheduled) recordType() string   { return typeScheduled }
func (cancelled) recordType() string   { return typeCancelled }
func (undoable) recordType() string    { return typeUndoable }
func (compensated) recordType() string { return typeCompensated }
func (finished) recordType() string    { return typeFinished }
func (calling) recordType() string     { return typeCalling }
func (setAside) recordType() string    { return typeSetAside }
func (retried) recordType() string     { return typeRetried }
func (skipped) recordType() string     { return typeSkipped }
func (bookmarked) recordType() string  { return typeBookmarked }

// unreadable stands for an event of an instance's stream that is no record, or none that
// can be read: somebody else's, or a newer program's. The instance is aside from there on,
// and the event waits like an input: it can be skipped.
type unreadable struct{ err error }

func (unreadable) recordType() string { return "" } // it is never written

// readers read the data of each type of event.
var readers = map[string]func([]byte) (record, error){
	typeReceived:    readAs[received],
	typeAnswered:    readAs[answered],
	typeReturned:    readAs[returned],
	typeFired:       readAs[fired],
	typeSent:        readAs[sent],
	typeAsked:       readAs[asked],
	typeScheduled:   readAs[scheduled],
	typeCancelled:   readAs[cancelled],
	typeUndoable:    readAs[undoable],
	typeCompensated: readAs[compensated],
	typeFinished:    readAs[finished],
	typeCalling:     readAs[calling],
	typeSetAside:    readAs[setAside],
	typeRetried:     readAs[retried],
	typeSkipped:     readAs[skipped],
	typeBookmarked:  readAs[bookmarked],
}

func readAs[R record](data []byte) (record, error) {
	var r R
	err := json.Unmarshal(data, &r)
	return r, err
}

// recordOf returns what an event of an instance's stream says.
func recordOf(e daybook.Recorded) (record, error) {
	if e.Stub != nil {
		return nil, &daybook.UnreadableError{Position: e.Position, Reason: "it was forgotten and scavenged, and only a stub is left"}
	}
	read, known := readers[e.Type]
	if !known {
		return nil, &daybook.UnreadableError{Type: e.Type, Position: e.Position, Reason: "it is in the stream of an instance, and none of its types"}
	}
	r, err := read(e.Data)
	if err != nil {
		return nil, &daybook.UnreadableError{Type: e.Type, Position: e.Position, Reason: "its data cannot be read", Err: err}
	}
	return r, nil
}

// eventOf returns a record as an event to be appended to a stream.
func eventOf(stream string, id uuid.UUID, r record, trace daybook.Trace) (daybook.Event, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return daybook.Event{}, fmt.Errorf("process: write %s of %s: %w", r.recordType(), stream, err)
	}
	return daybook.Event{ID: id, Stream: stream, Type: r.recordType(), Data: data, Metadata: trace.Metadata()}, nil
}

// categoryOf returns the category of the streams of a process's instances.
func categoryOf(name string) string { return "process." + name }

// streamOf returns the stream of an instance.
func streamOf(name, id string) string { return categoryOf(name) + "-" + id }

// instanceOf returns the instance that a stream of a process is that of.
func instanceOf(name, stream string) string { return strings.TrimPrefix(stream, categoryOf(name)+"-") }

// ownStream returns the stream of a process itself, which is of another category than
// its instances.
func ownStream(name string) string { return "process-" + name }

// The ids of inputs are made of what they are about, so that each is taken once,
// whoever tries.
func receivedID(event uuid.UUID, name, instance string) uuid.UUID {
	return daybook.DeriveID(event, "process\x00"+name+"\x00"+instance)
}

func answeredID(step uuid.UUID) uuid.UUID { return daybook.DeriveID(step, "process answered") }
func returnedID(step uuid.UUID) uuid.UUID { return daybook.DeriveID(step, "process returned") }
func firedID(deadline uuid.UUID) uuid.UUID {
	return daybook.DeriveID(deadline, "process fired")
}

func callingID(step uuid.UUID, call int) uuid.UUID {
	return daybook.DeriveID(step, fmt.Sprintf("process calling %d", call))
}
