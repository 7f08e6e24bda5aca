package projection_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

// A model is one version of a shelf.
type model struct {
	*shelf
	version int
	removed bool
	// asked, if set, is called when somebody wants to know where it stands.
	asked func() error
}

func (m *model) Stand(ctx context.Context, part int) (projection.Stand, error) {
	if m.asked != nil {
		if err := m.asked(); err != nil {
			return projection.Stand{}, err
		}
	}
	return m.shelf.Stand(ctx, part)
}

func (m *model) Version() int { return m.version }

func (m *model) Remove(context.Context) error { m.removed = true; return nil }

func newModel(version int) *model { return &model{shelf: newShelf(1), version: version} }

func versions(store daybook.Store, byHand bool, models ...*model) *projection.Versions[*model] {
	options := quiet(projection.Options{Attempts: 1})
	return projection.NewVersions(store, &projection.VersionsOptions{Runner: *options, ByHand: byHand}, models...)
}

func runAll(t *testing.T, v *projection.Versions[*model]) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// answers fails the test unless this is the version that answers.
func answers(t *testing.T, v *projection.Versions[*model], want int) {
	t.Helper()
	if m, ok := v.Answering(); !ok && want != 0 || ok && m.version != want {
		t.Errorf("version %v answers; want %d", m, want)
	}
}

func TestReadersAreSwitchedWhenTheNewVersionShowsWhatTheOldOneDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, last := shelved(t, "a", "b")
		first, second := newModel(1), newModel(2)
		v := versions(store, false, first, second)
		answers(t, v, 0)
		second.slow = func(daybook.Recorded) { time.Sleep(time.Minute) }
		stop := runAll(t, v)
		time.Sleep(time.Second)
		answers(t, v, 1)
		if m, err := v.Wait(t.Context(), last.Point); err != nil || m != first {
			t.Errorf("waited for version %v, %v; want the first, and not the one that is built", m, err)
		}
		status, err := v.Status(t.Context())
		if err != nil || len(status) != 2 || !status[0].Answers || status[1].Answers || !strings.Contains(status[1].Unready, "at position 0") {
			t.Errorf("status %+v, %v; want the second to say why it cannot answer", status, err)
		}
		time.Sleep(2 * time.Minute)
		last = put(t, store, "c")
		time.Sleep(time.Second)
		answers(t, v, 2)
		if m, err := v.Wait(t.Context(), last.Point); err != nil || m != second {
			t.Errorf("waited for version %v, %v; want the second", m, err)
		}
		second.has(t, "c", 3)
		stop()

		// Who starts later answers from it at once, though it is behind.
		put(t, store, "d")
		again := versions(store, false, first, second)
		stop = runAll(t, again)
		time.Sleep(projectionTick)
		answers(t, again, 2)
		stop()
	})
}

const projectionTick = 300 * time.Millisecond

func TestAVersionIsRolledBackToOneThatIsKeptInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		here, there := versions(store, false, first, second), versions(store, false, first, second)
		stopHere, stopThere := runAll(t, here), runAll(t, there)
		time.Sleep(time.Second)
		answers(t, here, 2)
		last := put(t, store, "b")
		if _, err := here.Wait(t.Context(), last.Point); err != nil {
			t.Fatal(err)
		}
		if err := here.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers(t, here, 1)
		first.has(t, "b", 2) // what was shown once is shown still
		time.Sleep(time.Hour)
		answers(t, here, 1) // it does not go back by itself
		answers(t, there, 1)
		var invalid *daybook.InvalidError
		if err := here.Rollback(t.Context()); !errors.As(err, &invalid) {
			t.Errorf("rolled back from the first version: %v", err)
		}
		if err := here.Remove(t.Context(), first); !errors.As(err, &invalid) || first.removed {
			t.Errorf("removed the version that answers: %v", err)
		}
		if err := there.Switch(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		answers(t, here, 2)
		if err := here.Remove(t.Context(), first); err != nil || !first.removed {
			t.Errorf("removed the version that was: %v", err)
		}
		put(t, store, "c")
		time.Sleep(time.Second)
		if status, err := here.Status(t.Context()); err != nil || len(status) != 1 {
			t.Errorf("status %+v, %v; want one version to be left", status, err)
		}
		stopHere()
		stopThere()
	})
}

func TestNoSwitchToAVersionThatHasSetAsideWhatTheOldOneApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b")
		first, second := newModel(1), newModel(2)
		first.spoil(true, 1)
		second.spoil(true, 1, 2)
		v := versions(store, false, first, second)
		stop := runAll(t, v)
		time.Sleep(time.Minute)
		answers(t, v, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := v.Switch(ctx, second); err == nil || !strings.Contains(err.Error(), "set aside the event at position 2") {
			t.Errorf("switched to it: %v", err)
		}
		second.spoil(false, 2)
		if err := v.Runner(second).Retry(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		answers(t, v, 2)
		stop()
	})
}

func TestASwitchByHandWaitsForWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b")
		first, second := newModel(1), newModel(2)
		v := versions(store, true, first)
		stop := runAll(t, v)
		time.Sleep(time.Second)
		answers(t, v, 1)
		if err := v.Add(second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		answers(t, v, 1)
		second.has(t, "b", 2)
		if err := v.Switch(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		answers(t, v, 2)
		var invalid *daybook.InvalidError
		if err := v.Switch(t.Context(), newModel(3)); !errors.As(err, &invalid) {
			t.Errorf("switched to a version that is not there: %v", err)
		}
		stop()
	})
}

func TestWaitForAVersionThatCanAnswerIsBounded(t *testing.T) {
	store, last := shelved(t, "a")
	v := versions(store, false, newModel(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	var unavailable *daybook.UnavailableError
	if _, err := v.Wait(ctx, last.Point); !errors.As(err, &unavailable) {
		t.Errorf("waited for no version: %v", err)
	}
}

// Both stand at the same point while they are compared, however busy the log is.
func TestVersionsStandStillWhileTheyAreCompared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a", "b")
		first, second := newModel(1), newModel(2)
		second.slow = func(daybook.Recorded) { time.Sleep(time.Second) }
		v := versions(store, true, first, second)
		stop := runAll(t, v)
		time.Sleep(time.Minute)
		for range 5 {
			put(t, store, "a")
		}
		time.Sleep(time.Millisecond) // the first has them, the second does not
		err := v.Still(t.Context(), first, second, func() error {
			put(t, store, "a")
			time.Sleep(30 * time.Second)
			one, _ := first.Stand(t.Context(), 0)
			two, _ := second.Stand(t.Context(), 0)
			if one.Point != two.Point || one.Position < 7 {
				t.Errorf("one is at %d and the other at %d", one.Position, two.Position)
			}
			first.has(t, "a", 1, 3, 4, 5, 6, 7)
			second.has(t, "a", 1, 3, 4, 5, 6, 7)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		second.has(t, "a", 1, 3, 4, 5, 6, 7, 8)
		stop()
	})
}

func TestAViewIsBuiltToAMoment(t *testing.T) {
	store := memstore.New()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	var known time.Time
	for n, happened := range []int{1, 5, 2, 9} {
		receipt, err := store.Append(t.Context(), []daybook.Event{{Type: "Put", Tags: []string{"a"}, HappenedAt: day(happened)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			known = receipt.RecordedAt
		}
	}
	for moment, want := range map[projection.Moment][]daybook.Position{
		{}:                                   {1, 2, 3, 4},
		{At: 3}:                              {1, 2, 3},
		{At: 99}:                             {1, 2, 3, 4},
		{AsOf: day(5)}:                       {1, 2, 3},
		{AsOf: day(4)}:                       {1, 3},
		{At: 2, AsOf: day(4)}:                {1},
		{KnownAt: known}:                     {1, 2},
		{AsOf: day(1).Add(-1)}:               nil,
		{KnownAt: known.Add(-1 * time.Hour)}: nil,
	} {
		view := newShelf(1)
		if err := projection.Build(t.Context(), store, view, moment); err != nil {
			t.Errorf("%v: %v", moment, err)
		}
		view.has(t, "a", want...)
		var paused *projection.PausedError
		if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); !errors.As(err, &paused) {
			t.Errorf("%v: caught up from there: %v", moment, err)
		}
	}
	// What is past a moment cannot be brought to it.
	past := newShelf(1)
	if err := projection.Build(t.Context(), store, past, projection.Moment{At: 3}); err != nil {
		t.Fatal(err)
	}
	for _, moment := range []projection.Moment{{At: 2}, {AsOf: day(9)}, {KnownAt: known}} {
		var invalid *daybook.InvalidError
		if err := projection.Build(t.Context(), store, past, moment); !errors.As(err, &invalid) {
			t.Errorf("built to %v, which is past: %v", moment, err)
		}
	}
	// What was built to a position can be built on to a later one.
	view := newShelf(1)
	for _, at := range []daybook.Position{2, 2, 4} {
		if err := projection.Build(t.Context(), store, view, projection.Moment{At: at}); err != nil {
			t.Fatal(err)
		}
	}
	view.has(t, "a", 1, 2, 3, 4)
}

// Whoever waits is answered by the version that shows what they wait for, though the one
// that answered when they asked never does.
func TestAWaitIsAnsweredByTheVersionThatIsSwitchedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		v := versions(store, true, first, second)
		stop := runAll(t, v)
		time.Sleep(time.Second)
		if err := v.Switch(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if err := v.Runner(second).Pause(t.Context(), "it is slow"); err != nil {
			t.Fatal(err)
		}
		last := put(t, store, "b")
		waited := make(chan *model, 1)
		go func() {
			m, err := v.Wait(t.Context(), last.Point)
			if err != nil {
				t.Error(err)
			}
			waited <- m
		}()
		time.Sleep(time.Minute)
		if err := v.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m := <-waited; m != first {
			t.Errorf("answered by version %d; want the first", m.version)
		}
		stop()
	})
}

func TestTheOnlyVersionIsNotRemoved(t *testing.T) {
	store, _ := shelved(t, "a")
	only := newModel(1)
	v := versions(store, false, only)
	var invalid *daybook.InvalidError
	if err := v.Remove(t.Context(), only); !errors.As(err, &invalid) || only.removed {
		t.Errorf("removed the only version: %v", err)
	}
	if err := v.Remove(t.Context(), newModel(2)); !errors.As(err, &invalid) {
		t.Errorf("removed a version that is not there: %v", err)
	}
}

// A pause that somebody has asked for is theirs to end, and one that a crash has left is
// ended by the next who runs.
func TestAComparisonRespectsPausesAndLeavesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		v := versions(store, true, first, second)
		if err := v.Runner(second).Pause(t.Context(), "the disk is changed"); err != nil {
			t.Fatal(err)
		}
		var paused *projection.PausedError
		look := func() error { t.Error("looked"); return nil }
		if err := v.Still(t.Context(), first, second, look); !errors.As(err, &paused) || paused.Reason != "the disk is changed" {
			t.Errorf("compared a version that somebody has paused: %v", err)
		}
		if stand, _ := first.Stand(t.Context(), 0); stand.Paused != "" {
			t.Errorf("the other one was left paused: %s", stand.Paused)
		}
		if stand, _ := second.Stand(t.Context(), 0); stand.Paused != "the disk is changed" {
			t.Errorf("the pause became %q", stand.Paused)
		}
		if err := v.Runner(second).Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		var invalid *daybook.InvalidError
		if err := v.Still(t.Context(), first, first, look); !errors.As(err, &invalid) {
			t.Errorf("compared a version with itself: %v", err)
		}

		// A program is killed in the middle of it, another one goes on.
		killed, dead := context.WithCancel(context.Background())
		looking := make(chan bool)
		ended := make(chan error, 1)
		go func() {
			ended <- v.Still(killed, first, second, func() error { close(looking); <-killed.Done(); return nil })
		}()
		<-looking
		next := versions(store, true, first, second)
		stop := runAll(t, next)
		last := put(t, store, "b")
		time.Sleep(30 * time.Second)
		first.has(t, "b") // it is still being compared
		time.Sleep(time.Minute)
		if err := next.Runner(first).Wait(t.Context(), last.Point); err != nil {
			t.Error(err)
		}
		first.has(t, "b", 2)
		stop()
		dead()
		<-ended
	})
}

// Whoever compares again and again keeps nobody from being shown what is recorded.
func TestComparisonsOneAfterTheOtherHoldNobodyUp(t *testing.T) {
	store, _ := shelved(t, "a")
	first, second := newModel(1), newModel(2)
	v := versions(store, true, first, second)
	stop := runAll(t, v)
	ctx, cancel := context.WithCancel(t.Context())
	var comparing sync.WaitGroup
	for range 4 {
		comparing.Go(func() {
			for ctx.Err() == nil {
				err := v.Still(ctx, first, second, func() error {
					one, _ := first.Stand(ctx, 0)
					two, _ := second.Stand(ctx, 0)
					if one.Paused == "" || two.Paused == "" || one.Point != two.Point {
						t.Errorf("compared at %d %q and %d %q", one.Position, one.Paused, two.Position, two.Paused)
					}
					return nil
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		last := put(t, store, "b")
		if _, err := v.Wait(t.Context(), last.Point); err != nil {
			t.Error(err)
		}
	}
	cancel()
	comparing.Wait()
	if stand, _ := first.Stand(t.Context(), 0); stand.Paused != "" {
		t.Errorf("it stays paused: %s", stand.Paused)
	}
	stop()
}

// A version that is removed while somebody waits to switch to it does not answer.
func TestARemovedVersionIsNotSwitchedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		v := versions(store, true, first, second)
		for range 2 {
			if err := v.Runner(first).CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := v.Switch(t.Context(), first); err != nil {
				t.Fatal(err)
			}
		}
		held := v.Runner(second)
		switched := make(chan error, 1)
		go func() { switched <- v.Switch(t.Context(), second) }()
		time.Sleep(time.Second)
		if err := v.Remove(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if err := held.CatchUp(t.Context()); err != nil { // as by another process
			t.Fatal(err)
		}
		var invalid *daybook.InvalidError
		if err := <-switched; !errors.As(err, &invalid) {
			t.Errorf("switched to what was removed: %v", err)
		}
		answers(t, v, 1)
		if stand, _ := first.Stand(t.Context(), 0); stand.Mark != projection.Answering {
			t.Errorf("the version that is left is %q", stand.Mark)
		}
	})
}

func TestWhatAnswersInAnotherProcessIsNotRemoved(t *testing.T) {
	store, _ := shelved(t, "a")
	first, second := newModel(1), newModel(2)
	here, there := versions(store, true, first, second), versions(store, true, first, second)
	for _, m := range []*model{first, second} {
		if err := here.Runner(m).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := here.Switch(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var invalid *daybook.InvalidError
	if err := there.Remove(t.Context(), second); !errors.As(err, &invalid) || second.removed {
		t.Errorf("removed what answers elsewhere: %v", err)
	}
	if err := there.Choose(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers(t, there, 2)
	if err := there.Remove(t.Context(), first); err != nil || !first.removed {
		t.Errorf("removed what answers nobody: %v", err)
	}
}

// Whoever asks where the versions stand is not told that one cannot be asked because it was
// removed meanwhile. Of any other the error is returned.
func TestAVersionThatIsRemovedWhileItIsAskedIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		v := versions(store, false, first, second)
		stop := runAll(t, v)
		time.Sleep(time.Second)
		answers(t, v, 2)
		stop()
		closed := errors.New("it is closed")
		first.asked = func() error { return closed }
		if status, err := v.Status(t.Context()); !errors.Is(err, closed) || len(status) != 2 {
			t.Errorf("status %+v, %v; want both, and that the first is closed", status, err)
		}
		first.asked = func() error {
			first.asked = nil
			if err := v.Remove(t.Context(), first); err != nil {
				t.Error(err)
			}
			return closed
		}
		status, err := v.Status(t.Context())
		if err != nil || len(status) != 1 || status[0].View != second || !status[0].Answers {
			t.Errorf("status %+v, %v; want the second alone", status, err)
		}
	})
}

// Nor is it told that the version cannot be asked that answered when it began to ask.
func TestAVersionThatIsSwitchedAndRemovedWhileAnotherIsAskedIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := shelved(t, "a")
		first, second := newModel(1), newModel(2)
		v := versions(store, true, first)
		asks := t.Context()
		var armed, closed atomic.Bool
		first.asked = func() error {
			if closed.Load() {
				return errors.New("it is closed")
			}
			return nil
		}
		second.asked = func() error {
			if !armed.CompareAndSwap(true, false) {
				return nil
			}
			err := errors.Join(v.Switch(asks, second), v.Remove(asks, first))
			closed.Store(true)
			return err
		}
		stop := runAll(t, v)
		defer stop()
		time.Sleep(time.Second)
		if err := v.Add(second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		answers(t, v, 1)
		armed.Store(true)
		status, err := v.Status(asks)
		if err != nil || len(status) != 1 || status[0].View != second || !status[0].Answers {
			t.Errorf("status %+v, %v; want the second alone", status, err)
		}
	})
}
