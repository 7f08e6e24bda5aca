package projection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestEachPartIsGivenTheEventsOfItsKeysInOrder(t *testing.T) {
	const keys, events = 20, 400
	for _, parts := range []int{1, 2, 5} {
		store, view := memstore.New(), newShelf(parts)
		view.slow = func(e daybook.Recorded) {
			if e.Position%7 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		runner := projection.NewRunner(store, view, &projection.Options{BatchEvents: 3})
		stop := run(t, runner)
		want := map[string][]daybook.Position{}
		var last daybook.Receipt
		for n := range events {
			k := key(n * n % keys)
			last = put(t, store, k)
			want[k] = append(want[k], last.Position)
		}
		if err := runner.Wait(t.Context(), last.Point); err != nil {
			t.Fatal(err)
		}
		for k, positions := range want {
			view.has(t, k, positions...)
		}
		moved := 0
		for part := range parts {
			if stand, _ := view.Stand(t.Context(), part); stand.Events > 0 {
				moved++
			}
		}
		if moved != parts {
			t.Errorf("%d of %d parts were given anything", moved, parts)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if status, err := runner.Status(t.Context()); err != nil || status.Checkpoint.Position != last.Position || status.Checkpoint.Events != events {
			t.Errorf("status %+v, %v; want %d events at %d", status, err, events, last.Position)
		}
	}
}

// A part that is slow keeps the others from nothing.
func TestPartsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), newShelf(8)
		slow := put(t, store, key(0))
		view.slow = func(e daybook.Recorded) {
			if e.Tags[0] == key(0) {
				time.Sleep(time.Hour)
			}
		}
		stop := run(t, projection.NewRunner(store, view, nil))
		for n := range 40 {
			put(t, store, key(n))
		}
		time.Sleep(time.Minute)
		given := 0
		view.mu.Lock()
		for _, times := range view.times {
			given += times
		}
		view.mu.Unlock()
		if given < 30 {
			t.Errorf("%d of 40 events were applied while one part was slow", given)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		view.has(t, key(0), slow.Position, slow.Position+1)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// An event whose keys belong to two parts would have to be applied in both at once.
func TestAnEventOfSeveralPartsIsAMistake(t *testing.T) {
	store, view := memstore.New(), newShelf(16)
	put(t, store, key(0))
	var keys []string
	for n := range 10 {
		keys = append(keys, key(n))
	}
	put(t, store, keys...)
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	var failed *projection.EventError
	err := runner.CatchUp(t.Context())
	if !errors.As(err, &failed) || failed.Event.Position != 2 || !strings.Contains(err.Error(), "belong to several of 16 parts") {
		t.Errorf("caught up: %v; want an EventError that names the keys", err)
	}
	isAside(t, runner)
	store, view = memstore.New(), newShelf(2)
	put(t, store)
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err == nil || !strings.Contains(err.Error(), "has no key") {
		t.Errorf("caught up past an event without keys: %v", err)
	}
}

// What fails in one part is tried, and told, as if there were no others.
func TestWhatIsSetAsideInSeveralPartsIsAllTriedAgain(t *testing.T) {
	store := memstore.New()
	view := newShelf(4)
	for n := range 12 {
		view.spoil(true, put(t, store, key(n)).Position)
	}
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	err := runner.CatchUp(t.Context())
	var aside *projection.SetAsideError
	var failed *projection.EventError
	if !errors.As(err, &aside) || !errors.As(err, &failed) || failed.Event.Position != aside.Aside.Position {
		t.Errorf("caught up: %v; want the error of the event that it names", err)
	}
	for n := range 11 {
		view.spoil(false, daybook.Position(n+2))
	}
	if err := runner.Retry(t.Context(), ""); !errors.As(err, &aside) || aside.Aside.Position != 1 {
		t.Errorf("tried all of them again: %v; want the first to fail alone", err)
	}
	isAside(t, runner, 1)
	// One that was set aside before has not failed with the error of another.
	put(t, store, key(0))
	view.spoil(true, put(t, store, "other").Position)
	err = projection.NewRunner(store, view, quiet(projection.Options{})).CatchUp(t.Context())
	if errors.As(err, &aside); errors.As(err, &failed) && failed.Event.Position != aside.Aside.Position {
		t.Errorf("caught up: it names position %d, and has the error of %d", aside.Aside.Position, failed.Event.Position)
	}
}

func TestStatusSaysHowLongItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), newShelf(1)
		for range 600 {
			put(t, store, "a")
		}
		view.slow = func(daybook.Recorded) { time.Sleep(100 * time.Millisecond) }
		runner := projection.NewRunner(store, view, &projection.Options{BatchEvents: 10})
		if status, err := runner.Status(t.Context()); err != nil || status.Progress() != 0 || status.Left >= 0 || status.Age < 0 {
			t.Errorf("before it runs: %+v, %v", status, err)
		}
		stop := run(t, runner)
		time.Sleep(30*time.Second + time.Millisecond)
		status, err := runner.Status(t.Context())
		if err != nil || status.Progress() != 0.5 || status.Rate < 9 || status.Rate > 11 || status.Age.Round(time.Second) != 30*time.Second {
			t.Errorf("half way: %+v, progress %v, %v", status, status.Progress(), err)
		}
		if status.Left < 27*time.Second || status.Left > 33*time.Second {
			t.Errorf("half way there are %v left; want about 30 s", status.Left)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if status, err := runner.Status(t.Context()); err != nil || status.Left != -1 || status.Rate > 0.001 {
			t.Errorf("an hour after it was stopped: %+v, %v", status, err)
		}
	})
}

func TestRunnersTakeTurnsAtTheParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), leasedShelf{newShelf(4)}
		options := quiet(projection.Options{Lease: time.Minute})
		first, second := projection.NewRunner(store, view, options), projection.NewRunner(store, view, options)
		stopFirst := run(t, first)
		synctest.Wait()
		stopSecond := run(t, second)
		applied := func(r *projection.Runner) uint64 {
			status, err := r.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return status.Applied
		}
		for n := range 100 {
			put(t, store, key(n))
			time.Sleep(10 * time.Second) // a lease is renewed while there is nothing else to do
		}
		synctest.Wait()
		if a, b := applied(first), applied(second); a != 100 || b != 0 {
			t.Errorf("the first runner applied %d and the second %d; want the first to keep what it has", a, b)
		}
		// Who stops gives back what it has: nobody waits for the lease to end.
		if err := stopFirst(); err != nil {
			t.Error(err)
		}
		time.Sleep(20*time.Second + time.Millisecond) // a third of a lease is how often the second looks
		put(t, store, key(1))
		synctest.Wait()
		if b := applied(second); b != 1 {
			t.Errorf("the second runner applied %d after the first has stopped; want 1", b)
		}
		if err := stopSecond(); err != nil {
			t.Error(err)
		}
	})
}

// A runner that is held up for longer than its lease finds that its part is another's:
// what it was about to apply is not applied twice.
func TestARunnerThatWasDeposedAppliesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), leasedShelf{newShelf(1)}
		held := true
		view.slow = func(daybook.Recorded) {
			if held {
				held = false
				time.Sleep(10 * time.Minute)
			}
		}
		put(t, store, "a")
		options := quiet(projection.Options{Lease: time.Minute})
		slow, quick := projection.NewRunner(store, view, options), projection.NewRunner(store, view, options)
		stopSlow := run(t, slow)
		synctest.Wait() // it is held up with the event in hand
		stopQuick := run(t, quick)
		time.Sleep(5 * time.Minute)
		view.has(t, "a", 1)
		time.Sleep(10 * time.Minute)
		put(t, store, "a")
		synctest.Wait()
		view.has(t, "a", 1, 2)
		if status, err := slow.Status(t.Context()); err != nil || status.Applied != 0 {
			t.Errorf("the deposed runner applied %d events, %v", status.Applied, err)
		}
		for _, stop := range []func() error{stopSlow, stopQuick} {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Everything at once: events with one key and with several, of which some cannot be
// applied for a while; runners that come and go, and help each other; whatever happens,
// in the end every event was applied once, and those of a key in order.
func TestWhateverHappensEachEventIsAppliedOnceAndInOrderOfItsKeys(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { whatever(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func whatever(t *testing.T, chance *rand.Rand) {
	parts := 1 + chance.IntN(3)
	store, shelf := memstore.New(), newShelf(parts)
	var view projection.View = shelf
	if chance.IntN(2) == 0 {
		view = leasedShelf{shelf}
	}
	shelf.slow = func(daybook.Recorded) { time.Sleep(time.Millisecond) }
	options := quiet(projection.Options{
		BatchEvents: chance.IntN(8), Attempts: 1 + chance.IntN(3), RetryAfter: 10 * time.Millisecond, Lease: time.Second,
	})
	var stops []func() error
	want := map[string][]daybook.Position{}
	var skipped []daybook.Position
	var mu sync.Mutex
	for range 150 {
		switch chance.IntN(12) {
		case 0:
			if len(stops) < 3 {
				stops = append(stops, run(t, projection.NewRunner(store, view, options)))
			}
		case 1:
			if n := len(stops); n > 0 {
				if err := stops[n-1](); err != nil {
					t.Error(err)
				}
				stops = stops[:n-1]
			}
		case 2:
			runner := projection.NewRunner(store, view, options)
			if err := runner.Retry(t.Context(), ""); err != nil && !errors.As(err, new(*projection.SetAsideError)) {
				t.Error(err)
			}
		case 3:
			runner := projection.NewRunner(store, view, options)
			aside, err := runner.SetAside(t.Context())
			if err != nil {
				t.Error(err)
			}
			if len(aside) > 0 && chance.IntN(3) == 0 {
				a := aside[chance.IntN(len(aside))]
				// Somebody else may have taken it up.
				if err := runner.Skip(t.Context(), a.EventID, "chance"); err == nil {
					mu.Lock()
					skipped = append(skipped, a.Position)
					mu.Unlock()
				} else if !errors.Is(err, projection.ErrNotSetAside) {
					t.Error(err)
				}
			}
		case 4:
			shelf.mu.Lock()
			for position := range shelf.bad {
				if chance.IntN(2) == 0 {
					delete(shelf.bad, position)
				}
			}
			shelf.mu.Unlock()
		case 5:
			runner := projection.NewRunner(store, view, options)
			if err := runner.Pause(t.Context(), "chance"); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(chance.IntN(50)) * time.Millisecond)
			if err := runner.Resume(t.Context()); err != nil {
				t.Error(err)
			}
		default:
			keys := []string{key(chance.IntN(6))}
			if parts == 1 && chance.IntN(4) == 0 {
				keys = append(keys, key(6+chance.IntN(3)))
			}
			info, err := store.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if chance.IntN(6) == 0 {
				shelf.spoil(true, info.Head.Position+1)
			}
			position := put(t, store, keys...).Position
			for _, k := range keys {
				want[k] = append(want[k], position)
			}
			if chance.IntN(3) == 0 {
				time.Sleep(time.Duration(chance.IntN(30)) * time.Millisecond)
			}
		}
	}
	shelf.mu.Lock()
	clear(shelf.bad)
	shelf.mu.Unlock()
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	last := projection.NewRunner(store, view, options)
	if err := last.CatchUp(t.Context()); err != nil && !errors.As(err, new(*projection.SetAsideError)) {
		t.Fatal(err)
	}
	if err := last.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for k, positions := range want {
		positions = slices.DeleteFunc(positions, func(p daybook.Position) bool { return slices.Contains(skipped, p) })
		shelf.has(t, k, positions...)
	}
	for position, times := range shelf.times {
		if times != 1 {
			t.Errorf("the event at %d was applied %d times", position, times)
		}
	}
	if ctx := context.Background(); last.Wait(ctx, shelf.stands[0].Point) != nil {
		t.Error("nothing is set aside, and a wait says otherwise")
	}
}
