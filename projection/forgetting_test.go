package projection_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// account records facts in a stream, each in an append of its own.
func account(t *testing.T, store daybook.Store, stream string, facts ...any) (receipt daybook.Receipt) {
	t.Helper()
	for _, fact := range facts {
		event, err := codec.Event(fact)
		if err == nil {
			event.Stream = stream
			receipt, err = store.Append(t.Context(), []daybook.Event{event}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return receipt
}

func forget(t *testing.T, store daybook.Store, e daybook.Event) daybook.Receipt {
	t.Helper()
	receipt, err := store.Append(t.Context(), []daybook.Event{e}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

func catchUp(t *testing.T, store daybook.Store, view projection.View) *projection.Runner {
	t.Helper()
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return runner
}

func TestAViewKeepsWhatItWasToldAndIsNotToldWhatIsForgotten(t *testing.T) {
	store, early, late := memstore.New(), newLedger(), newLedger()
	account(t, store, "account-1", Earned{1}, Earned{2})
	catchUp(t, store, early)
	account(t, store, "account-1", Earned{4})
	deleted := forget(t, store, daybook.Deleted("account-1"))
	last := account(t, store, "account-1", Earned{8})

	runner := catchUp(t, store, early)
	shows(t, early, 11, []daybook.Position{1, 2, 5}, 5)
	for _, token := range []daybook.Point{last.Point, deleted.Point, last.At(3)} {
		if err := runner.Wait(t.Context(), token); err != nil {
			t.Errorf("waiting for position %d: %v", token.Position, err)
		}
	}
	if status, err := runner.Status(t.Context()); err != nil || status.Lag != 0 {
		t.Errorf("status %+v (%v), want no lag", status, err)
	}
	catchUp(t, store, late)
	shows(t, late, 8, []daybook.Position{5}, 5)
}

func TestAWaitForWhatIsForgottenEnds(t *testing.T) {
	store, view := memstore.New(), newLedger()
	receipt := account(t, store, "account-1", Earned{1})
	forget(t, store, daybook.Tombstoned("account-1"))
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	if err := runner.Wait(t.Context(), receipt.Point); err != nil { // nobody runs it
		t.Errorf("a view that will never be told of an event is waited for: %v", err)
	}
}

// A checkpoint carries the id of the last event applied. What is left of that event,
// hidden or a stub, is enough to go on from there.
func TestAViewGoesOnFromAnEventThatIsForgotten(t *testing.T) {
	for _, scavenge := range []bool{false, true} {
		for _, restore := range []bool{false, true} {
			store, view := memstore.New(), newLedger()
			account(t, store, "account-1", Earned{1}, Earned{2})
			catchUp(t, store, view)
			forget(t, store, daybook.Deleted("account-1"))
			if scavenge {
				if err := store.Scavenge(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			log := daybook.Store(store)
			if restore {
				log = restoreWhole(t, store)
			}
			account(t, log, "account-2", Earned{4})
			catchUp(t, log, view)
			shows(t, view, 7, []daybook.Position{1, 2, 4}, 4)
		}
	}
}

// restoreWhole returns the log, all of it, in another incarnation.
func restoreWhole(t *testing.T, from daybook.Store) restored {
	t.Helper()
	store := memstore.New()
	point, err := daybook.Copy(t.Context(), store, from)
	if err != nil {
		t.Fatal(err)
	}
	point.Incarnation = uuid.New()
	return restored{store, point}
}

// A scavenging store scavenges what a reading is about to show, once: the stream of the
// third event.
type scavenging struct {
	*memstore.Store
	done bool
}

func (s *scavenging) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		for e, err := range reading.Events() {
			if e.Position == 3 && !s.done {
				e, s.done = e.AsStub(), true
			}
			if !yield(e, err) {
				return
			}
		}
	}), err
}

func TestWhatIsScavengedWhileItIsReadIsNotApplied(t *testing.T) {
	for _, batch := range []int{1, 2, 100} {
		store, view := &scavenging{Store: memstore.New()}, newLedger()
		account(t, store, "account-1", Earned{1}, Earned{2}, Earned{4})
		account(t, store, "account-2", Earned{8})
		if err := projection.NewRunner(store, view, quiet(projection.Options{BatchEvents: batch})).CatchUp(t.Context()); err != nil {
			t.Fatalf("batches of %d: %v", batch, err)
		}
		shows(t, view, 11, []daybook.Position{1, 2, 4}, 4)
	}
}

// byID is a view that asks for events by their ids.
type byID struct {
	*memview.View[ledger]
	ids []uuid.UUID
}

func (v byID) Query() daybook.Query { return daybook.Query{{IDs: v.ids}} }

func TestAViewThatAsksByIdIsNotToldWhatIsForgotten(t *testing.T) {
	store, early, late := memstore.New(), newLedger(), newLedger()
	account(t, store, "account-1", Earned{1})
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	ids := []uuid.UUID{events[0].ID}
	catchUp(t, store, byID{early, ids})
	shows(t, early, 1, upTo(1), 1)
	forget(t, store, daybook.Deleted("account-1"))
	catchUp(t, store, byID{late, ids})
	shows(t, late, 0, nil, 2)
}
