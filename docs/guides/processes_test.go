package guides

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// Expire is a command: it takes what is left on a card.
type Expire struct{ Card string }

var expire = command.On("Expire", func(c Expire, _ command.ID) decider.Plan {
	return Cards.At(c.Card, func(card Card) ([]any, error) {
		if card.Left == 0 {
			return nil, ErrTooLittle
		}
		return []any{Spent{card.Left}}, nil
	})
})

// Warn is an effect: a letter to whoever bought the card. Warned is what the post says.
type (
	Warn   struct{ Card string }
	Warned struct{ Letter string }
)

// Expiry is what the process remembers of a card.
type Expiry struct {
	Left   int
	Letter string
}

const year = 365 * 24 * time.Hour

// Expiring lets a card expire a year after it was used for the last time, and warns a
// month before.
func Expiring(post func(ctx context.Context, key string, w Warn) (Warned, error)) *process.Process[Expiry] {
	return process.For("expiry", 1, Cards.Codec(),
		process.Starts(cardOf[Issued], func(x *Expiry, e Issued, do *process.Steps) {
			x.Left = e.Cents
			do.After("warn", year-30*24*time.Hour)
			do.After("expire", year)
		}),
		process.On(cardOf[Spent], func(x *Expiry, e Spent, do *process.Steps) {
			if x.Left -= e.Cents; x.Left == 0 {
				do.Done()
				return
			}
			do.After("warn", year-30*24*time.Hour) // moves it
			do.After("expire", year)
		}),
		process.Deadline("warn", func(x *Expiry, do *process.Steps) {
			do.Ask(Warn{do.Instance()})
		}),
		process.Calls("warn", post, func(x *Expiry, _ Warn, r process.Result[Warned], do *process.Steps) {
			if r.Failed() {
				do.After("expire", year) // nobody was warned: another year
				return
			}
			x.Letter = r.Value.Letter
		}),
		process.Deadline("expire", func(x *Expiry, do *process.Steps) {
			do.Send(Expire{do.Instance()})
		}),
		process.Sends("Expire", func(x *Expiry, _ Expire, a process.Answer, do *process.Steps) {
			if a.Refused() {
				do.Done() // it was spent in the last moment
			}
		}),
	)
}

// cardOf says which instance a fact about a card reaches.
func cardOf[E any](_ E, at daybook.Recorded) string { return strings.TrimPrefix(at.Stream, "card-") }

func TestExpiring(t *testing.T) {
	const month = 30 * 24 * time.Hour
	card := daybooktest.Process(t, Expiring(nil), "7", daybooktest.In("card-7", Issued{5000})...)
	card.WhenPassed(year - month).Then(Warn{"7"})
	card.WhenReturned(Warn{"7"}, Warned{"letter 1"}).ThenState(Expiry{Left: 5000, Letter: "letter 1"})
	card.When(daybooktest.In("card-7", Spent{1000})...).
		ThenDeadlines(map[string]time.Duration{"warn": year - month, "expire": year})
	card.WhenPassed(year - month).Then(Warn{"7"})
	card.WhenFailed(Warn{"7"}, errors.New("no such address")).ThenDeadlines(map[string]time.Duration{"expire": year})
	card.WhenPassed(year).Then(Expire{"7"})
	card.WhenRefused(Expire{"7"}, ErrTooLittle).ThenDone()
}

func Example_processes() {
	ctx, stop := context.WithCancel(context.Background())
	clock := daybooktest.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
	store := &memstore.Store{Now: clock.Now}
	post := func(_ context.Context, key string, w Warn) (Warned, error) {
		fmt.Println("a letter about card", w.Card)
		return Warned{"letter 1"}, nil
	}

	bus := command.NewBus(store, []command.Handler{expire}, nil)
	runner := process.NewRunner(store, bus, []process.Definition{Expiring(post)}, &process.Options{Clock: clock})
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()

	Cards.Decide(ctx, store, "7", Issue(5000))
	for range 13 {
		runner.Settle(ctx)
		clock.Pass(30 * 24 * time.Hour)
	}
	runner.Settle(ctx)

	card, err := Cards.Load(ctx, store, "7", daybook.Span{})
	fmt.Println("left on the card:", card.State.Left, err)
	status, err := runner.Status(ctx)
	fmt.Println("done:", status[0].Done, "set aside:", len(status[0].SetAside), err)
	stop()
	fmt.Println("run:", <-ended)
	// Output:
	// a letter about card 7
	// left on the card: 0 <nil>
	// done: 1 set aside: 0 <nil>
	// run: <nil>
}
