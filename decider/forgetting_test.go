package decider_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// forget records an event about a stream.
func forget(t testing.TB, store daybook.Store, e daybook.Event) {
	t.Helper()
	if _, err := store.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
		t.Fatal(err)
	}
}

// look is a decision that adds nothing and says what it saw.
func look[S any](saw *S) decider.Decision[S] {
	return func(s S) ([]any, error) { *saw = s; return nil, nil }
}

func TestADeletedStreamIsDecidedOnAnew(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	for _, options := range [][]decider.Option{nil, {decider.WithSnapshots(decider.NewCache(9), 1)}} {
		id := uuid.NewString()
		for thing := range 3 {
			must(Boxes.Decide(ctx, store, id, put(thing), options...))(t)
		}
		forget(t, store, daybook.Truncated("box-"+id, 3))
		var box Box
		must(Boxes.Decide(ctx, store, id, look(&box), options...))(t)
		if box.Puts != 1 || !box.Things[2] {
			t.Errorf("of the truncated box there is %+v, want the last thing", box)
		}
		forget(t, store, daybook.Deleted("box-"+id))
		receipt := must(Boxes.Decide(ctx, store, id, put(2), options...))(t)
		if v := receipt.Versions["box-"+id]; v != 4 {
			t.Errorf("the deleted box goes on with version %d, want 4", v)
		}
		loaded, err := Boxes.Load(ctx, store, id, daybook.Span{Forgotten: true})
		if err != nil || loaded.State.Puts != 1 || loaded.Version != 4 {
			t.Errorf("the deleted box is loaded as %+v (%v), want one thing at version 4", loaded, err)
		}
	}
}

func TestATombstonedStreamIsNotDecidedOn(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	must(Boxes.Decide(ctx, store, "1", put(1)))(t)
	forget(t, store, daybook.Tombstoned("box-1"))
	_, err := Boxes.Decide(ctx, store, "1", put(1), decider.WithSnapshots(decider.NewCache(1), 1))
	var invalid *daybook.InvalidError
	if !errors.As(err, &invalid) || invalid.Value != "box-1" || !strings.Contains(err.Error(), "was tombstoned at position 2") {
		t.Errorf("a decision on a tombstoned stream answers %v, want an InvalidError that says so", err)
	}
	_, err = decider.Decide(ctx, store, Boxes.At("1", put(2)).If(daybook.New("box-1")))
	if !errors.As(err, &invalid) {
		t.Errorf("a decision on a tombstoned stream that should be new answers %v, want an InvalidError", err)
	}
	var box Box
	must(Boxes.Decide(ctx, store, "1", look(&box)))(t)
	if box.Puts != 0 {
		t.Errorf("a tombstoned box has %+v", box)
	}
}

func TestWhatIsForgottenWhileADecisionIsMadeIsDecidedAgain(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	unreliable := &daybooktest.Unreliable{Store: store, Before: func(n int) {
		if n == 2 {
			forget(t, store, daybook.Deleted("box-1"))
		}
	}}
	must(Boxes.Decide(ctx, unreliable, "1", put(1)))(t)
	var saw []int
	must(Boxes.Decide(ctx, unreliable, "1", func(b Box) ([]any, error) {
		saw = append(saw, b.Puts)
		return []any{Put{2}}, nil
	}))(t)
	if diff := cmp.Diff([]int{1, 0}, saw); diff != "" {
		t.Errorf("the decision saw other boxes than before and after the deletion (-want +got):\n%s", diff)
	}
}

// A snapshot must never remember what is forgotten: over random histories, every
// decision sees with snapshots what it sees without.
func TestASnapshotIsNoMemoryOfWhatIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, store := context.Background(), memstore.New()
		cache := decider.WithSnapshots(decider.NewCache(9), rapid.IntRange(1, 4).Draw(t, "every"))
		stream := rapid.SampledFrom([]string{"box-1", "box-2", "shelf-1"})
		book := rapid.SampledFrom([]string{"1984", "Ulysses"})
		decide := func(plan decider.Plan, options ...decider.Option) {
			if _, err := decider.Decide(ctx, store, plan, options...); err != nil {
				t.Fatal(err)
			}
		}
		same := func(with, without any) {
			if diff := cmp.Diff(without, with); diff != "" {
				t.Fatalf("a snapshot leads elsewhere than the events (-events +snapshot):\n%s", diff)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				id := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "box")
				var with, without Box
				decide(Boxes.At(id, look(&without)))
				decide(Boxes.At(id, func(b Box) ([]any, error) { with = b; return []any{Put{b.Puts}}, nil }), cache)
				same(with, without)
			case 2, 3:
				q, start := about(book.Draw(t, "book"), "ada")
				if rapid.Bool().Draw(t, "in shelves alone") {
					q = daybook.Query{{Categories: []string{"shelf"}}, {Streams: []string{"box-1"}}}
				}
				var with, without Lending
				decide(Lendings.Within(q, start, look(&without)))
				decide(Lendings.Within(q, start, look(&with)), cache)
				same(with, without)
			case 4, 5:
				if rapid.Bool().Draw(t, "truncate") {
					forgetIn(t, store, daybook.Truncated(stream.Draw(t, "stream"), daybook.Version(rapid.IntRange(1, 12).Draw(t, "before"))))
				} else {
					forgetIn(t, store, daybook.Deleted(stream.Draw(t, "stream")))
				}
			default:
				bought := decider.Entry{Fact: Bought{book.Draw(t, "book")}, Stream: "shelf-1"}
				decide(Lendings.Within(daybook.Stream("shelf-1"), Lending{}, func(Lending) ([]any, error) { return []any{bought}, nil }))
			}
		}
	})
}

func forgetIn(t *rapid.T, store daybook.Store, e daybook.Event) {
	if _, err := store.Append(context.Background(), []daybook.Event{e}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestASnapshotOfWhatIsForgottenIsReplaced(t *testing.T) {
	ctx, w := t.Context(), watch()
	for thing := range 3 {
		must(Boxes.Decide(ctx, w, "1", put(thing), decider.WithSnapshots(w, 3)))(t)
	}
	must(Boxes.Decide(ctx, w, "1", put(0), decider.WithSnapshots(w, 3)))(t)
	forget(t, w.Store, daybook.Deleted("box-2")) // another one
	w.spans = nil
	must(Boxes.Decide(ctx, w, "1", put(0), decider.WithSnapshots(w, 3)))(t)
	if len(w.spans) != 1 || w.from() != 3 {
		t.Errorf("after another box was deleted the readings were %+v, want one after position 3", w.spans)
	}
	forget(t, w.Store, daybook.Deleted("box-1"))
	w.spans = nil
	for range 3 {
		must(Boxes.Decide(ctx, w, "1", func(Box) ([]any, error) { return nil, nil }, decider.WithSnapshots(w, 3)))(t)
	}
	if len(w.spans) != 4 || w.spans[1].After != 0 || w.spans[2].After != 5 || w.spans[3].After != 5 {
		t.Errorf("after the deletion the readings were %+v, want one from the beginning, and then from position 5", w.spans)
	}
}

func TestADecisionDoesNotSeeWhatIsForgottenThoughItAsksById(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bought := daybook.Event{ID: uuid.New(), Stream: "shelf-1", Type: "BookBought", Data: []byte(`{"Book":"1984"}`)}
	forget(t, store, bought) // nothing is forgotten yet
	plan := func(saw *Lending) decider.Plan {
		return Lendings.Within(daybook.Query{{IDs: []uuid.UUID{bought.ID}}}, Lending{Book: "1984"}, look(saw))
	}
	var saw Lending
	for _, want := range []int{1, 0, 0} {
		if must(decider.Decide(ctx, store, plan(&saw)))(t); saw.Left != want {
			t.Errorf("the decision saw %+v, want %d left", saw, want)
		}
		forget(t, store, daybook.Deleted("shelf-1"))
		if want == 0 {
			if err := store.Scavenge(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A scavenged store is one in which everything is forgotten and scavenged as soon as a
// reading has begun, for the first few.
type scavenged struct {
	daybook.Store
	readings int
}

func (s *scavenged) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	if s.readings--; err != nil || s.readings < 0 {
		return reading, err
	}
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		n := 0
		for e, err := range reading.Events() {
			if n++; n > 1 {
				e = e.AsStub()
			}
			if !yield(e, err) {
				return
			}
		}
	}), nil
}

func TestWhatIsScavengedWhileItIsReadIsReadAgain(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	for thing := range 3 {
		must(Boxes.Decide(ctx, store, "1", put(thing)))(t)
	}
	var box Box
	must(Boxes.Decide(ctx, &scavenged{store, 2}, "1", look(&box)))(t)
	loaded, err := Boxes.Load(ctx, &scavenged{store, 2}, "1", daybook.Span{})
	if box.Puts != 3 || err != nil || loaded.State.Puts != 3 || loaded.Version != 3 {
		t.Errorf("the decision saw %+v, and %+v was loaded (%v), want three things", box, loaded, err)
	}
	reading, err := (&scavenged{store, 1}).Read(ctx, daybook.Stream("box-1"), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	var unreadable *daybook.UnreadableError
	if _, err := Boxes.Fold(reading.Events()); !errors.As(err, &unreadable) || unreadable.Position != 2 || !strings.Contains(err.Error(), "stub") {
		t.Errorf("a stub is folded as %v, want an UnreadableError that says so", err)
	}
}
