package guides

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

func Example_forgetting() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "forgetting")
	fmt.Println("directory:", err)
	defer os.RemoveAll(dir)
	store, err := logstore.Open(dir, &logstore.Options{Compress: true, Logger: slog.New(slog.DiscardHandler)})
	fmt.Println("open:", err)
	defer store.Close()

	reader := []daybook.Event{
		{Stream: "reader-7", Type: "ReaderJoined", Data: []byte(`{"name":"Ada","address":"Köln"}`)},
		{Stream: "reader-7", Type: "BookLent", Tags: []string{"book:1984"}, Data: []byte(`{"book":"1984"}`)},
	}
	joined, err := store.Append(ctx, reader, nil)
	fmt.Println("recorded:", joined.Position, err)

	_, err = store.Append(ctx, []daybook.Event{daybook.Deleted("reader-7")}, daybook.At("reader-7", 2))
	fmt.Println("deleted:", err)
	show(ctx, store, daybook.Span{})
	show(ctx, store, daybook.Span{Forgotten: true})

	report, err := store.Scavenge(ctx, &logstore.ScavengeOptions{Newest: true})
	fmt.Println("scavenged:", report.Events, "events,", err)
	show(ctx, store, daybook.Span{Forgotten: true})

	lent := daybook.Query{{Tags: []string{"book:1984"}}}
	_, err = store.Append(ctx, []daybook.Event{{Type: "BookLent"}}, daybook.Nothing(lent, daybook.Point{}))
	fmt.Println("lend it again:", err)

	_, err = store.Append(ctx, []daybook.Event{daybook.Tombstoned("reader-7")}, nil)
	fmt.Println("tombstoned:", err)
	_, err = store.Append(ctx, reader[:1], nil)
	fmt.Println("join again:", err)
	// Output:
	// directory: <nil>
	// open: <nil>
	// recorded: 2 <nil>
	// deleted: <nil>
	// 0 events of reader 7
	// 2 events of reader 7
	//   ReaderJoined {"name":"Ada","address":"Köln"}
	//   BookLent {"book":"1984"}
	// scavenged: 2 events, <nil>
	// 2 events of reader 7
	//   a stub of version 1
	//   a stub of version 2
	// lend it again: daybook: conflict: expected nothing selected by the query to be recorded after position 0 (see position 2)
	// tombstoned: <nil>
	// join again: daybook: invalid: event 1: stream "reader-7" was tombstoned at position 4 and takes no event any more
}

func show(ctx context.Context, store daybook.Store, span daybook.Span) {
	reading, err := store.Read(ctx, daybook.Stream("reader-7"), span)
	if err != nil {
		fmt.Println(err)
		return
	}
	events, err := reading.Collect()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(events), "events of reader 7")
	for _, e := range events {
		if e.Stub != nil {
			fmt.Println("  a stub of version", e.Version)
		} else {
			fmt.Println(" ", e.Type, string(e.Data))
		}
	}
}
