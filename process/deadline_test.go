package process_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
)

// A Timer fires so long after its order was placed as the goods say, and is done.
type Timer struct{ Fired []time.Time }

func timer() *process.Process[Timer] {
	return process.For("timer", 1, Orders.Codec(),
		process.Starts(func(_ Placed, at daybook.Recorded) string { return orderOf(at) },
			func(_ *Timer, e Placed, do *process.Steps) {
				wait, err := time.ParseDuration(e.Goods)
				if err != nil {
					panic(err)
				}
				do.After("due", wait)
			}),
		process.On(func(_ Withdrawn, at daybook.Recorded) string { return orderOf(at) },
			func(_ *Timer, _ Withdrawn, do *process.Steps) { do.Cancel("due") }),
		process.On(func(_ Failed, at daybook.Recorded) string { return orderOf(at) },
			func(_ *Timer, e Failed, do *process.Steps) {
				wait, err := time.ParseDuration(e.Why)
				if err != nil {
					panic(err)
				}
				do.After("due", wait)
			}),
		process.Deadline("due", func(t *Timer, do *process.Steps) { t.Fired = append(t.Fired, do.Now()) }),
	)
}

// fired returns the instances whose deadlines have fired, in the order of the log.
func fired(t testing.TB, store daybook.Store, name string) []string {
	t.Helper()
	reading, err := store.Read(context.Background(), daybook.Query{{Categories: []string{"process." + name}, Types: []string{"process.fired"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Stream[len("process."+name+"-"):])
	}
	return all
}

func (b *bench) expectFired(want ...string) {
	b.t.Helper()
	if got := fired(b.t, b.store, "timer"); !slices.Equal(got, want) {
		b.t.Errorf("fired %v, want %v", got, want)
	}
}

// expectNoneFires gives a runner that does wrong the time to do so.
func (b *bench) expectNoneFires() {
	b.t.Helper()
	for range 20 {
		time.Sleep(time.Millisecond)
		b.expectFired()
	}
}

func TestADeadlineFiresWhenItIsDueAndNotBefore(t *testing.T) {
	b := newBench(t).start(timer())
	b.place("1h", "late")
	b.place("10m", "early")
	b.place("-1h", "past")
	b.expectFired("past")
	b.pass(10*time.Minute - time.Millisecond)
	b.expectFired("past")
	b.pass(2 * time.Millisecond) // each event is recorded a nanosecond after the one before
	b.expectFired("past", "early")
	b.pass(24 * time.Hour)
	b.expectFired("past", "early", "late")
}

func TestADeadlineCanBeMovedAndTakenBack(t *testing.T) {
	b := newBench(t).start(timer())
	b.place("1h", "moved", "gone")
	tell(t, b.store, "gone", Withdrawn{})
	tell(t, b.store, "moved", Failed{"2h"})
	b.pass(90 * time.Minute)
	b.expectFired()
	if s := b.status(); s.Deadlines != 1 || !s.NextDue.After(noon.Add(2*time.Hour-time.Minute)) {
		t.Errorf("%d deadlines are pending, the next at %s", s.Deadlines, s.NextDue)
	}
	b.pass(time.Hour)
	b.expectFired("moved")
}

func TestDeadlinesFireInTheOrderInWhichTheyAreDueAcrossARestart(t *testing.T) {
	b := newBench(t).start(timer())
	var want []string
	for n := range 300 {
		place(t, b.store, fmt.Sprintf("%03d", n), fmt.Sprintf("%dm", 1000-n/3))
		want = append(want, fmt.Sprintf("%03d", n))
	}
	slices.SortStableFunc(want, func(a, b string) int {
		var x, y int
		fmt.Sscanf(a, "%d", &x)
		fmt.Sscanf(b, "%d", &y)
		return y/3 - x/3
	})
	settle(t, b.runner)
	b.pass(950 * time.Minute)
	b.stop()
	b.clock.Pass(24 * time.Hour)
	b.start(timer())
	b.expectFired(want...)
}

func TestWhatWasRecordedBeforeADeadlineWasDueIsTakenBefore(t *testing.T) {
	b := newBench(t).start(timer())
	b.place("1h", "1")
	b.stop()
	tell(t, b.store, "1", Withdrawn{}) // in time, while the program is not running
	b.clock.Pass(24 * time.Hour)

	// The program gets to read the withdrawal only after it had time enough to do wrong.
	slow := &countingStore{Store: b.store, read: func(q daybook.Query, _ daybook.Span) {
		if len(q) == 1 && slices.Contains(q[0].Types, "OrderWithdrawn") {
			for range 50 {
				if len(fired(t, b.store, "timer")) > 0 {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}
	}}
	options := quick()
	options.Clock = b.clock
	b.runner = process.NewRunner(slow, command.NewBus(slow, handlers(), nil), []process.Definition{timer()}, options)
	run(t, b.runner)
	settle(t, b.runner)
	b.expectFired()
}

func TestNoDeadlineFiresWhenTheClockWasSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).start(timer())
			b.place("1h", "1")
			b.clock.Set(b.clock.Now().Add(jump))
			b.pass(30 * time.Minute)
			b.expectNoneFires()
			if s := b.status(); s.Clock == nil {
				t.Errorf("the status does not say that the clock was set")
			}
			b.clock.Set(b.clock.Now().Add(-jump))
			b.pass(29 * time.Minute)
			b.expectNoneFires()
			b.pass(time.Minute)
			b.expectFired("1")
		})
	}
}

func TestAClockThatWasSetIsFollowedOnceConfirmed(t *testing.T) {
	b := newBench(t).start(timer())
	b.place("25h", "1")
	b.clock.Set(b.clock.Now().Add(24 * time.Hour))
	b.pass(2 * time.Hour)
	b.expectNoneFires()
	b.runner.ConfirmClock()
	settle(t, b.runner)
	b.expectFired("1")
}

func TestAClockThatIsBehindTheLogIsNotTrusted(t *testing.T) {
	b := newBench(t).start(timer())
	b.place("1h", "1")
	b.stop()
	b.clock.Pass(30 * time.Minute)
	place(t, b.store, "2", "1h")
	b.clock.Set(noon.Add(-24 * time.Hour))
	b.start(timer())
	if s := b.status(); s.Clock == nil {
		t.Errorf("the status does not say that the clock is behind")
	}
	b.pass(2 * time.Hour)
	b.expectNoneFires()
	b.runner.ConfirmClock()
	b.pass(24 * time.Hour)
	b.expectFired("1", "2")
}
