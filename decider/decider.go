package decider

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
)

// A Decision looks at the state and returns the facts to be recorded, none if there
// is nothing to add, or the error with which the domain says no, such as a
// [*daybook.Rule]. Facts are values of declared types, or an [Entry] of one.
//
// It is a pure function: it may be called again on a newer state, and only what it
// returned last counts.
type Decision[S any] func(S) ([]any, error)

// A Decider decides on one stream of a category at a time, on the state S that it
// folds from the whole stream. Make it with [For], once, in a variable. It never
// changes and may be used by many goroutines.
type Decider[S any] struct {
	folds[S]
	facts []Fact[S]
	old   []daybook.Kind
}

// For returns the decider of the streams of a category, such as "order". The state
// of an empty stream is the zero S.
//
// It panics if a name or a type is declared twice, if no event or stream may have a
// name, or if S is a pointer or an interface: such mistakes are found when the
// program starts.
func For[S any](category string, facts ...Fact[S]) *Decider[S] {
	if strings.Contains(category, "-") {
		panic(fmt.Sprintf("decider: the category %q has a %q, which ends a category", category, "-"))
	}
	if category == "" || strings.HasPrefix(category, "$") {
		panic(fmt.Sprintf("decider: a category cannot be called %q", category))
	}
	return newDecider(category, facts, nil, 0)
}

func newDecider[S any](category string, facts []Fact[S], old []daybook.Kind, revision int) *Decider[S] {
	kinds := slices.Clone(old)
	folds := make([]Fold[S], 0, len(facts))
	for _, f := range facts {
		kinds = append(kinds, f.kind)
		folds = append(folds, f.fold)
	}
	d := &Decider[S]{folds: newFolds(category, daybook.NewCodec(kinds...), folds), facts: facts, old: old}
	d.revision = revision
	return d
}

// Upcast returns a decider that also reads events recorded under old names or in
// old shapes. Make the kinds with [daybook.Was] and [daybook.Split]. It panics as
// [daybook.NewCodec] does. The decider itself is unchanged.
func (d *Decider[S]) Upcast(kinds ...daybook.Kind) *Decider[S] {
	return newDecider(d.name, d.facts, slices.Concat(d.old, kinds), d.revision)
}

// Revision returns a decider whose snapshots are of this revision, and which ignores
// those of any other. Raise it whenever what a fold does has changed; see
// [WithSnapshots]. Without it the revision is zero.
func (d *Decider[S]) Revision(n int) *Decider[S] {
	return newDecider(d.name, d.facts, d.old, n)
}

// Codec returns the codec of the decider's facts, for projections.
func (d *Decider[S]) Codec() *daybook.Codec { return d.codec }

// Stream returns the name of the stream with this id: the category, "-" and the id.
func (d *Decider[S]) Stream(id string) string { return d.name + "-" + id }

// At returns the plan to make a decision on the stream with this id. The facts are
// recorded in that stream, unless an [Entry] names another. An empty id makes the
// plan an [*daybook.InvalidError] when it is run.
func (d *Decider[S]) At(id string, decide Decision[S]) Plan {
	stream := d.Stream(id)
	plan := Plan{
		about: stream,
		query: daybook.Stream(stream),
		begin: func() subject { return &folding[S]{folds: d.folds, stream: stream, decide: decide} },
	}
	if id == "" {
		plan.invalid = &daybook.InvalidError{What: "id of a stream of category " + d.name, Reason: "is empty"}
	}
	return plan
}

// Decide makes a decision on the stream with this id. It is [Decide] of [Decider.At].
func (d *Decider[S]) Decide(ctx context.Context, store daybook.Store, id string, decide Decision[S], options ...Option) (daybook.Receipt, error) {
	return Decide(ctx, store, d.At(id, decide), options...)
}

// Loaded is what [Decider.Load] returns.
type Loaded[S any] struct {
	// State is what the events fold to; the zero S if there were none.
	State S
	// Version is that of the newest event folded; zero if there was none.
	Version daybook.Version
	// At is the point up to which the log was read.
	At daybook.Point
}

// Load returns the state of the stream with this id, folded from its events within
// the span. The zero span gives the state as it is now; KnownAt, Before or
// BeforeVersion give an earlier one. A span with After, AfterVersion or Backward is
// an [*daybook.InvalidError]: a fold needs the past from its beginning. What is
// forgotten is no part of it, and Forgotten changes nothing. An event that
// the decider does not know is an [*daybook.UnreadableError].
//
// For the state as of a time at which things happened, however late they were
// recorded, filter the events and use [Decider.Fold].
func (d *Decider[S]) Load(ctx context.Context, store daybook.Store, id string, span daybook.Span) (Loaded[S], error) {
	if span.After > 0 || span.AfterVersion > 0 || span.Backward {
		return Loaded[S]{}, &daybook.InvalidError{What: "span", Reason: "does not begin with the first event, and a fold must"}
	}
	span.Forgotten = false
	for {
		loaded, err := d.load(ctx, store, d.Stream(id), span)
		if !errors.Is(err, errNotThePast) {
			return loaded, err
		}
	}
}

// load folds what a reading shows, unless some of it was scavenged while it was read.
func (d *Decider[S]) load(ctx context.Context, store daybook.Store, stream string, span daybook.Span) (Loaded[S], error) {
	reading, err := store.Read(ctx, daybook.Stream(stream), span)
	if err != nil {
		return Loaded[S]{}, err
	}
	loaded := Loaded[S]{At: reading.Snapshot()}
	for event, err := range reading.Events() {
		if err == nil && event.Stub != nil {
			return Loaded[S]{}, errNotThePast
		}
		if err == nil {
			err = d.apply(&loaded.State, event)
		}
		if err != nil {
			return Loaded[S]{}, fmt.Errorf("decider: fold %s: %w", stream, err)
		}
		loaded.Version = event.Version
	}
	return loaded, nil
}

// Fold returns the state that the events of one stream lead to, such as those of a
// reading, or some of them. It stops at the first error and returns that. An event
// that the decider does not know is an [*daybook.UnreadableError].
func (d *Decider[S]) Fold(events iter.Seq2[daybook.Recorded, error]) (S, error) {
	var state S
	for event, err := range events {
		if err == nil {
			err = d.apply(&state, event)
		}
		if err != nil {
			var none S
			return none, err
		}
	}
	return state, nil
}
