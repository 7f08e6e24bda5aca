package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// The facts of these tests: a customer is greeted by name. Names were once in two halves,
// and several were once recorded together.
type (
	Joined      struct{ Name string }
	JoinedOnce  struct{ First, Last string }
	JoinedGroup struct{ Names []string }
	Left        struct{}
)

var codec = daybook.NewCodec(
	daybook.KindOf[Joined]("Joined", nil),
	daybook.Was("JoinedOnce", func(old JoinedOnce) Joined { return Joined{old.First + " " + old.Last} }),
	daybook.Split("GroupJoined", func(old JoinedGroup) (facts []any) {
		for _, name := range old.Names {
			facts = append(facts, Joined{name})
		}
		return facts
	}, Joined{}),
	daybook.Split("Replaced", func(old JoinedOnce) []any { return []any{Left{}, Joined{old.First}} }, Left{}, Joined{}),
	daybook.KindOf[Left]("Left", nil),
)

func TestHandlersGetFactsOfTodayWithAKeyForEach(t *testing.T) {
	store := memstore.New()
	if _, err := store.Append(t.Context(), []daybook.Event{
		{Stream: "club", Type: "Joined", Data: []byte(`{"Name":"Ada"}`)},
		{Stream: "club", Type: "Left", Data: []byte(`{}`)},
		{Stream: "club", Type: "JoinedOnce", Data: []byte(`{"First":"Grace","Last":"Hopper"}`)},
		{Stream: "club", Type: "GroupJoined", Data: []byte(`{"Names":["Hedy","Mary"]}`)},
		{Stream: "club", Type: "Replaced", Data: []byte(`{"First":"Joan"}`)},
		{Stream: "dark", Type: "Joined", Data: []byte(`{"Name":0}`)},
	}, nil); err != nil {
		t.Fatal(err)
	}
	greeted := make(map[string]string)
	var order []string
	failed := false
	greet := publish.Handle(codec, publish.On(func(_ context.Context, j Joined, m publish.Message) error {
		if _, before := greeted[m.DedupeKey()]; before {
			return nil
		}
		if j.Name == "Mary" && !failed {
			failed = true
			return errors.New("hoarse")
		}
		greeted[m.DedupeKey()] = j.Name
		order = append(order, j.Name)
		return nil
	}))
	want := daybook.Query{{Types: []string{"GroupJoined", "Joined", "JoinedOnce", "Replaced"}}}
	if diff := cmp.Diff(want, greet.Query(), cmp.AllowUnexported(daybook.Item{})); diff != "" {
		t.Errorf("the query (-want +got):\n%s", diff)
	}
	p := publish.New(store, greet.Query(), greet, new(publish.MemoryBookmark), quick(publish.Options{AtOnce: 1}))
	stop := run(t, p)
	caughtUp(t, p)
	aside := status(t, p).Mark.Aside
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Ada", "Grace Hopper", "Hedy", "Mary", "Joan"}; !slices.Equal(order, want) || len(greeted) != 5 {
		t.Errorf("greeted: %v, by the keys %v; want %v", order, greeted, want)
	}
	var unreadable bool
	if len(aside) == 1 {
		unreadable = aside[0].Key == "dark" && aside[0].Attempts == 1
	}
	if !unreadable {
		t.Errorf("set aside: %+v; want the event that cannot be read, at once", aside)
	}
}

func TestMistakesInHandlersAreFoundWhenTheProgramStarts(t *testing.T) {
	on := publish.On(func(context.Context, Joined, publish.Message) error { return nil })
	for what, mistake := range map[string]func(){
		"no handlers":     func() { publish.Handle(codec) },
		"two of one type": func() { publish.Handle(codec, on, on) },
		"an unknown type": func() {
			publish.Handle(codec, publish.On(func(context.Context, int, publish.Message) error { return nil }))
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			mistake()
		}()
	}
}

// A handler is called at least once; it tells by the key what it has dealt with.
func ExampleHandle() {
	ctx := context.Background()
	sent := make(map[string]bool) // a table of the mailer's, kept with the mails
	mails := publish.Handle(codec, publish.On(func(_ context.Context, j Joined, m publish.Message) error {
		if !sent[m.DedupeKey()] {
			fmt.Println("Dear", j.Name)
			sent[m.DedupeKey()] = true
		}
		return nil
	}))
	joined := daybook.Recorded{Event: daybook.Event{Type: "Joined", Data: []byte(`{"Name":"Ada"}`)}}
	for range 2 {
		fmt.Println(mails.Send(ctx, publish.Message{ID: joined.ID, Recorded: joined}))
	}
	// Output:
	// Dear Ada
	// <nil>
	// <nil>
}
