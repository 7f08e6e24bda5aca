package natsstore_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
)

// Two nodes keep one log. Here they are in one process, with the server; they could be on
// two machines, and the servers on three others.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "daybook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	server, err := embedded.Start(dir+"/server", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	var nodes []*natsstore.Store
	for _, name := range []string{"one", "two"} {
		node, err := natsstore.Open(ctx, server.URL()+"?log=orders&require=disk", &natsstore.Options{
			Dir: dir + "/" + name, Node: name, Synced: server.Synced,
			NATS:   []nats.Option{server.InProcess()},
			Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			log.Fatal(err)
		}
		defer node.Close()
		nodes = append(nodes, node)
	}

	order := daybook.Event{Stream: "order-42", Type: "OrderPlaced"}
	receipt, err := nodes[0].Append(ctx, []daybook.Event{order}, nil)
	if err != nil {
		log.Fatal(err)
	}
	// The other node may be behind. Who has a receipt waits for it.
	if _, err := nodes[1].Wait(ctx, daybook.All(), receipt.Position-1); err != nil {
		log.Fatal(err)
	}
	receipt, err = nodes[1].Append(ctx, []daybook.Event{{Stream: "order-42", Type: "OrderPaid"}}, daybook.At("order-42", 1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Position, receipt.Versions["order-42"])
	// Output: 2 2
}
