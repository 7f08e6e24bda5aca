package memview_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
	"github.com/daybook-es/daybook/store/memstore"
)

// A read model is any Go value; handlers change it, readers look at it.
func Example() {
	ctx, store := context.Background(), memstore.New()
	stock := memview.New("stock", 1, codec, func() map[string]int { return make(map[string]int) },
		memview.On(func(left *map[string]int, e Stocked, _ daybook.Recorded) { (*left)[e.Item] += e.Count }),
		memview.On(func(left *map[string]int, e Sold, _ daybook.Recorded) { (*left)[e.Item] -= e.Count }),
	)

	stocked, _ := codec.Event(Stocked{"pen", 5})
	sold, _ := codec.Event(Sold{"pen", 2})
	store.Append(ctx, []daybook.Event{stocked, sold}, nil)

	// A server calls Run; a report is content with what is there by now.
	fmt.Println(projection.NewRunner(store, stock, nil).CatchUp(ctx))
	stock.Read(func(left map[string]int, at projection.Checkpoint) {
		fmt.Println(left["pen"], "pens at position", at.Position)
	})
	// Output:
	// <nil>
	// 3 pens at position 2
}

// A program that saves a snapshot when it stops need not read the whole log when it
// starts again.
func ExampleView_Save() {
	dir, _ := os.MkdirTemp("", "memview")
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "stock.snapshot")
	ctx, store := context.Background(), memstore.New()
	stocked, _ := codec.Event(Stocked{"pen", 5})
	store.Append(ctx, []daybook.Event{stocked}, nil)

	before := newStock("stock", 1, codec)
	fmt.Println("read the log:", projection.NewRunner(store, before, nil).CatchUp(ctx))
	fmt.Println("saved:", before.Save(file))

	after := newStock("stock", 1, codec)
	loaded, err := after.Load(file)
	fmt.Println("loaded:", loaded, err)
	after.Read(func(s Stock, at projection.Checkpoint) {
		fmt.Println(s.Left["pen"], "pens at position", at.Position)
	})
	// Output:
	// read the log: <nil>
	// saved: <nil>
	// loaded: true <nil>
	// 5 pens at position 1
}
