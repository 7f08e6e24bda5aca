package daybook_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// Read, decide, and append on the condition that the reading hands over: whoever
// comes second is told.
func ExampleStore() {
	ctx, store := context.Background(), memstore.New()
	seat := daybook.Query{{Types: []string{"SeatSold"}, Tags: []string{"seat:12A"}}}
	look := func() (daybook.Reading, bool) {
		reading, err := store.Read(ctx, seat, daybook.Span{})
		if err != nil {
			fmt.Println(err)
		}
		sold, err := reading.Collect()
		return reading, err == nil && len(sold) == 0
	}
	sell := func(to string, on daybook.Condition) {
		event := daybook.Event{Type: "SeatSold", Tags: []string{"seat:12A", "passenger:" + to}}
		receipt, err := store.Append(ctx, []daybook.Event{event}, on)
		if conflict := (*daybook.ConflictError)(nil); errors.As(err, &conflict) {
			fmt.Println(to, "was too late: see position", conflict.Position())
			return
		}
		fmt.Println(to, "has the seat, at position", receipt.Position, err)
	}

	ada, free := look()
	fmt.Println("ada sees a free seat:", free)
	bob, free := look()
	fmt.Println("bob sees a free seat:", free)
	sell("ada", ada.Condition())
	sell("bob", bob.Condition())
	// Output:
	// ada sees a free seat: true
	// bob sees a free seat: true
	// ada has the seat, at position 1 <nil>
	// bob was too late: see position 1
}

// A follower keeps the snapshot of what it has dealt with, and goes on from there.
func ExampleFollow() {
	ctx, store := context.Background(), memstore.New()
	store.Append(ctx, []daybook.Event{{Type: "DoorOpened"}, {Type: "BellRung"}, {Type: "DoorOpened"}}, nil)

	var checkpoint daybook.Point
	doors := daybook.Query{{Types: []string{"DoorOpened"}}}
	for reading, err := range daybook.Follow(ctx, store, doors, checkpoint) {
		if err != nil {
			fmt.Println(err)
			break
		}
		for event, err := range reading.Events() {
			fmt.Println(event.Position, event.Type, err)
		}
		checkpoint = reading.Snapshot()
		break // a real one goes on until ctx ends
	}
	fmt.Println("goes on after position", checkpoint.Position)
	// Output:
	// 1 DoorOpened <nil>
	// 3 DoorOpened <nil>
	// goes on after position 3
}

// A token is a point as text: a client sends it back with its next question.
func ExampleParsePoint() {
	ctx, store := context.Background(), memstore.New()
	receipt, err := store.Append(ctx, []daybook.Event{{Type: "DoorOpened"}}, nil)
	token := receipt.Point.String()
	fmt.Println(len(token) < 100, err)

	point, err := daybook.ParsePoint(token)
	fmt.Println(point == receipt.Point, err)
	_, err = daybook.ParsePoint("1")
	fmt.Println(err)
	// Output:
	// true <nil>
	// true <nil>
	// daybook: invalid: point "1" is not POSITION.INCARNATION.LOG
}
