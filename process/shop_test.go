package process_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/process"
)

// The shop of these tests: an order is placed, its goods are reserved, its buyer is
// charged, and then it is sent off. If one of these fails, what was done before is undone.
type (
	Placed    struct{ Goods string }
	Withdrawn struct{}
	SentOff   struct{ Parcel string }
	Failed    struct{ Why string }

	Reserved struct{ Order string }
	Released struct{ Order string }
)

type (
	Order struct{ Placed, Over bool }
	Shelf struct {
		Holds map[string]bool
		Ever  int
	}
)

var (
	Orders = decider.For("order",
		decider.On("OrderPlaced", func(o *Order, _ Placed) { o.Placed = true }),
		decider.On("OrderWithdrawn", func(o *Order, _ Withdrawn) {}),
		decider.On("OrderSentOff", func(o *Order, _ SentOff) { o.Over = true }),
		decider.On("OrderFailed", func(o *Order, _ Failed) { o.Over = true }),
	)
	Shelves = decider.For("shelf",
		decider.On("GoodsReserved", func(s *Shelf, e Reserved) {
			if s.Holds == nil {
				s.Holds = make(map[string]bool)
			}
			s.Holds[e.Order] = true
			s.Ever++
		}),
		decider.On("GoodsReleased", func(s *Shelf, e Released) { delete(s.Holds, e.Order) }),
	)
	errSoldOut = daybook.NewRule("sold-out", "there is nothing of it left")
	errOver    = daybook.NewRule("order-open", "the order is over")
)

type (
	Place   struct{ Order, Goods string }
	Reserve struct{ Order, Goods string }
	Release struct{ Order, Goods string }
	SendOff struct{ Order, Parcel string }
	Fail    struct{ Order, Why string }
)

// shelfRoom is how many orders the goods of a shelf are enough for.
const shelfRoom = 3

func handlers() []command.Handler {
	return []command.Handler{
		command.On("Place", func(c Place, _ command.ID) decider.Plan {
			return Orders.At(c.Order, func(o Order) ([]any, error) { return []any{Placed{c.Goods}}, nil })
		}),
		command.On("Reserve", func(c Reserve, _ command.ID) decider.Plan {
			return Shelves.At(c.Goods, func(s Shelf) ([]any, error) {
				if len(s.Holds) >= shelfRoom {
					return nil, errSoldOut
				}
				return []any{Reserved{c.Order}}, nil
			})
		}),
		command.On("Release", func(c Release, _ command.ID) decider.Plan {
			return Shelves.At(c.Goods, func(s Shelf) ([]any, error) {
				if !s.Holds[c.Order] {
					return nil, nil
				}
				return []any{Released{c.Order}}, nil
			})
		}),
		command.On("SendOff", func(c SendOff, _ command.ID) decider.Plan {
			return Orders.At(c.Order, func(o Order) ([]any, error) {
				if o.Over {
					return nil, errOver
				}
				return []any{SentOff{c.Parcel}}, nil
			})
		}),
		command.On("Fail", func(c Fail, _ command.ID) decider.Plan {
			return Orders.At(c.Order, func(o Order) ([]any, error) {
				if o.Over {
					return nil, errOver
				}
				return []any{Failed{c.Why}}, nil
			})
		}),
	}
}

// The effects.
type (
	Charge  struct{ Order string }
	Charged struct{ Receipt string }
	Refund  struct{ Receipt string }
	Ship    struct{ Order string }
	Shipped struct{ Parcel string }
)

// A world is what is outside of the shop. It goes by keys, and remembers every call.
type world struct {
	// fault, if set, is asked before and after each call; an error is the answer.
	fault func(effect, key string, after bool) error

	mu      sync.Mutex
	calls   map[string]int    // by effect: all
	once    map[string]int    // by effect: under different keys
	answers map[string]string // by key
}

func newWorld() *world {
	return &world{calls: make(map[string]int), once: make(map[string]int), answers: make(map[string]string)}
}

func (w *world) do(effect, key, answer string) (string, error) {
	if w.fault != nil {
		if err := w.fault(effect, key, false); err != nil {
			return "", err
		}
	}
	w.mu.Lock()
	w.calls[effect]++
	if _, known := w.answers[key]; !known {
		w.once[effect]++
		w.answers[key] = answer
	}
	answer = w.answers[key]
	w.mu.Unlock()
	if w.fault != nil {
		if err := w.fault(effect, key, true); err != nil {
			return "", err
		}
	}
	return answer, nil
}

func (w *world) count(effect string) (calls, once int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[effect], w.once[effect]
}

var errDeclined = errors.New("the card was declined")

// A Fulfilment is the state of the process: a diary, so that tests see what it saw.
type Fulfilment struct {
	Goods, Parcel string
	Diary         []string
}

func (f *Fulfilment) note(format string, args ...any) {
	f.Diary = append(f.Diary, fmt.Sprintf(format, args...))
}

func orderOf(at daybook.Recorded) string { return at.Stream[len("order-"):] }

func fulfilment(w *world) *process.Process[Fulfilment] { return fulfilmentIn(w, 1) }

func fulfilmentIn(w *world, version int, more ...process.Handler[Fulfilment]) *process.Process[Fulfilment] {
	parts := []process.Handler[Fulfilment]{
		process.Starts(func(_ Placed, at daybook.Recorded) string { return orderOf(at) },
			func(f *Fulfilment, e Placed, do *process.Steps) {
				f.Goods = e.Goods
				f.note("placed %s in version %d", e.Goods, version)
				do.Send(Reserve{do.Instance(), e.Goods}, process.Undo(Release{do.Instance(), e.Goods}))
				do.After("too late", time.Hour)
			}),
		process.On(func(_ Withdrawn, at daybook.Recorded) string { return orderOf(at) },
			func(f *Fulfilment, _ Withdrawn, do *process.Steps) {
				f.note("withdrawn")
				do.Compensate()
				do.Send(Fail{do.Instance(), "withdrawn"})
			}),
		process.Sends("Reserve", func(f *Fulfilment, _ Reserve, a process.Answer, do *process.Steps) {
			if a.Refused() {
				f.note("refused by %s: %s", a.Rule, a.Reason)
				do.Send(Fail{do.Instance(), a.Rule})
				return
			}
			f.note("reserved")
			do.Ask(Charge{do.Instance()})
		}),
		process.Calls("charge", func(_ context.Context, key string, e Charge) (Charged, error) {
			answer, err := w.do("charge", key, "receipt for "+e.Order)
			return Charged{answer}, err
		}, func(f *Fulfilment, _ Charge, r process.Result[Charged], do *process.Steps) {
			if r.Failed() {
				f.note("not charged: %s", r.Failure)
				do.Compensate()
				do.Send(Fail{do.Instance(), "not charged"})
				return
			}
			f.note("charged: %s", r.Value.Receipt)
			do.Undo(Refund{r.Value.Receipt})
			do.Ask(Ship{do.Instance()})
		}),
		process.Calls("refund", func(_ context.Context, key string, e Refund) (struct{}, error) {
			_, err := w.do("refund", key, "refunded "+e.Receipt)
			return struct{}{}, err
		}, func(f *Fulfilment, e Refund, r process.Result[struct{}], do *process.Steps) {
			f.note("refunded %s", e.Receipt)
		}),
		process.Calls("ship", func(_ context.Context, key string, e Ship) (Shipped, error) {
			answer, err := w.do("ship", key, "parcel for "+e.Order)
			return Shipped{answer}, err
		}, func(f *Fulfilment, _ Ship, r process.Result[Shipped], do *process.Steps) {
			if r.Failed() {
				f.note("not shipped: %s", r.Failure)
				do.Compensate()
				do.Send(Fail{do.Instance(), "not shipped"})
				return
			}
			f.Parcel = r.Value.Parcel
			f.note("shipped: %s", f.Parcel)
			do.Send(SendOff{do.Instance(), f.Parcel})
		}),
		process.Sends[Fulfilment, Release]("Release", func(f *Fulfilment, _ Release, _ process.Answer, do *process.Steps) {
			f.note("released")
		}),
		process.Sends("SendOff", func(f *Fulfilment, _ SendOff, a process.Answer, do *process.Steps) {
			f.note("sent off, refused: %v", a.Refused())
			do.Done()
		}),
		process.Sends("Fail", func(f *Fulfilment, c Fail, a process.Answer, do *process.Steps) {
			f.note("failed: %s", c.Why)
			do.Cancel("too late")
		}),
		process.Deadline("too late", func(f *Fulfilment, do *process.Steps) {
			f.note("too late")
			do.Compensate()
			do.Send(Fail{do.Instance(), "too late"})
		}),
	}
	return process.For("fulfilment", version, Orders.Codec(), append(parts, more...)...)
}

// quick are options whose pauses are short, so that tests need not wait for them.
func quick() *process.Options {
	return &process.Options{RetryAfter: time.Millisecond, RetryAtMost: 4 * time.Millisecond, TakeOver: 20 * time.Millisecond, Attempts: 4, Logger: slog.New(slog.DiscardHandler)}
}

// run runs a runner until the test, or the returned function, ends it.
func run(t testing.TB, r *process.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// settle waits until there is nothing to do but wait for time to pass.
func settle(t testing.TB, r *process.Runner) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := r.Settle(ctx); err != nil {
		status, _ := r.Status(context.Background())
		t.Fatalf("settle: %v; %+v", err, status)
	}
}

// place records an order without asking anybody.
func place(t testing.TB, store daybook.Store, order, goods string) {
	t.Helper()
	tell(t, store, order, Placed{goods})
}

func tell(t testing.TB, store daybook.Store, order string, facts ...any) {
	t.Helper()
	if _, err := Orders.Decide(context.Background(), store, order, func(Order) ([]any, error) { return facts, nil }); err != nil {
		t.Fatal(err)
	}
}

func diary(t testing.TB, store daybook.Store, p *process.Process[Fulfilment], order string) []string {
	t.Helper()
	l, err := p.Load(context.Background(), store, order)
	if err != nil {
		t.Fatal(err)
	}
	return l.State.Diary
}

// outcomeOf returns the step that an event of an instance is the outcome of, and whether
// the step was refused.
func outcomeOf(t testing.TB, e daybook.Recorded) (step string, refused bool) {
	t.Helper()
	var said struct {
		Step    string
		Refused *struct{ Rule string }
	}
	if err := json.Unmarshal(e.Data, &said); err != nil {
		t.Fatal(err)
	}
	return said.Step, said.Refused != nil
}
