package projection_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

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

// A projection that cannot go on says what it is stuck on. It skips nothing.
func ExampleRunner_Status() {
	ctx := context.Background()
	store := memstore.New()
	balance := memview.New("balance", 1, codec, func() int { return 0 },
		memview.On(func(cents *int, e Earned, _ daybook.Recorded) { *cents += e.Cents }),
	)
	store.Append(ctx, []daybook.Event{
		{Type: "Earned", Data: []byte(`{"Cents": 500}`)},
		{Type: "Earned", Data: []byte(`{"Cents": "a lot"}`)},
		{Type: "Earned", Data: []byte(`{"Cents": 700}`)},
	}, nil)

	runner := projection.NewRunner(store, balance, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	running, stop := context.WithCancel(ctx)
	ran := make(chan error)
	go func() { ran <- runner.Run(running) }()
	status, _ := runner.Status(ctx)
	for status.Stuck == nil {
		time.Sleep(time.Millisecond)
		status, _ = runner.Status(ctx)
	}
	stop()
	<-ran

	fmt.Printf("at position %d of %d\n", status.Checkpoint.Position, status.Head.Position)
	var unreadable *daybook.UnreadableError
	fmt.Println("stuck on something unreadable:", errors.As(status.Stuck.Err, &unreadable))
	fmt.Printf("which is %s at position %d\n", status.Stuck.Event.Type, status.Stuck.Event.Position)
	// Output:
	// at position 1 of 3
	// stuck on something unreadable: true
	// which is Earned at position 2
}
