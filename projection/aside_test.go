package projection_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAKeyIsSetAsideWithWhatFollowsAndTheOthersGoOn(t *testing.T) {
	store, _ := shelved(t, "a", "b", "a", "b", "a", "c")
	view := newShelf(1)
	view.spoil(true, 1)
	runner := projection.NewRunner(store, view, quiet(projection.Options{BatchEvents: 2}))
	err := runner.CatchUp(t.Context())
	var aside *projection.SetAsideError
	if !errors.As(err, &aside) || aside.Aside.Position != 1 || !errors.Is(err, errPoison) {
		t.Errorf("caught up: %v; want a SetAsideError of poison at 1", err)
	}
	view.has(t, "a")
	view.has(t, "b", 2, 4)
	view.has(t, "c", 6)
	isAside(t, runner, 1, 3, 5)

	if err := runner.Retry(t.Context(), "a"); !errors.As(err, &aside) || aside.Aside.Position != 1 || aside.Aside.Attempts != 2 {
		t.Errorf("tried again in vain: %v", err)
	}
	isAside(t, runner, 1, 3, 5)
	if err := runner.Retry(t.Context(), "b"); err != nil {
		t.Errorf("tried a key again of which nothing is set aside: %v", err)
	}

	view.spoil(false, 1)
	put(t, store, "a")
	if err := runner.Retry(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	isAside(t, runner)
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	view.has(t, "a", 1, 3, 5, 7)
}

func TestAnEventWithSeveralKeysHoldsUpAllOfThem(t *testing.T) {
	store := memstore.New()
	put(t, store, "a", "b") // 1 is bad
	put(t, store, "b", "c") // 2 follows it
	put(t, store, "c")      // 3 follows that
	put(t, store, "d")
	view := newShelf(1)
	view.spoil(true, 1)
	runner := catchUpAside(t, store, view)
	isAside(t, runner, 1, 2, 3)
	view.has(t, "d", 4)

	view.spoil(false, 1)
	view.spoil(true, 2)
	if err := runner.Retry(t.Context(), "a"); err != nil {
		t.Errorf("tried a again: %v; what fails now has other keys", err)
	}
	isAside(t, runner, 2, 3)
	view.has(t, "a", 1)
	view.spoil(false, 2)
	if err := runner.Retry(t.Context(), ""); err != nil {
		t.Error(err)
	}
	view.has(t, "b", 1, 2)
	view.has(t, "c", 2, 3)
}

// catchUpAside catches up with a log of which something cannot be applied.
func catchUpAside(t *testing.T, store daybook.Store, view projection.View) *projection.Runner {
	t.Helper()
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	var aside *projection.SetAsideError
	if err := runner.CatchUp(t.Context()); !errors.As(err, &aside) {
		t.Fatalf("caught up: %v; want a SetAsideError", err)
	}
	return runner
}

func TestWhatIsSetAsideIsTriedAgainWithGrowingPausesAndThenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, last := shelved(t, "a", "b", "a")
		view := newShelf(1)
		view.spoil(true, 1)
		runner := projection.NewRunner(store, view, quiet(projection.Options{RetryAfter: time.Second, Attempts: 4}))
		began := time.Now()
		waited := make(chan error, 1)
		go func() { waited <- runner.Wait(t.Context(), last.At(3)) }()
		stop := run(t, runner)
		time.Sleep(time.Minute)
		synctest.Wait()

		// It is tried four times, with pauses of one, two and four seconds.
		var pauses []time.Duration
		for _, at := range view.tried[1] {
			pauses = append(pauses, at.Sub(began).Round(time.Millisecond))
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if len(pauses) != len(want) {
			t.Errorf("tried after %v; want %v", pauses, want)
		}
		for i := range min(len(want), len(pauses)) {
			if pauses[i] < want[i] || pauses[i] > want[i]+100*time.Millisecond {
				t.Errorf("tried after %v; want %v", pauses, want)
				break
			}
		}
		err := <-waited
		var aside *projection.SetAsideError
		if !errors.As(err, &aside) || aside.Aside.Position != 3 || !aside.Aside.Follows() || !strings.Contains(err.Error(), `follows another of ["a"]`) {
			t.Errorf("waited for an event that follows one set aside: %v", err)
		}
		if err := runner.Wait(t.Context(), last.At(1)); !errors.As(err, &aside) || aside.Aside.Cause != "poison" {
			t.Errorf("waited for an event that is set aside: %v", err)
		}
		if err := runner.Wait(t.Context(), last.At(2)); err != nil {
			t.Errorf("waited for another event: %v", err)
		}
		if status, err := runner.Status(t.Context()); err != nil || status.Aside != 2 || status.Waiting != 2 || status.Lag != 0 || status.Stuck != nil {
			t.Errorf("status %+v, %v; want two events that wait", status, err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}

		// The program is mended and started again.
		view.spoil(false, 1)
		stop = run(t, projection.NewRunner(store, view, quiet(projection.Options{})))
		synctest.Wait()
		view.has(t, "a", 1, 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// All events of an append stand or fall together for whoever waits for it.
func TestAWaitForAnAppendKnowsWhichEventsAreItsOwn(t *testing.T) {
	store, view := memstore.New(), newShelf(1)
	put(t, store, "x") // 1 is bad, and is none of the append's
	receipt, err := store.Append(t.Context(), []daybook.Event{
		{Type: "Put", Tags: []string{"a"}}, {Type: "Put", Tags: []string{"b"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	view.spoil(true, 1, 2)
	runner := projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1}))
	if err := runner.CatchUp(t.Context()); err == nil {
		t.Fatal("caught up with poison")
	}
	var aside *projection.SetAsideError
	if err := runner.Wait(t.Context(), receipt.Point); !errors.As(err, &aside) || aside.Aside.Position != 2 {
		t.Errorf("waited for an append whose first event is set aside: %v", err)
	}
	other := put(t, store, "c")
	if err := runner.CatchUp(t.Context()); !errors.As(err, &aside) {
		t.Errorf("caught up: %v", err)
	}
	if err := runner.Wait(t.Context(), other.Point); err != nil {
		t.Errorf("waited for another append: %v", err)
	}
}

func TestASkippedEventIsDoneWithout(t *testing.T) {
	store, _ := shelved(t, "a", "a", "b")
	view := newShelf(1)
	view.spoil(true, 1)
	runner := catchUpAside(t, store, view)
	aside, err := runner.SetAside(t.Context())
	if err != nil || len(aside) != 2 {
		t.Fatalf("set aside: %v, %v", aside, err)
	}
	var invalid *daybook.InvalidError
	if err := runner.Skip(t.Context(), aside[0].EventID, ""); !errors.As(err, &invalid) {
		t.Errorf("skipped without a reason: %v", err)
	}
	if err := runner.Skip(t.Context(), uuid.New(), "lost"); !errors.Is(err, projection.ErrNotSetAside) {
		t.Errorf("skipped what is not set aside: %v", err)
	}
	if err := runner.Skip(t.Context(), aside[0].EventID, "a test order"); err != nil {
		t.Fatal(err)
	}
	view.has(t, "a", 2)
	isAside(t, runner)
	stand, _ := view.Stand(t.Context(), 0)
	if len(stand.Skips) != 1 || stand.Skips[0].EventID != aside[0].EventID || stand.Skips[0].Reason != "a test order" {
		t.Errorf("skips %+v; want the one with its reason", stand.Skips)
	}

	// A later version that cannot apply it either skips it too; one that can does.
	for _, mended := range []bool{false, true} {
		next := newShelf(1)
		next.skips = stand.Skips
		next.spoil(!mended, 1)
		catchUp(t, store, next)
		if mended {
			next.has(t, "a", 1, 2)
		} else {
			next.has(t, "a", 2)
		}
	}
}

// Nothing that a runner or whoever helps it does loses its effect because another was
// there first.
func TestWhoHelpsARunnerThatDoesNotKnowIsNotUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "a", "b")
		view := newShelf(1)
		view.spoil(true, 1)
		running := projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1}))
		stop := run(t, running)
		synctest.Wait()
		isAside(t, running, 1, 2)

		view.spoil(false, 1)
		other := projection.NewRunner(store, view, quiet(projection.Options{}))
		if err := other.Retry(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a")
		synctest.Wait()
		view.has(t, "a", 1, 2, 4)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoMoreIsSetAsideThanMayBe(t *testing.T) {
	for _, follow := range []bool{false, true} {
		store, view := memstore.New(), newShelf(1)
		for n := range 6 {
			if follow {
				put(t, store, "a")
			} else {
				put(t, store, key(n))
			}
			if !follow || n == 0 {
				view.spoil(true, daybook.Position(n+1))
			}
		}
		runner := projection.NewRunner(store, view, quiet(projection.Options{AsideAtMost: 3}))
		var failed *projection.EventError
		if err := runner.CatchUp(t.Context()); !errors.As(err, &failed) || failed.Event.Position != 4 {
			t.Errorf("caught up: %v; want an EventError at 4", err)
		}
		isAside(t, runner, 1, 2, 3)
		stand, _ := view.Stand(t.Context(), 0)
		if stand.Position != 3 {
			t.Errorf("the view is at %d; want it right before what cannot be set aside", stand.Position)
		}
	}
}

func TestWhatIsForgottenIsNoLongerSetAside(t *testing.T) {
	store, view := memstore.New(), newShelf(1)
	event := daybook.Event{Stream: "s-1", Type: "Put", Tags: []string{"a"}}
	if _, err := store.Append(t.Context(), []daybook.Event{event}, nil); err != nil {
		t.Fatal(err)
	}
	put(t, store, "a")
	view.spoil(true, 1)
	runner := catchUpAside(t, store, view)
	forget(t, store, daybook.Deleted("s-1"))
	if err := runner.Retry(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	isAside(t, runner)
	view.has(t, "a", 2)
}

// In a restored log what was set aside is set aside still, if it is there.
func TestWhatIsSetAsideIsTakenOverIntoARestoredLog(t *testing.T) {
	store, _ := shelved(t, "a", "b", "c")
	view := newShelf(1)
	view.spoil(true, 1, 3)
	catchUpAside(t, store, view)
	now := restore(t, store, 2) // event 3 is lost, and another takes its place
	view.spoil(false, 3)
	put(t, now, "d")
	runner := catchUpAside(t, now, view)
	isAside(t, runner, 1)
	view.has(t, "d", 3)
	view.spoil(false, 1)
	if err := runner.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	view.has(t, "a", 1)
}

func TestAPausedViewIsNotMovedUntilItIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b")
		view := newShelf(2)
		runner := projection.NewRunner(store, view, nil)
		var invalid *daybook.InvalidError
		if err := runner.Pause(t.Context(), ""); !errors.As(err, &invalid) {
			t.Errorf("paused without a reason: %v", err)
		}
		if err := runner.Pause(t.Context(), "the disk is changed"); err != nil {
			t.Fatal(err)
		}
		var paused *projection.PausedError
		if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); !errors.As(err, &paused) || paused.Reason != "the disk is changed" {
			t.Errorf("caught up while paused: %v", err)
		}
		stop := run(t, runner)
		time.Sleep(time.Minute)
		if status, err := runner.Status(t.Context()); err != nil || status.Paused != "the disk is changed" || status.Applied != 0 || status.Stuck != nil {
			t.Errorf("status %+v, %v; want it paused, and not stuck", status, err)
		}
		other := projection.NewRunner(store, view, nil) // as from another process
		if err := other.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		view.has(t, "a", 1)

		// One that is running and at rest is paused too.
		if err := other.Pause(t.Context(), "again"); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a")
		time.Sleep(time.Minute)
		view.has(t, "a", 1)
		if err := other.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		view.has(t, "a", 1, 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestAViewThatIsResetIsBuiltAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b", "a")
		view := newShelf(2)
		view.spoil(true, 1)
		runner := projection.NewRunner(store, view, quiet(projection.Options{}))
		stop := run(t, runner)
		synctest.Wait()
		view.spoil(false, 1)
		if err := runner.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a")
		put(t, store, "b")
		synctest.Wait()
		view.has(t, "a", 1, 3, 4)
		view.has(t, "b", 2, 5)
		isAside(t, runner)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A batch that has begun when Run is told to stop is finished.
func TestRunFinishesTheBatchThatItHasBegun(t *testing.T) {
	store, _ := shelved(t, "a", "a", "a")
	view := newShelf(1)
	ctx, cancel := context.WithCancel(t.Context())
	view.slow = func(e daybook.Recorded) {
		if e.Position == 2 {
			cancel()
		}
	}
	if err := projection.NewRunner(store, view, nil).Run(ctx); err != nil {
		t.Error(err)
	}
	view.has(t, "a", 1, 2, 3)
}

// What changes only the list of what is set aside is noticed by whoever runs, too.
func TestWhatIsTakenUpByOthersIsNotForgottenByARunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b")
		view := newShelf(1)
		view.spoil(true, 1)
		stop := run(t, projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1})))
		synctest.Wait()
		other := projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1})) // as from another process
		aside, err := other.SetAside(t.Context())
		if err != nil || len(aside) != 1 {
			t.Fatalf("set aside: %v, %v", aside, err)
		}
		view.mu.Lock()
		view.skips = []projection.Skip{{EventID: aside[0].EventID, Position: 1, Reason: "in an earlier version"}}
		view.mu.Unlock()
		if err := other.Retry(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		put(t, store, "a")
		synctest.Wait()
		isAside(t, other)
		view.has(t, "a", 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A skip whose caller is gone takes what follows along.
func TestASkipWhoseCallerIsGoneIsFinished(t *testing.T) {
	store, _ := shelved(t, "a", "a")
	view := newShelf(1)
	view.spoil(true, 1)
	runner := catchUpAside(t, store, view)
	aside, err := runner.SetAside(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := projection.NewRunner(store, &leaving{shelf: view, leave: cancel}, quiet(projection.Options{}))
	if err := gone.Skip(ctx, aside[0].EventID, "a test order"); err != nil {
		t.Error(err)
	}
	view.has(t, "a", 2)
}

// leaving is a view whose caller goes away with its first change.
type leaving struct {
	*shelf
	leave context.CancelFunc
}

func (l *leaving) Apply(ctx context.Context, c projection.Change) error {
	defer l.leave()
	return l.shelf.Apply(ctx, c)
}

func TestWhatComesBeforeTheLimitIsApplied(t *testing.T) {
	store, _ := shelved(t, "k")
	view := newShelf(1)
	view.spoil(true, 1, 2)
	runner := projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1, AsideAtMost: 2}))
	if err := runner.CatchUp(t.Context()); err == nil {
		t.Fatal("applied poison")
	}
	for _, key := range []string{"x", "good", "good", "k", "k"} {
		put(t, store, key)
	}
	var failed *projection.EventError
	if err := runner.CatchUp(t.Context()); !errors.As(err, &failed) || failed.Event.Position != 5 {
		t.Errorf("caught up: %v; want an EventError at 5", err)
	}
	isAside(t, runner, 1, 2)
	view.has(t, "good", 3, 4)
}

// A token stands for all events of its append, also when the last of them is forgotten.
func TestAWaitForAnAppendWhoseLastEventIsForgotten(t *testing.T) {
	store, view := memstore.New(), newShelf(1)
	receipt, err := store.Append(t.Context(), []daybook.Event{
		{Stream: "s-1", Type: "Put", Tags: []string{"a"}}, {Stream: "s-2", Type: "Put", Tags: []string{"b"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	view.spoil(true, 1)
	runner := projection.NewRunner(store, view, quiet(projection.Options{Attempts: 1}))
	if err := runner.CatchUp(t.Context()); err == nil {
		t.Fatal("applied poison")
	}
	forget(t, store, daybook.Deleted("s-2"))
	for range 2 {
		var aside *projection.SetAsideError
		if err := runner.Wait(t.Context(), receipt.Point); !errors.As(err, &aside) || aside.Aside.Position != 1 {
			t.Errorf("waited: %v", err)
		}
		if err := store.Scavenge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
