package daybook

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
)

// A Query names events by what they carry. It selects an event if any of its items
// does. The zero query selects nothing.
type Query []Item

// An Item selects the events that satisfy all of its fields; a field that is empty
// is satisfied by any event. An item without any field is invalid, so that a
// forgotten one never means everything: that is what [All] is for.
type Item struct {
	// IDs: the event has one of these ids. An item that names ids also selects what is
	// forgotten, as long as something is left of it.
	IDs []uuid.UUID
	// Streams: the event is in one of these streams.
	Streams []string
	// Categories: the event's stream is of one of these categories (see [CategoryOf]).
	Categories []string
	// Types: the event is of one of these types.
	Types []string
	// Tags: the event carries every one of these tags.
	Tags []string

	all bool
}

// All returns the query that selects every event.
func All() Query { return Query{{all: true}} }

// Stream returns the query that selects the events of one stream.
func Stream(name string) Query { return Query{{Streams: []string{name}}} }

// IsAll reports whether the item is the one that selects every event.
func (it Item) IsAll() bool { return it.all }

// Selects reports whether the query selects an event.
func (q Query) Selects(e Event) bool {
	for i := range q {
		if q[i].Selects(e) {
			return true
		}
	}
	return false
}

// Selects reports whether the item selects an event. An item without any field
// selects nothing.
func (it Item) Selects(e Event) bool {
	if it.all {
		return true
	}
	if it.empty() {
		return false
	}
	if len(it.IDs) > 0 && !slices.Contains(it.IDs, e.ID) {
		return false
	}
	if len(it.Streams) > 0 && (e.Stream == "" || !slices.Contains(it.Streams, e.Stream)) {
		return false
	}
	if len(it.Categories) > 0 && (e.Stream == "" || !slices.Contains(it.Categories, CategoryOf(e.Stream))) {
		return false
	}
	if len(it.Types) > 0 && !slices.Contains(it.Types, e.Type) {
		return false
	}
	for _, tag := range it.Tags {
		if !slices.Contains(e.Tags, tag) {
			return false
		}
	}
	return true
}

// SelectsRecorded reports whether the query selects a recorded event, of which only a
// stub may be left: hashes then stand for its type and tags.
func (q Query) SelectsRecorded(r Recorded) bool {
	for i := range q {
		if q[i].selectsRecorded(&r) {
			return true
		}
	}
	return false
}

// Yields reports whether a reading of the query yields an event that lies within its
// span: whether an item selects it and, if it is forgotten, names ids or the span asks
// for what is forgotten. It is for those who implement stores.
func (q Query) Yields(r Recorded, span Span) bool {
	for i := range q {
		if q[i].selectsRecorded(&r) && (!r.Forgotten || span.Forgotten || len(q[i].IDs) > 0) {
			return true
		}
	}
	return false
}

func (it Item) selectsRecorded(r *Recorded) bool {
	if r.Stub == nil {
		return it.Selects(r.Event)
	}
	if len(it.Types) > 0 && !r.hasType(it.Types) {
		return false
	}
	for _, tag := range it.Tags {
		if !r.hasTag(tag) {
			return false
		}
	}
	if len(it.Types) > 0 || len(it.Tags) > 0 {
		it.Types, it.Tags = nil, nil
		if it.empty() {
			return true
		}
	}
	return it.Selects(r.Event)
}

// Guarded returns the query that a condition over q is checked with: q, and for each
// item that names streams one that selects everything recorded about them. What was
// decided on a stream's events no longer stands when they are forgotten. It is for those
// who implement stores.
func (q Query) Guarded() Query {
	guarded := q
	for i := range q {
		var about []string
		for _, stream := range q[i].Streams {
			if _, is := AboutStream(stream); !is {
				about = append(about, StreamAbout(stream))
			}
		}
		if len(about) > 0 {
			guarded = append(guarded[:len(guarded):len(guarded)], Item{Streams: about})
		}
	}
	return guarded
}

func (it Item) empty() bool {
	return !it.all && len(it.IDs) == 0 && len(it.Streams) == 0 && len(it.Categories) == 0 && len(it.Types) == 0 && len(it.Tags) == 0
}

// Validate returns an [*InvalidError] if the query can never be asked: an item
// without any field, or a name that no event can have. The zero query is valid.
func (q Query) Validate() error {
	for i := range q {
		if err := q[i].validate(); err != nil {
			err.What = fmt.Sprintf("query item %d%s", i+1, err.What)
			return err
		}
	}
	return nil
}

func (it Item) validate() *InvalidError {
	if it.empty() {
		return &InvalidError{Reason: "names nothing; use All to ask for everything"}
	}
	for _, names := range []struct {
		field string
		names []string
		check func(string) string
	}{{"stream", it.Streams, checkStream}, {"category", it.Categories, checkStream}, {"type", it.Types, checkName}, {"tag", it.Tags, checkName}} {
		for _, name := range names.names {
			if names.field == "category" && name == "" {
				continue // the category of a stream whose name begins with "-"
			}
			if reason := names.check(name); reason != "" {
				return &InvalidError{What: ": " + names.field, Value: name, Reason: reason}
			}
		}
	}
	return nil
}

// oneStream returns the stream that a query is about, if it is about exactly one:
// versions bound only such a reading.
func (q Query) oneStream() (string, bool) {
	if len(q) != 1 || len(q[0].Streams) != 1 {
		return "", false
	}
	return q[0].Streams[0], true
}
