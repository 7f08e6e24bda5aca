package daybook

import (
	"context"
	"fmt"
)

// A Store is a log of events in one total order.
//
// A Store is safe for use by many goroutines. Package store/storetest states the
// promises below as tests, and every store of this module passes them. What can be
// done with any store, such as following the log, is a function over this
// interface.
//
// If the context ends while a call waits, or has ended before, the call returns: Append
// as it says below, the others with an [*UnavailableError] that wraps the context's
// error. Once the store is closed, every call returns [ErrClosed]. How a store is opened
// and closed, and what else it can do, its own package says.
type Store interface {
	// Append records events if cond holds: all of them or none, in order, with nothing
	// between them in the log. When it returns a receipt, the events survive what the
	// receipt's Durability says, and any Read begun later on this store sees them.
	//
	// An append of no events checks its condition; its receipt has the position at
	// which it held, and no versions and no time.
	//
	// Appending is idempotent for ever. If the ids of all events are recorded already,
	// next to each other in this order, in the same streams with the same types, it
	// is a repeat: nothing is recorded, the condition is not looked at, and the
	// receipt is that of the events recorded then, with Repeated set. Any other
	// overlap is a [*ReusedError].
	//
	// The order of checks is: validity ([*InvalidError]), ids ([*ReusedError]),
	// condition ([*ConflictError], naming every clause that failed). A conflict or a
	// repeat is answered only when the events it is about are durable themselves.
	//
	// When the store fails or the context ends, the error says whether the events may
	// be recorded: [*UnavailableError] means that they definitely are not,
	// [*UnknownError] that they may be. A context that ends before the events are
	// handed over gives the first, one that ends later the second. After either,
	// appending the same events again is safe.
	//
	// The store neither changes nor keeps the slices that it is given.
	Append(ctx context.Context, events []Event, cond Condition) (Receipt, error)

	// Read fixes a snapshot of the log and returns what q selects in the span up to
	// it; see [Reading]. The context bounds every iteration over the reading too. Read
	// returns an [*InvalidError] for a query or a span that cannot be asked. No reader
	// ever sees an event appear before one that it has read.
	Read(ctx context.Context, q Query, span Span) (Reading, error)

	// Wait returns when there is something to read: because something that q selects
	// was recorded after the given position, or because the log has grown by a stride
	// since (see [Info]), so that a checkpoint is worth saving. It returns a position
	// above after, which a Read begun now sees. It may return early: only Read tells
	// whether something was selected.
	Wait(ctx context.Context, q Query, after Position) (Position, error)

	// Info says which log this is, how far it has come, and what the store promises.
	Info(ctx context.Context) (Info, error)
}

// Info says which log a store keeps, how far it has come, and what it promises.
type Info struct {
	// Head is the newest point of the log: what a Read begun now sees.
	Head Point
	// Durability is what a receipt of this store survives.
	Durability Durability
	// Limits bound one append.
	Limits Limits
	// Stride is how many positions the head moves before Wait returns although nothing
	// that it waits for was recorded.
	Stride uint64
}

// Limits bound one append. Every store takes at least [LeastAppendEvents] events
// and [LeastAppendBytes] bytes.
type Limits struct {
	// AppendEvents is the greatest number of events in one append.
	AppendEvents int
	// AppendBytes is the greatest sum of their sizes (see [Event.Size]).
	AppendBytes int
}

// What every store takes in one append: so many events, of so many bytes together.
const (
	LeastAppendEvents = 1000
	LeastAppendBytes  = 900 << 10
)

// Durability says what an acknowledged event survives.
type Durability uint8

// The kinds of durability, each surviving more than the one before.
const (
	// Memory: nothing past the process.
	Memory Durability = iota + 1
	// Disk: a crash of the process and a loss of power; the disk has confirmed it.
	Disk
	// Quorum: the loss of any minority of machines with their disks.
	Quorum
)

// String returns the name that receipts carry: memory, disk or quorum.
func (d Durability) String() string {
	switch d {
	case Memory:
		return "memory"
	case Disk:
		return "disk"
	case Quorum:
		return "quorum"
	}
	return fmt.Sprintf("durability %d", uint8(d))
}

// MarshalText returns what [Durability.String] does.
func (d Durability) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [Durability.MarshalText] wrote.
func (d *Durability) UnmarshalText(text []byte) error {
	for _, known := range []Durability{Memory, Disk, Quorum} {
		if known.String() == string(text) {
			*d = known
			return nil
		}
	}
	return &InvalidError{What: "durability", Value: string(text), Reason: "is none of memory, disk, quorum"}
}
