package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A fate decides at which call a program dies: before the n-th call of its store or its
// providers has its effect, or after. A program that is dead gets nothing done any more.
type fate struct {
	n     int
	after bool
	die   func()

	mu    sync.Mutex
	calls int
	dead  bool
}

var errDead = errors.New("the program is dead")

// begin counts a call, and reports whether it is to have its effect, and whether the
// program hears of that.
func (f *fate) begin() (effect, heard bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return false, false
	}
	if f.calls++; f.calls < f.n {
		return true, true
	}
	f.dead = true
	f.die()
	return f.after, false
}

func (f *fate) isDead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// A mortal store is that of a program that dies.
type mortal struct {
	daybook.Store
	fate *fate
}

func (m mortal) Append(ctx context.Context, events []daybook.Event, c daybook.Condition) (daybook.Receipt, error) {
	effect, heard := m.fate.begin()
	if !effect {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: errDead}
	}
	// What is handed over is recorded, whatever becomes of the program.
	receipt, err := m.Store.Append(context.WithoutCancel(ctx), events, c)
	if !heard {
		ids := make([]uuid.UUID, len(events))
		for n, e := range events {
			ids[n] = e.ID
		}
		return daybook.Receipt{}, &daybook.UnknownError{IDs: ids, Err: errDead}
	}
	return receipt, err
}

func (m mortal) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if _, heard := m.fate.begin(); !heard {
		return daybook.Reading{}, &daybook.UnavailableError{Doing: "read", Err: errDead}
	}
	return m.Store.Read(ctx, q, span)
}

func (m mortal) Info(ctx context.Context) (daybook.Info, error) {
	if m.fate.isDead() {
		return daybook.Info{}, &daybook.UnavailableError{Doing: "info", Err: errDead}
	}
	return m.Store.Info(ctx)
}

// An ending is what must have happened, however often the program died meanwhile.
type ending struct {
	name    string
	failing string   // the effect whose provider says no
	beside  []string // of the diary: in any place
	diary   []string
	effects map[string]int // calls under different keys
	events  map[string]int // of the domain, by type
}

var endings = []ending{
	{
		name:    "sent off",
		diary:   []string{"placed tea in version 1", "reserved", "charged: receipt for 1", "shipped: parcel for 1", "sent off, refused: false"},
		effects: map[string]int{"charge": 1, "ship": 1},
		events:  map[string]int{"OrderPlaced": 1, "GoodsReserved": 1, "OrderSentOff": 1},
	},
	{
		name:    "undone",
		failing: "ship",
		beside:  []string{"failed: not shipped"},
		diary:   []string{"placed tea in version 1", "reserved", "charged: receipt for 1", "not shipped: the card was declined", "refunded receipt for 1", "released"},
		effects: map[string]int{"charge": 1, "refund": 1},
		events:  map[string]int{"OrderPlaced": 1, "GoodsReserved": 1, "GoodsReleased": 1, "OrderFailed": 1},
	},
}

// check fails the test unless everything ended so.
func (e ending) check(t *testing.T, what string, store daybook.Store, w *world) {
	t.Helper()
	seen := diary(t, store, fulfilment(w), "1")
	for _, beside := range e.beside {
		if !slices.Contains(seen, beside) {
			t.Errorf("%s: %q is not in %q", what, beside, seen)
		}
	}
	seen = slices.DeleteFunc(seen, func(line string) bool { return slices.Contains(e.beside, line) })
	if diff := cmp.Diff(e.diary, seen); diff != "" {
		t.Errorf("%s: the instance saw something else (-expected +seen):\n%s", what, diff)
	}
	for _, effect := range []string{"charge", "ship", "refund"} {
		if _, once := w.count(effect); once != e.effects[effect] {
			t.Errorf("%s: %d times %s, want %d", what, once, effect, e.effects[effect])
		}
	}
	counts := make(map[string]int)
	reading, err := store.Read(t.Context(), daybook.Query{{Categories: []string{"order", "shelf"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for event, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		counts[event.Type]++
	}
	if diff := cmp.Diff(e.events, counts); diff != "" {
		t.Errorf("%s: other things happened (-expected +happened):\n%s", what, diff)
	}
}

// live runs the program until it dies or nothing is left to do, and reports whether it
// died.
func live(t *testing.T, store daybook.Store, w *world, e ending, f *fate) bool {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	f.die = stop
	w.fault = func(effect, _ string, after bool) error {
		if after {
			if f.isDead() {
				return errDead
			}
			return nil
		}
		effected, _ := f.begin()
		if !effected {
			return errDead
		}
		if effect == e.failing {
			return process.Permanent(errDeclined)
		}
		return nil
	}
	mine := mortal{store, f}
	r := process.NewRunner(mine, command.NewBus(mine, handlers(), nil), []process.Definition{fulfilment(w)}, quick())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	err := r.Settle(ctx)
	if err != nil && !f.isDead() {
		t.Fatalf("settle: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatalf("run: %v", err)
	}
	return err != nil
}

func TestAProgramThatDiesAtAnyCallEndsInTheSameState(t *testing.T) {
	for _, e := range endings {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after the effect: %v", e.name, after), func(t *testing.T) {
				for n := 1; ; n++ {
					store, w := memstore.New(), newWorld()
					place(t, store, "1", "tea")
					died := live(t, store, w, e, &fate{n: n, after: after})
					if died {
						live(t, store, w, e, &fate{n: 1 << 40})
					}
					e.check(t, fmt.Sprintf("killed at call %d", n), store, w)
					if t.Failed() || !died {
						t.Logf("%d calls", n-1)
						return
					}
				}
			})
		}
	}
}
