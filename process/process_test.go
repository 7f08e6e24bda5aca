package process_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A bench is a shop with a clock that obeys.
type bench struct {
	t      testing.TB
	clock  *daybooktest.Clock
	store  *memstore.Store
	world  *world
	p      *process.Process[Fulfilment]
	runner *process.Runner
	stop   func()
}

// noon is when the tests begin.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newBench(t testing.TB) *bench {
	b := &bench{t: t, clock: daybooktest.NewClock(noon), world: newWorld()}
	b.store = &memstore.Store{Now: b.clock.Now}
	b.p = fulfilment(b.world)
	return b
}

// start begins to run the processes; without any, the fulfilment.
func (b *bench) start(processes ...process.Definition) *bench {
	b.t.Helper()
	if len(processes) == 0 {
		processes = []process.Definition{b.p}
	}
	options := quick()
	options.Clock = b.clock
	b.runner = process.NewRunner(b.store, command.NewBus(b.store, handlers(), nil), processes, options)
	b.stop = run(b.t, b.runner)
	settle(b.t, b.runner)
	return b
}

// pass lets time pass, and waits until everything that it brings has happened.
func (b *bench) pass(d time.Duration) {
	b.t.Helper()
	b.clock.Pass(d)
	settle(b.t, b.runner)
}

// place records orders, and waits until everything that they bring has happened, the
// retries of what fails included.
func (b *bench) place(goods string, orders ...string) {
	b.t.Helper()
	for _, order := range orders {
		place(b.t, b.store, order, goods)
	}
	settle(b.t, b.runner)
}

// expect fails the test unless the instance of an order saw this.
func (b *bench) expect(order string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, diary(b.t, b.store, b.p, order)); diff != "" {
		b.t.Errorf("order %s saw something else (-expected +seen):\n%s", order, diff)
	}
}

func (b *bench) status() process.Status {
	b.t.Helper()
	all, err := b.runner.Status(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return all[0]
}

// failing has the calls of an effect fail.
func (b *bench) failing(effect string, err error) {
	b.world.fault = func(called, _ string, after bool) error {
		if called == effect && !after {
			return err
		}
		return nil
	}
}

func TestAnInstanceGoesFromItsFirstEventToItsLast(t *testing.T) {
	b := newBench(t).start()
	b.place("tea", "1")
	b.expect("1", "placed tea in version 1", "reserved", "charged: receipt for 1", "shipped: parcel for 1", "sent off, refused: false")
	if s := b.status(); s.Done != 1 || len(s.Live) != 0 || s.Open != 0 || s.Deadlines != 0 || s.Lag != 0 {
		t.Errorf("the status is %+v", s)
	}
}

func TestARefusalIsAnAnswer(t *testing.T) {
	b := newBench(t).start()
	if _, err := Shelves.Decide(t.Context(), b.store, "tea", func(Shelf) ([]any, error) {
		return []any{Reserved{"a"}, Reserved{"b"}, Reserved{"c"}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	b.place("tea", "4")
	b.expect("4", "placed tea in version 1", "refused by sold-out: there is nothing of it left", "failed: sold-out")
}

func TestWhatWasDoneIsUndoneInReverseOrder(t *testing.T) {
	b := newBench(t).start()
	b.failing("ship", process.Permanent(errDeclined))
	b.place("tea", "1")
	undone := slices.DeleteFunc(diary(t, b.store, b.p, "1"), func(line string) bool { return line == "failed: not shipped" }) // beside
	if diff := cmp.Diff([]string{"placed tea in version 1", "reserved", "charged: receipt for 1", "not shipped: the card was declined",
		"refunded receipt for 1", "released"}, undone); diff != "" {
		t.Error(diff)
	}
	if _, once := b.world.count("refund"); once != 1 {
		t.Errorf("%d refunds", once)
	}
}

func TestAStepThatIsOnItsWayIsUndoneWhenItSucceeds(t *testing.T) {
	b := newBench(t)
	called, goOn := make(chan struct{}), make(chan struct{})
	b.world.fault = func(effect, _ string, after bool) error {
		if effect == "charge" && !after {
			close(called)
			<-goOn
		}
		return nil
	}
	b.start()
	place(t, b.store, "1", "tea")
	<-called
	tell(t, b.store, "1", Withdrawn{})
	waitFor(t, "the withdrawal", func() bool { return slices.Contains(diary(t, b.store, b.p, "1"), "withdrawn") })
	close(goOn)
	settle(t, b.runner)
	seen := diary(t, b.store, b.p, "1")
	for _, want := range []string{"withdrawn", "charged: receipt for 1", "refunded receipt for 1", "released"} {
		if !slices.Contains(seen, want) {
			t.Errorf("%q is not in %q", want, seen)
		}
	}
	if _, once := b.world.count("refund"); once != 1 {
		t.Errorf("%d refunds", once)
	}
}

// waitFor waits until something is so.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

func TestAFailingCallIsTriedAgainUnderTheSameKey(t *testing.T) {
	b := newBench(t)
	keys := make(map[string]int)
	b.world.fault = func(effect, key string, after bool) error {
		if keys[key]++; effect == "charge" && !after && keys[key] < 3 {
			return errDeclined
		}
		return nil
	}
	b.start()
	b.place("tea", "1")
	for range 3 {
		b.pass(time.Second)
	}
	b.expect("1", "placed tea in version 1", "reserved", "charged: receipt for 1", "shipped: parcel for 1", "sent off, refused: false")
}

func TestACallThatFailsTooOftenHasFailed(t *testing.T) {
	b := newBench(t)
	b.failing("charge", errDeclined)
	b.start()
	b.place("tea", "1")
	for range 4 {
		b.pass(time.Second)
	}
	b.expect("1", "placed tea in version 1", "reserved", "not charged: the card was declined", "released", "failed: not charged")
}
