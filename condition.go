package daybook

import (
	"errors"
	"fmt"
	"strings"
)

// A Condition is what must hold for an append to be recorded: all of its clauses.
// The zero Condition always holds. Conditions combine with append:
//
//	append(daybook.New("order-42"), reading.Condition()...)
type Condition []Clause

// A ClauseKind says what a [Clause] asserts.
type ClauseKind uint8

// The kinds of clause. Those about a stream may be about one that the append does
// not write; none of them holds for a stream that was tombstoned.
const (
	// StreamAt: the stream is at this version; zero if it has no events or was deleted.
	StreamAt ClauseKind = iota + 1
	// StreamNew: the stream has no events, or was deleted since the last one.
	StreamNew
	// StreamExists: the stream has events, and was not deleted since.
	StreamExists
	// NothingSelected: nothing that the query selects was recorded after the point. What
	// is forgotten counts; so does what is recorded about the streams that the query
	// names: see [Query.Guarded].
	NothingSelected
)

// A Clause is one assertion about the log. Make it with [At], [New], [Exists],
// [Nothing] or [Reading.Condition].
type Clause struct {
	Kind ClauseKind
	// Stream is what a clause about a stream is about.
	Stream string
	// Version is the version that StreamAt expects.
	Version Version
	// Query is what NothingSelected guards. The zero query guards nothing and is
	// invalid.
	Query Query
	// After is the point since which NothingSelected guards. The zero Point is the
	// beginning of the log. If the log or its incarnation is not that of the point,
	// the clause does not hold.
	After Point
	// Partial marks the clause of a reading that had a limit or an upper bound; an
	// append under it is invalid.
	Partial bool
}

// At holds while a stream is at this version; zero is a stream without events, or one
// that was deleted since its last one.
func At(stream string, version Version) Condition {
	return Condition{{Kind: StreamAt, Stream: stream, Version: version}}
}

// New holds while a stream has no events, or was deleted since its last one.
func New(stream string) Condition { return Condition{{Kind: StreamNew, Stream: stream}} }

// Exists holds while a stream has events.
func Exists(stream string) Condition { return Condition{{Kind: StreamExists, Stream: stream}} }

// Nothing holds while nothing that the query selects has been recorded after the
// point. With the zero Point it holds while no event that the query selects is in
// the log.
func Nothing(q Query, after Point) Condition {
	return Condition{{Kind: NothingSelected, Query: q, After: after}}
}

// Validate returns an [*InvalidError] if the condition can never be checked: a
// clause of unknown kind, a name that no stream can have, a query that is invalid
// or selects nothing, a point without a life, or a partial reading. Otherwise it
// returns nil.
func (c Condition) Validate() error {
	for i := range c {
		if err := c[i].validate(); err != nil {
			err.What = fmt.Sprintf("condition clause %d%s", i+1, err.What)
			return err
		}
	}
	return nil
}

func (c Clause) validate() *InvalidError {
	switch c.Kind {
	case StreamAt, StreamNew, StreamExists:
		if reason := checkStream(c.Stream); reason != "" {
			return &InvalidError{What: ": stream", Value: c.Stream, Reason: reason}
		}
	case NothingSelected:
		if len(c.Query) == 0 {
			return &InvalidError{Reason: "has a query that selects nothing, and so guards nothing"}
		}
		if err := c.Query.Validate(); err != nil {
			invalid := err.(*InvalidError)
			invalid.What = ": " + invalid.What
			return invalid
		}
		if c.Partial {
			return &InvalidError{Reason: "is of a reading with a limit or an upper bound; a decision cannot be built on half a past"}
		}
		if c.After.Position > 0 && !c.After.hasLife() {
			return &InvalidError{Reason: fmt.Sprintf("names position %d without the log and incarnation it is of", c.After.Position)}
		}
	default:
		return &InvalidError{Reason: fmt.Sprintf("is of kind %d, which there is not", c.Kind)}
	}
	return nil
}

// String describes what the clause asserts, as the end of a sentence that begins
// with "expected".
func (c Clause) String() string {
	switch c.Kind {
	case StreamAt:
		return fmt.Sprintf("stream %s to be at version %d", c.Stream, c.Version)
	case StreamNew:
		return fmt.Sprintf("stream %s to be new", c.Stream)
	case StreamExists:
		return fmt.Sprintf("stream %s to exist", c.Stream)
	case NothingSelected:
		return fmt.Sprintf("nothing selected by the query to be recorded after position %d", c.After.Position)
	}
	return fmt.Sprintf("clause of kind %d", c.Kind)
}

// A Failure is a clause that did not hold.
type Failure struct {
	Clause Clause
	// Position is that of the newest event that made the clause fail, or zero where
	// no event did: a stream that should exist and does not, or a point of another
	// incarnation.
	Position Position
}

// A ConflictError reports an append whose condition did not hold. Nothing was
// recorded. It is an answer rather than a failure: read what has happened since,
// and decide again.
type ConflictError struct {
	// Failures are all the clauses that did not hold, in the order of the condition.
	Failures []Failure
	// At is the point at which the condition was checked.
	At Point
}

func (e *ConflictError) Error() string {
	var b strings.Builder
	b.WriteString("daybook: conflict: expected ")
	for i, f := range e.Failures {
		if i > 0 {
			b.WriteString(", and ")
		}
		b.WriteString(f.Clause.String())
		if f.Position > 0 {
			fmt.Fprintf(&b, " (see position %d)", f.Position)
		} else if life := (*LifeError)(nil); f.Clause.Kind == NothingSelected && errors.As(f.Clause.After.Precedes(e.At), &life) {
			fmt.Fprintf(&b, " (%s)", strings.TrimPrefix(life.Error(), "daybook: "))
		}
	}
	return b.String()
}

// Position returns the position of the newest event that made the condition fail,
// or zero where no event did. A reading up to that position shows why it failed.
func (e *ConflictError) Position() Position {
	var newest Position
	for _, f := range e.Failures {
		newest = max(newest, f.Position)
	}
	return newest
}
