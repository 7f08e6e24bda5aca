package process_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A library reminds readers of books that they have not brought back, and counts the
// book as lost when that does not help.
func Example() {
	type (
		Borrowed struct{ Reader string }
		Returned struct{}
		Lost     struct{}
		Loan     struct{}

		Remind  struct{ Reader, Book string } // an effect: somebody writes a letter
		Letter  struct{ Number int }
		GiveUp  struct{ Book string } // a command
		Overdue struct{ Reader string }
	)
	loans := decider.For("loan",
		decider.On[Loan, Borrowed]("BookBorrowed", nil),
		decider.On[Loan, Returned]("BookReturned", nil),
		decider.On[Loan, Lost]("BookLost", nil),
	)
	giveUp := func(c GiveUp, _ command.ID) decider.Plan {
		return loans.At(c.Book, func(Loan) ([]any, error) { return []any{Lost{}}, nil })
	}
	write := func(_ context.Context, key string, r Remind) (Letter, error) {
		fmt.Printf("Dear %s, %q is overdue.\n", r.Reader, r.Book)
		return Letter{Number: 1}, nil
	}

	book := func(at daybook.Recorded) string { return strings.TrimPrefix(at.Stream, "loan-") }
	const month = 30 * 24 * time.Hour
	overdue := process.For("overdue", 1, loans.Codec(),
		process.Starts(func(_ Borrowed, at daybook.Recorded) string { return book(at) },
			func(o *Overdue, e Borrowed, do *process.Steps) {
				o.Reader = e.Reader
				do.After("late", month)
			}),
		process.On(func(_ Returned, at daybook.Recorded) string { return book(at) },
			func(o *Overdue, _ Returned, do *process.Steps) { do.Done() }),
		process.Deadline("late", func(o *Overdue, do *process.Steps) {
			do.Ask(Remind{o.Reader, do.Instance()})
			do.After("hopeless", month)
		}),
		process.Deadline("hopeless", func(o *Overdue, do *process.Steps) {
			do.Send(GiveUp{do.Instance()})
			do.Done()
		}),
		process.Calls[Overdue]("remind", write, nil),
		process.Sends[Overdue, GiveUp]("GiveUp", nil),
	)

	// A program leaves the clock to the system, and runs for as long as it runs.
	clock := daybooktest.NewClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	store := &memstore.Store{Now: clock.Now}
	bus := command.NewBus(store, []command.Handler{command.On("GiveUp", giveUp)}, nil)
	runner := process.NewRunner(store, bus, []process.Definition{overdue}, &process.Options{Clock: clock})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- runner.Run(ctx) }()

	borrow := func(Loan) ([]any, error) { return []any{Borrowed{"Ada"}}, nil }
	loans.Decide(ctx, store, "Emma", borrow)
	loans.Decide(ctx, store, "Dune", borrow)
	loans.Decide(ctx, store, "Dune", func(Loan) ([]any, error) { return []any{Returned{}}, nil })
	for range 3 {
		runner.Settle(ctx)
		clock.Pass(month + time.Hour)
	}
	runner.Settle(ctx)
	stop()
	fmt.Println("run:", <-done)

	history, err := process.ReadHistory(context.Background(), store, "overdue", "Emma")
	fmt.Print(history.Text())
	fmt.Println(err)
	// Output:
	// Dear Ada, "Emma" is overdue.
	// run: <nil>
	// overdue Emma, version 1: done
	// 2026-03-01 09:00:00.000    1 -> BookBorrowed at position 1
	// 2026-03-01 09:00:00.000    2    <- deadline late due 2026-03-31 09:00:00.000 [fired]
	// 2026-03-31 10:00:00.000    3 -> deadline late (2) due 2026-03-31 09:00:00.000
	// 2026-03-31 10:00:00.000    4    <- ask remind {"Reader":"Ada","Book":"Emma"} [done]
	// 2026-03-31 10:00:00.000    5    <- deadline hopeless due 2026-04-30 10:00:00.000 [fired]
	// 2026-03-31 10:00:00.000    6    -- remind call 1 (4)
	// 2026-03-31 10:00:00.000    7 -> remind done (4) {"Number":1}
	// 2026-04-30 11:00:00.000    8 -> deadline hopeless (5) due 2026-04-30 10:00:00.000
	// 2026-04-30 11:00:00.000    9    <- send GiveUp {"Book":"Emma"} [accepted]
	// 2026-04-30 11:00:00.000   10    <- done
	// 2026-04-30 11:00:00.000   11 -> GiveUp accepted (9)
	// <nil>
}
