package sqlview_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// process starts another process over a ledger, and returns what becomes of it.
func process(t *testing.T, where place, do orders) func() error {
	t.Helper()
	do.Where = where
	what, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEDGER_ORDERS="+string(what))
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() error {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, &said)
		}
		return nil
	}
}

// A process is killed in the middle of a handler, in the middle of a batch, again and
// again; the next one goes on.
func TestKilledProcessesApplyEachEventOnce(t *testing.T) {
	onEach(t, testKilledProcessesApplyEachEventOnce)
}

func testKilledProcessesApplyEachEventOnce(t *testing.T, where place) {
	const events, batch = 60, 7
	for kill := daybook.Position(1); kill <= events; kill += 11 {
		err := process(t, where, orders{Events: events, Batch: batch, KillAt: kill})()
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the process that was to be killed at %d ended with %v", kill, err)
		}
		view := open(t, newLedger(nil), where)
		if at := consistent(t, view); at.Position >= kill || at.Position+batch < kill {
			t.Errorf("killed at %d in batches of %d, the view is at %d", kill, batch, at.Position)
		}
	}
	if err := process(t, where, orders{Events: events, Batch: batch})(); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, open(t, newLedger(nil), where)); at.Position != events {
		t.Errorf("the view is at %d; want %d", at.Position, events)
	}
}

func TestProcessesThatCompeteApplyEachEventOnce(t *testing.T) {
	onEach(t, testProcessesThatCompeteApplyEachEventOnce)
}

func testProcessesThatCompeteApplyEachEventOnce(t *testing.T, where place) {
	const events = 400
	var ends []func() error
	for range 3 {
		ends = append(ends, process(t, where, orders{Events: events, Batch: 1}))
	}
	for _, end := range ends {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if at := consistent(t, open(t, newLedger(nil), where)); at.Position != events {
		t.Errorf("the view is at %d; want %d", at.Position, events)
	}
}

func TestRunnersThatCompeteApplyEachEventOnce(t *testing.T) {
	onEach(t, testRunnersThatCompeteApplyEachEventOnce)
}

func testRunnersThatCompeteApplyEachEventOnce(t *testing.T, where place) {
	const events = 300
	store := log(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := make(chan error)
	var runners []*projection.Runner
	for range 3 {
		runner := projection.NewRunner(store, open(t, newLedger(nil), where), &projection.Options{BatchEvents: 2})
		runners = append(runners, runner)
		go func() { ends <- runner.Run(ctx) }()
	}
	if err := store.grow(0, events); err != nil {
		t.Fatal(err)
	}
	for _, runner := range runners {
		if err := runner.Wait(ctx, fixedLife.At(events)); err != nil {
			t.Error(err)
		}
	}
	cancel()
	for range runners {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if at := consistent(t, open(t, newLedger(nil), where)); at.Position != events {
		t.Errorf("the view is at %d; want %d", at.Position, events)
	}
}

// A handler fails at every place of a batch in turn.
func TestAHandlerThatFailsUndoesItsBatch(t *testing.T) {
	onEach(t, testAHandlerThatFailsUndoesItsBatch)
}

func testAHandlerThatFailsUndoesItsBatch(t *testing.T, where place) {
	const events = 10
	store := log(t, events)
	for poison := daybook.Position(1); poison <= events; poison++ {
		view := open(t, newLedger(func(at daybook.Recorded) error {
			if at.Position == poison {
				return errors.New("poison")
			}
			return nil
		}), where)
		runner := projection.NewRunner(store, view, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
		err := runner.CatchUp(t.Context())
		var failed *projection.SetAsideError
		if !errors.As(err, &failed) || failed.Aside.Position != poison || failed.Aside.Attempts != 1 {
			t.Fatalf("caught up: %v; want a SetAsideError at %d", err, poison)
		}
		if at := consistent(t, view); at.Position != events || at.Events != events-1 {
			t.Errorf("the view is at %d after %d events; want it at %d without the poison at %d", at.Position, at.Events, events, poison)
		}
		if err := runner.Skip(t.Context(), failed.Aside.EventID, "poison"); err != nil {
			t.Fatal(err)
		}
		if err := runner.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := consistent(t, view); at != (projection.Checkpoint{}) {
			t.Errorf("the view was reset to %+v", at)
		}
	}
	view := open(t, newLedger(nil), where)
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, view); at.Position != events || at.Events != events {
		t.Errorf("the view is at %+v; want %d", at, events)
	}
}

func TestAPanicIsAFailureLikeOthers(t *testing.T) { onEach(t, testAPanicIsAFailureLikeOthers) }

func testAPanicIsAFailureLikeOthers(t *testing.T, where place) {
	store := log(t, 5)
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == 4 {
			panic("nobody is home")
		}
		return nil
	}), where)
	err := projection.NewRunner(store, view, nil).CatchUp(t.Context())
	var failed *projection.EventError
	if !errors.As(err, &failed) || failed.Event.Position != 4 || !strings.Contains(err.Error(), "Earned panicked: nobody is home") {
		t.Errorf("caught up: %v; want an EventError at 4 that tells of the panic", err)
	}
	if at := consistent(t, view); at.Position != 5 || at.Events != 4 {
		t.Errorf("the view is at %+v; want it at 5, without the event at 4", at)
	}
}

func TestAPoisonedEventIsSetAsideUntilItIsCured(t *testing.T) {
	onEach(t, testAPoisonedEventIsSetAsideUntilItIsCured)
}

func testAPoisonedEventIsSetAsideUntilItIsCured(t *testing.T, where place) {
	store := log(t, 5)
	var cured atomic.Bool
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == 3 && !cured.Load() {
			return errors.New("poison")
		}
		return nil
	}), where)
	runner := projection.NewRunner(store, view, &projection.Options{
		RetryAfter: time.Millisecond, RetryAtMost: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ran := make(chan error)
	go func() { ran <- runner.Run(ctx) }()
	for {
		status, err := runner.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if status.Waiting > 0 {
			if status.Stuck != nil || status.Aside != 1 || status.Lag != 0 {
				t.Errorf("status %+v; want one event set aside", status)
			}
			break
		}
		time.Sleep(time.Millisecond)
	}
	consistent(t, view)
	var aside *projection.SetAsideError
	if err := runner.Wait(ctx, fixedLife.At(3)); !errors.As(err, &aside) || aside.Aside.Cause != "poison" || aside.Aside.Attempts != 5 {
		t.Errorf("waited for what is set aside: %v", err)
	}
	if err := runner.Wait(ctx, fixedLife.At(5)); err != nil {
		t.Errorf("waited for what is shown: %v", err)
	}
	if err := runner.Retry(ctx, ""); !errors.As(err, &aside) {
		t.Errorf("tried it again, which cannot help: %v", err)
	}
	cured.Store(true)
	if err := runner.Retry(ctx, aside.Aside.Keys[0]); err != nil {
		t.Error(err)
	}
	if err := runner.Wait(ctx, fixedLife.At(3)); err != nil {
		t.Error(err)
	}
	consistent(t, view)
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// Power is cut while the database's log is written: any part of it may be missing.
// The tables and the checkpoint then go back together.
func TestTablesAndCheckpointSurviveAPowerCutTogether(t *testing.T) {
	const events = 20
	dir := t.TempDir()
	view := open(t, newLedger(nil), place{Dir: dir})
	if err := projection.NewRunner(log(t, events), view, &projection.Options{BatchEvents: 1}).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	database, err := os.ReadFile(filepath.Join(dir, "ledger-v1.db"))
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(filepath.Join(dir, "ledger-v1.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if len(wal) < events*4096 {
		t.Fatalf("the database's log has %d bytes: too few for %d transactions", len(wal), events)
	}

	seen := make(map[daybook.Position]bool)
	for cut := 0; cut <= len(wal); cut += 3001 { // no divisor of anything
		image := t.TempDir()
		torn := make([]byte, len(wal)) // what was not synced may be there in length alone
		copy(torn, wal[:cut])
		for name, content := range map[string][]byte{"ledger-v1.db": database, "ledger-v1.db-wal": torn} {
			if err := os.WriteFile(filepath.Join(image, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after, err := newLedger(nil).Open(t.Context(), image)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		seen[consistent(t, after).Position] = true
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < events/2 {
		t.Errorf("the cuts led to %d places only: %v", len(seen), seen)
	}
}
