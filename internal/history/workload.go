package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Workload says how much clients do.
type Workload struct {
	// Clients decide at the same time, each so many Rounds.
	Clients, Rounds int
	// Seed makes what they want. What they get depends on who is first.
	Seed uint64
}

// A Tally counts what became of decisions.
type Tally struct {
	Recorded, Conflicts, Refused int
}

// How scarce things are in [Boundaries]: scarce enough that clients meet all the
// time.
const (
	names, shows, seats, accounts = 40, 5, 30, 8
	opening                       = 20 // what each account begins with
)

// moved is the data of a transfer.
type moved struct {
	From, To string
	Amount   int
}

// Boundaries lets clients decide over boundaries that overlap, on a new store and
// through its plain methods: they claim names, of which each is claimed once; sell
// seats of shows, of which each has a few; and move money between accounts, none of
// which may fall below zero. Each decision reads what it depends on and appends under
// the condition of that reading; on a conflict it reads and decides again, until it
// is recorded or refused.
//
// It returns what was asked and answered, and an error if the store failed or the
// log breaks one of the three rules.
func Boundaries(ctx context.Context, store daybook.Store, w Workload) (History, Tally, error) {
	recorder := Record(store)
	if err := open(ctx, recorder.Client(-1)); err != nil {
		return History{}, Tally{}, err
	}
	tally, err := w.run(ctx, recorder, func(rng *rand.Rand, round, client int) decision {
		switch rng.IntN(3) {
		case 0:
			return claim(fmt.Sprintf("name:%d", rng.IntN(names)), client)
		case 1:
			return sell(fmt.Sprintf("show:%d", rng.IntN(shows)), client)
		default:
			from, to := rng.IntN(accounts), rng.IntN(accounts-1)
			if to >= from {
				to++
			}
			return move(moved{fmt.Sprintf("account:%d", from), fmt.Sprintf("account:%d", to), 1 + rng.IntN(15)})
		}
	})
	if err == nil {
		err = keepsRules(ctx, store)
	}
	return recorder.History(), tally, err
}

// Apart lets each client decide over a boundary of its own, which nobody else
// touches. No decision should meet a conflict.
func Apart(ctx context.Context, store daybook.Store, w Workload) (History, Tally, error) {
	recorder := Record(store)
	tally, err := w.run(ctx, recorder, func(_ *rand.Rand, round, client int) decision {
		own := fmt.Sprintf("own:%d", client)
		return decision{
			query: daybook.Query{{Types: []string{"Done"}, Tags: []string{own}}},
			decide: func(past []daybook.Recorded) (daybook.Event, bool) {
				return daybook.Event{Type: "Done", Tags: []string{own}, Stream: fmt.Sprintf("own-%d", client)}, len(past) == round
			},
		}
	})
	return recorder.History(), tally, err
}

// A decision reads what a query selects, and appends an event or refuses.
type decision struct {
	query  daybook.Query
	decide func(past []daybook.Recorded) (daybook.Event, bool)
}

// run lets the clients decide.
func (w Workload) run(ctx context.Context, recorder *Recorder, next func(rng *rand.Rand, round, client int) decision) (Tally, error) {
	tallies, errs := make([]Tally, w.Clients), make([]error, w.Clients)
	var clients sync.WaitGroup
	for number := range w.Clients {
		clients.Go(func() {
			store := recorder.Client(number)
			rng := rand.New(rand.NewPCG(w.Seed, uint64(number)))
			for round := range w.Rounds {
				if errs[number] = next(rng, round, number).make(ctx, store, &tallies[number]); errs[number] != nil {
					return
				}
			}
		})
	}
	clients.Wait()
	var sum Tally
	for _, t := range tallies {
		sum.Recorded += t.Recorded
		sum.Conflicts += t.Conflicts
		sum.Refused += t.Refused
	}
	return sum, errors.Join(errs...)
}

// make makes the decision, again after each conflict.
func (d decision) make(ctx context.Context, store daybook.Store, tally *Tally) error {
	for {
		reading, err := store.Read(ctx, d.query, daybook.Span{})
		if err != nil {
			return err
		}
		past, err := reading.Collect()
		if err != nil {
			return err
		}
		event, yes := d.decide(past)
		if !yes {
			tally.Refused++
			return nil
		}
		event.ID = uuid.New()
		runtime.Gosched() // others decide meanwhile
		_, err = store.Append(ctx, []daybook.Event{event}, reading.Condition())
		if err == nil {
			tally.Recorded++
			return nil
		}
		var conflict *daybook.ConflictError
		if !errors.As(err, &conflict) {
			return err
		}
		tally.Conflicts++
	}
}

func claim(name string, client int) decision {
	return decision{
		query: daybook.Query{{Types: []string{"NameClaimed"}, Tags: []string{name}}},
		decide: func(past []daybook.Recorded) (daybook.Event, bool) {
			return daybook.Event{Type: "NameClaimed", Tags: []string{fmt.Sprintf("client:%d", client), name}}, len(past) == 0
		},
	}
}

func sell(show string, client int) decision {
	return decision{
		query: daybook.Query{{Types: []string{"SeatSold"}, Tags: []string{show}}},
		decide: func(past []daybook.Recorded) (daybook.Event, bool) {
			return daybook.Event{Type: "SeatSold", Stream: fmt.Sprintf("buyer-%d", client), Tags: []string{show}}, len(past) < seats
		},
	}
}

func move(m moved) decision {
	return decision{
		query: daybook.Query{{Types: []string{"Opened", "Moved"}, Tags: []string{m.From}}},
		decide: func(past []daybook.Recorded) (daybook.Event, bool) {
			balance := 0
			for _, e := range past {
				balance += change(e, m.From)
			}
			data, err := json.Marshal(m)
			return daybook.Event{Type: "Moved", Tags: []string{m.From, m.To}, Data: data}, err == nil && balance >= m.Amount
		},
	}
}

// change returns by how much an event changes the balance of an account.
func change(e daybook.Recorded, account string) int {
	if e.Type == "Opened" {
		return opening
	}
	var m moved
	if json.Unmarshal(e.Data, &m) != nil {
		return 0
	}
	switch account {
	case m.From:
		return -m.Amount
	case m.To:
		return m.Amount
	}
	return 0
}

// open gives each account what it begins with.
func open(ctx context.Context, store daybook.Store) error {
	var events []daybook.Event
	for i := range accounts {
		events = append(events, daybook.Event{ID: uuid.New(), Type: "Opened", Tags: []string{fmt.Sprintf("account:%d", i)}})
	}
	_, err := store.Append(ctx, events, nil)
	return err
}

// keepsRules reads the whole log and looks whether the rules held at every moment.
func keepsRules(ctx context.Context, store daybook.Store) error {
	log, err := Log(ctx, store)
	if err != nil {
		return err
	}
	claimed, sold, balances := make(map[string]int), make(map[string]int), make(map[string]int)
	for _, e := range log {
		switch e.Type {
		case "NameClaimed":
			if name := e.Tags[1]; claimed[name] > 0 {
				return fmt.Errorf("%s is claimed at position %d and was claimed before", name, e.Position)
			}
			claimed[e.Tags[1]]++
		case "SeatSold":
			if sold[e.Tags[0]]++; sold[e.Tags[0]] > seats {
				return fmt.Errorf("%s sells a seat at position %d and had none left", e.Tags[0], e.Position)
			}
		case "Opened", "Moved":
			for _, account := range e.Tags {
				if balances[account] += change(e, account); balances[account] < 0 {
					return fmt.Errorf("%s is at %d at position %d", account, balances[account], e.Position)
				}
			}
		}
	}
	return nil
}

// Log reads every event of a store.
func Log(ctx context.Context, store daybook.Store) ([]daybook.Recorded, error) {
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{Forgotten: true})
	if err != nil {
		return nil, err
	}
	return reading.Collect()
}
