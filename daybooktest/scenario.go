package daybooktest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// ID is the id of the stream that every [Scenario] is about.
const ID = "1"

// A Scenario is the past of one stream, on which something is to be decided. Make it
// with [Given].
type Scenario[S any] struct {
	t       testing.TB
	store   daybook.Store
	decider *decider.Decider[S]
}

// Given returns a scenario in which these facts, in this order, are the past of a
// stream. A fact may be a [decider.Entry]. The test ends if they cannot be recorded.
func Given[S any](t testing.TB, d *decider.Decider[S], facts ...any) *Scenario[S] {
	t.Helper()
	s := &Scenario[S]{t: t, store: memstore.New(), decider: d}
	if _, err := d.Decide(t.Context(), s.store, ID, func(S) ([]any, error) { return facts, nil }); err != nil {
		t.Fatalf("given: %v", err)
	}
	return s
}

// When makes a decision on the stream, and records what it decided: a second When
// goes on from there.
func (s *Scenario[S]) When(decide decider.Decision[S]) *Outcome {
	s.t.Helper()
	return when(s.t, s.store, s.decider.Codec(), s.decider.At(ID, decide))
}

// State returns what the decider folds from the past.
func (s *Scenario[S]) State() S {
	s.t.Helper()
	loaded, err := s.decider.Load(s.t.Context(), s.store, ID, daybook.Span{})
	if err != nil {
		s.t.Fatalf("state: %v", err)
	}
	return loaded.State
}

// A Log is the past of many streams, on which something is to be decided. Make it with
// [GivenLog].
type Log struct {
	t     testing.TB
	store daybook.Store
	codec *daybook.Codec
}

// In returns facts as entries of a stream, in this order, for [GivenLog] and
// [Project]. A fact may be a [decider.Entry], and keeps the stream that it names.
func In(stream string, facts ...any) []any {
	entries := make([]any, len(facts))
	for i, fact := range facts {
		entry := entryOf(fact)
		if entry.Stream == "" {
			entry.Stream = stream
		}
		entries[i] = entry
	}
	return entries
}

// entryOf returns a fact as an entry, which it may be already.
func entryOf(fact any) decider.Entry {
	if entry, ok := fact.(decider.Entry); ok {
		return entry
	}
	return decider.Entry{Fact: fact}
}

// GivenLog returns a log of these facts, in this order. Bare facts are in no stream;
// a [decider.Entry] names one, and a time. See also [In]. The test ends if they
// cannot be recorded.
func GivenLog(t testing.TB, codec *daybook.Codec, facts ...any) *Log {
	t.Helper()
	l := &Log{t: t, store: memstore.New(), codec: codec}
	events, err := eventsOf(codec, facts)
	if err == nil && len(events) > 0 {
		_, err = l.store.Append(t.Context(), events, nil)
	}
	if err != nil {
		t.Fatalf("given: %v", err)
	}
	return l
}

// When runs a plan on the log, and records what it decided: a second When goes on
// from there.
func (l *Log) When(plan decider.Plan) *Outcome {
	l.t.Helper()
	return when(l.t, l.store, l.codec, plan)
}

// An Outcome is the result of a decision: what was recorded, or the error.
type Outcome struct {
	t        testing.TB
	err      error
	recorded []daybook.Recorded
	codec    *daybook.Codec
}

func when(t testing.TB, store daybook.Store, codec *daybook.Codec, plan decider.Plan) *Outcome {
	t.Helper()
	before, err := store.Info(t.Context())
	if err != nil {
		t.Fatalf("when: %v", err)
	}
	o := &Outcome{t: t, codec: codec}
	_, o.err = decider.Decide(t.Context(), store, plan)
	o.recorded, err = read(t.Context(), store, before.Head.Position)
	if err != nil {
		t.Fatalf("when: %v", err)
	}
	return o
}

// Then fails the test unless exactly these facts were recorded, in this order. An
// expected [decider.Entry] also says where and when: those of its fields that are
// not zero must be equal to the event's, and its tags must be among the event's.
func (o *Outcome) Then(facts ...any) {
	o.t.Helper()
	if o.err != nil {
		o.t.Errorf("expected facts to be recorded, but the answer is: %v", o.err)
		return
	}
	var got []any
	for i, event := range o.recorded {
		says, err := o.codec.Facts(event)
		if err != nil {
			o.t.Errorf("a recorded event cannot be read: %v", err)
			return
		}
		if i < len(facts) {
			says = asExpected(event, says, facts[i])
		}
		got = append(got, says...)
	}
	if diff := difference(facts, got); diff != "" {
		o.t.Errorf("other facts were recorded than expected (-expected +recorded):\n%s", diff)
	}
}

// ThenNothing fails the test unless the decision returned no facts and no error.
func (o *Outcome) ThenNothing() {
	o.t.Helper()
	o.Then()
}

// ThenRefused fails the test unless the domain refused for this reason: an error, such
// as a [*daybook.Rule], that errors.Is finds in the refusal.
func (o *Outcome) ThenRefused(reason error) {
	o.t.Helper()
	refused := (*daybook.RefusedError)(nil)
	switch {
	case o.err == nil:
		o.t.Errorf("expected a refusal (%v), but there was none: %d events were recorded", reason, len(o.recorded))
	case !errors.As(o.err, &refused):
		o.t.Errorf("expected a refusal (%v), but it failed: %v", reason, o.err)
	case !errors.Is(refused, reason):
		o.t.Errorf("expected a refusal (%v), but it was refused for another reason: %v", reason, refused.Err)
	}
}

// ThenInvalid fails the test unless the answer is a [*daybook.InvalidError]: the plan
// can never be run, or what it decided never be recorded.
func (o *Outcome) ThenInvalid() {
	o.t.Helper()
	if invalid := (*daybook.InvalidError)(nil); !errors.As(o.err, &invalid) {
		o.t.Errorf("expected it to be invalid, but the answer is: %v", o.err)
	}
}

// asExpected returns the facts of an event. If an entry is expected, it returns one
// with those particulars that the expected one names.
func asExpected(event daybook.Recorded, facts []any, expected any) []any {
	entry, ok := expected.(decider.Entry)
	if !ok || len(facts) != 1 {
		return facts
	}
	got := decider.Entry{Fact: facts[0]}
	if entry.Stream != "" {
		got.Stream = event.Stream
	}
	if !entry.HappenedAt.IsZero() {
		got.HappenedAt = event.HappenedAt
	}
	for _, tag := range entry.Tags {
		if slices.Contains(event.Tags, tag) {
			got.Tags = append(got.Tags, tag)
		}
	}
	return []any{got}
}

// difference compares facts as go-cmp does, fields that are not exported included.
func difference(want, got []any) string {
	if len(want) == 0 && len(got) == 0 {
		return ""
	}
	return cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true }))
}

// eventsOf encodes facts.
func eventsOf(codec *daybook.Codec, facts []any) ([]daybook.Event, error) {
	events := make([]daybook.Event, 0, len(facts))
	for i, fact := range facts {
		entry := entryOf(fact)
		event, err := codec.Event(entry.Fact)
		if err != nil {
			return nil, fmt.Errorf("fact %d: %w", i+1, err)
		}
		event.Stream, event.HappenedAt = entry.Stream, entry.HappenedAt
		event.Tags = append(event.Tags, entry.Tags...)
		events = append(events, event)
	}
	return events, nil
}

// read returns what was recorded after a position.
func read(ctx context.Context, store daybook.Store, after daybook.Position) ([]daybook.Recorded, error) {
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{After: after})
	if err != nil {
		return nil, err
	}
	return reading.Collect()
}
