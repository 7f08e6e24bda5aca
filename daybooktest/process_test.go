package daybooktest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/process"
)

type (
	// Order has a bulb brought, and Bring has somebody bring it.
	Order    struct{ Watts int }
	Bring    struct{ Watts int }
	Brought  struct{ By string }
	TakeBack struct{ By string }
)

// Care sees to it that a lamp that is blown gets a new bulb within a day.
type Care struct {
	Blown int
	By    string
}

func lampOf[E any](_ E, at daybook.Recorded) string { return at.Stream[len("lamp-"):] }

func newCare() *process.Process[Care] {
	return process.For("care", 1, Lamps.Codec(),
		process.Starts(lampOf[Blown], func(c *Care, _ Blown, do *process.Steps) {
			c.Blown++
			do.Send(Order{60})
			do.After("no bulb", 24*time.Hour)
		}),
		process.On(lampOf[Lit], func(_ *Care, _ Lit, do *process.Steps) { do.Done() }),
		process.Sends("Order", func(c *Care, o Order, a process.Answer, do *process.Steps) {
			if !a.Refused() {
				do.Ask(Bring(o))
			}
		}),
		process.Calls("bring", func(context.Context, string, Bring) (Brought, error) { panic("a test calls nobody") },
			func(c *Care, _ Bring, r process.Result[Brought], do *process.Steps) {
				if r.Failed() {
					panic("nobody to bring it: " + r.Failure)
				}
				c.By = r.Value.By
				do.Undo(TakeBack{c.By})
			}),
		process.Calls[Care, TakeBack, struct{}]("take back", nil, nil),
		process.Deadline("no bulb", func(_ *Care, do *process.Steps) { do.Compensate() }),
	)
}

func TestProcessesAreTriedStepByStep(t *testing.T) {
	lamp := daybooktest.Process(t, newCare(), "1", daybooktest.In("lamp-1", Lit{60})...)
	lamp.When(daybooktest.In("lamp-1", Blown{})...).Then(Order{60}).
		ThenDeadlines(map[string]time.Duration{"no bulb": 24 * time.Hour}).ThenState(Care{Blown: 1})
	lamp.WhenPassed(time.Hour).ThenNothing().ThenDeadlines(map[string]time.Duration{"no bulb": 23 * time.Hour})
	lamp.WhenAccepted(Order{60}).Then(Bring{60})
	lamp.WhenReturned(Bring{60}, Brought{"ada"}).ThenNothing().ThenState(Care{Blown: 1, By: "ada"})
	lamp.WhenPassed(23 * time.Hour).Then(TakeBack{"ada"}).ThenDeadlines(nil)
	lamp.When(daybooktest.In("lamp-1", Lit{60})...).ThenNothing().ThenDone()

	lamp = daybooktest.Process(t, newCare(), "2", daybooktest.In("lamp-2", Blown{})...)
	lamp.WhenRefused(Order{60}, ErrBroken).ThenNothing()

	lamp = daybooktest.Process(t, newCare(), "3", daybooktest.In("lamp-3", Blown{})...)
	lamp.WhenAccepted(Order{60}).Then(Bring{60})
	if state := lamp.WhenFailed(Bring{60}, errors.New("snow")).ThenSetAside("nobody to bring it: snow").State(); state != (Care{Blown: 1}) {
		t.Errorf("the state is %+v", state)
	}
}

func TestProcessesThatDoOtherwiseSayWhatIsDifferent(t *testing.T) {
	blown := daybooktest.In("lamp-1", Blown{})
	for name, test := range map[string]func(t testing.TB, lamp *daybooktest.Instance[Care]){
		"-expected +decided": func(_ testing.TB, lamp *daybooktest.Instance[Care]) { lamp.When(blown...).Then(Order{40}) },
		"-expected +pending": func(_ testing.TB, lamp *daybooktest.Instance[Care]) { lamp.When(blown...).ThenDeadlines(nil) },
		"-expected +state":   func(_ testing.TB, lamp *daybooktest.Instance[Care]) { lamp.When(blown...).ThenState(Care{}) },
		"to be done":         func(_ testing.TB, lamp *daybooktest.Instance[Care]) { lamp.When(blown...).ThenDone() },
		"to be set aside":    func(_ testing.TB, lamp *daybooktest.Instance[Care]) { lamp.When(blown...).ThenSetAside("") },
		"Order {Watts:60}": func(_ testing.TB, lamp *daybooktest.Instance[Care]) {
			lamp.When(blown...)
			lamp.WhenAccepted(Order{40})
		},
	} {
		said := failures(t, func(t testing.TB) { test(t, daybooktest.Process(t, newCare(), "1")) })
		if len(said) != 1 || !strings.Contains(said[0], name) {
			t.Errorf("%s: the test says %q", name, said)
		}
	}
}

func TestAClockShowsWhatItIsToldTo(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	clock := daybooktest.NewClock(noon)
	soon, now := clock.After(time.Hour), clock.After(0)
	<-now
	clock.Set(noon.Add(48 * time.Hour))
	select {
	case <-soon:
		t.Errorf("a clock that was set woke somebody who waits for time to pass")
	default:
	}
	clock.Pass(time.Hour)
	if diff := cmp.Diff(noon.Add(49*time.Hour), <-soon); diff != "" {
		t.Error(diff)
	}
	if clock.Boot() != time.Hour || !clock.Now().Equal(noon.Add(49*time.Hour)) {
		t.Errorf("the clock shows %s, and %s have passed", clock.Now(), clock.Boot())
	}
}
