package publish_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// A message that is refused has its key set aside; the other keys go on. When the receiver
// is mended, what waits is sent in order.
func ExamplePublisher() {
	ctx, stop := context.WithCancel(context.Background())
	store := memstore.New()
	for _, stream := range []string{"order-1", "order-2", "order-1"} {
		store.Append(ctx, []daybook.Event{{Stream: stream, Type: "OrderChanged"}}, nil)
	}

	mended := false
	arrived := make(chan string, 10)
	partner := publish.SinkFunc(func(_ context.Context, m publish.Message) error {
		if m.Key == "order-1" && !mended {
			return publish.Refused(errors.New("we do not know this customer"))
		}
		arrived <- fmt.Sprintf("%s, version %d", m.Key, m.Recorded.Version)
		return nil
	})
	publisher := publish.New(store, daybook.All(), partner, new(publish.MemoryBookmark),
		&publish.Options{Logger: slog.New(slog.DiscardHandler)})
	ran := make(chan error)
	go func() { ran <- publisher.Run(ctx) }()

	fmt.Println("arrived:", <-arrived)
	status, _ := publisher.Status(ctx)
	for status.Lag > 0 {
		time.Sleep(time.Millisecond)
		status, _ = publisher.Status(ctx)
	}
	for _, aside := range status.Mark.Aside {
		fmt.Printf("set aside: %s at position %d, %d behind it: %s\n", aside.Key, aside.Position, aside.Followers, aside.Cause)
	}

	mended = true
	fmt.Println("retry:", publisher.Retry("order-1"))
	fmt.Println("arrived:", <-arrived)
	fmt.Println("arrived:", <-arrived)
	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// arrived: order-2, version 1
	// set aside: order-1 at position 1, 1 behind it: publish: refused: we do not know this customer
	// retry: <nil>
	// arrived: order-1, version 1
	// arrived: order-1, version 2
	// stopped: <nil>
}
