package projection_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// A runner keeps a view in step; whoever has recorded something waits until the view
// shows it.
func ExampleRunner() {
	ctx, stop := context.WithCancel(context.Background())
	store := memstore.New()
	balance := memview.New("balance", 1, codec, func() int { return 0 },
		memview.On(func(cents *int, e Earned, _ daybook.Recorded) { *cents += e.Cents }),
		memview.On(func(cents *int, e Spent, _ daybook.Recorded) { *cents -= e.Cents }),
	)
	runner, ran := projection.NewRunner(store, balance, nil), make(chan error)
	go func() { ran <- runner.Run(ctx) }()

	earned, _ := codec.Event(Earned{500})
	spent, _ := codec.Event(Spent{120})
	receipt, err := store.Append(ctx, []daybook.Event{earned, spent}, nil)
	fmt.Println("recorded:", err)

	fmt.Println("waited:", runner.Wait(ctx, receipt.Point))
	balance.Read(func(cents int, at projection.Checkpoint) { fmt.Printf("%d cents at position %d\n", cents, at.Position) })

	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// recorded: <nil>
	// waited: <nil>
	// 380 cents at position 2
	// stopped: <nil>
}

// An event that cannot be applied is set aside with those that follow it in its stream.
// Everything else goes on.
func ExampleRunner_SetAside() {
	ctx := context.Background()
	store := memstore.New()
	balance := memview.New("balance", 1, codec, func() int { return 0 },
		memview.On(func(cents *int, e Earned, _ daybook.Recorded) { *cents += e.Cents }),
	)
	store.Append(ctx, []daybook.Event{
		{Stream: "till-1", Type: "Earned", Data: []byte(`{"Cents": "a lot"}`)},
		{Stream: "till-2", Type: "Earned", Data: []byte(`{"Cents": 500}`)},
		{Stream: "till-1", Type: "Earned", Data: []byte(`{"Cents": 700}`)},
	}, nil)

	runner := projection.NewRunner(store, balance, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	runner.CatchUp(ctx)
	balance.Read(func(cents int, at projection.Checkpoint) { fmt.Println(cents, "cents at position", at.Position) })
	aside, _ := runner.SetAside(ctx)
	for _, a := range aside {
		fmt.Println("position", a.Position, "of", a.Keys, "follows:", a.Follows())
	}

	// Nobody will mend that one: what follows it can go on without.
	runner.Skip(ctx, aside[0].EventID, "typed by hand; the till was counted again")
	balance.Read(func(cents int, at projection.Checkpoint) { fmt.Println(cents, "cents") })
	// Output:
	// 500 cents at position 3
	// position 1 of [till-1] follows: false
	// position 3 of [till-1] follows: true
	// 1200 cents
}
