package daybook

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// A Position is an event's place in the log. The first event of a log is at
// position 1 or later; zero stands for the moment before it. Positions strictly
// increase in the order of recording and stay below 2^63. A log that was never
// restored from another has no gaps between them.
type Position uint64

// A Version is an event's place in its stream: 1, 2, 3 and so on. Zero is the
// version of a stream that has no events yet, and of an event in no stream.
// Versions stay below 2^63.
type Version uint64

// A Point is a moment in the life of a log: everything up to Position has
// happened, nothing after it. Tokens, checkpoints and receipts are made of points.
//
// A position alone means nothing in another log, nor in the same log after it
// was restored from a backup: what stood at position 42 may be another event now.
// A point therefore names the log and its incarnation too. The zero Point is the
// moment before the first event of any log.
type Point struct {
	// Log identifies the log. It is kept for as long as the log exists.
	Log uuid.UUID
	// Incarnation identifies one unbroken life of the log. A restore or a rewind
	// begins a new one.
	Incarnation uuid.UUID
	// Position is the last position that belongs to the moment.
	Position Position
}

// IsZero reports whether p is the moment before the first event of any log.
func (p Point) IsZero() bool { return p == Point{} }

// SameLife reports whether positions of p and q may be compared: whether they are
// of one incarnation of one log, or one of them is the zero Point.
func (p Point) SameLife(q Point) bool {
	return p.IsZero() || q.IsZero() || (p.Log == q.Log && p.Incarnation == q.Incarnation)
}

// hasLife reports whether p names a log and an incarnation of it.
func (p Point) hasLife() bool { return p.Log != uuid.Nil && p.Incarnation != uuid.Nil }

// Precedes returns nil if a reader at p can go on to head: if p is head itself or a
// point before it in the same log and incarnation. Otherwise it returns a
// [*LifeError], or an [*InvalidError] if p is after head.
func (p Point) Precedes(head Point) error {
	if !p.SameLife(head) {
		return &LifeError{Given: p, Log: head}
	}
	if p.Position > head.Position {
		return &InvalidError{What: "point", Value: p.String(), Reason: fmt.Sprintf("is after the head of the log, %d", head.Position)}
	}
	return nil
}

// At returns the point of the same log and incarnation at another position.
func (p Point) At(position Position) Point {
	p.Position = position
	return p
}

// String returns p as POSITION.INCARNATION.LOG, which [ParsePoint] reads and which
// needs no escaping in a URL, a header or a cookie.
func (p Point) String() string {
	return fmt.Sprintf("%d.%s.%s", p.Position, p.Incarnation, p.Log)
}

// ParsePoint reads what [Point.String] wrote. Anything else is an [*InvalidError].
func ParsePoint(s string) (Point, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return Point{}, &InvalidError{What: "point", Value: s, Reason: "is not POSITION.INCARNATION.LOG"}
	}
	position, err := strconv.ParseUint(parts[0], 10, 63)
	if err != nil || parts[0] != strconv.FormatUint(position, 10) {
		return Point{}, &InvalidError{What: "point", Value: s, Reason: "has a position that is not a whole number below 2^63"}
	}
	incarnation, err := parseUUID(parts[1])
	if err != nil {
		return Point{}, &InvalidError{What: "point", Value: s, Reason: "has an incarnation that is not a UUID"}
	}
	log, err := parseUUID(parts[2])
	if err != nil {
		return Point{}, &InvalidError{What: "point", Value: s, Reason: "has a log that is not a UUID"}
	}
	return Point{Log: log, Incarnation: incarnation, Position: Position(position)}, nil
}

// MarshalText returns what [Point.String] does.
func (p Point) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [Point.MarshalText] wrote.
func (p *Point) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePoint(string(text))
	return err
}

// A LifeError reports a point of another log, or of another incarnation of this
// log. Nothing can go on from that point: the event at its position may be another
// one now.
type LifeError struct {
	// Given is the point that was handed over.
	Given Point
	// Log is a point of the log that was asked, as it is now.
	Log Point
}

func (e *LifeError) Error() string {
	if e.Given.Log != e.Log.Log {
		return fmt.Sprintf("daybook: position %d is of log %s, and this is log %s", e.Given.Position, e.Given.Log, e.Log.Log)
	}
	return fmt.Sprintf("daybook: position %d is of incarnation %s of the log, which was restored since and is now in incarnation %s",
		e.Given.Position, e.Given.Incarnation, e.Log.Incarnation)
}
