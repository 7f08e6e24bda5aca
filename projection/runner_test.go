package projection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// run runs a runner in the background; the function it returns stops it and returns
// what Run did.
func run(t *testing.T, r *projection.Runner) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() error { cancel(); return <-done }
}

func TestEveryEventIsAppliedOnceAndInOrder(t *testing.T) {
	for _, batch := range []int{1, 2, 3, 7, 1000} {
		t.Run(fmt.Sprint("batches of ", batch), func(t *testing.T) {
			store, view := memstore.New(), newLedger()
			runner := projection.NewRunner(store, view, &projection.Options{BatchEvents: batch})
			earn(t, store, 4)
			stop := run(t, runner)
			receipt := record(t, store, Spent{2}, Earned{10}, Spent{1})
			if err := runner.Wait(t.Context(), receipt.Point); err != nil {
				t.Fatal(err)
			}
			shows(t, view, 11, upTo(7), 7)
			if err := stop(); err != nil {
				t.Errorf("Run, when its context ended: %v", err)
			}
		})
	}
}

func TestARunnerGoesOnWhereTheViewIs(t *testing.T) {
	store, view := memstore.New(), newLedger()
	for n := 1; n <= 3; n++ {
		earn(t, store, 2)
		// A new runner, as after a restart.
		if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		shows(t, view, 2*n, upTo(2*n), daybook.Position(2*n))
	}
}

func TestOnlyWhatIsHandledIsRead(t *testing.T) {
	view := newLedger()
	want := daybook.Query{{Types: []string{"Earned", "Spent"}}}
	if diff := cmp.Diff(want, view.Query(), cmp.AllowUnexported(daybook.Item{})); diff != "" {
		t.Errorf("the query (-want +got):\n%s", diff)
	}

	store := memstore.New()
	record(t, store, Noted{"hello"}, Earned{5}, Noted{"bye"})
	runner := projection.NewRunner(store, view, nil)
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, view, 5, []daybook.Position{2}, 3)
	checkpoint, err := view.Stand(t.Context(), 0)
	if err != nil || checkpoint.Applied != 2 || checkpoint.LastApplied() != checkpoint.At(2) {
		t.Errorf("checkpoint %+v, %v; want 2 to be the last applied", checkpoint, err)
	}

	// What is none of the projection's business moves the checkpoint and no more.
	record(t, store, Noted{"again"})
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, view, 5, []daybook.Position{2}, 4)
	if moved, _ := view.Stand(t.Context(), 0); moved.LastApplied() != checkpoint.LastApplied() || moved.EventID != checkpoint.EventID {
		t.Errorf("an event that was not applied changed the last applied from %+v to %+v", checkpoint, moved)
	}
}

func TestTheCheckpointMovesThoughNothingIsSelected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := memstore.New(), newLedger()
		stop := run(t, projection.NewRunner(store, view, nil))
		info, err := store.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it has seen that there is nothing, and waits
		for range info.Stride {
			record(t, store, Noted{"nothing to see"})
		}
		synctest.Wait()
		shows(t, view, 0, nil, daybook.Position(info.Stride))
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBatchesEndAtTheirLimits(t *testing.T) {
	store := memstore.New()
	earn(t, store, 10)
	view := &poisoned{View: newLedger()}
	if err := projection.NewRunner(store, view, &projection.Options{BatchEvents: 4}).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{4, 4, 2}, view.batches); diff != "" {
		t.Errorf("sizes of batches of 4 (-want +got):\n%s", diff)
	}

	large := memstore.New()
	for range 6 {
		event, err := codec.Event(Earned{1})
		if err != nil {
			t.Fatal(err)
		}
		event.Metadata = []byte(strings.Repeat(" ", projection.BatchBytes/2))
		if _, err := large.Append(t.Context(), []daybook.Event{event}, nil); err != nil {
			t.Fatal(err)
		}
	}
	view = &poisoned{View: newLedger()}
	if err := projection.NewRunner(large, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 2, 2}, view.batches); diff != "" {
		t.Errorf("sizes of batches of large events (-want +got):\n%s", diff)
	}
}

func TestRunnersThatCompeteApplyEachEventOnce(t *testing.T) {
	const events, runners = 300, 4
	store, view := memstore.New(), newLedger()
	var stops []func() error
	for range runners {
		stops = append(stops, run(t, projection.NewRunner(store, view, &projection.Options{BatchEvents: 3})))
	}
	receipt := earn(t, store, events)
	if err := projection.NewRunner(store, view, nil).Wait(t.Context(), receipt.Point); err != nil {
		t.Fatal(err)
	}
	for _, stop := range stops {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
	shows(t, view, events, upTo(events), events)
}

// A contested view is moved by another runner right before it is first changed.
type contested struct {
	projection.View
	rival *projection.Runner
}

func (c *contested) Apply(ctx context.Context, change projection.Change) error {
	if rival := c.rival; rival != nil {
		c.rival = nil
		if err := rival.CatchUp(ctx); err != nil {
			return err
		}
	}
	return c.View.Apply(ctx, change)
}

func TestWhoComesSecondReadsAgain(t *testing.T) {
	store, view := memstore.New(), newLedger()
	earn(t, store, 5)
	rival := projection.NewRunner(store, view, nil)
	if err := projection.NewRunner(store, &contested{view, rival}, nil).CatchUp(t.Context()); err != nil {
		t.Errorf("caught up second: %v", err)
	}
	shows(t, view, 5, upTo(5), 5)
}

func TestCatchUpNamesTheEventThatCannotBeApplied(t *testing.T) {
	store, healthy := memstore.New(), newLedger()
	earn(t, store, 9)
	view := &poisoned{View: healthy, at: []daybook.Position{6}}
	runner := projection.NewRunner(store, view, quiet(projection.Options{}))
	err := runner.CatchUp(t.Context())
	var failed *projection.EventError
	if !errors.As(err, &failed) || failed.Event.Position != 6 || !errors.Is(err, errPoison) {
		t.Errorf("caught up: %v; want an EventError of poison at position 6", err)
	}
	shows(t, healthy, 8, []daybook.Position{1, 2, 3, 4, 5, 7, 8, 9}, 9) // everything but it

	view.cure()
	if err := runner.Retry(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	shows(t, healthy, 9, []daybook.Position{1, 2, 3, 4, 5, 7, 8, 9, 6}, 9)
}

func TestAStuckProjectionSaysSoAndGoesOnWhenItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		store, healthy := memstore.New(), newLedger()
		earn(t, store, 5)
		view := &poisoned{View: healthy, at: []daybook.Position{2, 3, 4}}
		runner := projection.NewRunner(store, view, &projection.Options{
			AsideAtMost: 1, RetryAfter: time.Second, RetryAtMost: time.Minute,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		began := time.Now()
		stop := run(t, runner)
		time.Sleep(time.Hour)
		synctest.Wait()

		status, err := runner.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.Stuck == nil || status.Stuck.Event == nil || status.Stuck.Event.Position != 3 || !errors.Is(status.Stuck.Err, errPoison) {
			t.Fatalf("status %+v; want it stuck on the event at position 3", status)
		}
		if !status.Stuck.Since.Equal(began) {
			t.Errorf("stuck since %v; want %v", status.Stuck.Since, began)
		}
		if status.Lag != 3 || status.Checkpoint.Position != 2 || status.Head.Position != 5 || status.Applied != 1 || status.Aside != 1 {
			t.Errorf("status %+v; want it at 2, 3 behind, with one event set aside", status)
		}
		// Pauses double up to a minute, more or less: an hour has far fewer of them than
		// seconds, and at least as many as the longest allow.
		if tries := status.Stuck.Attempts; tries < 45 || tries > 120 {
			t.Errorf("%d attempts in an hour with pauses of up to a minute", tries)
		}
		shows(t, healthy, 1, upTo(1), 2)
		if said := strings.Count(log.String(), "the projection is stuck"); said != 1 {
			t.Errorf("the log says %d times that the projection is stuck; want once:\n%s", said, &log)
		}

		// Another event, another trouble: it counts anew, and is tried again soon.
		view.cure(2, 4)
		for {
			time.Sleep(time.Second)
			if now, err := runner.Status(t.Context()); err != nil || now.Stuck != nil && now.Stuck.Event.Position == 4 {
				break
			}
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		now, err := runner.Status(t.Context())
		if err != nil || now.Stuck == nil || now.Stuck.Event.Position != 4 || now.Applied != 2 {
			t.Errorf("status %+v, %v; want it stuck on the event at position 4", now.Stuck, err)
		} else if now.Stuck.Attempts < 2 || now.Stuck.Attempts > 4 {
			t.Errorf("%d attempts within three seconds, with pauses that begin at one", now.Stuck.Attempts)
		}

		view.cure()
		if err := runner.Wait(t.Context(), status.Head); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if status, err = runner.Status(t.Context()); err != nil || status.Stuck != nil || status.Lag != 0 || status.Aside != 0 {
			t.Errorf("status %+v, %v; want it to be well", status, err)
		}
		shows(t, healthy, 5, []daybook.Position{1, 3, 4, 5, 2}, 5)
		if !strings.Contains(log.String(), "the projection goes on") {
			t.Errorf("the log does not say that the projection goes on:\n%s", &log)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestARunnerOutlastsAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, view := &unsteady{Store: memstore.New()}, newLedger()
		away := &daybook.UnavailableError{Doing: "read", Err: errors.New("the network is down")}
		store.fail(away)
		runner := projection.NewRunner(store, view, quiet(projection.Options{}))
		stop := run(t, runner)
		receipt := earn(t, store, 3)
		time.Sleep(time.Minute)
		status, err := runner.Status(t.Context())
		if !errors.Is(err, away) || status.Stuck == nil || status.Stuck.Event != nil || !errors.Is(status.Stuck.Err, away) {
			t.Errorf("status %+v, %v; want it stuck without an event, and the store's own error", status, err)
		}
		store.fail(nil)
		if err := runner.Wait(t.Context(), receipt.Point); err != nil {
			t.Fatal(err)
		}
		shows(t, view, 3, upTo(3), 3)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestRunEndsWhenTheStoreIsClosed(t *testing.T) {
	store := memstore.New()
	runner := projection.NewRunner(store, newLedger(), quiet(projection.Options{}))
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := runner.Run(t.Context()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("Run on a closed store: %v; want ErrClosed", err)
	}
}

func TestRunReturnsNilHoweverItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		earn(t, store, 1)
		stuck := projection.NewRunner(store, &poisoned{View: newLedger(), at: upTo(1)}, quiet(projection.Options{}))
		stop := run(t, stuck)
		synctest.Wait() // it pauses
		if err := stop(); err != nil {
			t.Errorf("Run, stopped in a pause: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := projection.NewRunner(store, newLedger(), nil).Run(ended); err != nil {
			t.Errorf("Run, begun with a context that had ended: %v", err)
		}
		if err := projection.NewRunner(store, newLedger(), nil).CatchUp(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("CatchUp with a context that had ended: %v", err)
		}
	})
}

func TestAViewThatDoesNotAnswerIsNamed(t *testing.T) {
	away := errors.New("the database is away")
	runner := projection.NewRunner(memstore.New(), broken{newLedger(), away}, quiet(projection.Options{}))
	_, statusErr := runner.Status(t.Context())
	for what, err := range map[string]error{
		"catch up": runner.CatchUp(t.Context()),
		"wait":     runner.Wait(t.Context(), daybook.Point{Position: 1}),
		"status":   statusErr,
	} {
		if !errors.Is(err, away) || !strings.Contains(err.Error(), "projection ledger version 1") {
			t.Errorf("%s: %v; want the view's error, and which view", what, err)
		}
	}
}

// What one event has become is applied together: a reader never sees a part.
func TestThePartsOfAnEventAreAppliedTogether(t *testing.T) {
	type Sale struct{ Earned, Spent int }
	old := daybook.NewCodec(daybook.KindOf[Sale]("Sale", nil))
	now := daybook.NewCodec(
		daybook.KindOf[Earned]("Earned", nil),
		daybook.KindOf[Spent]("Spent", nil),
		daybook.Split("Sale", func(s Sale) []any { return []any{Earned{s.Earned}, Spent{s.Spent}} }, Earned{}, Spent{}),
	)
	store := memstore.New()
	const sales = 200
	for range sales {
		event, err := old.Event(Sale{5, 5})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), []daybook.Event{event}, nil); err != nil {
			t.Fatal(err)
		}
	}
	view := memview.New("ledger", 1, now, func() ledger { return ledger{} },
		memview.On(func(l *ledger, e Earned, at daybook.Recorded) {
			l.Balance += e.Cents
			l.Seen = append(l.Seen, at.Position)
		}),
		memview.On(func(l *ledger, e Spent, at daybook.Recorded) {
			l.Balance -= e.Cents
			l.Seen = append(l.Seen, at.Position)
		}),
	)

	var readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() {
		for {
			view.Read(func(l ledger, c projection.Checkpoint) {
				if l.Balance != 0 || len(l.Seen) != 2*int(c.Position) {
					t.Errorf("at %d the balance is %d after %d parts", c.Position, l.Balance, len(l.Seen))
				}
			})
			select {
			case <-done:
				return
			default:
			}
		}
	})
	if err := projection.NewRunner(store, view, &projection.Options{BatchEvents: 1}).CatchUp(t.Context()); err != nil {
		t.Error(err)
	}
	close(done)
	readers.Wait()
	view.Read(func(l ledger, c projection.Checkpoint) {
		if len(l.Seen) != 2*sales || c.Position != sales {
			t.Errorf("%d parts were applied up to %d; want %d up to %d", len(l.Seen), c.Position, 2*sales, sales)
		}
	})
}

func TestAnEventThatCannotBeReadIsSetAside(t *testing.T) {
	store, view := memstore.New(), newLedger()
	record(t, store, Earned{1}, Earned{2})
	if _, err := store.Append(t.Context(), []daybook.Event{{Type: "Earned", Data: []byte(`{"Cents":"many"}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	record(t, store, Earned{3})
	err := projection.NewRunner(store, view, nil).CatchUp(t.Context())
	var unreadable *daybook.UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Position != 3 {
		t.Errorf("caught up: %v; want an UnreadableError at position 3", err)
	}
	shows(t, view, 6, []daybook.Position{1, 2, 4}, 4)
}

func TestMistakesAreFoundWhenTheProgramStarts(t *testing.T) {
	earned := projection.Handle(func(*int, Earned, daybook.Recorded) error { return nil })
	type Unheard struct{}
	for name, handlers := range map[string][]projection.Handler[*int]{
		"without handlers": nil,
		"two handlers":     {earned, earned},
		"no kind for":      {projection.Handle(func(*int, Unheard, daybook.Recorded) error { return nil })},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, name) {
					t.Errorf("panic %q; want it to say %q", said, name)
				}
			}()
			projection.NewHandlers(codec, handlers...)
		}()
	}
}

// Handlers are a view's own; a fact that a split event has become and that nobody
// handles is passed over.
func TestHandlersFailAsTheEventThatTheyWereGiven(t *testing.T) {
	handlers := projection.NewHandlers(codec,
		projection.Handle(func(n *int, e Earned, _ daybook.Recorded) error { *n += e.Cents; return nil }),
		projection.Handle(func(*int, Spent, daybook.Recorded) error { return errPoison }),
	)
	var n int
	at := daybook.Recorded{Event: daybook.Event{Type: "Mixed"}, Position: 7}
	err := handlers.Apply(&n, []any{Earned{4}, Noted{"nobody handles this"}, Spent{1}, Earned{4}}, at)
	var failed *projection.EventError
	if !errors.As(err, &failed) || failed.Event.Position != 7 || !errors.Is(err, errPoison) || n != 4 {
		t.Errorf("applied: %v with n = %d; want an EventError at position 7 after one fact", err, n)
	}
	if want := "Mixed at position 7"; !strings.Contains(err.Error(), want) {
		t.Errorf("the error %q does not say %q", err, want)
	}
}
