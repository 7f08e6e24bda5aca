package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

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

// TestNoDeadlineIsAMinuteEarlyHoweverOftenTheClockIsSet sets the clock forward and back by
// a day, again and again, while deadlines of two days are pending.
func TestNoDeadlineIsAMinuteEarlyHoweverOftenTheClockIsSet(t *testing.T) {
	many := 10_000
	if testing.Short() || raceDetector {
		many = 1000
	}
	b := newBench(t)
	b.store.Now = func() time.Time { return noon } // stamps that rise by a nanosecond, whatever the clock shows
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range many {
		place(t, b.store, strconv.Itoa(n), time.Duration(rng.Int64N(int64(48*time.Hour))).String())
	}
	b.start(timer())
	check := func(what string) {
		t.Helper()
		due := b.lastDue()
		if early := due.Sub(noon.Add(b.clock.Boot())); early > time.Minute {
			t.Fatalf("%s: a deadline has fired %s early", what, early)
		}
	}
	for n := range 24 {
		b.clock.Set(noon.Add(b.clock.Boot() + 24*time.Hour))
		b.pass(time.Minute)
		check("forward")
		b.clock.Set(noon.Add(b.clock.Boot() - 24*time.Hour))
		b.pass(time.Minute)
		check("back")
		b.clock.Set(noon.Add(b.clock.Boot() + time.Duration(n%3)*time.Second)) // nearly right is right
		b.pass(2 * time.Hour)
		check("right")
	}
	b.pass(time.Hour)
	if got := len(fired(t, b.store, "timer")); got != many {
		t.Errorf("%d deadlines fired, want %d", got, many)
	}
}

// lastDue returns when the deadline was due that fired last.
func (b *bench) lastDue() time.Time {
	b.t.Helper()
	reading, err := b.store.Read(b.t.Context(), daybook.Query{{Types: []string{"process.fired"}}}, daybook.Span{Backward: true, Limit: 1})
	if err != nil {
		b.t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			b.t.Fatal(err)
		}
		var said struct{ Due time.Time }
		if err := json.Unmarshal(e.Data, &said); err != nil {
			b.t.Fatal(err)
		}
		return said.Due
	}
	return noon
}

func TestAClockThatIsCorrectedSlowlyIsFollowedAndOneThatRunsWildIsNot(t *testing.T) {
	for name, clock := range map[string]struct {
		gains time.Duration // in each minute
		fires bool
	}{
		"slow correction": {25 * time.Millisecond, true},
		"running wild":    {time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).start(timer())
			b.place("2h", "1")
			for range 120 {
				b.clock.Set(b.clock.Now().Add(clock.gains))
				b.pass(time.Minute)
			}
			if !clock.fires {
				b.expectNoneFires()
				return
			}
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

// manyDeadlines is how many deadlines are due within one minute, when there is time.
const manyDeadlines = "PROCESS_DEADLINES"

// TestManyDeadlinesOfOneMinuteFireOnceEachAndInOrderAcrossAKill sets as many deadlines
// as the environment says, or 100,000, lets half of the minute pass, cuts the program off
// from the log while they fire, whatever it has in hand, and lets another one go on.
func TestManyDeadlinesOfOneMinuteFireOnceEachAndInOrderAcrossAKill(t *testing.T) {
	many := 100_000
	if testing.Short() || raceDetector {
		many = 1000
	}
	if n, err := strconv.Atoi(os.Getenv(manyDeadlines)); err == nil {
		many = n
	}
	b := newBench(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < many; first += 1000 {
		var events []daybook.Event
		for n := first; n < min(first+1000, many); n++ {
			e, err := Orders.Codec().Event(Placed{(time.Hour + time.Duration(rng.Int64N(int64(time.Minute)))).String()})
			if err != nil {
				t.Fatal(err)
			}
			e.Stream = Orders.Stream(strconv.Itoa(n))
			events = append(events, e)
		}
		if _, err := b.store.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	log := &cutStore{Store: b.store}
	log.left.Store(1 << 30)
	options := quick()
	options.Clock = b.clock
	b.runner = process.NewRunner(log, command.NewBus(log, handlers(), nil), []process.Definition{timer()}, options)
	b.stop = run(t, b.runner)
	settle(t, b.runner)
	if s := b.status(); s.Deadlines != many {
		t.Fatalf("%d deadlines are pending, want %d", s.Deadlines, many)
	}
	set := time.Now()
	b.clock.Pass(time.Hour + 30*time.Second)
	waitFor(t, "some to fire", func() bool { return b.status().Deadlines < many*3/4 })
	log.left.Store(0)
	b.stop()
	if early := len(fired(t, b.store, "timer")); early > many*6/10 {
		t.Errorf("%d of %d have fired after half of the time", early, many)
	}
	half := time.Now()
	b.start(timer())
	b.pass(31 * time.Second)
	t.Logf("%d set in %s, some fired in %s, killed, and the rest fired in %s", many, set.Sub(began), half.Sub(set), time.Since(half))

	reading, err := b.store.Read(t.Context(), daybook.Query{{Types: []string{"process.fired"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	type shot struct {
		Deadline uuid.UUID
		Due      time.Time
		Position daybook.Position
		At       time.Time
	}
	var before shot
	count, seen := 0, make(map[uuid.UUID]bool)
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		var now shot
		if err := json.Unmarshal(e.Data, &now); err != nil {
			t.Fatal(err)
		}
		if now.Due.Before(before.Due) || now.Due.Equal(before.Due) && now.Position < before.Position {
			t.Fatalf("the deadline of %s, set at %d, fired behind that of %s, set at %d", now.Due, now.Position, before.Due, before.Position)
		}
		if now.At.Before(now.Due) || seen[now.Deadline] {
			t.Fatalf("the deadline of %s fired at %s, or twice", now.Due, now.At)
		}
		count, before, seen[now.Deadline] = count+1, now, true
	}
	if count != many {
		t.Errorf("%d deadlines fired, want %d", count, many)
	}
}
