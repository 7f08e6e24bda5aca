package process_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A Clerk notes what it is told, unless it does not like it.
type Clerk struct{ Notes []string }

// clerk stumbles over orders of these goods and over withdrawals, until it is mended.
func clerk(mended bool, sends ...process.Handler[Clerk]) *process.Process[Clerk] {
	of := func(at daybook.Recorded) string { return orderOf(at) }
	return process.For("clerk", 1, Orders.Codec(), append([]process.Handler[Clerk]{
		process.Starts(func(_ Placed, at daybook.Recorded) string { return of(at) }, func(c *Clerk, e Placed, do *process.Steps) {
			c.Notes = append(c.Notes, "placed "+e.Goods)
			do.After("late", time.Hour)
		}),
		process.On(func(_ Withdrawn, at daybook.Recorded) string { return of(at) }, func(c *Clerk, _ Withdrawn, do *process.Steps) {
			if !mended {
				panic("withdrawals are not my business")
			}
			c.Notes = append(c.Notes, "withdrawn")
		}),
		process.On(func(_ Failed, at daybook.Recorded) string { return of(at) }, func(c *Clerk, e Failed, do *process.Steps) {
			c.Notes = append(c.Notes, "failed "+e.Why)
			do.Send(SendOff{do.Instance(), e.Why})
		}),
		process.Sends("SendOff", func(c *Clerk, e SendOff, a process.Answer, do *process.Steps) {
			c.Notes = append(c.Notes, "answered "+a.Rule)
		}),
		process.Deadline("late", func(c *Clerk, do *process.Steps) { c.Notes = append(c.Notes, "late") }),
	}, sends...)...)
}

func (b *bench) notes(order string) []string {
	b.t.Helper()
	l, err := clerk(true).Load(b.t.Context(), b.store, order)
	if err != nil {
		b.t.Fatal(err)
	}
	return l.State.Notes
}

func TestAnInstanceThatCannotReactIsSetAsideAndTheOthersGoOn(t *testing.T) {
	b := newBench(t).start(clerk(false))
	b.place("tea", "1", "2")
	tell(t, b.store, "1", Withdrawn{})
	tell(t, b.store, "1", Failed{"dust"})
	tell(t, b.store, "2", Failed{"rain"})
	settle(t, b.runner)
	b.pass(2 * time.Hour) // the deadlines of both fire

	if diff := cmp.Diff([]string{"placed tea", "failed rain", "answered order-open", "late"}, b.notes("2")); diff != "" {
		t.Errorf("the other instance: %s", diff)
	}
	if diff := cmp.Diff([]string{"placed tea"}, b.notes("1")); diff != "" {
		t.Errorf("the instance that was set aside: %s", diff)
	}
	aside := b.status().SetAside
	if len(aside) != 1 || aside[0].Instance != "1" || aside[0].IsStep || !strings.Contains(aside[0].Cause, "withdrawals are not my business") {
		t.Fatalf("set aside are %+v", aside)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "1"); err == nil || !strings.Contains(err.Error(), "withdrawals are not my business") {
		t.Errorf("retried without having been mended: %v", err)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "2"); !errors.Is(err, process.ErrNotSetAside) {
		t.Errorf("retried an instance that is not set aside: %v", err)
	}
	b.stop()

	b.start(clerk(true))
	if aside := b.status().SetAside; len(aside) != 1 {
		t.Errorf("after a restart set aside are %+v", aside)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "1"); err != nil {
		t.Fatal(err)
	}
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed tea", "withdrawn", "failed dust", "late", "answered order-open"}, b.notes("1")); diff != "" {
		t.Errorf("the instance that was retried: %s", diff)
	}
	if aside := b.status().SetAside; len(aside) != 0 {
		t.Errorf("set aside are still %+v", aside)
	}
}

func TestWhatIsSkippedIsNeverSeenAndTheRestIsTakenInOrder(t *testing.T) {
	b := newBench(t).start(clerk(false))
	b.place("tea", "1")
	tell(t, b.store, "1", Withdrawn{})
	tell(t, b.store, "1", Failed{"dust"})
	settle(t, b.runner)
	aside := b.status().SetAside
	if len(aside) != 1 {
		t.Fatalf("set aside are %+v", aside)
	}
	if err := b.runner.Skip(t.Context(), "clerk", "1", aside[0].Input, "withdrawn by mistake"); err != nil {
		t.Fatal(err)
	}
	var invalid *daybook.InvalidError
	if err := b.runner.Skip(t.Context(), "clerk", "1", aside[0].Input, ""); !errors.As(err, &invalid) {
		t.Errorf("skipped without a reason: %v", err)
	}
	if err := b.runner.Skip(t.Context(), "clerk", "1", aside[0].Input, "twice"); !errors.Is(err, process.ErrNotSetAside) {
		t.Errorf("skipped twice: %v", err)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "1"); err != nil {
		t.Fatal(err)
	}
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed tea", "failed dust", "answered order-open"}, b.notes("1")); diff != "" {
		t.Error(diff)
	}
	if aside := b.status().SetAside; len(aside) != 0 {
		t.Errorf("set aside are still %+v", aside)
	}
}

// A pickyBus does not find a command valid, until it is mended.
type pickyBus struct {
	*command.Bus
	mended atomic.Bool
}

func (b *pickyBus) Send(ctx context.Context, e command.Envelope, name string, data []byte) (daybook.Receipt, error) {
	if name == "SendOff" && !b.mended.Load() {
		return daybook.Receipt{}, &daybook.InvalidError{What: "command SendOff", Reason: "is not what it was"}
	}
	return b.Bus.Send(ctx, e, name, data)
}

func TestACommandThatIsInvalidSetsItsInstanceAside(t *testing.T) {
	for _, skip := range []bool{false, true} {
		b := newBench(t)
		bus := &pickyBus{Bus: command.NewBus(b.store, handlers(), nil)}
		options := quick()
		options.Clock = b.clock
		b.runner = process.NewRunner(b.store, bus, []process.Definition{clerk(true)}, options)
		run(t, b.runner)
		b.place("tea", "1")
		tell(t, b.store, "1", Failed{"dust"})
		settle(t, b.runner)
		tell(t, b.store, "1", Withdrawn{})
		settle(t, b.runner)
		aside := b.status().SetAside
		if len(aside) != 1 || !aside[0].IsStep || !strings.Contains(aside[0].Cause, "is not what it was") {
			t.Fatalf("set aside are %+v", aside)
		}
		bus.mended.Store(true)
		want := []string{"placed tea", "failed dust", "withdrawn", "answered order-open"}
		if skip {
			if err := b.runner.Skip(t.Context(), "clerk", "1", aside[0].Input, "nobody wants it"); err != nil {
				t.Fatal(err)
			}
			want = []string{"placed tea", "failed dust", "withdrawn", "answered skipped"}
		}
		if err := b.runner.Retry(t.Context(), "clerk", "1"); err != nil {
			t.Fatal(err)
		}
		settle(t, b.runner)
		if diff := cmp.Diff(want, b.notes("1")); diff != "" {
			t.Errorf("skip %v: %s", skip, diff)
		}
		if aside := b.status().SetAside; len(aside) != 0 {
			t.Errorf("set aside are still %+v", aside)
		}
	}
}

// Between the note that a step is skipped and its outcome others come to it, or the program
// ends: it is passed over all the same, and not tried again.
func TestASkippedStepIsPassedOverByWhoeverComesToIt(t *testing.T) {
	b := newBench(t)
	bus := &pickyBus{Bus: command.NewBus(b.store, handlers(), nil)}
	options := quick()
	options.Clock = b.clock
	b.runner = process.NewRunner(b.store, bus, []process.Definition{clerk(true)}, options)
	run(t, b.runner)
	b.place("tea", "1")
	tell(t, b.store, "1", Failed{"dust"})
	settle(t, b.runner)
	aside := b.status().SetAside
	if len(aside) != 1 || !aside[0].IsStep {
		t.Fatalf("set aside are %+v", aside)
	}
	cut := &cutStore{Store: b.store}
	cut.left.Store(1)
	gone := process.NewRunner(cut, bus, []process.Definition{clerk(true)}, options)
	if err := gone.Skip(t.Context(), "clerk", "1", aside[0].Input, "nobody wants it"); err == nil {
		t.Fatal("what was to follow the note has been recorded")
	}
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed tea", "failed dust", "answered skipped"}, b.notes("1")); diff != "" {
		t.Error(diff)
	}
	if aside := b.status().SetAside; len(aside) != 0 {
		t.Errorf("set aside are still %+v", aside)
	}
}

// A cutStore takes so many appends and no more.
type cutStore struct {
	daybook.Store
	left atomic.Int32
}

func (s *cutStore) Append(ctx context.Context, events []daybook.Event, condition daybook.Condition) (daybook.Receipt, error) {
	if s.left.Add(-1) < 0 {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: errors.New("the connection is cut")}
	}
	return s.Store.Append(ctx, events, condition)
}

func TestAnInstanceStaysWithTheVersionThatBeganIt(t *testing.T) {
	b := newBench(t)
	one, two := fulfilment(b.world), fulfilmentIn(b.world, 2)
	var strike atomic.Bool
	strike.Store(true)
	b.world.fault = func(effect, _ string, after bool) error {
		if effect == "ship" && strike.Load() {
			return errDeclined
		}
		return nil
	}
	options := quick()
	options.Clock, options.Attempts = b.clock, 1<<30
	start := func(processes ...process.Definition) {
		b.runner = process.NewRunner(b.store, command.NewBus(b.store, handlers(), nil), processes, options)
		b.stop = run(t, b.runner)
		settle(t, b.runner)
	}
	start(one)
	b.place("tea", "1")
	b.stop()

	start(one, two)
	b.place("tea", "2")
	b.stop()

	start(two) // which lacks the first version
	b.place("tea", "3")
	if s := b.status(); s.Lacking != 1 || s.Live[1] != 1 || s.Live[2] != 2 {
		t.Errorf("the status is %+v", s)
	}
	tell(t, b.store, "1", Withdrawn{})
	b.pass(time.Second)
	b.stop()
	if seen := diary(t, b.store, one, "1"); slices.Contains(seen, "withdrawn") {
		t.Errorf("an instance of a version that is lacking saw %q", seen)
	}

	start(two, one)
	strike.Store(false)
	b.pass(time.Second)
	for order, version := range map[string]*process.Process[Fulfilment]{"1": one, "2": two, "3": two} {
		l, err := version.Load(t.Context(), b.store, order)
		if err != nil {
			t.Fatal(err)
		}
		if version == two && (l.Version != 2 || l.State.Diary[0] != "placed tea in version 2" || !l.Done) {
			t.Errorf("order %s: %+v", order, l)
		}
		if version == one && (l.Version != 1 || !slices.Contains(l.State.Diary, "withdrawn")) {
			t.Errorf("order %s: %+v", order, l)
		}
	}
}

func TestAStepThatIsTriedAgainMeanwhileIsNotSkipped(t *testing.T) {
	store := memstore.New()
	bus := &pickyBus{Bus: command.NewBus(store, handlers(), nil)}
	r := process.NewRunner(store, bus, []process.Definition{clerk(true)}, quick())
	stop := run(t, r)
	place(t, store, "1", "tea")
	tell(t, store, "1", Failed{"dust"})
	settle(t, r)
	status, err := r.Status(t.Context())
	if err != nil || len(status[0].SetAside) != 1 {
		t.Fatalf("the status is %+v, %v", status, err)
	}
	stop()
	late := &lateStore{Store: store, typ: "process.skipped", before: func() {
		if err := r.Retry(t.Context(), "clerk", "1"); err != nil {
			t.Error(err)
		}
	}}
	other := process.NewRunner(late, bus, []process.Definition{clerk(true)}, quick())
	if err := other.Skip(t.Context(), "clerk", "1", status[0].SetAside[0].Input, "nobody wants it"); !errors.Is(err, process.ErrNotSetAside) {
		t.Errorf("skipped after it was tried again: %v", err)
	}
	for _, e := range whole(t, store) {
		if e.Type == "process.answered" {
			t.Errorf("an answer is recorded that nobody gave: %s", e.Data)
		}
	}
}

func TestAnInstanceWhoseStreamHasAForeignEventIsSetAsideAndTheOthersGoOn(t *testing.T) {
	b := newBench(t).start(clerk(true))
	b.place("tea", "1")
	foreign := daybook.Event{Stream: "process.clerk-1", Type: "Remark", Data: []byte(`{}`)}
	if _, err := b.store.Append(t.Context(), []daybook.Event{foreign}, nil); err != nil {
		t.Fatal(err)
	}
	b.place("milk", "2")
	tell(t, b.store, "1", Withdrawn{})
	tell(t, b.store, "2", Failed{"rain"})
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed milk", "failed rain", "answered order-open"}, b.notes("2")); diff != "" {
		t.Errorf("the other instance: %s", diff)
	}
	b.stop()

	b.start(clerk(true)) // which finds it as the first one did
	aside := b.status().SetAside
	if len(aside) != 1 || aside[0].Instance != "1" || aside[0].IsStep || !strings.Contains(aside[0].Cause, "none of its types") {
		t.Fatalf("set aside are %+v", aside)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "1"); err == nil || !strings.Contains(err.Error(), "none of its types") {
		t.Errorf("retried with the event there: %v", err)
	}
	h, err := process.ReadHistory(t.Context(), b.store, "clerk", "1")
	if err != nil || h.Status != "set aside" || !slices.ContainsFunc(h.Entries, func(e process.Entry) bool { return e.What == "Remark" }) {
		t.Errorf("the history is %+v, %v", h, err)
	}
	if err := b.runner.Skip(t.Context(), "clerk", "1", aside[0].Input, "it is somebody else's"); err != nil {
		t.Fatal(err)
	}
	if err := b.runner.Retry(t.Context(), "clerk", "1"); err != nil {
		t.Fatal(err)
	}
	settle(t, b.runner)
	if diff := cmp.Diff([]string{"placed tea", "withdrawn"}, b.notes("1")); diff != "" {
		t.Errorf("the instance itself: %s", diff)
	}
	if aside := b.status().SetAside; len(aside) != 0 {
		t.Errorf("set aside are still %+v", aside)
	}
}

func TestAnInstanceThatWasForgottenForGoodKeepsNoOther(t *testing.T) {
	store := memstore.New()
	p := []process.Definition{clerk(true)}
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), p, quick())
	run(t, r)
	place(t, store, "1", "tea")
	settle(t, r)
	if _, err := store.Append(t.Context(), []daybook.Event{daybook.Tombstoned("process.clerk-1")}, nil); err != nil {
		t.Fatal(err)
	}
	place(t, store, "1", "again")
	place(t, store, "2", "milk")
	// The first one has the instance in memory. The second one reads everything again.
	for n, r := range []*process.Runner{r, process.NewRunner(store, command.NewBus(store, handlers(), nil), p, quick())} {
		if n > 0 {
			run(t, r)
		}
		settle(t, r)
		if status, err := r.Status(t.Context()); err != nil || status[0].Stuck != nil {
			t.Errorf("runner %d: %+v, %v", n, status, err)
		}
	}
	l, err := clerk(true).Load(t.Context(), store, "2")
	if diff := cmp.Diff([]string{"placed milk"}, l.State.Notes); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// A blindStore cannot read the streams of instances.
type blindStore struct {
	daybook.Store
	seeing atomic.Bool
}

func (s *blindStore) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if len(q) == 1 && len(q[0].Categories) > 0 && !s.seeing.Load() {
		return daybook.Reading{}, &daybook.UnavailableError{Doing: "read", Err: errDeclined}
	}
	return s.Store.Read(ctx, q, span)
}

func TestWhatKeepsAPartOfAProcessIsToldWhileTheRestGoesOn(t *testing.T) {
	b := newBench(t)
	store := &blindStore{Store: b.store}
	options := quick()
	options.Clock = b.clock // no pause ends before it is told to
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{clerk(true)}, options)
	run(t, r)
	status := func() process.Status {
		t.Helper()
		s, err := r.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s[0]
	}
	waitFor(t, "it to be stuck", func() bool { return status().Stuck != nil })
	for _, order := range []string{"1", "2"} {
		place(t, b.store, order, "tea")
		waitFor(t, "the order", func() bool {
			l, err := clerk(true).Load(t.Context(), b.store, order)
			return err == nil && l.Version > 0
		})
	}
	if s := status(); !errors.Is(s.Stuck, errDeclined) {
		t.Errorf("it says that it is stuck on %v", s.Stuck)
	}
	store.seeing.Store(true)
	b.clock.Pass(time.Second)
	settle(t, r)
	if s := status(); s.Stuck != nil || s.Live[1] != 2 {
		t.Errorf("it goes on, and says %+v", s)
	}
}

func TestTheLagIsOfWhatConcernsTheProcess(t *testing.T) {
	store := memstore.New()
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{clerk(true)}, quick())
	stop := run(t, r)
	place(t, store, "1", "tea")
	settle(t, r)
	if _, err := store.Append(t.Context(), []daybook.Event{{Stream: "weather", Type: "Rained", Data: []byte(`{}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Status(t.Context()); err != nil || s[0].Lag != 0 {
		t.Errorf("after something else the lag is %+v, %v", s, err)
	}
	stop()
	place(t, store, "2", "tea")
	if s, err := r.Status(t.Context()); err != nil || s[0].Lag != uint64(len(whole(t, store))) {
		t.Errorf("of a runner that does not run, the lag is %+v, %v", s, err)
	}
}
