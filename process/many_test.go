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

// TestAnAnswerIsWhatHappenedWheneverProgramsDie lets two programs at a time die at random
// and start again, over orders that compete for what there is.
func TestAnAnswerIsWhatHappenedWheneverProgramsDie(t *testing.T) {
	lives := 40
	if testing.Short() {
		lives = 10
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	store, w := memstore.New(), newWorld()
	orders := 0
	var living sync.WaitGroup
	for life := range lives {
		for range 8 {
			place(t, store, fmt.Sprint(orders), fmt.Sprintf("tea %d", life))
			orders++
		}
		for range 2 {
			f := &fate{n: 1 + rng.IntN(600), after: rng.IntN(2) == 0}
			living.Go(func() {
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				f.die = stop
				mine := mortal{store, f}
				r := process.NewRunner(mine, command.NewBus(mine, handlers(), nil), []process.Definition{fulfilment(w)}, quick())
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
