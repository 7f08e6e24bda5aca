package projection_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// A restored store holds what its log held at an earlier moment, and what was
// recorded since: the same log in another incarnation.
type restored struct {
	*memstore.Store
	life daybook.Point
}

// restore returns the log as it was at a position.
func restore(t *testing.T, from daybook.Store, to daybook.Position) restored {
	t.Helper()
	reading, err := from.Read(t.Context(), daybook.All(), daybook.Span{Before: to + 1})
	if err != nil {
		t.Fatal(err)
	}
	life := reading.Snapshot()
	life.Incarnation = uuid.New()
	store := restored{memstore.New(), life}
	for e, err := range reading.Events() {
		if err == nil {
			_, err = store.Append(t.Context(), []daybook.Event{e.Event}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func (s restored) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	receipt, err := s.Store.Append(ctx, events, cond)
	receipt.Point = s.life.At(receipt.Position)
	return receipt, err
}

func (s restored) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, s.life.At(reading.Snapshot().Position), reading.Events()), err
}

func (s restored) Info(ctx context.Context) (daybook.Info, error) {
	info, err := s.Store.Info(ctx)
	info.Head = s.life.At(info.Head.Position)
	return info, err
}

// built returns a log of four events, the last of them a note, and a view that has
// come to its head.
func built(t *testing.T) (daybook.Store, *memview.View[ledger]) {
	store, view := memstore.New(), newLedger()
	record(t, store, Earned{1}, Earned{2}, Earned{4}, Noted{"last"})
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, view, 7, upTo(3), 4)
	return store, view
}

func TestAViewIsTakenOverIntoARestoredLogThatHasItsEvents(t *testing.T) {
	for _, to := range []daybook.Position{3, 4} {
		store, view := built(t)
		now := restore(t, store, to)
		// The note is not where it was any more: what is there now is to be applied.
		receipt := record(t, now, Earned{8}, Earned{16})
		runner := projection.NewRunner(now, view, quiet(projection.Options{}))
		if status, err := runner.Status(t.Context()); err != nil || status.Lag != uint64(receipt.Position) {
			t.Errorf("restored to %d: status %+v, %v; want all of the log to be in doubt", to, status, err)
		}
		if err := runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		shows(t, view, 31, append(upTo(3), to+1, to+2), to+2)
		if err := runner.Wait(t.Context(), receipt.Point); err != nil {
			t.Error(err)
		}
		if checkpoint, _ := view.Stand(t.Context(), 0); checkpoint.Point != receipt.Point {
			t.Errorf("checkpoint %v; want %v", checkpoint.Point, receipt.Point)
		}
	}
}

func TestAViewThatHasAppliedNothingIsTakenOver(t *testing.T) {
	store, view := memstore.New(), newLedger()
	record(t, store, Noted{"first"}, Noted{"second"})
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := restore(t, store, 1)
	record(t, now, Earned{8})
	if err := projection.NewRunner(now, view, quiet(projection.Options{})).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, view, 8, []daybook.Position{2}, 2)
}

func TestAViewOfEventsThatTheRestoredLogLacksIsRefused(t *testing.T) {
	store, view := built(t)
	now := restore(t, store, 2)
	record(t, now, Earned{100}, Earned{100}, Earned{100})
	runner := projection.NewRunner(now, view, quiet(projection.Options{}))
	err := runner.Run(t.Context())
	var diverged *projection.DivergedError
	var foreign *daybook.LifeError
	if !errors.As(err, &diverged) || !errors.As(err, &foreign) {
		t.Fatalf("Run: %v; want a DivergedError that is a LifeError", err)
	}
	if diverged.Checkpoint.Applied != 3 || diverged.Log.Incarnation != now.life.Incarnation || diverged.Name != "ledger" {
		t.Errorf("diverged %+v; want it to name the view, position 3 and the new incarnation", diverged)
	}
	if !strings.Contains(err.Error(), diverged.Checkpoint.EventID.String()+" at position 3, is not in the restored log; build it again") {
		t.Errorf("the error %q does not say which event is missing and what to do", err)
	}
	if status, err := runner.Status(t.Context()); err != nil || status.Stuck == nil || !errors.As(status.Stuck.Err, &diverged) {
		t.Errorf("status %+v, %v; want it to say that the view has diverged", status, err)
	}
	shows(t, view, 7, upTo(3), 4) // untouched
}

func TestAViewOfAnotherLogIsRefused(t *testing.T) {
	store, view := built(t)
	other := memstore.New()
	earn(t, other, 9)
	same := restore(t, store, 4) // the very events, but a log of its own
	same.life.Log = uuid.New()
	for what, log := range map[string]daybook.Store{"other": other, "copied": same} {
		err := projection.NewRunner(log, view, nil).CatchUp(t.Context())
		var diverged *projection.DivergedError
		if !errors.As(err, &diverged) || !strings.Contains(err.Error(), "another log") {
			t.Errorf("caught up with the %s log: %v; want a DivergedError that says it is another log", what, err)
		}
		shows(t, view, 7, upTo(3), 4)
	}
}

// A log whose files were put back from a copy does not know that it was restored. Once it
// has grown past the view, only the view's last event tells.
func TestAViewOfALogPutBackFromACopyIsRefused(t *testing.T) {
	store, view := built(t)
	reading, err := store.Read(t.Context(), nil, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	now := restore(t, store, 2)
	now.life = reading.Snapshot()
	record(t, now, Earned{100}, Earned{100}, Earned{100}, Earned{100})
	var diverged *projection.DivergedError
	runner := projection.NewRunner(now, view, quiet(projection.Options{}))
	if err := runner.Run(t.Context()); !errors.As(err, &diverged) || !strings.Contains(err.Error(), "put back from a copy") {
		t.Errorf("ran on a log put back from a copy: %v; want a DivergedError that says so", err)
	}
	if err := runner.Wait(t.Context(), now.life.At(3)); !errors.As(err, &diverged) {
		t.Errorf("waited for an event that the view is past by number alone: %v; want a DivergedError", err)
	}
	shows(t, view, 7, upTo(3), 4) // untouched
}

// A store that is behind the view, such as a replica that has just begun, is waited
// for.
func TestAViewAheadOfItsStoreIsNotMoved(t *testing.T) {
	store, view := built(t)
	behind := restore(t, store, 2)
	reading, err := store.Read(t.Context(), nil, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	behind.life = reading.Snapshot() // not restored: merely late
	runner := projection.NewRunner(behind, view, nil)
	var early *daybook.InvalidError
	if err := runner.CatchUp(t.Context()); !errors.As(err, &early) || !strings.Contains(err.Error(), "after the head") {
		t.Errorf("caught up with a store that is behind the view: %v", err)
	}
	whole, err := store.Read(t.Context(), daybook.All(), daybook.Span{After: 2})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range whole.Events() {
		if err == nil {
			_, err = behind.Append(t.Context(), []daybook.Event{e.Event}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	record(t, behind, Earned{8})
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, view, 15, []daybook.Position{1, 2, 3, 5}, 5)
}

// Each part has a last event of its own to be found in the log.
func TestEveryPartOfAViewIsProved(t *testing.T) {
	store, _ := shelved(t, "a", "b", "c", "d", "e", "f")
	reading, err := store.Read(t.Context(), nil, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range []int{1, 2, 5} {
		view := newShelf(parts)
		catchUp(t, store, view)
		now := restore(t, store, 5) // all but the last event, under the same incarnation
		now.life = reading.Snapshot()
		for range 3 {
			put(t, now, "g")
		}
		var diverged *projection.DivergedError
		for range 10 { // whichever part comes first
			if err := projection.NewRunner(now, view, nil).CatchUp(t.Context()); !errors.As(err, &diverged) || diverged.Checkpoint.Applied != 6 {
				t.Fatalf("%d parts: caught up with a log that lacks the last event: %v", parts, err)
			}
		}
	}
}

// While one part of a view is in the restored log and another is not yet, nobody is told
// that the view shows what only the first does.
func TestAWaitInARestoredLogWaitsForEveryPart(t *testing.T) {
	store, view := memstore.New(), newShelf(2)
	var keys [2]string // a key of each part
	for n := range 20 {
		put(t, store, key(n))
	}
	catchUp(t, store, view)
	for part := range keys {
		stand, _ := view.Stand(t.Context(), part)
		keys[part] = key(int(stand.Applied) - 1)
	}
	store, view = memstore.New(), newShelf(2)
	put(t, store, keys[0])
	put(t, store, keys[1])
	record(t, store, Noted{"nothing"}, Noted{"to"}, Noted{"see"})
	catchUp(t, store, view)
	now := restore(t, store, 2)
	last := put(t, now, keys[1])
	held := &half{shelf: view, part: 1}
	if err := projection.NewRunner(now, held, quiet(projection.Options{})).CatchUp(t.Context()); err == nil {
		t.Fatal("the second part was moved")
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	runner := projection.NewRunner(now, view, quiet(projection.Options{}))
	if err := runner.Wait(ctx, last.Point); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waited for what the second part is to show: %v", err)
	}
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runner.Wait(t.Context(), last.Point); err != nil {
		t.Error(err)
	}
}

// half is a shelf of which one part cannot be moved just now.
type half struct {
	*shelf
	part int
}

func (h *half) Apply(ctx context.Context, c projection.Change) error {
	if c.Part == h.part {
		time.Sleep(50 * time.Millisecond) // the other part goes first
		return errors.New("the disk is away")
	}
	return h.shelf.Apply(ctx, c)
}
