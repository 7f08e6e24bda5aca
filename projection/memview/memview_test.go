package memview_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	Stocked struct {
		Item  string
		Count int
	}
	Sold struct {
		Item  string
		Count int
	}
)

var codec = daybook.NewCodec(daybook.KindOf[Stocked]("Stocked", nil), daybook.KindOf[Sold]("Sold", nil))

// A Stock says how much there is of what, and what was ever sold.
type Stock struct {
	Left map[string]int
	Sold int
}

func newStock(name string, version int, codec *daybook.Codec) *memview.View[Stock] {
	return memview.New(name, version, codec, func() Stock { return Stock{Left: make(map[string]int)} },
		memview.On(func(s *Stock, e Stocked, _ daybook.Recorded) { s.Left[e.Item] += e.Count }),
		memview.On(func(s *Stock, e Sold, _ daybook.Recorded) {
			s.Left[e.Item] -= e.Count
			s.Sold += e.Count
		}),
	)
}

// wants fails the test unless the view shows this at this position.
func wants(t *testing.T, view *memview.View[Stock], left map[string]int, sold int, at daybook.Position) {
	t.Helper()
	view.Read(func(s Stock, c projection.Checkpoint) {
		t.Helper()
		if !maps.Equal(s.Left, left) || s.Sold != sold || c.Position != at {
			t.Errorf("the view shows %v left and %d sold at %d; want %v, %d and %d", s.Left, s.Sold, c.Position, left, sold, at)
		}
	})
}

func record(t *testing.T, store daybook.Store, facts ...any) {
	t.Helper()
	events := make([]daybook.Event, len(facts))
	for i, fact := range facts {
		var err error
		if events[i], err = codec.Event(fact); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Append(t.Context(), events, nil); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t *testing.T, store daybook.Store, view projection.View) {
	t.Helper()
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A counting store counts the events that were read from it.
type counting struct {
	daybook.Store
	read int
}

func (c *counting) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := c.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		for e, err := range reading.Events() {
			c.read++
			if !yield(e, err) {
				return
			}
		}
	}), err
}

func TestAViewShowsWhatHandlersMakeOfEvents(t *testing.T) {
	store, view := memstore.New(), newStock("stock", 1, codec)
	wants(t, view, map[string]int{}, 0, 0)
	record(t, store, Stocked{"pen", 5}, Stocked{"ink", 3}, Sold{"pen", 2})
	catchUp(t, store, view)
	wants(t, view, map[string]int{"pen": 3, "ink": 3}, 2, 3)
	if view.Name() != "stock" || view.Version() != 1 {
		t.Errorf("the view is %s version %d", view.Name(), view.Version())
	}
}

func TestAViewThatIsNotWhereItWasReadIsNotChanged(t *testing.T) {
	store, view := memstore.New(), newStock("stock", 1, codec)
	record(t, store, Stocked{"pen", 5})
	catchUp(t, store, view)
	event, err := codec.Event(Stocked{"pen", 100})
	if err != nil {
		t.Fatal(err)
	}
	next := projection.Checkpoint{Point: daybook.Point{Position: 2}}
	err = view.Apply(t.Context(), projection.Change{Events: []daybook.Recorded{{Event: event, Position: 2}}, To: next})
	if !errors.Is(err, projection.ErrMoved) {
		t.Errorf("applied from a checkpoint that is past: %v; want ErrMoved", err)
	}
	wants(t, view, map[string]int{"pen": 5}, 0, 1)
}

func TestABatchWithAnUnreadableEventChangesNothing(t *testing.T) {
	view := newStock("stock", 1, codec)
	event, err := codec.Event(Stocked{"pen", 100})
	if err != nil {
		t.Fatal(err)
	}
	batch := []daybook.Recorded{{Event: event, Position: 1}, {Event: daybook.Event{Type: "Stocked", Data: []byte("{")}, Position: 2}}
	err = view.Apply(t.Context(), projection.Change{Events: batch, To: projection.Checkpoint{Point: daybook.Point{Position: 2}}})
	var failed *projection.EventError
	if !errors.As(err, &failed) || failed.Event.Position != 2 {
		t.Errorf("applied: %v; want an EventError at position 2", err)
	}
	wants(t, view, map[string]int{}, 0, 0)
}

// What goes into the stock and out of it is in one append, so no reader may ever see
// anything in stock.
func TestReadersSeeABatchOrNothingOfIt(t *testing.T) {
	store, view := memstore.New(), newStock("stock", 1, codec)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				view.Read(func(s Stock, c projection.Checkpoint) {
					if s.Left["pen"] != 0 || 2*s.Sold != int(c.Position) {
						t.Errorf("at %d there are %d pens, and %d were sold", c.Position, s.Left["pen"], s.Sold)
					}
				})
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 500 {
		record(t, store, Stocked{"pen", 1}, Sold{"pen", 1})
		catchUp(t, store, view)
	}
	close(done)
	readers.Wait()
	wants(t, view, map[string]int{"pen": 0}, 500, 1000)
}

func TestARestartFromASnapshotReadsOnlyWhatCameLater(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stock.snapshot")
	store, view := memstore.New(), newStock("stock", 1, codec)
	record(t, store, Stocked{"pen", 5}, Stocked{"ink", 3}, Sold{"pen", 2})
	catchUp(t, store, view)
	if err := view.Save(file); err != nil {
		t.Fatal(err)
	}
	saved, _ := view.Stand(t.Context(), 0)
	record(t, store, Sold{"ink", 1})
	catchUp(t, store, view) // is lost with the process

	again := newStock("stock", 1, codec)
	if loaded, err := again.Load(file); !loaded || err != nil {
		t.Fatalf("loaded: %v, %v", loaded, err)
	}
	wants(t, again, map[string]int{"pen": 3, "ink": 3}, 2, 3)
	if at, _ := again.Stand(t.Context(), 0); at.Point != saved.Point || at.Applied != saved.Applied || at.EventID != saved.EventID {
		t.Errorf("loaded checkpoint %+v; saved was %+v", at, saved)
	}
	counted := &counting{Store: store}
	catchUp(t, counted, again)
	wants(t, again, map[string]int{"pen": 3, "ink": 2}, 3, 4)
	if counted.read != 2 {
		t.Errorf("%d events were read; want 2: the one that the snapshot ends with, which tells that it is of this log, and the one after it", counted.read)
	}

	// A later snapshot takes the place of the earlier one, and leaves nothing beside it.
	if err := again.Save(file); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(files) != 1 {
		t.Errorf("beside the snapshot there is more: %v, %v", files, err)
	}
	third := newStock("stock", 1, codec)
	if loaded, err := third.Load(file); !loaded || err != nil {
		t.Fatalf("loaded: %v, %v", loaded, err)
	}
	wants(t, third, map[string]int{"pen": 3, "ink": 2}, 3, 4)
}

func TestASnapshotOfSomethingElseIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stock.snapshot")
	if loaded, err := newStock("stock", 1, codec).Load(file); loaded || err != nil {
		t.Errorf("loaded what is not there: %v, %v", loaded, err)
	}
	store, view := memstore.New(), newStock("stock", 1, codec)
	record(t, store, Stocked{"pen", 5})
	catchUp(t, store, view)
	if err := view.Save(file); err != nil {
		t.Fatal(err)
	}
	type Lost struct{ Item string }
	wider := daybook.Join(codec, daybook.NewCodec(daybook.KindOf[Lost]("Lost", nil)))
	for what, other := range map[string]*memview.View[Stock]{
		"another name":    newStock("stocks", 1, codec),
		"another version": newStock("stock", 2, codec),
		"another codec":   newStock("stock", 1, wider),
	} {
		if loaded, err := other.Load(file); loaded || err != nil {
			t.Errorf("loaded a snapshot of %s: %v, %v", what, loaded, err)
		}
		wants(t, other, map[string]int{}, 0, 0)
	}
}

func TestADamagedSnapshotIsFound(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "stock.snapshot")
	store, view := memstore.New(), newStock("stock", 1, codec)
	record(t, store, Stocked{"pen", 5}, Sold{"pen", 1})
	catchUp(t, store, view)
	if err := view.Save(file); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{"empty": nil}
	for n := 1; n < len(sound); n++ {
		cases[fmt.Sprint("cut after ", n)] = sound[:n]
	}
	for i := range sound {
		flipped := bytes.Clone(sound)
		flipped[i] ^= 1 << (i % 8)
		cases[fmt.Sprint("a bit of byte ", i)] = flipped
	}
	for what, content := range cases {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		other := newStock("stock", 1, codec)
		if loaded, err := other.Load(file); loaded || err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: loaded %v, %v; want an error that says it is damaged", what, loaded, err)
		}
		wants(t, other, map[string]int{}, 0, 0)
	}
}

func TestASnapshotOfAnotherShapeIsNotTaken(t *testing.T) {
	type Renamed struct {
		Rest map[string]int
		Sold int
	}
	file := filepath.Join(t.TempDir(), "stock.snapshot")
	if err := newStock("stock", 1, codec).Save(file); err != nil {
		t.Fatal(err)
	}
	other := memview.New("stock", 1, codec, func() Renamed { return Renamed{} },
		memview.On(func(*Renamed, Sold, daybook.Recorded) {}))
	if loaded, err := other.Load(file); loaded || err == nil || !strings.Contains(err.Error(), "raise the version") {
		t.Errorf("loaded a model of another shape: %v, %v", loaded, err)
	}
}

func TestASnapshotIsNotLoadedOverAViewInUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stock.snapshot")
	store, view := memstore.New(), newStock("stock", 1, codec)
	if err := view.Save(file); err != nil {
		t.Fatal(err)
	}
	record(t, store, Stocked{"pen", 5})
	catchUp(t, store, view)
	if loaded, err := view.Load(file); loaded || err == nil {
		t.Errorf("loaded over a view at position 1: %v, %v", loaded, err)
	}
	wants(t, view, map[string]int{"pen": 5}, 0, 1)
}

func TestASnapshotThatCannotBeWrittenLeavesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	if err := newStock("stock", 1, codec).Save(filepath.Join(dir, "missing", "stock.snapshot")); err == nil {
		t.Error("saved in a directory that is not there")
	}
	unwritable := memview.New("channel", 1, codec, func() map[string]chan int { return map[string]chan int{"a": nil} },
		memview.On(func(*map[string]chan int, Sold, daybook.Recorded) {}))
	file := filepath.Join(dir, "channel.snapshot")
	if err := unwritable.Save(file); err == nil || !strings.Contains(err.Error(), "channel") {
		t.Errorf("saved a model that is no JSON: %v", err)
	}
	// A directory cannot be replaced by a file.
	if err := os.MkdirAll(filepath.Join(dir, "taken", "by"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := newStock("stock", 1, codec).Save(filepath.Join(dir, "taken")); err == nil {
		t.Error("saved in place of a directory")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := newStock("stock", 1, codec).Load(filepath.Join(dir, "taken")); err == nil {
		t.Error("loaded a directory")
	}
}

// A program may go on after a handler panicked, such as an HTTP server does. What the
// handler left is not to be built upon.
func TestAViewWhoseHandlerPanickedIsOfNoUse(t *testing.T) {
	store := memstore.New()
	view := memview.New("stock", 1, codec, func() int { return 0 },
		memview.On(func(left *int, e Stocked, _ daybook.Recorded) {
			*left += e.Count
			if e.Item == "bomb" {
				panic("boom")
			}
		}))
	record(t, store, Stocked{"pen", 5}, Stocked{"bomb", 1})
	runner := projection.NewRunner(store, view, nil)
	func() {
		defer func() {
			if said := recover(); said != "boom" {
				t.Errorf("recovered %v; want the handler's panic", said)
			}
		}()
		t.Errorf("caught up: %v", runner.CatchUp(t.Context()))
	}()
	if err := runner.CatchUp(t.Context()); err == nil || !strings.Contains(err.Error(), "half changed") {
		t.Errorf("caught up after a panic: %v", err)
	}
	file := filepath.Join(t.TempDir(), "stock.snapshot")
	if err := view.Save(file); err == nil || !strings.Contains(err.Error(), "half changed") {
		t.Errorf("saved after a panic: %v", err)
	}
	if loaded, err := view.Load(file); loaded || err != nil {
		t.Errorf("there is a snapshot: %v, %v", loaded, err)
	}
}
