package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A busThatLies is a bus on whose way something happens.
type busThatLies struct {
	*command.Bus
	send func(n int, e command.Envelope, send func() (daybook.Receipt, error)) (daybook.Receipt, error)

	mu sync.Mutex
	n  int
}

func (b *busThatLies) Send(ctx context.Context, e command.Envelope, name string, data []byte) (daybook.Receipt, error) {
	b.mu.Lock()
	if name == "Reserve" {
		b.n++
	}
	n := b.n
	b.mu.Unlock()
	send := func() (daybook.Receipt, error) { return b.Bus.Send(ctx, e, name, data) }
	if name != "Reserve" {
		return send()
	}
	return b.send(n, e, send)
}

func TestARefusalIsNotRecordedOnceTheCommandTookEffect(t *testing.T) {
	store, w := memstore.New(), newWorld()
	bus := &busThatLies{Bus: command.NewBus(store, handlers(), nil)}
	bus.send = func(n int, e command.Envelope, send func() (daybook.Receipt, error)) (daybook.Receipt, error) {
		receipt, err := send()
		if n == 1 { // we were refused, and before we say so another runner had it accepted
			return daybook.Receipt{}, daybook.Refused(errSoldOut, receipt.Point)
		}
		return receipt, err
	}
	r := process.NewRunner(store, bus, []process.Definition{fulfilment(w)}, quick())
	run(t, r)
	place(t, store, "1", "tea")
	waitFor(t, "the end", func() bool { l, _ := fulfilment(w).Load(t.Context(), store, "1"); return l.Done })
	endings[0].check(t, "a refusal that came too late", store, w)
	answersAgree(t, store)
}

func TestACommandTakesNoEffectOnceItsRefusalIsRecorded(t *testing.T) {
	store, w := memstore.New(), newWorld()
	bus := &busThatLies{Bus: command.NewBus(store, handlers(), nil)}
	var refused command.Envelope
	bus.send = func(_ int, e command.Envelope, _ func() (daybook.Receipt, error)) (daybook.Receipt, error) {
		refused = e
		return daybook.Receipt{}, daybook.Refused(errSoldOut, daybook.Point{})
	}
	r := process.NewRunner(store, bus, []process.Definition{fulfilment(w)}, quick())
	run(t, r)
	place(t, store, "1", "tea")
	settle(t, r)
	// Another runner, which was slow, sends it only now.
	_, err := bus.Bus.Send(t.Context(), refused, "Reserve", []byte(`{"Order":"1","Goods":"tea"}`))
	if conflict := (*daybook.ConflictError)(nil); !errors.As(err, &conflict) {
		t.Errorf("the command that was refused gets the answer %v", err)
	}
	answersAgree(t, store)
}

// A Counter counts its inputs, and says each time how many there were.
type Counter struct{ N int }

func counter() *process.Process[Counter] {
	count := func(c *Counter, do *process.Steps) {
		c.N++
		do.Send(Fail{do.Instance(), strconv.Itoa(c.N)})
	}
	of := func(at daybook.Recorded) string { return orderOf(at) }
	return process.For("counter", 1, Orders.Codec(),
		process.Starts(func(_ Placed, at daybook.Recorded) string { return of(at) }, func(c *Counter, _ Placed, do *process.Steps) { count(c, do) }),
		process.On(func(_ Withdrawn, at daybook.Recorded) string { return of(at) }, func(c *Counter, _ Withdrawn, do *process.Steps) { count(c, do) }),
		process.Sends("Fail", func(c *Counter, f Fail, a process.Answer, do *process.Steps) {
			if c.N < 60 {
				count(c, do)
			}
		}),
	)
}

func TestNothingIsDecidedOnAStateThatIsNotTheNewest(t *testing.T) {
	store := memstore.New()
	for n := range 4 {
		place(t, store, fmt.Sprint(n), "tea")
	}
	for range 30 {
		for n := range 4 {
			tell(t, store, fmt.Sprint(n), Withdrawn{})
		}
	}
	var all []*process.Runner
	slow := &daybooktest.Unreliable{Store: store, Before: func(int) { time.Sleep(50 * time.Microsecond) }} // so that runners get in each other's way
	for range 3 {
		r := process.NewRunner(slow, command.NewBus(store, handlers(), nil), []process.Definition{counter()}, quick())
		run(t, r)
		all = append(all, r)
	}
	for range 3 {
		for _, r := range all {
			settle(t, r)
		}
	}
	for n := range 4 {
		reading, err := store.Read(t.Context(), daybook.Stream("process.counter-"+fmt.Sprint(n)), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		inputs := 0
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			switch e.Type {
			case "process.received":
				inputs++
			case "process.answered":
				if inputs < 60 {
					inputs++
				}
			case "process.sent":
				if want := fmt.Sprintf(`{"name":"Fail","data":{"Order":"%d","Why":"%d"}}`, n, inputs); string(e.Data) != want {
					t.Fatalf("decided %s at version %d, want %s", e.Data, e.Version, want)
				}
			}
		}
	}
}

func TestAnEventFromBeforeAnInstanceBeganIsNoneOfItsOwn(t *testing.T) {
	store := memstore.New()
	tell(t, store, "1", Withdrawn{})
	place(t, store, "1", "tea")
	for range 2 { // the second one begins with the first event, too, and finds that the instance has begun
		r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{clerk(true)}, quick())
		run(t, r)
		settle(t, r)
	}
	l, err := clerk(true).Load(t.Context(), store, "1")
	if diff := cmp.Diff([]string{"placed tea"}, l.State.Notes); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestARestartReadsOnWhereTheLastRunnerHasComeTo(t *testing.T) {
	store := memstore.New()
	p := timer1()
	for n := range 10 {
		place(t, store, fmt.Sprint(n), "tea")
	}
	for round := range 2 {
		var delivered int
		counting := &countingStore{Store: store, read: func(q daybook.Query, span daybook.Span) {
			if len(q) == 1 && slices.Contains(q[0].Types, "OrderPlaced") && span.After == 0 {
				delivered++
			}
		}}
		r := process.NewRunner(counting, command.NewBus(counting, handlers(), nil), []process.Definition{p}, quick())
		stop := run(t, r)
		settle(t, r)
		stop()
		if diff := cmp.Diff(1-round, delivered); diff != "" {
			t.Errorf("round %d: readings from the beginning: %s", round, diff)
		}
	}
	if got := fired(t, store, "timer1"); len(got) != 10 {
		t.Errorf("%d deadlines fired, want 10", len(got))
	}
}

// A countingStore shows what is read.
type countingStore struct {
	daybook.Store
	read func(daybook.Query, daybook.Span)
}

func (c *countingStore) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	c.read(q, span)
	return c.Store.Read(ctx, q, span)
}

func TestACommandThatIsOnItsWayIsUndoneWhenItIsAccepted(t *testing.T) {
	store, w := memstore.New(), newWorld()
	bus := &busThatLies{Bus: command.NewBus(store, handlers(), nil)}
	sending, goOn := make(chan struct{}), make(chan struct{})
	bus.send = func(n int, _ command.Envelope, send func() (daybook.Receipt, error)) (daybook.Receipt, error) {
		if n == 1 {
			close(sending)
			<-goOn
		}
		return send()
	}
	r := process.NewRunner(store, bus, []process.Definition{fulfilment(w)}, quick())
	run(t, r)
	place(t, store, "1", "tea")
	<-sending
	tell(t, store, "1", Withdrawn{})
	waitFor(t, "the withdrawal", func() bool { return slices.Contains(diary(t, store, fulfilment(w), "1"), "withdrawn") })
	close(goOn)
	settle(t, r)
	if seen := diary(t, store, fulfilment(w), "1"); !slices.Contains(seen, "released") {
		t.Errorf("the instance saw %q", seen)
	}
	shelf, err := Shelves.Load(t.Context(), store, "tea", daybook.Span{})
	if err != nil || len(shelf.State.Holds) > 0 || shelf.State.Ever != 1 {
		t.Errorf("the shelf is %+v, %v", shelf.State, err)
	}
}

func TestAStepThatARunnerDoesNotCarryOutIsTakenOverByAnother(t *testing.T) {
	b := newBench(t)
	options := quick()
	options.Clock, options.TakeOver = b.clock, time.Minute
	never := make(chan struct{})
	hanging := newWorld()
	hanging.fault = func(string, string, bool) error { <-never; return errDeclined }
	// The second runner gets to read no order, but sees what the first one decides.
	blind := &countingStore{Store: b.store, read: func(q daybook.Query, span daybook.Span) {
		if len(q) == 1 && slices.Contains(q[0].Types, "OrderPlaced") && span.Limit == 0 { // with a limit, it is asked for its status
			<-never
		}
	}}
	var runners []*process.Runner
	for n, store := range []daybook.Store{b.store, blind} {
		w := []*world{hanging, b.world}[n]
		runners = append(runners, process.NewRunner(store, command.NewBus(b.store, handlers(), nil), []process.Definition{fulfilment(w)}, options))
		run(t, runners[n])
	}
	t.Cleanup(func() { close(never) })
	waitFor(t, "the second runner to be ready", func() bool { s, _ := runners[1].Status(t.Context()); return s[0].Ready })
	place(t, b.store, "1", "tea")
	var charge uuid.UUID
	waitFor(t, "the call that hangs", func() bool {
		l, err := b.p.Load(t.Context(), b.store, "1")
		if err != nil || len(l.Open) != 1 || l.Open[0].Name != "charge" {
			return false
		}
		charge = l.Open[0].ID
		return true
	})
	var asked time.Time
	for _, e := range whole(t, b.store) {
		if e.ID == charge {
			asked = e.RecordedAt
		}
	}
	waitFor(t, "the second runner to know of it", func() bool {
		s, _ := runners[1].Status(t.Context())
		return s[0].Open == 1 && s[0].Oldest.Equal(asked) // and not of the step before
	})
	if calls, _ := b.world.count("charge"); calls > 0 {
		t.Errorf("the second runner did not leave it to the first")
	}
	// One that has not read yet that the first has begun leaves it to the first once more.
	var passed time.Time
	waitFor(t, "the second runner to take over", func() bool {
		if calls, _ := b.world.count("charge"); calls > 0 {
			return calls == 1
		}
		if time.Since(passed) > 500*time.Millisecond {
			b.clock.Pass(time.Minute)
			passed = time.Now()
		}
		return false
	})
}

// A lateStore lets something else happen before the first append of a type is made.
type lateStore struct {
	daybook.Store
	typ    string
	before func()
	once   sync.Once
}

func (l *lateStore) Append(ctx context.Context, events []daybook.Event, c daybook.Condition) (daybook.Receipt, error) {
	if events[0].Type == l.typ {
		l.once.Do(l.before)
	}
	return l.Store.Append(ctx, events, c)
}

func TestAnEffectIsNotCalledOnceItsOutcomeIsRecorded(t *testing.T) {
	store, w := memstore.New(), newWorld()
	begun, goOn := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	w.fault = func(effect, _ string, after bool) error {
		if effect != "charge" || after || calls.Add(1) > 1 {
			return nil
		}
		close(begun)
		<-goOn
		return process.Permanent(errDeclined)
	}
	p := []process.Definition{fulfilment(w)}
	first := process.NewRunner(store, command.NewBus(store, handlers(), nil), p, quick())
	run(t, first)
	place(t, store, "1", "tea")
	<-begun
	late := &lateStore{Store: store, typ: "process.calling", before: func() {
		close(goOn)
		if _, err := store.Wait(t.Context(), daybook.Query{{Types: []string{"process.returned"}}}, 0); err != nil {
			t.Error(err)
		}
	}}
	second := process.NewRunner(late, command.NewBus(late, handlers(), nil), p, quick())
	run(t, second)
	settle(t, second)
	settle(t, first)
	if _, once := w.count("charge"); once > 0 {
		t.Errorf("the buyer was charged after it was recorded that this had failed: %q", diary(t, store, fulfilment(w), "1"))
	}
}

func TestAnEventThatBeginsSeveralInstancesBeginsAllOfThem(t *testing.T) {
	type (
		Opened  struct{ ID string }
		Bundled struct{ A, B string }
	)
	codec := daybook.NewCodec(
		daybook.KindOf[Opened]("Opened", nil),
		daybook.Split("Bundled", func(b Bundled) []any { return []any{Opened{b.A}, Opened{b.B}} }, Opened{}),
	)
	opener := func(version int) *process.Process[Clerk] {
		return process.For("opener", version, codec, process.Starts(func(e Opened, _ daybook.Recorded) string { return e.ID },
			func(c *Clerk, e Opened, _ *process.Steps) {
				c.Notes = append(c.Notes, fmt.Sprint("opened in ", version))
			}))
	}
	store := memstore.New()
	if _, err := store.Append(t.Context(), []daybook.Event{{Stream: "door-1", Type: "Bundled", Data: []byte(`{"A":"a","B":"b"}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{opener(1), opener(2)}, quick())
	run(t, r)
	settle(t, r)
	for _, id := range []string{"a", "b"} {
		l, err := opener(2).Load(t.Context(), store, id)
		if diff := cmp.Diff([]string{"opened in 2"}, l.State.Notes); diff != "" || err != nil {
			t.Errorf("%s: %s %v", id, diff, err)
		}
	}
}
