package orders

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestValidateNamesTheField(t *testing.T) {
	line := Line{Product: "lamp", Quantity: 1, UnitPrice: 100}
	with := func(change func(*Line)) PlaceOrder {
		l := line
		change(&l)
		return PlaceOrder{Lines: []Line{line, l}}
	}
	long := strings.Repeat("x", 201)
	for _, c := range []struct {
		command interface{ Validate() error }
		field   string
	}{
		{PlaceOrder{}, "total: "},
		{PlaceOrder{Total: -1}, "total: "},
		{PlaceOrder{Total: MaxCents + 1}, "total: "},
		{PlaceOrder{Lines: make([]Line, MaxLines+1)}, "lines: "},
		{PlaceOrder{Lines: []Line{{Product: "gift", Quantity: 1}}}, "lines: "},
		{PlaceOrder{Total: 1, Customer: Customer{ID: long}}, "customer.id: "},
		{PlaceOrder{Total: 1, Customer: Customer{City: "a\nb"}}, "customer.city: "},
		{PlaceOrder{Total: 1, Customer: Customer{State: "\xff"}}, "customer.state: "},
		{with(func(l *Line) { l.Quantity = 0 }), "lines[1].quantity: "},
		{with(func(l *Line) { l.Quantity = MaxQuantity + 1 }), "lines[1].quantity: "},
		{with(func(l *Line) { l.UnitPrice = -1 }), "lines[1].unit_price: "},
		{with(func(l *Line) { l.UnitPrice, l.Quantity = MaxCents, 2 }), "lines[1].unit_price: "},
		{with(func(l *Line) { l.Freight = -1 }), "lines[1].freight: "},
		{with(func(l *Line) { l.Product = "" }), "lines[1].product: "},
		{PayOrder{Order: "1", Method: "boleto"}, "amount: "},
		{PayOrder{Order: "1", Amount: 1}, "method: "},
		{PayOrder{Order: "1", Amount: 1, Method: "boleto", Installments: -1}, "installments: "},
		{PayOrder{Amount: 1, Method: "boleto"}, "order: "},
		{ShipOrder{Order: "1"}, "carrier: "},
		{ShipOrder{Order: "1", Carrier: "Correios", Tracking: long}, "tracking: "},
		{DeliverOrder{}, "order: "},
		{CancelOrder{Order: "1", Reason: "  "}, "reason: "},
		{ReturnOrder{Reason: "no"}, "order: "},
		{RefundOrder{Order: "1", Amount: -1}, "amount: "},
	} {
		if err := c.command.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.field) {
			t.Errorf("%T %+v: %v; want an error that begins with %q", c.command, c.command, err, c.field)
		}
	}
	for _, c := range []interface{ Validate() error }{
		PlaceOrder{Total: 100}, PlaceOrder{Lines: []Line{line}},
		PayOrder{Order: "1", Amount: 1, Method: "boleto"}, ShipOrder{Order: "1", Carrier: "Correios"}, DeliverOrder{Order: "1"},
		CancelOrder{Order: "1", Reason: "no"}, ReturnOrder{Order: "1"}, RefundOrder{Order: "1"},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%T %+v: %v", c, c, err)
		}
	}
}

// openShop opens a shop in memory, whose clock stands still.
func openShop(t *testing.T) *Shop {
	t.Helper()
	s, err := Open(t.Context(), memstore.New(), t.TempDir(), &Options{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var clock = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// do runs a command and waits until the views show it.
func do(t *testing.T, s *Shop, c any) daybook.Receipt {
	t.Helper()
	receipt, err := s.Bus().Do(t.Context(), command.Envelope{}, c)
	if err == nil {
		err = s.Wait(t.Context(), receipt.Point)
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return receipt
}

// place places an order of a total, and returns its id.
func place(t *testing.T, s *Shop, c PlaceOrder) string {
	t.Helper()
	id := command.NewID()
	receipt, err := s.Bus().Do(t.Context(), command.Envelope{ID: id}, c)
	if err == nil {
		err = s.Wait(t.Context(), receipt.Point)
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return PlacedID(id)
}

func TestTheSimplestClient(t *testing.T) {
	s := openShop(t)
	id := command.NewID()
	envelope := command.Envelope{ID: id}
	first, err := s.Bus().Send(t.Context(), envelope, "PlaceOrder", []byte(`{"total": 100}`))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Bus().Send(t.Context(), envelope, "PlaceOrder", []byte(`{"total":100}`))
	if err != nil || !again.Repeated || again.Point != first.Point {
		t.Errorf("the same command again: %+v, %v; want a repeat of %+v", again, err, first)
	}
	if err := s.Wait(t.Context(), first.Point); err != nil {
		t.Fatal(err)
	}
	o, shown, err := s.Order(t.Context(), PlacedID(id))
	if err != nil || o.Total != 100 || o.Status != Placed || o.Currency != Currency || !o.PlacedAt.Equal(clock) {
		t.Errorf("the order is %+v, %v", o, err)
	}
	if shown.At != first.Point {
		t.Errorf("it is shown at %v, and was placed at %v", shown.At, first.Point)
	}
}

func TestWrongJSONIsInvalid(t *testing.T) {
	s := openShop(t)
	for _, data := range []string{
		`{"total": 100.5}`, `{"total": "100"}`, `{"total": 100, "total": 1}`, `{"totals": 100}`, `{"Total": 100}`, `{"total": 100} 1`, `{`, ``, `[]`,
		`{"total": 99999999999999999999}`,
	} {
		_, err := s.Bus().Send(t.Context(), command.Envelope{}, "PlaceOrder", []byte(data))
		if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) {
			t.Errorf("%s: %v; want it to be invalid", data, err)
		}
	}
}

// Every command, sent again under its id after the order has moved on, is answered
// with what was recorded the first time.
func TestEveryCommandIsIdempotent(t *testing.T) {
	s := openShop(t)
	placing, other := command.NewID(), command.NewID()
	order := PlacedID(placing)
	type sent struct {
		envelope command.Envelope
		command  any
		receipt  daybook.Receipt
	}
	all := []sent{
		{envelope: command.Envelope{ID: placing}, command: PlaceOrder{Total: 500}},
		{envelope: command.Envelope{Key: "1"}, command: PayOrder{Order: order, Amount: 500, Method: "boleto"}},
		{envelope: command.Envelope{Key: "1"}, command: ShipOrder{Order: order, Carrier: "Correios"}},
		{envelope: command.Envelope{Key: "1"}, command: DeliverOrder{Order: order}},
		{envelope: command.Envelope{Key: "1"}, command: ReturnOrder{Order: order}},
		{envelope: command.Envelope{Key: "1"}, command: RefundOrder{Order: order, Amount: 200}},
		{envelope: command.Envelope{Key: "2"}, command: RefundOrder{Order: order}},
		{envelope: command.Envelope{ID: other}, command: PlaceOrder{Total: 700}},
		{envelope: command.Envelope{Key: "1"}, command: CancelOrder{Order: PlacedID(other), Reason: "no"}},
	}
	for i := range all {
		var err error
		if all[i].receipt, err = s.Bus().Do(t.Context(), all[i].envelope, all[i].command); err != nil {
			t.Fatalf("%+v: %v", all[i].command, err)
		}
	}
	before, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		got, err := s.Bus().Do(t.Context(), c.envelope, c.command)
		if err != nil || !got.Repeated || got.Point != c.receipt.Point || !maps.Equal(got.Versions, c.receipt.Versions) {
			t.Errorf("%+v again: %+v, %v; want a repeat of %+v", c.command, got, err, c.receipt)
		}
	}
	if after, err := s.Now(t.Context()); err != nil || after != before {
		t.Errorf("the log has come to %v, %v; it was at %v", after, err, before)
	}
}
