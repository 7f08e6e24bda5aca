package projection_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A large batch is read by several goroutines, and comes back as if by one.
func TestABatchIsReadInOrderHoweverLargeItIs(t *testing.T) {
	handlers := projection.NewHandlers(codec, projection.Handle(func(*int, Earned, daybook.Recorded) error { return nil }))
	for _, n := range []int{0, 1, 99, 100, 201, 1000, 10_007} {
		events := make([]daybook.Recorded, n)
		for i := range events {
			event, err := codec.Event(Earned{i})
			if err != nil {
				t.Fatal(err)
			}
			events[i] = daybook.Recorded{Event: event, Position: daybook.Position(i + 1)}
		}
		facts, err := handlers.Facts(events)
		if err != nil || len(facts) != n {
			t.Fatalf("%d events became %d, %v", n, len(facts), err)
		}
		for i := range facts {
			if len(facts[i]) != 1 || facts[i][0] != (Earned{i}) {
				t.Fatalf("event %d of %d became %v", i, n, facts[i])
			}
		}
		for _, bad := range []int{n - 1, n / 2, n / 3} { // each before the one before
			if n == 0 {
				break
			}
			events[bad].Data = []byte("{")
			var failed *projection.EventError
			if _, err := handlers.Facts(events); !errors.As(err, &failed) || failed.Event.Position != events[bad].Position {
				t.Errorf("of %d events the one at %d cannot be read: %v", n, events[bad].Position, err)
			}
		}
	}
}

// touchy panics when it is read.
type touchy struct{}

func (touchy) UnmarshalJSON([]byte) error { panic("do not read me") }

func (touchy) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

func TestAnEventOverWhichADomainPanicsIsSetAsideLikeOthers(t *testing.T) {
	handlers := projection.NewHandlers(daybook.NewCodec(daybook.KindOf[touchy]("Touchy", nil)),
		projection.Handle(func(*int, touchy, daybook.Recorded) error { return nil }))
	events := make([]daybook.Recorded, 1000)
	for i := range events {
		events[i] = daybook.Recorded{Event: daybook.Event{Type: "Touchy", Data: []byte("{}")}, Position: daybook.Position(i + 1)}
	}
	var failed *projection.EventError
	if _, err := handlers.Facts(events); !errors.As(err, &failed) || failed.Event.Position != 1 || !strings.Contains(err.Error(), "do not read me") {
		t.Errorf("read: %v; want an EventError at the first event", err)
	}
}
