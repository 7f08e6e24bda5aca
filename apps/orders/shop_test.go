package orders

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

// openShopAt opens a shop in memory with a clock.
func openShopAt(t *testing.T, now func() time.Time) *Shop {
	t.Helper()
	s, err := Open(t.Context(), memstore.New(), t.TempDir(), &Options{Now: now})
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

// The views can be thrown away: opened without them, the shop shows the same.
func TestViewsAreBuiltAgain(t *testing.T) {
	store, views := memstore.New(), t.TempDir()
	reports := make([]Report, 3)
	for i, dir := range []string{"first", "first", "second"} {
		s, err := Open(t.Context(), store, filepath.Join(views, dir), nil)
		if err != nil {
			t.Fatal(err)
		}
		importInto(t, s, writeTables(t, smallTables()))
		if reports[i], _, err = s.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if reports[0].TotalsCents.Paid != 1900+735+1250 {
		t.Errorf("%d was paid, want %d", reports[0].TotalsCents.Paid, 1900+735+1250)
	}
	for _, other := range reports[1:] {
		if diff := cmp.Diff(reports[0], other); diff != "" {
			t.Errorf("(-first +later):\n%s", diff)
		}
	}
}

// Changes come in order, each when the views show it, and go on where one left off.
func TestChanges(t *testing.T) {
	s := openShop(t)
	order := place(t, s, PlaceOrder{Total: 100})
	do(t, s, PayOrder{Order: order, Amount: 100, Method: "boleto"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at daybook.Point
	var types []string
	for change, err := range s.Changes(ctx, at) {
		if err != nil {
			t.Fatal(err)
		}
		o, _, err := s.Order(ctx, change.Order)
		if err != nil || o.Version < change.Version {
			t.Fatalf("%+v is told, and the page shows version %d, %v", change, o.Version, err)
		}
		types = append(types, change.Type)
		if at = change.At; len(types) == 2 {
			break
		}
	}
	do(t, s, ShipOrder{Order: order, Carrier: "Correios"})
	for change, err := range s.Changes(ctx, at) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		if types = append(types, change.Type); change.Type == "OrderShipped" {
			cancel()
		}
	}
	if diff := cmp.Diff([]string{"OrderPlaced", "PaymentReceived", "PaymentApproved", "OrderShipped"}, types); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is set aside is told, too, and keeps nothing behind it.
func TestChangesGoOnBehindWhatIsSetAside(t *testing.T) {
	s := openShop(t)
	strange := daybook.Event{Stream: "order-strange", Type: "OrderPlaced", Data: []byte(`{"total": "a lot"}`)}
	if _, err := s.Store().Append(t.Context(), []daybook.Event{strange}, nil); err != nil {
		t.Fatal(err)
	}
	var told []string
	for change, err := range s.Changes(t.Context(), daybook.Point{}) {
		if err != nil {
			t.Fatal(err)
		}
		if told = append(told, change.Order); len(told) == 1 {
			told = append(told, place(t, s, PlaceOrder{Total: 100}))
			continue
		}
		break
	}
	if len(told) != 3 || told[0] != "strange" || told[1] != told[2] {
		t.Errorf("told and placed were %q", told)
	}
}

func TestDashboardNowAndThen(t *testing.T) {
	now := clock
	s := openShopAt(t, func() time.Time { return now })
	lines := []Line{{Product: "lamp", Category: "light", Quantity: 3, UnitPrice: 1000, Freight: 500}}
	one := place(t, s, PlaceOrder{Lines: lines, Customer: Customer{ID: "ann", State: "SP"}})
	two := place(t, s, PlaceOrder{Total: 700, Customer: Customer{ID: "bob", State: "RJ"}})
	now = clock.Add(time.Hour)
	do(t, s, PayOrder{Order: one, Amount: 3500, Method: "boleto"})
	now = clock.Add(36 * time.Hour)
	do(t, s, ShipOrder{Order: one, Carrier: "Correios"})
	do(t, s, CancelOrder{Order: two, Reason: "no"})
	do(t, s, RefundOrder{Order: one, Amount: 500})

	want := Dashboard{
		Orders: 2, Units: 3, Paid: 3500, ItemPrice: 3000, Freight: 500, Refunded: 500,
		PerStatus:      []StatusFigures{{Shipped, 1}, {Cancelled, 1}},
		PerMethod:      []MethodFigures{{"boleto", 1, 1, 3500}},
		PerMonth:       []PeriodFigures{{"2026-05", 2, 0, 3, 3500, 3000, 500}},
		PerDay:         []PeriodFigures{{"2026-05-01", 2, 0, 3, 3500, 3000, 500}},
		PerState:       []StateFigures{{"RJ", 1, 0}, {"SP", 1, 3500}},
		TopByUnits:     []ProductFigures{{"lamp", "light", 3, 1, 3000}},
		TopByItemPrice: []ProductFigures{{"lamp", "light", 3, 1, 3000}},
		StageDurations: []StageDuration{
			{From: Placed, To: Paid, Orders: 1, SumSeconds: 3600}, {From: Paid, To: Shipped, Orders: 1, SumSeconds: 35 * 3600},
			{From: Shipped, To: Delivered}, {From: Placed, To: Delivered},
			{From: Placed, To: Paid, OnlyDelivered: true}, {From: Paid, To: Shipped, OnlyDelivered: true},
			{From: Shipped, To: Delivered, OnlyDelivered: true}, {From: Placed, To: Delivered, OnlyDelivered: true},
		},
		Stock: StockFigures{Lowest: []LowStock{}},
	}
	for range 2 { // the second one comes from the cache
		if got, _, err := s.Dashboard(t.Context(), time.Time{}); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("now: %v (-want +got):\n%s", err, cmp.Diff(want, got))
		}
	}

	then := want
	then.AsOf = clock.Add(time.Hour)
	then.Refunded = 0
	then.PerStatus = []StatusFigures{{Placed, 1}, {Paid, 1}}
	then.StageDurations = append([]StageDuration{{From: Placed, To: Paid, Orders: 1, SumSeconds: 3600}, {From: Paid, To: Shipped}}, want.StageDurations[2:]...)
	if got, _, err := s.Dashboard(t.Context(), then.AsOf.In(time.FixedZone("", 3600))); err != nil || cmp.Diff(then, got) != "" {
		t.Errorf("then: %v (-want +got):\n%s", err, cmp.Diff(then, got))
	}
	unpaid, _, err := s.Dashboard(t.Context(), clock)
	if err != nil || unpaid.Orders != 2 || unpaid.Paid != 0 || len(unpaid.PerMethod) != 0 || cmp.Diff([]StatusFigures{{Placed, 2}}, unpaid.PerStatus) != "" {
		t.Errorf("before the payment: %+v, %v", unpaid, err)
	}
	if got, _, err := s.Dashboard(t.Context(), clock.Add(-1)); err != nil || got.Orders != 0 || got.Paid != 0 || len(got.PerStatus) != 0 || len(got.TopByUnits) != 0 {
		t.Errorf("before the first order: %+v, %v", got, err)
	}
	do(t, s, DeliverOrder{Order: one})
	if got, _, err := s.Dashboard(t.Context(), time.Time{}); err != nil || got.PerStatus[0] != (StatusFigures{Delivered, 1}) {
		t.Errorf("the dashboard does not show the delivery: %+v, %v", got.PerStatus, err)
	}
}

// A simulated shop breaks no rule, and does everything that a shop does.
func TestSimulation(t *testing.T) {
	s := openShop(t)
	simulation := NewSimulation(s.Desk("simulation"), 1)
	for range 3000 {
		simulation.Step(t.Context())
	}
	sum := simulation.Sum()
	if sum.Failed+sum.Refused > 0 || sum.Commands() != 3000 {
		t.Errorf("%+v; want 3000 commands and no failure", sum)
	}
	for what, n := range map[string]int{"placed": sum.Placed, "paid": sum.Paid, "shipped": sum.Shipped, "delivered": sum.Delivered,
		"cancelled": sum.Cancelled, "returned": sum.Returned, "refunded": sum.Refunded} {
		if n == 0 {
			t.Errorf("nothing was %s in 3000 commands", what)
		}
	}
	if err := showAll(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if d, _, err := s.Dashboard(t.Context(), time.Time{}); err != nil || d.Orders != int64(sum.Placed) {
		t.Errorf("the dashboard has %d orders, %v; %d were placed", d.Orders, err, sum.Placed)
	}
}

// A visitor may be faster than the simulation, which then leaves the order alone.
func TestSimulationLeavesTheOrdersOfOthersAlone(t *testing.T) {
	s := openShop(t)
	visited := &cancellingDesk{Desk: s.Desk("simulation"), shop: s}
	simulation := NewSimulation(visited, 1)
	for range 40 {
		simulation.Step(t.Context())
	}
	if sum := simulation.Sum(); sum.Refused == 0 || sum.Failed > 0 || sum.Refused+sum.Placed != 40 {
		t.Errorf("%+v; want that all but placing is refused", sum)
	}
}

// A cancellingDesk cancels every order as soon as it is placed.
type cancellingDesk struct {
	Desk
	shop *Shop
}

func (d *cancellingDesk) Place(ctx context.Context, c PlaceOrder) (string, error) {
	id, err := d.Desk.Place(ctx, c)
	if err == nil {
		_, err = d.shop.Bus().Do(ctx, command.Envelope{}, CancelOrder{Order: id, Reason: "a visitor was here"})
	}
	return id, err
}

func TestSimulationRunsUntilItIsStopped(t *testing.T) {
	s := openShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	simulation := NewSimulation(s.Desk("simulation"), 2)
	ended := make(chan struct{})
	go func() {
		simulation.Run(ctx, 1e5)
		close(ended)
	}()
	for simulation.Sum().Commands() < 50 {
		if _, err := s.Now(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	<-ended
	if sum := simulation.Sum(); sum.Failed > 0 {
		t.Errorf("%+v; want no failure", sum)
	}
}

func TestStatusTellsTheLag(t *testing.T) {
	s := openShop(t)
	place(t, s, PlaceOrder{Total: 100})
	status, err := s.Status(t.Context())
	if err != nil || status.Lag != 0 || status.Stuck != nil || status.Checkpoint.Applied != 1 {
		t.Errorf("%+v, %v; want no lag at position 1", status, err)
	}
}
