package process_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAnAppendThatFailsOrWhoseAnswerIsLostChangesNothing(t *testing.T) {
	for _, e := range endings {
		for name, fault := range map[string]daybooktest.Fault{"unavailable": daybooktest.Unavailable, "request lost": daybooktest.RequestLost, "answer lost": daybooktest.AnswerLost} {
			t.Run(e.name+", "+name, func(t *testing.T) {
				for n := 1; ; n++ {
					store, w := memstore.New(), newWorld()
					w.fault = func(effect, _ string, after bool) error {
						if effect == e.failing {
							return process.Permanent(errDeclined)
						}
						return nil
					}
					place(t, store, "1", "tea")
					unreliable := &daybooktest.Unreliable{Store: store, Fault: func(append int) daybooktest.Fault {
						if append == n {
							return fault
						}
						return daybooktest.NoFault
					}}
					r := process.NewRunner(unreliable, command.NewBus(unreliable, handlers(), nil), []process.Definition{fulfilment(w)}, quick())
					stop := run(t, r)
					over := func() bool {
						l, err := fulfilment(w).Load(t.Context(), store, "1")
						return err == nil && len(l.State.Diary) == len(e.diary)+len(e.beside) && len(l.Open) == 0
					}
					waitFor(t, fmt.Sprintf("the end, with fault %d", n), over)
					appends := unreliable.Appends()
					stop()
					e.check(t, fmt.Sprintf("fault at append %d", n), store, w)
					if t.Failed() || n > appends {
						return
					}
				}
			})
		}
	}
}

func TestAnyNumberOfRunnersDoEverythingOnce(t *testing.T) {
	for runners := 2; runners <= 3; runners++ {
		t.Run(fmt.Sprintf("%d runners", runners), func(t *testing.T) {
			store, w := memstore.New(), newWorld()
			var all []*process.Runner
			for range runners {
				r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{fulfilment(w), timer1()}, quick())
				run(t, r)
				all = append(all, r)
			}
			const orders = 60
			for n := range orders {
				place(t, store, fmt.Sprint(n), fmt.Sprintf("tea %d", n/4)) // one of four finds the shelf empty, unless another is over
			}
			for range 3 {
				for _, r := range all {
					settle(t, r)
				}
			}
			sentOff := 0
			for n := range orders {
				seen := diary(t, store, fulfilment(w), fmt.Sprint(n))
				switch last := seen[len(seen)-1]; last {
				case "sent off, refused: false":
					sentOff++
				case "failed: sold-out":
				default:
					t.Errorf("order %d saw %q", n, seen)
				}
			}
			if _, once := w.count("charge"); once != sentOff {
				t.Errorf("%d were charged, and %d sent off", once, sentOff)
			}
			if _, once := w.count("ship"); once != sentOff {
				t.Errorf("%d were shipped, and %d sent off", once, sentOff)
			}
			answersAgree(t, store)
			if got := fired(t, store, "timer1"); len(got) != orders {
				t.Errorf("%d deadlines fired, want %d", len(got), orders)
			}
		})
	}
}

// timer1 fires at once for every order.
func timer1() *process.Process[Timer] {
	return process.For("timer1", 1, Orders.Codec(),
		process.Starts(func(_ Placed, at daybook.Recorded) string { return orderOf(at) },
			func(_ *Timer, e Placed, do *process.Steps) { do.After("due", 0) }),
		process.Deadline("due", func(t *Timer, do *process.Steps) { do.Done() }),
	)
}

// answersAgree fails the test if the answer to a command, as an instance has it, is not
// what happened: if it says refused and the command's events are recorded, or the other
// way round; or if a step has two outcomes or none.
func answersAgree(t testing.TB, store daybook.Store) {
	t.Helper()
	all, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	effective, outcomes, sent := make(map[string]bool), make(map[string][]bool), make(map[string]string)
	for e, err := range all.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if r, first := command.RecordOf(e.Event); first {
			effective[r.ID.String()] = true
		}
		switch e.Type {
		case "process.sent", "process.asked":
			sent[e.ID.String()] = e.Type
		case "process.answered", "process.returned":
			step, refused := outcomeOf(t, e)
			outcomes[step] = append(outcomes[step], refused)
		}
	}
	for id, kind := range sent {
		if len(outcomes[id]) != 1 {
			t.Errorf("%s %s has %d outcomes", kind, id, len(outcomes[id]))
			continue
		}
		if refused := outcomes[id][0]; kind == "process.sent" && refused && effective[id] {
			t.Errorf("command %s took effect, and its answer is that it was refused", id)
		}
	}
}

// lives lets two programs at a time run, with processes that they choose, over eight new
// orders each time, until they have done everything or die at random. It returns how many
// orders there are.
func lives(t *testing.T, rng *rand.Rand, store daybook.Store, w *world, choose func() []process.Definition) (orders int) {
	t.Helper()
	rounds := 40
	if testing.Short() {
		rounds = 10
	}
	var living sync.WaitGroup
	for round := range rounds {
		for range 8 {
			place(t, store, fmt.Sprint(orders), fmt.Sprintf("tea %d", round))
			orders++
		}
		for range 2 {
			f, processes := &fate{n: 1 + rng.IntN(600), after: rng.IntN(2) == 0}, choose()
			living.Go(func() {
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				f.die = stop
				mine := mortal{store, f}
				r := process.NewRunner(mine, command.NewBus(mine, handlers(), nil), processes, quick())
				done := make(chan error)
				go func() { done <- r.Run(ctx) }()
				_ = r.Settle(ctx) // or die before
				stop()
				if err := <-done; err != nil {
					t.Errorf("run: %v", err)
				}
			})
		}
		living.Wait()
	}
	return orders
}

func TestAnAnswerIsWhatHappenedWheneverProgramsDie(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	store, w := memstore.New(), newWorld()
	orders := lives(t, rng, store, w, func() []process.Definition { return []process.Definition{fulfilment(w)} })
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{fulfilment(w)}, quick())
	run(t, r)
	settle(t, r)
	answersAgree(t, store)
	ends := make(map[string]int)
	for n := range orders {
		seen := diary(t, store, fulfilment(w), fmt.Sprint(n))
		ends[seen[len(seen)-1]]++
		if slices.Contains(seen, "refused by sold-out: there is nothing of it left") && slices.Contains(seen, "reserved") {
			t.Errorf("order %d saw %q", n, seen)
		}
	}
	_, shipped := w.count("ship")
	if diff := cmp.Diff(map[string]int{"sent off, refused: false": shipped, "failed: sold-out": orders - shipped}, ends); diff != "" {
		t.Errorf("seed %d: %s", seed, diff)
	}
}

func TestProgramsOfSeveralVersionsLoseNothingWheneverTheyDie(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	store, w := memstore.New(), newWorld()
	one, two := fulfilment(w), fulfilmentIn(w, 2)
	lives(t, rng, store, w, func() []process.Definition {
		return [][]process.Definition{{one}, {two}, {one, two}, {two, one}}[rng.IntN(4)]
	})
	r := process.NewRunner(store, command.NewBus(store, handlers(), nil), []process.Definition{one, two}, quick())
	run(t, r)
	settle(t, r)
	answersAgree(t, store)
	status, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failed, err := store.Read(t.Context(), daybook.Query{{Types: []string{"OrderFailed"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := failed.Collect()
	if err != nil {
		t.Fatal(err)
	}
	began := make(map[int]int)
	orders := 0
	for ; ; orders++ {
		l, err := one.Load(t.Context(), store, fmt.Sprint(orders))
		if err != nil {
			t.Fatal(err)
		}
		if l.Version == 0 {
			break
		}
		if began[l.Version]++; len(l.Open) > 0 || l.SetAside != nil {
			t.Errorf("seed %d: order %d: %+v", seed, orders, l)
		}
	}
	// Those that were refused are not done, but have nothing left to do.
	if _, shipped := w.count("ship"); shipped+len(refused) != orders || status[0].Done != shipped || orders%8 != 0 {
		t.Errorf("seed %d: %d orders began, %d were shipped and %d refused; %+v", seed, orders, shipped, len(refused), status[0])
	}
	if !testing.Short() && (began[1] == 0 || began[2] == 0) {
		t.Errorf("seed %d: orders began in versions %v", seed, began)
	}
}
