package daybooktest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
)

type (
	Lit   struct{ Watts int }
	Blown struct{}
)

type Lamp struct{ On, Broken bool }

var Lamps = decider.For("lamp",
	decider.On("LampLit", func(l *Lamp, _ Lit) { l.On = true }),
	decider.On("LampBlown", func(l *Lamp, _ Blown) { l.On, l.Broken = false, true }),
)

var ErrBroken = daybook.NewRule("lamp-works", "a broken lamp is not lit")

func Light(watts int) decider.Decision[Lamp] {
	return func(l Lamp) ([]any, error) {
		switch {
		case l.Broken:
			return nil, ErrBroken
		case l.On:
			return nil, nil
		case watts > 100:
			return []any{Lit{watts}, Blown{}}, nil
		}
		return []any{Lit{watts}}, nil
	}
}

// A view of how much light there is.
func newBright() *memview.View[int] {
	return memview.New("bright", 1, Lamps.Codec(), func() int { return 0 },
		memview.On(func(watts *int, e Lit, _ daybook.Recorded) { *watts += e.Watts }),
	)
}

// In a test, t is the test's own; this one prints what it would fail with.
type printing struct{ testing.TB }

func (printing) Helper()                           {}
func (printing) Context() context.Context          { return context.Background() }
func (printing) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func Example() {
	t := printing{}

	daybooktest.Given(t, Lamps).When(Light(60)).Then(Lit{60})
	daybooktest.Given(t, Lamps).When(Light(120)).Then(Lit{120}, Blown{})
	daybooktest.Given(t, Lamps, Lit{60}).When(Light(60)).ThenNothing()
	daybooktest.Given(t, Lamps, Lit{60}, Blown{}).When(Light(60)).ThenRefused(ErrBroken)

	// And this is not so:
	daybooktest.Given(t, Lamps, Lit{60}).When(Light(120)).ThenRefused(ErrBroken)
	// Output:
	// expected a refusal (a broken lamp is not lit), but there was none: 0 events were recorded
}

func ExampleProject() {
	t := printing{}
	bright := newBright()
	daybooktest.Project(t, bright, Lamps.Codec(), daybooktest.In("lamp-1", Lit{60}, Blown{}, Lit{40})...)
	bright.Read(func(watts int, _ projection.Checkpoint) { fmt.Println(watts, "watts") })
	// Output:
	// 100 watts
}
