package daybook

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Forgetting is recorded like everything else: an event in the stream "$$NAME" says
// what of the stream NAME is forgotten. These are the types of such events.
const (
	// TypeTruncated: the stream's events of a lower version than the one in the data,
	// {"before":VERSION}.
	TypeTruncated = "$truncated"
	// TypeDeleted: all events of the stream so far. The stream is new again; its
	// versions go on.
	TypeDeleted = "$deleted"
	// TypeTombstoned: all events of the stream, which takes none any more.
	TypeTombstoned = "$tombstoned"
)

// systemStream is what the name of a stream about a stream begins with.
const systemStream = "$$"

// Truncated returns the event that forgets the events of a stream below a version. Only
// those are meant that stand before it in the log.
func Truncated(stream string, before Version) Event {
	return Event{Stream: StreamAbout(stream), Type: TypeTruncated, Data: fmt.Appendf(nil, `{"before":%d}`, before)}
}

// Deleted returns the event that forgets all events of a stream that stand before it in
// the log. The stream is new again, and its versions go on where they were.
func Deleted(stream string) Event {
	return Event{Stream: StreamAbout(stream), Type: TypeDeleted, Data: []byte("{}")}
}

// Tombstoned returns the event that forgets all events of a stream, for good: the
// stream takes no event any more.
func Tombstoned(stream string) Event {
	return Event{Stream: StreamAbout(stream), Type: TypeTombstoned, Data: []byte("{}")}
}

// StreamAbout returns the stream in which it is recorded what is forgotten of another
// one: its name behind "$$".
func StreamAbout(stream string) string { return systemStream + stream }

// AboutStream returns the stream that a "$$" stream is about, and whether it is one.
func AboutStream(name string) (stream string, about bool) {
	return strings.CutPrefix(name, systemStream)
}

// checkForgetting returns what is wrong with an event in a "$$" stream.
func checkForgetting(e *Event) *InvalidError {
	stream, _ := AboutStream(e.Stream)
	if reason := checkOwnName(stream); reason != "" {
		return &InvalidError{What: ": stream", Value: e.Stream, Reason: "is about a stream whose name " + reason}
	}
	if len(e.Tags) > 0 {
		return &InvalidError{What: ": tags", Reason: fmt.Sprintf("do not go with the type %s", e.Type)}
	}
	if e.ContentType != "" && e.ContentType != JSON {
		return &InvalidError{What: ": content type", Value: e.ContentType, Reason: fmt.Sprintf("does not go with the type %s", e.Type)}
	}
	switch e.Type {
	case TypeTruncated:
		if _, err := truncatedBefore(e.Data); err != nil {
			return &InvalidError{What: ": data", Value: string(e.Data), Reason: err.Error()}
		}
	case TypeDeleted, TypeTombstoned:
		if s := string(e.Data); s != "" && s != "{}" {
			return &InvalidError{What: ": data", Value: s, Reason: fmt.Sprintf("does not go with the type %s, which says it all", e.Type)}
		}
	default:
		return &InvalidError{What: ": type", Value: e.Type, Reason: fmt.Sprintf("is none of those that a stream about a stream takes: %s, %s, %s", TypeTruncated, TypeDeleted, TypeTombstoned)}
	}
	return nil
}

// truncatedBefore reads the data of a truncation. There is one way to write it.
func truncatedBefore(data []byte) (Version, error) {
	var said struct {
		Before json.Number `json:"before"`
	}
	if err := json.Unmarshal(data, &said); err == nil {
		before, err := strconv.ParseUint(said.Before.String(), 10, 63)
		if err == nil && before > 0 && string(data) == fmt.Sprintf(`{"before":%d}`, before) {
			return Version(before), nil
		}
	}
	return 0, fmt.Errorf(`is not {"before":VERSION} with a version above zero`)
}

// A Horizon is what has been forgotten of a stream, as the events of the stream about it
// say. The zero Horizon hides nothing. It is a value: [Horizon.With] returns another.
type Horizon struct {
	// Newest is the position of the newest event about the stream.
	Newest Position
	// Deleted is the position of the newest deletion or tombstone: what stands before it
	// is forgotten.
	Deleted Position
	// Tombstoned is the position of the first tombstone, or zero.
	Tombstoned Position

	cuts []cut
}

// A cut is a truncation: what stands before it in the log and is of a lower version is
// forgotten.
type cut struct {
	before Version
	at     Position
}

// With returns the horizon after a further event about the stream, the next one in
// order of position.
func (h Horizon) With(r Recorded) Horizon {
	h.Newest = r.Position
	switch r.Type {
	case TypeTruncated:
		before, err := truncatedBefore(r.Data)
		if err != nil {
			return h // no store records that
		}
		cuts := []cut{{before, r.Position}}
		for _, c := range h.cuts {
			if c.before > before {
				cuts = append(cuts, c)
			}
		}
		h.cuts = cuts
	case TypeDeleted:
		h.Deleted = r.Position
	case TypeTombstoned:
		h.Deleted = r.Position
		if h.Tombstoned == 0 {
			h.Tombstoned = r.Position
		}
	}
	return h
}

// Hides reports whether the event of a version and a position is forgotten.
func (h Horizon) Hides(version Version, position Position) bool {
	if position < h.Deleted {
		return true
	}
	for _, c := range h.cuts {
		if version < c.before && position < c.at {
			return true
		}
	}
	return false
}

// IsZero reports whether nothing was ever recorded about the stream.
func (h Horizon) IsZero() bool { return h.Newest == 0 }

// A StreamState is how a stream stands: what clauses about it are checked against. It is
// for those who implement stores.
type StreamState struct {
	// Version is that of the newest event of the stream, forgotten or not.
	Version Version
	// Newest is that event's position.
	Newest Position
	// Horizon is what is forgotten of the stream.
	Horizon Horizon
}

// Current returns the version that clauses see: zero if the stream has no events, or
// was deleted since its newest one.
func (s StreamState) Current() Version {
	if s.Horizon.Deleted > s.Newest {
		return 0
	}
	return s.Version
}

// Holds reports whether a clause about a stream holds and, if it does not, the position
// of the newest event that made it fail: one of the stream, or one that says that the
// stream is forgotten. A tombstoned stream satisfies no clause.
func (c Clause) Holds(s StreamState) (holds bool, newest Position) {
	if at := s.Horizon.Tombstoned; at > 0 {
		return false, max(at, s.Newest)
	}
	if s.Horizon.Deleted > s.Newest {
		newest = s.Horizon.Deleted
	} else {
		newest = s.Newest
	}
	switch c.Kind {
	case StreamAt:
		return s.Current() == c.Version, newest
	case StreamNew:
		return s.Current() == 0, newest
	case StreamExists:
		return s.Current() > 0, newest
	}
	return false, 0 // no clause about a stream: Validate refuses it
}

// RefuseTombstoned returns the error with which an append is answered whose n-th event,
// counted from zero, is in a stream that was tombstoned. It comes after the check of
// ids, so that an old append is still a repeat, and before that of the condition.
func RefuseTombstoned(n int, stream string, at Position) *InvalidError {
	return &InvalidError{What: fmt.Sprintf("event %d: stream", n+1), Value: stream, Reason: fmt.Sprintf("was tombstoned at position %d and takes no event any more", at)}
}
