package decider

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/daybook-es/daybook"
)

// A Fact declares one kind of fact of a [Decider]: the event type that it is stored
// as, its tags, and how it changes the state. Make it with [On].
type Fact[S any] struct {
	kind daybook.Kind
	fold Fold[S]
}

// On declares that facts of type E are stored as events of the type name, for ever,
// and how such a fact changes the state. The fold is a pure function that changes
// nothing but the state; a nil fold says that the fact matters to no decision. The
// event carries the tags that the optional functions return, all of them together.
//
// E is a plain struct that encoding/json can write and read back.
func On[S, E any](name string, fold func(*S, E), tags ...func(E) []string) Fact[S] {
	var tagged func(E) []string
	if len(tags) > 0 {
		tagged = func(fact E) (all []string) {
			for _, of := range tags {
				all = append(all, of(fact)...)
			}
			return all
		}
	}
	return Fact[S]{kind: daybook.KindOf(name, tagged), fold: Apply(fold)}
}

// A Fold says how one kind of fact changes the state of a [Boundary]. Make it with
// [Apply].
type Fold[S any] struct {
	fact  reflect.Type
	apply func(*S, any)
	names func(*daybook.Codec) []string
}

// Apply says how a fact of type E changes the state. The fold is a pure function that
// changes nothing but the state; a nil fold says that the fact may be decided here
// and changes nothing.
func Apply[S, E any](fold func(*S, E)) Fold[S] {
	f := Fold[S]{fact: reflect.TypeFor[E](), names: daybook.NamesOf[E]}
	if fold != nil {
		f.apply = func(state *S, fact any) { fold(state, fact.(E)) }
	}
	return f
}

// An Entry is a fact with particulars. A decision may return one in place of a bare
// fact.
type Entry struct {
	// Fact is the fact itself, a value of a declared type.
	Fact any
	// Stream is where it is recorded. Empty means the stream that the decision is
	// about, or no stream if the decision is about a query. What is in another stream
	// is protected only if the decision is about it too: use a [Boundary] that asks for
	// both. Whoever decides on that stream must know the fact.
	Stream string
	// HappenedAt is when it happened; the zero time means that nobody said.
	HappenedAt time.Time
	// Tags are added to those that the fact's kind gives it.
	Tags []string
}

// folds turn events into state, and what was decided into events.
type folds[S any] struct {
	name   string
	codec  *daybook.Codec
	byType map[reflect.Type]Fold[S]
	// A snapshot is good only if it is of this revision, and if its state and its facts
	// had this shape.
	revision    int
	fingerprint string
}

func newFolds[S any](name string, codec *daybook.Codec, all []Fold[S]) folds[S] {
	if kind := reflect.TypeFor[S]().Kind(); kind == reflect.Pointer || kind == reflect.Interface {
		panic(fmt.Sprintf("decider: the state of %s is %s; a state is a plain value, so that each attempt has its own", name, reflect.TypeFor[S]()))
	}
	byType := make(map[reflect.Type]Fold[S], len(all))
	for _, f := range all {
		if _, twice := byType[f.fact]; twice {
			panic(fmt.Sprintf("decider: %s folds %s twice", name, f.fact))
		}
		if len(f.names(codec)) == 0 {
			panic(fmt.Sprintf("decider: %s folds %s, which its codec has no kind for", name, f.fact))
		}
		byType[f.fact] = f
	}
	shape := daybook.NewCodec(daybook.KindOf[S]("state", nil)).Fingerprint()
	return folds[S]{name: name, codec: codec, byType: byType, fingerprint: codec.Fingerprint() + shape}
}

// apply changes the state by what an event says today.
func (f folds[S]) apply(state *S, event daybook.Recorded) error {
	facts, err := f.codec.Facts(event)
	if err != nil {
		return err
	}
	for _, fact := range facts {
		if fold := f.byType[reflect.TypeOf(fact)]; fold.apply != nil {
			fold.apply(state, fact)
		}
	}
	return nil
}

// event returns one thing that was decided as an event to be recorded in a stream,
// unless it is an entry that names another.
func (f folds[S]) event(decided any, stream string) (daybook.Event, error) {
	entry, particular := decided.(Entry)
	if !particular {
		entry.Fact = decided
	}
	if fact := reflect.TypeOf(entry.Fact); f.byType[fact].fact == nil {
		reason := "is decided by " + f.name + ", which has no fold for it"
		if fact != nil && fact.Kind() == reflect.Pointer && f.byType[fact.Elem()].fact != nil {
			reason += "; facts are plain values, not pointers to them"
		}
		return daybook.Event{}, &daybook.InvalidError{What: fmt.Sprintf("fact %T", entry.Fact), Reason: reason}
	}
	event, err := f.codec.Event(entry.Fact)
	if err != nil {
		return daybook.Event{}, err
	}
	event.Stream = stream
	if entry.Stream != "" {
		event.Stream = entry.Stream
	}
	event.HappenedAt = entry.HappenedAt
	event.Tags = slices.Clip(event.Tags) // they may be a slice that the domain keeps: what is added goes elsewhere
	for _, tag := range entry.Tags {
		if !slices.Contains(event.Tags, tag) {
			event.Tags = append(event.Tags, tag)
		}
	}
	return event, nil
}
