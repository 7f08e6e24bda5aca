package decider_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// appendRaw records events as some other program would.
func appendRaw(t testing.TB, store daybook.Store, events ...daybook.Event) {
	t.Helper()
	if _, err := store.Append(t.Context(), events, nil); err != nil {
		t.Fatal(err)
	}
}

func TestADeciderOfOneStreamReadsItWholeAndNamesWhatItDoesNotKnow(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	must(Boxes.Decide(ctx, store, "1", put(1)))(t)
	appendRaw(t, store, daybook.Event{Stream: "box-1", Type: "BoxPainted", Data: []byte(`{}`)})

	_, err := Boxes.Decide(ctx, store, "1", put(2))
	if unreadable := as[*daybook.UnreadableError](t, err); unreadable.Type != "BoxPainted" || unreadable.Position != 2 {
		t.Errorf("the error is %v", unreadable)
	}
	if _, err := Boxes.Load(ctx, store, "1", daybook.Span{}); err == nil {
		t.Error("the state was loaded past a fact that is not known")
	}
	if _, err := Boxes.Decide(ctx, store, "2", put(2)); err != nil {
		t.Errorf("another stream cannot be decided on: %v", err)
	}
	if n := len(all(t, store)); n != 3 {
		t.Errorf("there are %d events, want 3", n)
	}
}

func TestDataThatIsNotWhatTheKindSaysIsUnreadable(t *testing.T) {
	store := memstore.New()
	appendRaw(t, store, daybook.Event{Stream: "box-1", Type: "ThingPut", Data: []byte(`{"Thing":"seven"}`)})
	_, err := Boxes.Decide(t.Context(), store, "1", put(1))
	as[*daybook.UnreadableError](t, err)
}

type (
	PutV0    struct{ Name string }
	Swapped  struct{ Out, In int }
	Unloaded struct{ Things []int }
)

func named(v PutV0) Put {
	var thing int
	fmt.Sscanf(v.Name, "thing %d", &thing)
	return Put{thing}
}

func swapped(v Swapped) []any { return []any{Took{v.Out}, Put{v.In}} }

func TestUpcastsBringOldEventsUpToDate(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	appendRaw(t, store,
		daybook.Event{Stream: "box-1", Type: "PutIn", Data: []byte(`{"Name":"thing 5"}`)},
		daybook.Event{Stream: "box-1", Type: "Swapped", Data: []byte(`{"Out":5,"In":6}`)},
	)
	boxes := Boxes.Upcast(daybook.Was("PutIn", named)).Upcast(daybook.Split("Swapped", swapped, Took{}, Put{}))
	loaded := must(boxes.Load(ctx, store, "1", daybook.Span{}))(t)
	if loaded.State.Puts != 2 || !loaded.State.Things[6] || loaded.State.Things[5] {
		t.Errorf("the box is %+v", loaded.State)
	}
	if loaded.Version != 2 || loaded.At.Position != 2 {
		t.Errorf("it was loaded at version %d, %v", loaded.Version, loaded.At)
	}
	if _, err := Boxes.Load(ctx, store, "1", daybook.Span{}); err == nil {
		t.Error("the decider without upcasts has become one with them")
	}
}

func TestABoundaryAsksForTheTypesItHandlesUnderAllTheirNames(t *testing.T) {
	type lent struct{ Title, To string }
	codec := daybook.Join(lendingCodec, daybook.NewCodec(
		daybook.Was("Lent", func(l lent) Borrowed { return Borrowed{l.Title, l.To} }),
		daybook.KindOf("BookBorrowed", func(e Borrowed) []string { return []string{"book:" + e.Book, "reader:" + e.Reader} }),
	))
	count := decider.Over("borrowed", codec, decider.Apply(func(n *struct{ N int }, _ Borrowed) { n.N++ }))
	store := memstore.New()
	tags := []string{"book:1984"}
	appendRaw(t, store,
		daybook.Event{Type: "Lent", Tags: tags, Data: []byte(`{"Title":"1984","To":"ada"}`)},
		daybook.Event{Type: "BookBorrowed", Tags: tags, Data: []byte(`{"Book":"1984","Reader":"bob"}`)},
		daybook.Event{Type: "BookNoted", Tags: tags, Data: []byte(`{}`)},
		daybook.Event{Type: "NeverHeardOf", Tags: tags, Data: []byte(`[]`)},
	)
	for name, q := range map[string]daybook.Query{
		"no types":     {{Tags: tags}},
		"its type":     {{Tags: tags, Types: []string{"BookBorrowed"}}},
		"its old type": {{Tags: tags, Types: []string{"Lent"}}},
		"everything":   daybook.All(),
	} {
		saw := 0
		plan := count.Within(q, struct{ N int }{}, func(n struct{ N int }) ([]any, error) { saw = n.N; return nil, nil })
		must(decider.Decide(t.Context(), store, plan))(t)
		if saw != 2 {
			t.Errorf("%s: it saw %d facts, want 2", name, saw)
		}
	}
}

func TestAnItemThatNamesATypeWhichNoFoldHandlesIsInvalid(t *testing.T) {
	plan := Lendings.Within(daybook.Query{{Tags: []string{"a"}}, {Types: []string{"BookBought", "BookNoted"}}}, Lending{}, nil)
	_, err := decider.Decide(t.Context(), memstore.New(), plan)
	if invalid := as[*daybook.InvalidError](t, err); invalid.Value != "BookNoted" || !strings.Contains(invalid.What, "item 2") {
		t.Errorf("the error is %v", invalid)
	}
}

// What a boundary does not handle may be recorded at any time without a conflict.
func TestAFactOutsideTheBoundaryIsNoConflict(t *testing.T) {
	ctx, inner := t.Context(), memstore.New()
	store := &daybooktest.Unreliable{Store: inner}
	store.Before = func(int) {
		appendRaw(t, inner,
			daybook.Event{Type: "BookNoted", Tags: []string{"book:1984", "reader:ada"}},
			daybook.Event{Type: "BookBorrowed", Tags: []string{"book:emma", "reader:bob"}, Data: []byte(`{}`)},
		)
	}
	must(decider.Decide(ctx, store, buy("1984")))(t)
	if store.Appends() != 1 {
		t.Errorf("there were %d appends, want 1", store.Appends())
	}
}

func TestFactsOfABoundaryAreInNoStreamAndCarryTheirTags(t *testing.T) {
	store := memstore.New()
	must(decider.Decide(t.Context(), store, buy("1984")))(t)
	receipt := must(decider.Decide(t.Context(), store, borrow("1984", "ada")))(t)
	e := all(t, store)[1]
	if e.Stream != "" || e.Version != 0 || !slices.Equal(e.Tags, []string{"book:1984", "reader:ada"}) || len(receipt.Versions) != 0 {
		t.Errorf("recorded is %+v with %+v", e, receipt)
	}
}

func TestADecisionOverAQueryBeginsWithItsStartState(t *testing.T) {
	daybooktest.GivenLog(t, lendingCodec, Bought{"1984"}, Bought{"1984"}, Borrowed{"1984", "ada"}, Borrowed{"1984", "bob"}).
		When(borrow("1984", "eve")).ThenRefused(errNotLent)
	daybooktest.GivenLog(t, lendingCodec, Bought{"1984"}, Borrowed{"emma", "ada"}, Borrowed{"dune", "ada"}).
		When(borrow("1984", "ada")).ThenRefused(errNotLent)
	daybooktest.GivenLog(t, lendingCodec, Bought{"1984"}, Borrowed{"emma", "ada"}, Borrowed{"1984", "bob"}, Returned{"1984", "bob"}).
		When(borrow("1984", "ada")).Then(decider.Entry{Fact: Borrowed{"1984", "ada"}, Tags: []string{"book:1984", "reader:ada"}})
	daybooktest.GivenLog(t, lendingCodec).When(giveBack("1984", "ada")).ThenNothing()
}

func TestLoadGivesTheStateAsOfAMoment(t *testing.T) {
	ctx := t.Context()
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store := memstore.New()
	store.Now = func() time.Time { return clock }
	for thing := 1; thing <= 3; thing++ {
		clock = clock.AddDate(0, 0, 1)
		must(Boxes.Decide(ctx, store, "1", put(thing)))(t)
	}
	for name, test := range map[string]struct {
		span    daybook.Span
		things  int
		version daybook.Version
	}{
		"now":           {daybook.Span{}, 3, 3},
		"at a version":  {daybook.Span{BeforeVersion: 3}, 2, 2},
		"known at":      {daybook.Span{KnownAt: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}, 1, 1},
		"at a position": {daybook.Span{Before: 1}, 0, 0},
	} {
		loaded := must(Boxes.Load(ctx, store, "1", test.span))(t)
		if len(loaded.State.Things) != test.things || loaded.Version != test.version {
			t.Errorf("%s: the box has %d things at version %d, want %d and %d", name, len(loaded.State.Things), loaded.Version, test.things, test.version)
		}
	}
	for _, span := range []daybook.Span{{After: 1}, {AfterVersion: 1}, {Backward: true}} {
		_, err := Boxes.Load(ctx, store, "1", span)
		as[*daybook.InvalidError](t, err)
	}
}

func TestFoldTakesAnyEventsOfTheStream(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	for thing := range 3 {
		must(Boxes.Decide(ctx, store, "1", put(thing)))(t)
	}
	reading := must(store.Read(ctx, daybook.Stream("box-1"), daybook.Span{}))(t)
	box := must(Boxes.Fold(func(yield func(daybook.Recorded, error) bool) {
		for e, err := range reading.Events() {
			if e.Position != 2 && !yield(e, err) {
				return
			}
		}
	}))(t)
	if box.Puts != 2 {
		t.Errorf("the box saw %d puts, want 2", box.Puts)
	}
	box, err := Boxes.Fold(func(yield func(daybook.Recorded, error) bool) {
		_ = yield(all(t, store)[0], nil) && yield(daybook.Recorded{}, daybook.ErrClosed)
	})
	if err != daybook.ErrClosed || box.Puts != 0 {
		t.Errorf("the fold of a broken reading is %+v, %v", box, err)
	}
}

func TestMistakesAreFoundWhenTheProgramStarts(t *testing.T) {
	type state struct{}
	on := func(name string) decider.Fact[state] { return decider.On(name, func(*state, Put) {}) }
	for name, mistake := range map[string]func(){
		"a category with a dash":    func() { decider.For("my-box", on("ThingPut")) },
		"a category without a name": func() { decider.For("", on("ThingPut")) },
		"a category of the system":  func() { decider.For("$box", on("ThingPut")) },
		"a type of the system":      func() { decider.For("box", on("$ThingPut")) },
		"a name twice":              func() { decider.For("box", on("A"), decider.On("A", func(*state, Took) {})) },
		"a fact twice":              func() { decider.For("box", on("A"), on("B")) },
		"an upcast to nowhere":      func() { decider.For("box", on("A")).Upcast(daybook.Was("B", func(Put) Took { return Took{} })) },
		"a boundary's fact twice": func() {
			decider.Over("b", lendingCodec, decider.Apply(func(*state, Remark) {}), decider.Apply(func(*state, Remark) {}))
		},
		"a boundary's fact of no kind":  func() { decider.Over("b", lendingCodec, decider.Apply(func(*state, Put) {})) },
		"a state that attempts share":   func() { decider.For("box", decider.On("A", func(**state, Put) {})) },
		"a state that is an interface":  func() { decider.Over("b", lendingCodec, decider.Apply(func(*any, Remark) {})) },
		"a fact that is not plain data": func() { decider.For("box", decider.On("A", func(*state, *Put) {})) },
	} {
		func() {
			defer func() {
				if said := recover(); said == nil {
					t.Errorf("%s is not found", name)
				}
			}()
			mistake()
		}()
	}
}

func TestCodecsOfDecidersJoin(t *testing.T) {
	joined := daybook.Join(Boxes.Codec(), Lendings.Codec())
	if got := daybook.NamesOf[Put](joined); !slices.Equal(got, []string{"ThingPut"}) {
		t.Errorf("the joined codec calls Put %v", got)
	}
}

func TestSeveralTagFunctionsAddUp(t *testing.T) {
	tag := func(name string) func(Put) []string {
		return func(e Put) []string { return []string{fmt.Sprintf("%s:%d", name, e.Thing)} }
	}
	boxes := decider.For("box", decider.On("ThingPut", func(*Box, Put) {}, tag("thing"), tag("put")))
	event := must(boxes.Codec().Event(Put{7}))(t)
	if !slices.Equal(event.Tags, []string{"thing:7", "put:7"}) || !json.Valid(event.Data) {
		t.Errorf("the event is %+v", event)
	}
}
