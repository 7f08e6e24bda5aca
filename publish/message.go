package publish

import (
	"bytes"
	"context"
	"strconv"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

// A Message is an event on its way to a sink.
type Message struct {
	// ID is the event's id: the same whenever the event is sent, by whomever. A receiver
	// that remembers the ids that it has dealt with deals with each event once.
	ID uuid.UUID
	// Key is what the event is ordered by: of the messages of one key, one is sent when the
	// one before it was taken.
	Key string
	// Recorded is the event. It is not to be changed.
	Recorded daybook.Recorded
	// Part tells the facts of one event apart where it says several, counted from zero. It
	// is zero for all sinks but those made with [Handle].
	Part int
	// Attempt counts how often this publisher has tried to send the message, beginning
	// with 1. A first attempt may still be a repetition: of what was sent right before a
	// crash.
	Attempt int
}

// DedupeKey returns the text by which to tell that the message was dealt with before: the
// event's id and, behind a slash, the part if it is not zero.
func (m Message) DedupeKey() string {
	if m.Part == 0 {
		return m.ID.String()
	}
	return m.ID.String() + "/" + strconv.Itoa(m.Part)
}

// JSON returns the event as one JSON object, the line that package jsonlines writes
// without its line feed: id, stream, type, position, data and all else that is recorded,
// data and metadata byte for byte. What no line can hold is a [*RefusedError].
func (m Message) JSON() ([]byte, error) {
	line, err := jsonlines.AppendRecorded(nil, m.Recorded)
	if err != nil {
		return nil, Refused(err)
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

// A Sink is where messages go: another service, a broker, a handler.
type Sink interface {
	// Send hands one message over, and returns nil when the other side has it for good. It
	// is called by many goroutines, for different keys, and returns soon after ctx ends. The
	// trace in ctx is the event's, with the event as the cause.
	//
	// The kind of error says what comes next. After a [*RefusedError] the message is set
	// aside, because trying again cannot help; after an [*UnavailableError], which says
	// nothing about the message, all messages wait; after any other error the message is
	// tried again after a pause, and set aside if it fails too often while others do not. A
	// Send that panics has failed.
	Send(ctx context.Context, m Message) error
}

// SinkFunc is a function that is a [Sink].
type SinkFunc func(ctx context.Context, m Message) error

// Send implements [Sink].
func (f SinkFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }
