package process_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// whole returns every event of a store.
func whole(t testing.TB, store daybook.Store) []daybook.Recorded {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// restored returns a store that was restored from events of another one.
func restored(t testing.TB, events []daybook.Recorded) *memstore.Store {
	t.Helper()
	store := memstore.New()
	if err := store.Restore(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestALogRestoredToAnyMomentEndsInTheSameState(t *testing.T) {
	for _, e := range endings {
		t.Run(e.name, func(t *testing.T) {
			store, w := memstore.New(), newWorld()
			place(t, store, "1", "tea")
			live(t, store, w, e, &fate{n: 1 << 40})
			events := whole(t, store)
			for n := 1; n < len(events); n++ {
				if events[n].RecordedAt.Equal(events[n-1].RecordedAt) {
					continue // a moment is between two appends
				}
				// The providers remember what the log does not.
				earlier := restored(t, events[:n])
				live(t, earlier, w, e, &fate{n: 1 << 40})
				e.check(t, fmt.Sprintf("restored to position %d", n), earlier, w)
			}
		})
	}
}

// A replaced store is one store and then another, as when a log is restored under a
// program that runs.
type replaced struct {
	stores [2]daybook.Store
	now    atomic.Int32
}

func (r *replaced) store() daybook.Store { return r.stores[r.now.Load()] }

func (r *replaced) Append(ctx context.Context, events []daybook.Event, c daybook.Condition) (daybook.Receipt, error) {
	return r.store().Append(ctx, events, c)
}

func (r *replaced) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	return r.store().Read(ctx, q, span)
}

func (r *replaced) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return r.store().Wait(ctx, q, after)
}

func (r *replaced) Info(ctx context.Context) (daybook.Info, error) { return r.store().Info(ctx) }

func TestARunnerBeginsAgainWhenTheLogIsRestoredUnderIt(t *testing.T) {
	first, w := memstore.New(), newWorld()
	both := &replaced{stores: [2]daybook.Store{first}}
	r := process.NewRunner(both, command.NewBus(both, handlers(), nil), []process.Definition{fulfilment(w)}, quick())
	run(t, r)
	place(t, first, "1", "tea")
	settle(t, r)
	earlier := whole(t, first)[:4] // the order, its first input, and what that led to
	second := restored(t, earlier)
	both.stores[1] = second
	both.now.Store(1)
	place(t, second, "2", "coffee")
	settle(t, r)
	for _, order := range []string{"1", "2"} {
		if l, err := fulfilment(w).Load(t.Context(), second, order); err != nil || !l.Done {
			t.Errorf("order %s: %+v, %v", order, l, err)
		}
	}
	if s, err := r.Status(t.Context()); err != nil || s[0].Stuck != nil || s[0].Done != 2 {
		t.Errorf("the status is %+v, %v", s, err)
	}
	if _, once := w.count("charge"); once != 2 {
		t.Errorf("%d were charged, want 2", once)
	}
}
