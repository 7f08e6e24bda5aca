package process_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/process"
)

// pedant cannot tell whose order odd goods are, until it is mended.
func pedant(mended bool) *process.Process[Clerk] {
	return process.For("pedant", 1, Orders.Codec(),
		process.Starts(func(e Placed, at daybook.Recorded) string {
			if e.Goods == "odd" && !mended {
				panic("what is this?")
			}
			return orderOf(at)
		}, func(c *Clerk, e Placed, do *process.Steps) { c.Notes = append(c.Notes, "placed "+e.Goods) }),
		process.On(func(_ Withdrawn, at daybook.Recorded) string { return orderOf(at) },
			func(c *Clerk, _ Withdrawn, do *process.Steps) { c.Notes = append(c.Notes, "withdrawn") }),
	)
}

func (b *bench) pedantNotes(order string) []string {
	b.t.Helper()
	l, err := pedant(true).Load(b.t.Context(), b.store, order)
	if err != nil {
		b.t.Fatal(err)
	}
	return l.State.Notes
}

func TestAnEventThatCannotBeReadOrCorrelatedIsSetAsideAndTheOthersGoOn(t *testing.T) {
	b := newBench(t)
	if _, err := b.store.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "OrderPlaced", Data: []byte(`{"Goods":7}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	b.start(pedant(false))
	b.place("odd", "2")
	b.place("tea", "3")
	b.place("odd", "3")
	tell(t, b.store, "2", Withdrawn{})
	tell(t, b.store, "3", Withdrawn{})
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed tea", "withdrawn"}, b.pedantNotes("3")); diff != "" {
		t.Error(diff)
	}
	aside := b.status().SetAside
	if len(aside) != 3 || aside[0].Instance != "" || !strings.Contains(aside[0].Cause, "cannot unmarshal number") || !strings.Contains(aside[1].Cause, "what is this?") {
		t.Fatalf("set aside are %+v", aside)
	}
	if err := b.runner.Retry(t.Context(), "pedant", ""); err == nil || !strings.Contains(err.Error(), "3 events stay aside") {
		t.Errorf("retried without having been mended: %v", err)
	}
	if err := b.runner.Skip(t.Context(), "pedant", "", aside[0].Input, "nobody knows what it was"); err != nil {
		t.Error(err)
	}
	if err := b.runner.Skip(t.Context(), "pedant", "", aside[0].Input, "twice"); !errors.Is(err, process.ErrNotSetAside) {
		t.Errorf("skipped twice: %v", err)
	}
	b.stop()

	b.start(pedant(true)) // which tries again by itself
	if diff := cmp.Diff([]string{"placed odd", "withdrawn"}, b.pedantNotes("2")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"placed tea", "withdrawn", "placed odd"}, b.pedantNotes("3")); diff != "" {
		t.Error(diff)
	}
	if aside := b.status().SetAside; len(aside) != 0 {
		t.Errorf("set aside are still %+v", aside)
	}
	if err := b.runner.Retry(t.Context(), "pedant", ""); !errors.Is(err, process.ErrNotSetAside) {
		t.Errorf("retried nothing: %v", err)
	}
}

func TestWhatFollowsAnEventThatIsTakenUpIsTakenWhateverFailsMeanwhile(t *testing.T) {
	b := newBench(t).start(pedant(false))
	b.place("odd", "2")
	tell(t, b.store, "2", Withdrawn{})
	settle(t, b.runner)
	b.stop()
	// The event itself is taken, and then the store is away for a moment.
	store := &daybooktest.Unreliable{Store: b.store, Fault: func(n int) daybooktest.Fault {
		if n == 2 {
			return daybooktest.Unavailable
		}
		return daybooktest.NoFault
	}}
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{pedant(true)}, quick())
	run(t, r)
	settle(t, r)
	if diff := cmp.Diff([]string{"placed odd", "withdrawn"}, b.pedantNotes("2")); diff != "" {
		t.Error(diff)
	}
}

func TestWhatWasSetAsideDoesNotHideHowFarTheLogWasRead(t *testing.T) {
	b := newBench(t).start(pedant(false))
	b.place("tea", "1")
	tell(t, b.store, "9", Withdrawn{}) // of an order from before
	b.place("odd", "2")
	b.stop() // behind the event that was set aside
	b.start(pedant(true))
	b.stop() // behind the one that was taken up
	// Version 2 begins instances at withdrawals, too, where version 1 has come to.
	second := process.For("pedant", 2, Orders.Codec(),
		process.Starts(func(_ Withdrawn, at daybook.Recorded) string { return orderOf(at) },
			func(c *Clerk, _ Withdrawn, _ *process.Steps) { c.Notes = append(c.Notes, "withdrawn") }))
	b.start(pedant(true), second)
	b.place("tea", "3")
	b.stop()
	if l, err := second.Load(t.Context(), b.store, "9"); err != nil || l.Version != 0 {
		t.Errorf("version 2 has begun an instance for what was recorded long before it: %+v, %v", l, err)
	}
	bookmarks := 0
	for _, e := range whole(t, b.store) {
		if e.Type == "process.bookmarked" {
			bookmarks++
		}
	}
	if bookmarks < 3 {
		t.Errorf("three runners, two of which began behind a note, kept %d bookmarks", bookmarks)
	}
}
