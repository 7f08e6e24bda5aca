package decider_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
)

// watched is a store and a cache that remember what was read and what was kept.
type watched struct {
	daybook.Store
	*decider.Cache
	mu    sync.Mutex
	spans []daybook.Span
	keys  []string
}

func watch() *watched { return &watched{Store: memstore.New(), Cache: decider.NewCache(100)} }

func (w *watched) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	w.mu.Lock()
	w.spans = append(w.spans, span)
	w.mu.Unlock()
	return w.Store.Read(ctx, q, span)
}

func (w *watched) Save(ctx context.Context, key string, s decider.Snapshot) {
	w.keys = append(w.keys, key)
	w.Cache.Save(ctx, key, s)
}

// from returns the position after which the last reading began.
func (w *watched) from() daybook.Position { return w.spans[len(w.spans)-1].After }

func swap(thing int) decider.Decision[Box] {
	return func(b Box) ([]any, error) {
		if b.Things[thing] {
			return []any{Took{thing}}, nil
		}
		return []any{Put{thing}}, nil
	}
}

func TestASnapshotIsKeptWheneverEnoughWasFolded(t *testing.T) {
	ctx, w := t.Context(), watch()
	var from []daybook.Position
	for i := range 9 {
		must(Boxes.Decide(ctx, w, "1", swap(i%2), decider.WithSnapshots(w, 3)))(t)
		from = append(from, w.from())
	}
	if want := []daybook.Position{0, 0, 0, 0, 3, 3, 3, 6, 6}; !slices.Equal(from, want) {
		t.Errorf("the readings began after %v, want %v", from, want)
	}
	if len(w.keys) != 2 || w.keys[0] != w.keys[1] {
		t.Errorf("snapshots were kept under %q", w.keys)
	}
}

func TestWithoutTheOptionThereIsNoSnapshot(t *testing.T) {
	ctx, w := t.Context(), watch()
	for i := range 3 {
		must(Boxes.Decide(ctx, w, "1", swap(i)))(t)
	}
	if w.from() != 0 || len(w.keys) != 0 {
		t.Errorf("the last reading began after %d, and %d snapshots were kept", w.from(), len(w.keys))
	}
}

func TestASnapshotOfAnythingElseIsIgnored(t *testing.T) {
	ctx, w := t.Context(), watch()
	for i := range 3 {
		must(Boxes.Decide(ctx, w, "1", swap(i), decider.WithSnapshots(w, 1)))(t)
	}
	for name, test := range map[string]struct {
		boxes *decider.Decider[Box]
		id    string
		want  daybook.Position
	}{
		"the same":         {Boxes.Revision(0), "1", 3},
		"another revision": {Boxes.Revision(1), "1", 0},
		"another codec":    {Boxes.Upcast(daybook.Was("PutIn", named)), "1", 0},
		"another stream":   {Boxes, "2", 0},
		"another category": {decider.For("carton", decider.On("ThingPut", func(*Box, Put) {})), "1", 0},
	} {
		must(test.boxes.Decide(ctx, w, test.id, func(Box) ([]any, error) { return nil, nil }, decider.WithSnapshots(w, 100)))(t)
		if w.from() != test.want && name != "the same" || name == "the same" && w.from() == 0 {
			t.Errorf("%s: the reading began after %d", name, w.from())
		}
	}

	type Box2 struct {
		Things map[int]bool
		Count  int
	}
	boxes := decider.For("box",
		decider.On("ThingPut", func(b *Box2, _ Put) { b.Count++ }),
		decider.On("ThingTaken", func(*Box2, Took) {}),
		decider.On[Box2, Note]("BoxNoted", nil),
	)
	must(boxes.Decide(ctx, w, "1", func(b Box2) ([]any, error) {
		if b.Count != 3 {
			t.Errorf("a state of another shape was restored: %+v", b)
		}
		return nil, nil
	}, decider.WithSnapshots(w, 100)))(t)
}

func TestASnapshotOfAnotherLifeOfTheLogIsIgnored(t *testing.T) {
	ctx, w := t.Context(), watch()
	for i := range 3 {
		must(Boxes.Decide(ctx, w, "1", swap(i), decider.WithSnapshots(w, 1)))(t)
	}
	saw := -1
	look := func(b Box) ([]any, error) { saw = b.Puts; return nil, nil }

	w.Store = memstore.New() // another log, which is shorter
	must(Boxes.Decide(ctx, w, "1", look, decider.WithSnapshots(w, 1)))(t)
	if saw != 0 {
		t.Errorf("in an empty log the box saw %d puts", saw)
	}
	for range 5 { // and now longer
		appendRaw(t, w.Store, daybook.Event{Stream: "box-1", Type: "BoxNoted", Data: []byte(`{}`)})
	}
	must(Boxes.Decide(ctx, w, "1", look, decider.WithSnapshots(w, 1)))(t)
	if saw != 0 {
		t.Errorf("in another log the box saw %d puts", saw)
	}
}

func TestASnapshotThatCannotBeReadIsIgnored(t *testing.T) {
	ctx, w := t.Context(), watch()
	for i := range 3 {
		must(Boxes.Decide(ctx, w, "1", swap(i), decider.WithSnapshots(w, 1)))(t)
	}
	info := must(w.Info(ctx))(t)
	for name, broken := range map[string]decider.Snapshot{
		"no JSON":     {At: info.Head, State: []byte(`{"Puts":1`)},
		"other JSON":  {At: info.Head, State: []byte(`{"Puts":"many"}`)},
		"nowhere":     {State: []byte(`{"Puts":99}`)},
		"a later log": {At: info.Head.At(info.Head.Position + 5), State: []byte(`{"Puts":99}`)},
		"another log": {At: daybook.Point{Log: uuid.New(), Incarnation: uuid.New(), Position: 1}, State: []byte(`{"Puts":99}`)},
	} {
		w.Cache.Save(ctx, w.keys[0], broken)
		must(Boxes.Decide(ctx, w, "1", func(b Box) ([]any, error) {
			if b.Puts != 3 {
				t.Errorf("%s: the box is %+v", name, b)
			}
			return nil, nil
		}, decider.WithSnapshots(w, 100)))(t)
	}
}

// A state with a field that JSON does not see would come back as another one.
func TestAStateThatDoesNotSurviveJSONIsNeverCached(t *testing.T) {
	type hidden struct{ puts int }
	type function struct{ F func() }
	ctx, w := t.Context(), watch()
	boxes := decider.For("box", decider.On("ThingPut", func(h *hidden, _ Put) { h.puts++ }))
	for i := range 3 {
		must(boxes.Decide(ctx, w, "1", func(h hidden) ([]any, error) {
			if h.puts != i {
				t.Errorf("after %d puts there are %d", i, h.puts)
			}
			return []any{Put{i}}, nil
		}, decider.WithSnapshots(w, 1)))(t)
	}
	functions := decider.For("fun", decider.On("ThingPut", func(f *function, _ Put) { f.F = func() {} }))
	for range 2 {
		must(functions.Decide(ctx, w, "1", func(function) ([]any, error) { return []any{Put{1}}, nil }, decider.WithSnapshots(w, 1)))(t)
	}
	if len(w.keys) != 0 {
		t.Errorf("snapshots were kept under %v", w.keys)
	}
}

func TestSnapshotsOfABoundaryBelongToItsQueryAndStart(t *testing.T) {
	ctx, w := t.Context(), watch()
	for range 4 {
		must(decider.Decide(ctx, w, buy("1984"), decider.WithSnapshots(w, 1)))(t)
	}
	if w.from() != 2 {
		t.Errorf("the last reading began after %d, want 2", w.from())
	}
	must(decider.Decide(ctx, w, borrow("1984", "ada"), decider.WithSnapshots(w, 1)))(t)
	if w.from() != 0 {
		t.Errorf("the reading for another reader began after %d, want 0", w.from())
	}
	// The same query, and another start.
	q, _ := about("1984", "nobody")
	must(decider.Decide(ctx, w, Lendings.Within(q, Lending{Book: "emma", Reader: "nobody"}, func(l Lending) ([]any, error) {
		if l.Left != 0 {
			t.Errorf("of emma there are %d copies", l.Left)
		}
		return nil, nil
	}), decider.WithSnapshots(w, 1)))(t)
	// A start that JSON cannot write has no snapshots.
	type start struct{ F func() }
	plain := decider.Over("functions", lendingCodec, decider.Apply(func(*start, Bought) {}))
	before := len(w.keys)
	must(decider.Decide(ctx, w, plain.Within(q, start{}, func(start) ([]any, error) { return nil, nil }), decider.WithSnapshots(w, 1)))(t)
	if len(w.keys) != before {
		t.Error("a snapshot was kept of a start that JSON cannot write")
	}
	// Nor has one that JSON cannot tell from another start.
	type secret struct{ book string }
	hidden := decider.Over("hidden", lendingCodec, decider.Apply(func(*secret, Bought) {}))
	for _, book := range []string{"", "1984", ""} {
		must(decider.Decide(ctx, w, hidden.Within(q, secret{book}, func(s secret) ([]any, error) {
			if s.book != book {
				t.Errorf("the start is %q, want %q", s.book, book)
			}
			return nil, nil
		}), decider.WithSnapshots(w, 1)))(t)
	}
	revised := Lendings.Revision(1)
	q, s := about("1984", "nobody")
	must(decider.Decide(ctx, w, revised.Within(q, s, func(Lending) ([]any, error) { return nil, nil }), decider.WithSnapshots(w, 1)))(t)
	if w.from() != 0 {
		t.Errorf("the reading of another revision began after %d, want 0", w.from())
	}
}

// Whatever the history, how often snapshots are taken and how few are kept: a
// decision sees with them what it sees without.
func TestSnapshotPlusTailEqualsTheWholeFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, store := context.Background(), memstore.New()
		cache := decider.NewCache(rapid.IntRange(1, 3).Draw(t, "size"))
		every := rapid.IntRange(0, 5).Draw(t, "every")
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "id"))
			thing := rapid.IntRange(0, 5).Draw(t, "thing")
			whole, err := Boxes.Load(ctx, store, id, daybook.Span{})
			if err != nil {
				t.Fatal(err)
			}
			var options []decider.Option
			if rapid.IntRange(0, 9).Draw(t, "luck") > 0 {
				options = append(options, decider.WithSnapshots(cache, every))
			}
			_, err = Boxes.Decide(ctx, store, id, func(b Box) ([]any, error) {
				if diff := cmp.Diff(whole.State, b); diff != "" {
					t.Fatalf("with snapshots the box is another one (-without +with):\n%s", diff)
				}
				return swap(thing)(b)
			}, options...)
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	daybooktest.Snapshots(t, Boxes, Put{1}, Put{2}, Took{1}, Note{"x"}, Put{3})
}

func TestACacheKeepsWhatWasUsedLast(t *testing.T) {
	ctx, c := t.Context(), decider.NewCache(2)
	at := func(n daybook.Position) decider.Snapshot { return decider.Snapshot{At: daybook.Point{Position: n}} }
	c.Save(ctx, "a", at(1))
	c.Save(ctx, "b", at(2))
	c.Load(ctx, "a")
	c.Save(ctx, "c", at(3))
	c.Save(ctx, "a", at(4))
	for key, want := range map[string]daybook.Position{"a": 4, "c": 3, "b": 0} {
		if s, ok := c.Load(ctx, key); s.At.Position != want || ok != (want > 0) {
			t.Errorf("under %s there is %d, %t, want %d", key, s.At.Position, ok, want)
		}
	}
	if c := decider.NewCache(0); true {
		c.Save(ctx, "a", at(1))
		if _, ok := c.Load(ctx, "a"); !ok {
			t.Error("the smallest cache keeps nothing")
		}
	}
}
