package daybook

import (
	"iter"
	"time"
)

// A Span bounds a reading. The zero span is the whole log up to now, forward.
// Bounds combine: an event must be within all of them.
type Span struct {
	// After is the position after which to begin (exclusive). Zero begins at the
	// first event.
	After Position
	// Before is the position before which to end (exclusive). Zero sets no bound.
	Before Position
	// AfterVersion and BeforeVersion bound by version (exclusive, zero sets no
	// bound). They need a query of one item that names exactly one stream.
	AfterVersion, BeforeVersion Version
	// KnownAt ends the reading with the last event recorded by then (RecordedAt not
	// later). The zero time sets no bound.
	KnownAt time.Time
	// Backward yields the newest event first. The interval is the same.
	Backward bool
	// Limit is the greatest number of events to yield. Zero sets no bound.
	Limit int
	// Forgotten also yields what is forgotten and what is left of it, marked as such.
	// Without it only items that name ids do.
	Forgotten bool
	// Borrowed lets the events share memory with the store, and be the caller's only
	// until the iteration's next step, names included: whoever keeps something of them
	// clones it. It is for those who look at many events and keep none; it changes speed
	// and nothing else.
	Borrowed bool
}

// Validate returns an [*InvalidError] if the span can never bound a reading of q.
func (s Span) Validate(q Query) error {
	if s.Limit < 0 {
		return &InvalidError{What: "span: limit", Reason: "is negative"}
	}
	if !s.KnownAt.IsZero() {
		if reason := checkTime(s.KnownAt); reason != "" {
			return &InvalidError{What: "span: known at", Value: s.KnownAt.String(), Reason: reason}
		}
	}
	if s.AfterVersion == 0 && s.BeforeVersion == 0 {
		return nil
	}
	if _, ok := q.oneStream(); !ok {
		return &InvalidError{What: "span: version", Reason: "bounds only a query of one item that names exactly one stream"}
	}
	return nil
}

// partial reports whether a reading of this span may end before the head of the
// log, so that no decision can rest on it.
func (s Span) partial() bool {
	return s.Limit > 0 || s.Before > 0 || s.BeforeVersion > 0 || !s.KnownAt.IsZero()
}

// A Reading is what a query selected within a span, as the log stood at one
// moment, its snapshot. Events recorded later are not in it, however long it takes
// to range over it. The zero Reading has no events. A Reading may be used by many
// goroutines, and need not be closed.
type Reading struct {
	query    Query
	span     Span
	snapshot Point
	events   iter.Seq2[Recorded, error]
}

// NewReading returns a reading. It is for those who implement stores: snapshot
// must have been fixed before, and events must yield what q selects in the span up
// to it, each time it is ranged over, and end with the first error.
func NewReading(q Query, span Span, snapshot Point, events iter.Seq2[Recorded, error]) Reading {
	return Reading{query: q, span: span, snapshot: snapshot, events: events}
}

// Events yields the events in order of position, or in reverse if the span is
// Backward. It ends after the last one, or with the one error that stopped it: an
// [*UnavailableError] if the context that Read was given has ended, a
// [*CorruptError], or [ErrClosed]. Ranging over it again yields the same events. The
// caller may keep the events, unless the span is Borrowed, and must not change the bytes
// and tags they refer to.
//
// What was forgotten when the reading began is not among them, unless it was asked for;
// events that were scavenged since are yielded as they are then.
func (r Reading) Events() iter.Seq2[Recorded, error] {
	if r.events == nil {
		return func(func(Recorded, error) bool) {}
	}
	return r.events
}

// Collect returns all events in a slice, or those before the error that stopped it.
// It is for readings that are known to fit into memory; see [Reading.Events].
func (r Reading) Collect() ([]Recorded, error) {
	var events []Recorded
	for e, err := range r.Events() {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

// Snapshot returns the point up to which the log was read: its head, or the span's
// upper bound if that is lower, whether or not anything was selected. The next
// reading begins after it, unless the span had a limit: then it begins after the
// last event read.
func (r Reading) Snapshot() Point { return r.snapshot }

// Condition returns the condition that nothing which this reading's query selects
// has been recorded since its snapshot. It is the same however many of the events
// were read. If the reading had a limit or an upper bound, Append refuses its
// condition as invalid: a decision cannot rest on a part of the past.
func (r Reading) Condition() Condition {
	return Condition{{Kind: NothingSelected, Query: r.query, After: r.snapshot, Partial: r.span.partial()}}
}
