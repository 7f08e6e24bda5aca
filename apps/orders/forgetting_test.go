package orders

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

// forget records events in the shop's store and waits until the views have seen them.
func forget(t *testing.T, s *Shop, events ...daybook.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a view that is stuck says so
	defer cancel()
	receipt, err := s.Store().Append(ctx, events, nil)
	if err == nil {
		err = s.Wait(ctx, receipt.Point)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The shop forgets nothing by itself; somebody may in its store. Its pages show what they
// showed, its orders' histories are gone, and nothing is stuck.
func TestAnOrderThatIsForgottenInTheStoreBreaksNothing(t *testing.T) {
	s := openShop(t)
	id := command.NewID()
	c := PlaceOrder{Lines: []Line{{Product: "lamp", Quantity: 1, UnitPrice: 100}, {Product: "bulb", Quantity: 2, UnitPrice: 50}}}
	if _, err := s.Bus().Do(t.Context(), command.Envelope{ID: id}, c); err != nil {
		t.Fatal(err)
	}
	order := PlacedID(id)
	do(t, s, PayOrder{Order: order, Amount: 200, Method: "boleto"})
	forget(t, s, daybook.Deleted(Orders.Stream(order)))
	for _, scavenge := range []bool{false, true} {
		if scavenge {
			if err := s.Store().(*memstore.Store).Scavenge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if o, _, err := s.Order(t.Context(), order); err != nil || o.Paid != 200 || len(o.Lines) != 2 {
			t.Errorf("the page of the order shows %+v, %v", o, err)
		}
		if _, _, err := s.History(t.Context(), order); !errors.Is(err, ErrNoSuchOrder) {
			t.Errorf("its history: %v, want that there is no such order", err)
		}
		if _, _, err := s.OrderAsOf(t.Context(), order, Moment{KnownAt: time.Now().Add(time.Hour)}); !errors.Is(err, ErrNoSuchOrder) {
			t.Errorf("its page as of then: %v, want that there is no such order", err)
		}
		_, err := s.Bus().Do(t.Context(), command.Envelope{}, ShipOrder{Order: order, Carrier: "Correios"})
		if refused := (*daybook.RefusedError)(nil); !errors.As(err, &refused) {
			t.Errorf("shipping it: %v, want a refusal", err)
		}
		if receipt, err := s.Bus().Do(t.Context(), command.Envelope{ID: id}, c); err != nil || !receipt.Repeated {
			t.Errorf("placing it again with the same command: %+v, %v, want what was recorded", receipt, err)
		}
	}

	// Another order takes its place.
	placed, err := Orders.Codec().Event(OrderPlaced{Currency: "BRL", Total: 7, Lines: []Line{{Product: "wick", Quantity: 7, UnitPrice: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	placed.ID, placed.Stream = uuid.New(), Orders.Stream(order)
	forget(t, s, placed)
	if o, _, err := s.Order(t.Context(), order); err != nil || o.Total != 7 || len(o.Lines) != 1 || o.Lines[0].Product != "wick" {
		t.Errorf("the page of the order in its place shows %+v, %v", o, err)
	}
	forget(t, s, daybook.Tombstoned(Orders.Stream(order)))
	if status, err := s.Status(t.Context()); err != nil || status.Stuck != nil || status.Lag != 0 {
		t.Errorf("the views stand at %+v, %v", status, err)
	}
}

func TestAnImportOfWhatIsForgottenIsARepeat(t *testing.T) {
	s, at := openShop(t), clock.Add(-time.Hour)
	imported := []History{{Order: "o-1", Facts: []Dated{{OrderPlaced{Currency: "BRL", Total: 100}, at}, {PaymentReceived{Amount: 100, Method: "boleto"}, at.Add(time.Minute)}}}}
	want := []Kept{{Added: 1, Events: 2}, {Repeated: 1}, {Repeated: 1}, {Repeated: 1}}
	steps := []func(){
		func() {},
		func() { forget(t, s, daybook.Truncated(Orders.Stream("o-1"), 2)) },
		func() {
			if err := s.Store().(*memstore.Store).Scavenge(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		func() { forget(t, s, daybook.Tombstoned(Orders.Stream("o-1"))) },
	}
	for i := range steps {
		kept, err := s.Record(t.Context(), imported)
		if err != nil || kept.Added != want[i].Added || kept.Events != want[i].Events || kept.Repeated != want[i].Repeated || len(kept.Different) > 0 {
			t.Errorf("import %d: %+v, %v, want %+v", i+1, kept, err, want[i])
		}
		steps[i]()
	}
	changed := []History{{Order: "o-1", Facts: []Dated{imported[0].Facts[0], {PaymentReceived{Amount: 99, Method: "boleto"}, at.Add(time.Minute)}}}}
	if kept, err := s.Record(t.Context(), changed); err != nil || len(kept.Different) != 1 {
		t.Errorf("an import that differs in what is forgotten: %+v, %v", kept, err)
	}
	_, err := s.Record(t.Context(), []History{{Order: "o-2", Facts: imported[0].Facts}})
	if err != nil {
		t.Errorf("an import beside it: %v", err)
	}
}
