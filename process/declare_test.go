package process_test

import (
	"context"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMistakesInADeclarationAreFoundWhenTheProgramStarts(t *testing.T) {
	type None struct{}
	starts := process.Starts(func(Placed, daybook.Recorded) string { return "" }, func(*None, Placed, *process.Steps) {})
	declare := func(name string, version int, handlers ...process.Handler[None]) func() {
		return func() { process.For(name, version, Orders.Codec(), handlers...) }
	}
	sends := process.Sends[None, Fail]("Fail", nil)
	calls := process.Calls[None]("charge", func(context.Context, string, Charge) (Charged, error) { return Charged{}, nil }, nil)
	deadline := process.Deadline("late", func(*None, *process.Steps) {})
	store := memstore.New()
	runner := func(handlers []command.Handler, processes ...process.Definition) func() {
		return func() { process.NewRunner(store, command.NewBus(store, handlers, nil), processes, nil) }
	}
	one := process.For("one", 1, Orders.Codec(), starts, sends)
	for says, mistake := range map[string]func(){
		"cannot be called":       declare("a-b", 1, starts),
		"the control character":  declare("a\x00", 1, starts),
		"versions begin with 1":  declare("one", 0, starts),
		"nothing starts":         declare("one", 1, sends),
		"reacts to process_test": declare("one", 1, starts, process.On(func(Placed, daybook.Recorded) string { return "" }, func(*None, Placed, *process.Steps) {})),
		"has no kind for":        declare("one", 1, starts, process.On(func(Reserved, daybook.Recorded) string { return "" }, func(*None, Reserved, *process.Steps) {})),
		`declares "Fail" twice`:  declare("one", 1, starts, sends, process.Sends[None, Place]("Fail", nil)),
		`"Fail" and "Failing"`:   declare("one", 1, starts, sends, process.Sends[None, Fail]("Failing", nil)),
		"has no name":            declare("one", 1, starts, process.Sends[None, Fail]("", nil)),
		`"charge" twice`:         declare("one", 1, starts, calls, process.Calls[None]("charge", func(context.Context, string, Ship) (Shipped, error) { return Shipped{}, nil }, nil)),
		`the deadline "late"`:    declare("one", 1, starts, deadline, deadline),
		"is given twice":         runner(handlers(), one, one),
		"does not handle":        runner(nil, one),
	} {
		func() {
			defer func() {
				if cause, _ := recover().(string); !strings.Contains(cause, says) {
					t.Errorf("%s: panicked with %q", says, cause)
				}
			}()
			mistake()
		}()
	}
}

func TestAReactionThatAsksForWhatIsNotDeclaredSetsItsInstanceAside(t *testing.T) {
	type None struct{}
	for says, ask := range map[string]func(do *process.Steps){
		"neither a command nor an effect of type process_test.Ship": func(do *process.Steps) { do.Ask(Ship{}) },
		"ask for it":           func(do *process.Steps) { do.Send(Charge{}) },
		"send it":              func(do *process.Steps) { do.Ask(Fail{}) },
		"declares no deadline": func(do *process.Steps) { do.Cancel("never") },
		"declares neither":     func(do *process.Steps) { do.Send(Fail{}, process.Undo(Ship{})) },
		"is outside the years": func(do *process.Steps) { do.At("late", noon.AddDate(500, 0, 0)) },
		"cannot be recorded": func(do *process.Steps) {
			for range 10_001 { // more than an append takes
				do.Send(Fail{})
			}
		},
		"cannot be written as JSON": func(do *process.Steps) { do.Send(Fail{Why: "\xff"}) },
	} {
		b := newBench(t)
		b.start(process.For("none", 1, Orders.Codec(),
			process.Starts(func(_ Placed, at daybook.Recorded) string { return orderOf(at) }, func(_ *None, _ Placed, do *process.Steps) { ask(do) }),
			process.Sends[None, Fail]("Fail", nil),
			process.Calls[None]("charge", func(context.Context, string, Charge) (Charged, error) { return Charged{}, nil }, nil),
			process.Deadline("late", func(*None, *process.Steps) {})))
		b.place("tea", "1")
		aside := b.status().SetAside
		if len(aside) != 1 || !strings.Contains(aside[0].Cause, says) {
			t.Errorf("%s: set aside are %.300v", says, aside)
		}
		b.stop()
	}
}
