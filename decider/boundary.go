package decider

import (
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
)

// A Boundary decides on whatever a query selects, such as several streams or tags.
// The query draws the line within which a decision must be consistent: an event
// outside it never makes the decision conflict. Make it with [Over], once, in a
// variable. It never changes and may be used by many goroutines.
type Boundary[S any] struct {
	folds[S]
}

// Over returns a boundary that folds facts of these types, which the codec names.
// Its own name appears in errors and in the keys of snapshots.
//
// It panics if a type is folded twice or unknown to the codec, or if S is a pointer
// or an interface: such mistakes are found when the program starts.
func Over[S any](name string, codec *daybook.Codec, folds ...Fold[S]) *Boundary[S] {
	return &Boundary[S]{newFolds(name, codec, folds)}
}

// Revision returns a boundary whose snapshots are of this revision; see
// [Decider.Revision].
func (b *Boundary[S]) Revision(n int) *Boundary[S] {
	revised := *b
	revised.revision = n
	return &revised
}

// Codec returns the codec of the boundary's facts.
func (b *Boundary[S]) Codec() *daybook.Codec { return b.codec }

// Within returns the plan to make a decision on what a query selects. The fold
// begins with a copy of start, which usually says what the decision is about; folds
// must not change what start refers to.
//
// The facts are recorded in no stream, unless an [Entry] names one. A [Decider] sees
// only what is in its streams: if it decides on the same facts, let an Entry name the
// stream, or else it will decide as if they had not happened.
//
// Only events that can become facts of the boundary are read and guarded: those of
// the types that an item names, or of all types that the boundary folds. An item
// that names a type which no fold handles makes the plan an [*daybook.InvalidError]
// when it is run. What is forgotten is not read, even if an item names its id.
func (b *Boundary[S]) Within(q daybook.Query, start S, decide Decision[S]) Plan {
	query, err := b.narrow(q)
	return Plan{
		about: b.name,
		query: query,
		begin: func() subject {
			return &folding[S]{folds: b.folds, now: start, decide: decide, within: within[S]{query, start}}
		},
		invalid: err,
	}
}

// narrow returns the query for those events alone that the folds handle, under all
// the names that their facts were ever stored.
func (b *Boundary[S]) narrow(q daybook.Query) (daybook.Query, error) {
	narrowed := make(daybook.Query, len(q))
	for i, item := range q {
		var types []string
		for _, named := range item.Types {
			names := b.namesWith(named)
			if len(names) == 0 {
				return nil, &daybook.InvalidError{What: fmt.Sprintf("query item %d: type", i+1), Value: named, Reason: "is one that no fold of " + b.name + " handles"}
			}
			types = append(types, names...)
		}
		if len(item.Types) == 0 {
			types = b.namesWith("")
		}
		slices.Sort(types)
		narrowed[i] = daybook.Item{IDs: item.IDs, Streams: item.Streams, Categories: item.Categories, Types: slices.Compact(types), Tags: item.Tags}
	}
	return narrowed, nil
}

// namesWith returns every stored name of the facts that are stored, among others,
// under this one; of all facts if it is empty.
func (b *Boundary[S]) namesWith(name string) (all []string) {
	for _, fold := range b.byType {
		if names := fold.names(b.codec); name == "" || slices.Contains(names, name) {
			all = append(all, names...)
		}
	}
	return all
}
