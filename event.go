package daybook

import (
	"time"

	"github.com/google/uuid"
)

// JSON is the content type of an event that names none.
const JSON = "application/json"

// An Event is a fact somebody decided to keep: something that happened, in the
// past tense. Only Type is required.
//
// Names (Stream, Type and each of Tags) are UTF-8 of at most [MaxNameBytes] bytes
// without control characters; those that begin with "$" belong to the system, and are
// found only in the events that [Truncated], [Deleted] and [Tombstoned] make.
// Names stay readable when a person's data is erased, so personal data does not
// belong in them.
type Event struct {
	// ID identifies the event. A log records an id once, for ever: appending the same
	// event again is a repeat, never a second event. An event without an id is given
	// a UUID of version 7 when it is appended; give one of your own if you may have to
	// append the event again.
	ID uuid.UUID
	// Stream names the sequence of events that this one belongs to, such as
	// "order-42". What stands before the first "-" is its category. It may be empty:
	// the event is then in no stream.
	Stream string
	// Type says what happened, such as "OrderPlaced". It means one thing in the
	// whole log.
	Type string
	// Tags name what the event is about beside its stream, such as "book:1984" and
	// "reader:ada". They keep their order. The same tag twice is invalid.
	Tags []string
	// Data tells the rest, in the form that ContentType names. It is kept byte for
	// byte. Nil and empty are the same.
	Data []byte
	// ContentType is the media type of Data; empty means [JSON].
	ContentType string
	// Metadata describes the recording rather than the fact: who asked for it, and
	// what led to it. It is a JSON object by default, is kept byte for byte, and is
	// read with [Event.Trace].
	Metadata []byte
	// HappenedAt is when it happened, which may be long before it was recorded. The
	// zero time means that nobody said. It is kept in nanoseconds and read in UTC;
	// times outside 1678 to 2261 are invalid.
	HappenedAt time.Time
}

// Category returns what stands before the first "-" of the event's stream, or the
// whole name where there is none. It is empty for an event in no stream.
func (e Event) Category() string { return CategoryOf(e.Stream) }

// A Recorded event is one that is in the log.
type Recorded struct {
	Event
	// Position is its place in the log.
	Position Position
	// Version is its place in its stream; zero if it is in none.
	Version Version
	// RecordedAt is when the store recorded it, in UTC: the same for all events of
	// one append, and later than that of the append before.
	RecordedAt time.Time
	// Forgotten reports that the event's stream was truncated past it, deleted or
	// tombstoned. Only readings that ask for such events yield them; see
	// [Span.Forgotten] and [Item.IDs].
	Forgotten bool
	// Stub is what scavenging left of a forgotten event, nil for an event that is whole.
	Stub *Stub
}

// Happened returns when the event happened: HappenedAt, or RecordedAt where
// nobody said.
func (r Recorded) Happened() time.Time {
	if r.HappenedAt.IsZero() {
		return r.RecordedAt
	}
	return r.HappenedAt
}
