package sqlview_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A killable process keeps a ledger in step until it ends.
type killable struct {
	cmd  *exec.Cmd
	said strings.Builder
	out  io.Reader // ends when the process does, and says when it is at work
}

// start starts another process.
func start(t *testing.T, where place, do orders) *killable {
	t.Helper()
	do.Where = where
	what, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	p := &killable{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), "LEDGER_ORDERS="+string(what))
	p.cmd.Stderr = &p.said
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// kill kills the process, which must not have ended by itself.
func (p *killable) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); p.cmd.ProcessState.Exited() {
		t.Errorf("a process ended before it was killed: %v: %s", err, &p.said)
	}
}

// process starts another process over a ledger, and returns what becomes of it.
func process(t *testing.T, where place, do orders) func() error {
	t.Helper()
	p := start(t, where, do)
	return func() error {
		if err := p.cmd.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, &p.said)
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
	var poison daybook.Position
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == poison {
			return errors.New("poison")
		}
		return nil
	}), where)
	change := projection.Change{Events: read(t, log(t, events))}
	change.To.Point, change.To.Applied, change.To.Events = fixedLife.At(events), events, events
	for poison = 1; poison <= events; poison++ {
		err := view.Apply(t.Context(), change)
		var failed *projection.EventError
		if !errors.As(err, &failed) || failed.Event.Position != poison {
			t.Errorf("applied: %v; want an EventError at %d", err, poison)
		}
		if at := consistent(t, view); at.Position != 0 {
			t.Errorf("the view is at %d; want it untouched", at.Position)
		}
	}
	if err := view.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, view); at.Position != events {
		t.Errorf("the view is at %d; want %d", at.Position, events)
	}
}

// read returns all events of a log.
func read(t testing.TB, store daybook.Store) (events []daybook.Recorded) {
	t.Helper()
	reading, err := store.Read(t.Context(), daybook.Query{{Types: []string{"Earned"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestAPanicIsAFailureLikeOthers(t *testing.T) { onEach(t, testAPanicIsAFailureLikeOthers) }

func testAPanicIsAFailureLikeOthers(t *testing.T, where place) {
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == 4 {
			panic("nobody is home")
		}
		return nil
	}), where)
	err := view.Apply(t.Context(), projection.Change{Events: read(t, log(t, 5))})
	var failed *projection.EventError
	if !errors.As(err, &failed) || failed.Event.Position != 4 || !strings.Contains(err.Error(), "Earned panicked: nobody is home") {
		t.Errorf("applied: %v; want an EventError at 4 that tells of the panic", err)
	}
	consistent(t, view)
}

// The others go on, also in the eyes of another process, and the event is applied once
// when its handler was mended.
func TestAPoisonedEventIsSetAsideUntilItIsCured(t *testing.T) {
	onEach(t, testAPoisonedEventIsSetAsideUntilItIsCured)
}

func testAPoisonedEventIsSetAsideUntilItIsCured(t *testing.T, where place) {
	const events, bad = 5, 3
	store := log(t, events)
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == bad {
			return errors.New("poison")
		}
		return nil
	}), where)
	runner := projection.NewRunner(store, view, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	err := runner.CatchUp(t.Context())
	var aside *projection.SetAsideError
	if !errors.As(err, &aside) || aside.Aside.Position != bad || aside.Aside.Cause != "poison" {
		t.Fatalf("caught up: %v; want the event at %d set aside", err, bad)
	}
	if at, shown := shown(t, view); at.Position != events || !slices.Equal(shown, []int{1, 2, 4, 5}) {
		t.Errorf("at %d the view shows %v", at.Position, shown)
	}
	cured := open(t, newLedger(nil), where)
	stand, err := cured.Stand(t.Context(), 0)
	if err != nil || len(stand.Aside) != 1 {
		t.Fatalf("another process finds %+v, %v", stand, err)
	}
	if want := aside.Aside; !cmp.Equal(stand.Aside[0], want, cmpopts.EquateApproxTime(0)) {
		t.Errorf("another process finds %+v; want %+v", stand.Aside[0], want)
	}
	if err := projection.NewRunner(store, cured, nil).Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if at, shown := shown(t, view); at.Events != events || !slices.Equal(shown, []int{1, 2, 4, 5, 3}) {
		t.Errorf("after %d events the view shows %v", at.Events, shown)
	}
	if stand, err := view.Stand(t.Context(), 0); err != nil || len(stand.Aside) != 0 {
		t.Errorf("set aside after all: %+v, %v", stand.Aside, err)
	}
}

// shown returns where a ledger stands, and the cents of its entries in the order in which
// they were made.
func shown(t testing.TB, view *sqlview.View) (at projection.Checkpoint, cents []int) {
	t.Helper()
	err := view.Read(t.Context(), func(rows *sqlview.Reader, checkpoint projection.Checkpoint) error {
		at = checkpoint
		for row, err := range rows.Query(`select cents from entries order by n`) {
			var n int
			if err == nil {
				err = row.Scan(&n)
			}
			if err != nil {
				return err
			}
			cents = append(cents, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at, cents
}

func TestWaitingForAnEventThatIsSetAsideSaysSo(t *testing.T) {
	onEach(t, testWaitingForAnEventThatIsSetAsideSaysSo)
}

func testWaitingForAnEventThatIsSetAsideSaysSo(t *testing.T, where place) {
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
