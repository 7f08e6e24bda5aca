package projection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestWaitReturnsWhenTheViewIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), newLedger()
		runner := projection.NewRunner(store, view, nil)
		receipt := earn(t, store, 3)
		waited := make(chan error, 1)
		go func() { waited <- runner.Wait(t.Context(), receipt.Point) }()
		time.Sleep(time.Hour)
		select {
		case err := <-waited:
			t.Fatalf("waited for a view that nothing moves: %v", err)
		default:
		}

		if err := runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
		// What is there need not be waited for.
		for position := range daybook.Position(4) {
			if err := runner.Wait(t.Context(), receipt.At(position)); err != nil {
				t.Errorf("wait for %d: %v", position, err)
			}
		}
	})
}

func TestWaitSeesAViewThatAnotherRunnerMoves(t *testing.T) {
	store, view := memstore.New(), newLedger()
	here, elsewhere := projection.NewRunner(store, view, nil), projection.NewRunner(store, view, nil)
	stop := run(t, elsewhere)
	for range 20 {
		if err := here.Wait(t.Context(), earn(t, store, 1).Point); err != nil {
			t.Fatal(err)
		}
	}
	shows(t, view, 20, upTo(20), 20)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestWaitNeedsNoRunnerWhereNothingWasSelected(t *testing.T) {
	store, view := memstore.New(), newLedger()
	runner := projection.NewRunner(store, view, nil)

	note := record(t, store, Noted{"before"}, Noted{"anything"})
	if err := runner.Wait(t.Context(), note.Point); err != nil {
		t.Errorf("wait of a view that was never moved, for what is none of its business: %v", err)
	}
	record(t, store, Earned{1})
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	note = record(t, store, Noted{"after"})
	record(t, store, Earned{1}) // is after the note: not what it waits for
	if err := runner.Wait(t.Context(), note.Point); err != nil {
		t.Errorf("wait for what is none of the view's business: %v", err)
	}
	shows(t, view, 1, []daybook.Position{3}, 3)
}

func TestWaitIsBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		receipt := earn(t, store, 4)
		runner := projection.NewRunner(store, &poisoned{View: newLedger(), at: []daybook.Position{1, 3}}, quiet(projection.Options{AsideAtMost: 1}))
		stop := run(t, runner)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := runner.Wait(ctx, receipt.Point)
		var unavailable *daybook.UnavailableError
		if !errors.As(err, &unavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait past a deadline: %v; want an UnavailableError", err)
		}
		for _, want := range []string{"ledger", "at position 2", "show position 4", "Earned at position 3", "poison"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error %q does not say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "not running") {
			t.Errorf("the error %q denies that the runner is running", err)
		}
		if err := runner.Wait(t.Context(), receipt.At(2)); err != nil {
			t.Errorf("wait for what is shown: %v", err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := runner.Wait(ctx, receipt.Point); !strings.Contains(fmt.Sprint(err), "this runner is not running") {
			t.Errorf("wait for a runner that has stopped: %v", err)
		}
	})
}

func TestWaitForAPointThatTheStoreHasYetToSee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), newLedger()
		runner := projection.NewRunner(store, view, nil)
		stop := run(t, runner)
		receipt := earn(t, store, 1)
		waited := make(chan error, 1)
		go func() { waited <- runner.Wait(t.Context(), receipt.At(2)) }()
		time.Sleep(time.Minute)
		select {
		case err := <-waited:
			t.Fatalf("waited for a moment that has not come: %v", err)
		default:
		}
		record(t, store, Noted{"it comes"})
		if err := <-waited; err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestWaitRefusesForeignTokens(t *testing.T) {
	store, view := memstore.New(), newLedger()
	runner := projection.NewRunner(store, view, nil)
	receipt := earn(t, store, 2)
	other, restored := receipt.Point, receipt.Point
	other.Log, restored.Incarnation = uuid.New(), uuid.New()
	check := func() {
		t.Helper()
		for name, token := range map[string]daybook.Point{
			"another log": other, "another incarnation": restored, "no log": {Position: 1},
		} {
			var foreign *daybook.LifeError
			if err := runner.Wait(t.Context(), token); !errors.As(err, &foreign) || foreign.Given != token {
				t.Errorf("wait for a point of %s: %v; want a LifeError", name, err)
			}
		}
		if err := runner.Wait(t.Context(), daybook.Point{}); err != nil {
			t.Errorf("wait for the beginning: %v", err)
		}
	}
	check()
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestLagIsWhatIsSelectedAndNotYetShown(t *testing.T) {
	store, view := memstore.New(), newLedger()
	runner := projection.NewRunner(store, view, nil)
	lag := func() uint64 {
		t.Helper()
		status, err := runner.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.Lag
	}
	if got := lag(); got != 0 {
		t.Errorf("lag %d behind an empty log", got)
	}
	record(t, store, Noted{"a"}, Noted{"b"})
	if got := lag(); got != 0 {
		t.Errorf("lag %d behind what is none of its business", got)
	}
	record(t, store, Earned{1}, Noted{"c"})
	if got := lag(); got != 4 {
		t.Errorf("lag %d; want 4", got)
	}
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lag(); got != 0 {
		t.Errorf("lag %d after it caught up", got)
	}
}
