package daybook

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Restored positions and versions stay below this, so that those of what is recorded
// behind them stay below 2^63; and restored times stay a year below the last one.
const restoredBelow = 1 << 62

var lastRestored = lastTime.AddDate(-1, 0, 0)

// PrepareRestored returns the events that Restore was given as a store is to keep them:
// times in UTC, content types named, and only stubs marked as forgotten. It returns an
// [*InvalidError] that names the first position at which an event is one that no store
// records, or does not follow the one before it: see [Restorer]. It is for those who
// implement one: their Restore calls it first. What it cannot see is whether the events
// go with those that the log holds.
//
// The slice is new; its events share the caller's bytes and tags.
func PrepareRestored(events []Recorded, limits Limits) ([]Recorded, error) {
	prepared := make([]Recorded, len(events))
	ids := make(map[uuid.UUID]Position, len(events))
	versions := make(map[string]Version)
	gone := make(map[string]Position) // the tombstones of streams
	var last Recorded
	inAppend, bytes := 0, 0
	for i, r := range events {
		if r.Position >= restoredBelow {
			return nil, NotRestorable(r, "leaves too little room for those behind it: positions are restored below 2^62")
		}
		if r.Position <= last.Position {
			return nil, NotRestorable(r, fmt.Sprintf("is not above the position before it, %d", last.Position))
		}
		if err := prepareRestored(&r); err != nil {
			err.What = fmt.Sprintf("restore: the event at position %d%s", r.Position, err.What)
			return nil, err
		}
		if i > 0 && r.RecordedAt.Before(last.RecordedAt) {
			return nil, NotRestorable(r, fmt.Sprintf("was recorded before position %d", last.Position))
		}
		if before, twice := ids[r.ID]; twice {
			return nil, NotRestorable(r, fmt.Sprintf("has the id of position %d", before))
		}
		if r.Stream != "" && r.Version <= versions[r.Stream] {
			return nil, NotRestorable(r, fmt.Sprintf("has version %d, which is not above the stream's before it, %d", r.Version, versions[r.Stream]))
		}
		if at, is := gone[r.Stream]; is {
			return nil, NotRestorable(r, fmt.Sprintf("is in a stream that was tombstoned at position %d", at))
		}
		if i == 0 || !r.RecordedAt.Equal(last.RecordedAt) {
			inAppend, bytes = 0, 0
		}
		inAppend, bytes = inAppend+1, bytes+r.Size()
		if inAppend > limits.AppendEvents || bytes > limits.AppendBytes {
			return nil, NotRestorable(r, fmt.Sprintf("is in an append of more than the %d events and %d bytes that are allowed", limits.AppendEvents, limits.AppendBytes))
		}

		ids[r.ID], last, prepared[i] = r.Position, r, r
		versions[r.Stream] = r.Version
		if stream, about := AboutStream(r.Stream); about && r.Type == TypeTombstoned {
			gone[stream] = r.Position
		}
	}
	return prepared, nil
}

// FirstAppend returns how many of the events are of one append with the first: those of
// its RecordedAt. It is for those who implement a [Restorer].
func FirstAppend(events []Recorded) int {
	n := slices.IndexFunc(events, func(r Recorded) bool { return !r.RecordedAt.Equal(events[0].RecordedAt) })
	if n < 0 {
		return len(events)
	}
	return n
}

// NotRestorable returns the error with which Restore refuses an event, for a reason that
// ends a sentence about it. It is for those who implement a [Restorer].
func NotRestorable(r Recorded, reason string) *InvalidError {
	return &InvalidError{What: fmt.Sprintf("restore: the event at position %d", r.Position), Reason: reason}
}

// prepareRestored checks one event by itself.
func prepareRestored(r *Recorded) *InvalidError {
	if r.ID == uuid.Nil {
		return &InvalidError{What: ": id", Reason: "is missing"}
	}
	if (r.Stream == "") != (r.Version == 0) || r.Version >= restoredBelow {
		return &InvalidError{What: ": version", Value: fmt.Sprint(r.Version), Reason: "is none that an event has in its stream"}
	}
	if r.RecordedAt.After(lastRestored) {
		return &InvalidError{What: ": recorded at", Value: r.RecordedAt.String(), Reason: "leaves too little time for what is recorded later"}
	}
	if reason := checkTime(r.RecordedAt); reason != "" {
		return &InvalidError{What: ": recorded at", Value: r.RecordedAt.String(), Reason: reason}
	}
	r.RecordedAt = time.Unix(0, r.RecordedAt.UnixNano()).UTC()
	if r.Forgotten = r.Stub != nil; r.Forgotten {
		return checkStub(r)
	}
	return prepare(&r.Event)
}

// checkStub returns what is wrong with a stub.
func checkStub(r *Recorded) *InvalidError {
	if reason := checkOwnName(r.Stream); reason != "" {
		return &InvalidError{What: ": stream", Value: r.Stream, Reason: "of a stub " + reason}
	}
	if r.Type != "" || len(r.Tags)+len(r.Data)+len(r.Metadata) > 0 || r.ContentType != "" || !r.HappenedAt.IsZero() {
		return &InvalidError{What: ": stub", Reason: "has more than a stub has"}
	}
	if len(r.Stub.TagHashes) > MaxTags {
		return &InvalidError{What: ": stub", Reason: fmt.Sprintf("has %d tags, and %d are allowed", len(r.Stub.TagHashes), MaxTags)}
	}
	return nil
}
