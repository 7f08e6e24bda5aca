package orders_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/memstore"
)

// A busy shop fulfils orders, with providers that the test can spoil.
type busy struct {
	*orders.Shop
	t        *testing.T
	store    daybook.Store
	payments *simulated.Payments
	carrier  *simulated.Carrier
}

// openBusy opens a shop on a store that fulfils orders, until the test ends.
func openBusy(t *testing.T, store daybook.Store, adjust func(*busy, *orders.Options)) *busy {
	t.Helper()
	b := &busy{t: t, store: store, payments: simulated.NewPayments(1), carrier: simulated.NewCarrier(1)}
	options := orders.Options{Payments: b.payments, Carrier: b.carrier, Logger: slog.New(slog.DiscardHandler)}
	options.Processes.RetryAfter, options.Processes.RetryAtMost = time.Millisecond, 5*time.Millisecond
	options.Fulfilment.AskAgain = time.Millisecond
	if adjust != nil {
		adjust(b, &options)
	}
	shop, err := orders.Open(t.Context(), store, t.TempDir(), &options)
	if err != nil {
		t.Fatal(err)
	}
	b.Shop = shop
	t.Cleanup(func() {
		if err := shop.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *busy) do(c any) {
	b.t.Helper()
	if _, err := b.Bus().Do(b.t.Context(), command.Envelope{}, c); err != nil {
		b.t.Fatalf("%+v: %v", c, err)
	}
}

// place places an order that the shop fulfils, of two lamps for 60.00.
func (b *busy) place(method string) string {
	b.t.Helper()
	id, err := b.Desk("customer").Place(b.t.Context(), orders.PlaceOrder{
		Lines: []orders.Line{{Product: "lamp", Quantity: 2, UnitPrice: 3000}}, Fulfil: true, Method: method,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// settle waits until nothing is left to be done, but by time.
func (b *busy) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if err := b.Processes().Settle(ctx); err != nil {
		b.t.Fatal(err)
	}
	now, err := b.Now(ctx)
	if err == nil {
		err = b.Wait(ctx, now)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// facts returns the types of an order's events.
func (b *busy) facts(order string) (types []string) {
	b.t.Helper()
	history, _, err := b.History(b.t.Context(), order)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range history {
		types = append(types, e.Type)
	}
	return types
}

// free returns how many lamps are free, and how many are on the shelf.
func (b *busy) lamps() [2]int64 {
	b.t.Helper()
	a, _, err := b.Article(b.t.Context(), "lamp")
	if err != nil {
		b.t.Fatal(err)
	}
	return [2]int64{a.Free, a.OnHand}
}

// sound fails the test unless the whole log is as it must be, and nothing is unfinished.
func (b *busy) sound() orders.Audit {
	b.t.Helper()
	a, err := orders.AuditLog(b.t.Context(), b.store)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, what := range append(a.Broken, a.Unfinished...) {
		b.t.Error(what)
	}
	return a
}

// instance returns an order's fulfilment.
func (b *busy) instance(order string) process.Loaded[orders.Fulfilment] {
	b.t.Helper()
	l, err := orders.Fulfil(b.payments, b.carrier, nil).Load(b.t.Context(), b.store, order)
	if err != nil {
		b.t.Fatal(err)
	}
	if l.SetAside != nil {
		b.t.Errorf("the fulfilment of order %s is set aside: %s", order, l.SetAside.Cause)
	}
	return l
}

var fulfilled = []string{"OrderPlaced", "FulfilmentRequested", "PaymentReceived", "PaymentApproved", "OrderShipped"}

func TestAnOrderIsFulfilledFromTheBasketToTheCarrier(t *testing.T) {
	b := openBusy(t, memstore.New(), nil)
	b.do(orders.ReceiveStock{SKU: "lamp", Quantity: 10})
	order := b.place(orders.CardOnFile)
	b.settle()
	if diff := cmp.Diff(fulfilled, b.facts(order)); diff != "" {
		t.Errorf("what happened to the order (-want +got):\n%s", diff)
	}
	if b.lamps() != [2]int64{8, 8} {
		t.Errorf("free and on the shelf are %v", b.lamps())
	}
	if got := b.payments.Balance(order); got != (simulated.Balance{Charged: 6000, Charges: 1}) {
		t.Errorf("at the bank it is %+v", got)
	}
	o, _, err := b.Order(t.Context(), order)
	if err != nil || o.Carrier != simulated.CarrierName || o.Tracking == "" || b.carrier.Bookings(order) != (simulated.Bookings{Booked: 1}) {
		t.Errorf("at the carrier it is %+v; the order is %+v, %v", b.carrier.Bookings(order), o, err)
	}
	if l := b.instance(order); !l.Done || len(l.Open) > 0 {
		t.Errorf("the fulfilment is %+v", l)
	}
	if a := b.sound(); a.Shipped != 1 || a.Kept != 6000 || a.Picked != 2 {
		t.Errorf("the audit says %+v", a)
	}
}

// An order of which only the total is known has nothing to be reserved.
func TestAnOrderWithoutLinesIsFulfilled(t *testing.T) {
	b := openBusy(t, memstore.New(), nil)
	order, err := b.Desk("customer").Place(t.Context(), orders.PlaceOrder{Total: 100, Fulfil: true, Method: orders.CardOnFile})
	if err != nil {
		t.Fatal(err)
	}
	b.rest(order)
	if diff := cmp.Diff(fulfilled, b.facts(order)); diff != "" {
		t.Errorf("what happened to the order (-want +got):\n%s", diff)
	}
	b.sound()
}

// patience is how long a test waits for what must come.
const patience = 5 * time.Second

// rest waits until an order's fulfilment is done.
func (b *busy) rest(order string) {
	b.t.Helper()
	for began := time.Now(); !b.instance(order).Done; time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			b.t.Fatalf("the fulfilment of order %s never ends: %+v", order, b.instance(order))
		}
	}
	b.settle()
}

// so returns a mood for each of many calls.
func so(mood simulated.Mood, calls int) (moods []simulated.Mood) {
	for range calls {
		moods = append(moods, mood)
	}
	return moods
}

// attempts is how often a provider is asked before that it does not answer is the result.
const attempts = 8

// Whatever fails, an order that is not shipped is cancelled, and everything is as if it had
// never been placed.
func TestWhateverFailsIsUndone(t *testing.T) {
	refunded := []string{"OrderPlaced", "FulfilmentRequested", "PaymentReceived", "PaymentApproved", "OrderCancelled", "PaymentRefunded"}
	never := []string{"OrderPlaced", "FulfilmentRequested", "OrderCancelled"}
	for _, c := range []struct {
		name     string
		lamps    int64
		method   string
		spoil    func(*busy)
		facts    []string
		reason   string
		balance  simulated.Balance
		bookings simulated.Bookings
	}{
		{name: "there is not enough in stock", lamps: 1, method: orders.CardOnFile, facts: never, reason: orders.ErrOutOfStock.Error() + ": 2 of lamp are wanted and 1 are free"},
		{
			name: "the card is declined", lamps: 10, method: orders.CardOnFile, facts: never,
			spoil: func(b *busy) { b.payments.Next(simulated.Declining) }, reason: "the card could not be charged: declined (payments: declined)",
		},
		{
			name: "the bank cannot be reached", lamps: 10, method: orders.CardOnFile, facts: never,
			spoil:  func(b *busy) { b.payments.Next(so(simulated.Unreachable, attempts)...) },
			reason: "the card could not be charged: payments: the provider cannot be reached",
		},
		{
			name: "the bank never says that it has charged the card", lamps: 10, method: orders.CardOnFile, facts: never,
			spoil:   func(b *busy) { b.payments.Next(so(simulated.Silent, attempts)...) },
			reason:  "the card could not be charged: payments: the provider did not answer",
			balance: simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1},
		},
		{
			name: "no carrier takes it", lamps: 10, method: orders.CardOnFile, facts: refunded,
			spoil:   func(b *busy) { b.carrier.Next(simulated.Declining) },
			reason:  "nobody fetches it: declined (carrier: declined)",
			balance: simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1},
		},
		{
			name: "the carrier never says that it comes", lamps: 10, method: orders.CardOnFile, facts: refunded,
			spoil:    func(b *busy) { b.carrier.Next(so(simulated.Silent, attempts)...) },
			reason:   "nobody fetches it: carrier: the provider did not answer",
			balance:  simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1},
			bookings: simulated.Bookings{Booked: 1, Cancelled: 1},
		},
		{
			name: "no carrier takes it, and the bank does not give the money back at first", lamps: 10, method: orders.CardOnFile, facts: refunded,
			spoil: func(b *busy) {
				b.carrier.Next(simulated.Declining)
				b.payments.Next(simulated.Obliging, simulated.Declining)
				b.payments.Next(so(simulated.Unreachable, attempts)...)
				b.payments.Next(simulated.Twice)
			},
			reason:  "nobody fetches it: declined (carrier: declined)",
			balance: simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1},
		},
		{
			name: "no carrier comes, nor takes that back at first", lamps: 10, method: orders.CardOnFile, facts: refunded,
			spoil: func(b *busy) {
				b.carrier.Next(so(simulated.Silent, attempts)...)
				b.carrier.Next(simulated.Declining)
				b.carrier.Next(so(simulated.Silent, attempts)...)
			},
			reason:   "nobody fetches it: carrier: the provider did not answer",
			balance:  simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1},
			bookings: simulated.Bookings{Booked: 1, Cancelled: 1},
		},
		{
			name: "nobody pays", lamps: 10, method: "boleto", facts: never, reason: "it was not paid in time",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openBusy(t, memstore.New(), func(_ *busy, o *orders.Options) { o.PayWithin = time.Millisecond })
			if c.spoil != nil {
				c.spoil(b)
			}
			b.do(orders.ReceiveStock{SKU: "lamp", Quantity: c.lamps})
			order := b.place(c.method)
			b.rest(order)
			if o, _, err := b.Order(t.Context(), order); err != nil || o.Reason != c.reason {
				t.Errorf("it is cancelled because %q, %v; want %q", o.Reason, err, c.reason)
			}
			if diff := cmp.Diff(c.facts, b.facts(order)); diff != "" {
				t.Errorf("what happened to the order (-want +got):\n%s", diff)
			}
			if b.lamps() != [2]int64{c.lamps, c.lamps} {
				t.Errorf("free and on the shelf are %v of %d", b.lamps(), c.lamps)
			}
			if diff := cmp.Diff(c.balance, b.payments.Balance(order)); diff != "" {
				t.Errorf("at the bank (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.bookings, b.carrier.Bookings(order)); diff != "" {
				t.Errorf("at the carrier (-want +got):\n%s", diff)
			}
			if a := b.sound(); a.Cancelled != 1 || a.Kept != 0 {
				t.Errorf("the audit says %+v", a)
			}
		})
	}
}

// A heldBank does what it is asked only when the test lets it, one call each.
type heldBank struct {
	orders.Payments
	asked, let chan struct{}
}

func hold(bank orders.Payments) *heldBank {
	return &heldBank{bank, make(chan struct{}, 100), make(chan struct{}, 100)}
}

func (h *heldBank) Charge(ctx context.Context, key string, c orders.Charge) (orders.Charged, error) {
	h.asked <- struct{}{}
	select {
	case <-h.let:
	case <-ctx.Done():
		return orders.Charged{}, ctx.Err()
	}
	return h.Payments.Charge(ctx, key, c)
}

// A heldCarrier likewise.
type heldCarrier struct {
	orders.Carrier
	asked, let chan struct{}
}

func (h *heldCarrier) Book(ctx context.Context, key string, b orders.BookShipment) (orders.ShipmentBooked, error) {
	h.asked <- struct{}{}
	select {
	case <-h.let:
	case <-ctx.Done():
		return orders.ShipmentBooked{}, ctx.Err()
	}
	return h.Carrier.Book(ctx, key, b)
}

// People do things to an order while the shop fulfils it.
func TestPeopleMayStepIn(t *testing.T) {
	var bank *heldBank
	var carrier *heldCarrier
	open := func(t *testing.T) *busy {
		b := openBusy(t, memstore.New(), func(b *busy, o *orders.Options) {
			bank = hold(b.payments)
			carrier = &heldCarrier{b.carrier, make(chan struct{}, 100), make(chan struct{}, 100)}
			o.Payments, o.Carrier = bank, carrier
		})
		b.do(orders.ReceiveStock{SKU: "lamp", Quantity: 10})
		return b
	}
	pay := func(order string) orders.PayOrder {
		return orders.PayOrder{Order: order, Amount: 6000, Method: "boleto"}
	}
	check := func(t *testing.T, b *busy, order string, lamps int64, facts []string, balance simulated.Balance, bookings simulated.Bookings) {
		t.Helper()
		b.rest(order)
		if diff := cmp.Diff(facts, b.facts(order)); diff != "" {
			t.Errorf("what happened to the order (-want +got):\n%s", diff)
		}
		if b.lamps() != [2]int64{lamps, lamps} {
			t.Errorf("free and on the shelf are %v, want %d", b.lamps(), lamps)
		}
		if got := b.payments.Balance(order); got != balance {
			t.Errorf("at the bank it is %+v, want %+v", got, balance)
		}
		if got := b.carrier.Bookings(order); got != bookings {
			t.Errorf("at the carrier it is %+v, want %+v", got, bookings)
		}
		b.sound()
	}
	cancelled := func(f orders.Fulfilment) bool { return f.Cancelled }
	paid := func(f orders.Fulfilment) bool { return f.Paid }
	shipped := func(f orders.Fulfilment) bool { return f.Shipped }
	cancelledPaid := []string{"OrderPlaced", "FulfilmentRequested", "PaymentReceived", "PaymentApproved", "OrderCancelled", "PaymentRefunded"}

	t.Run("the customer pays", func(t *testing.T) {
		b := open(t)
		order := b.place("")
		b.settle()
		if b.lamps() != [2]int64{8, 10} || len(b.instance(order).Deadlines) != 1 {
			t.Errorf("before the payment free and on the shelf are %v, and the fulfilment is %+v", b.lamps(), b.instance(order))
		}
		b.do(pay(order))
		carrier.let <- struct{}{}
		check(t, b, order, 8, fulfilled, simulated.Balance{}, simulated.Bookings{Booked: 1})
	})
	t.Run("the customer pays, and cancels before the carrier has answered", func(t *testing.T) {
		b := open(t)
		order := b.place("")
		b.do(pay(order))
		<-carrier.asked
		b.do(orders.CancelOrder{Order: order, Reason: "changed my mind"})
		b.sees(order, cancelled)
		carrier.let <- struct{}{}
		check(t, b, order, 10, cancelledPaid, simulated.Balance{}, simulated.Bookings{Booked: 1, Cancelled: 1})
	})
	t.Run("the customer cancels before anything else", func(t *testing.T) {
		b := open(t)
		order := b.place("")
		b.do(orders.CancelOrder{Order: order, Reason: "changed my mind"})
		check(t, b, order, 10, []string{"OrderPlaced", "FulfilmentRequested", "OrderCancelled"}, simulated.Balance{}, simulated.Bookings{})
	})
	t.Run("the customer cancels while the card is charged", func(t *testing.T) {
		b := open(t)
		order := b.place(orders.CardOnFile)
		<-bank.asked
		b.do(orders.CancelOrder{Order: order, Reason: "changed my mind"})
		b.sees(order, cancelled)
		bank.let <- struct{}{}
		check(t, b, order, 10, []string{"OrderPlaced", "FulfilmentRequested", "OrderCancelled"},
			simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1}, simulated.Bookings{})
	})
	t.Run("the customer pays otherwise while the card is charged", func(t *testing.T) {
		b := open(t)
		order := b.place(orders.CardOnFile)
		<-bank.asked
		b.do(pay(order))
		b.sees(order, paid)
		bank.let <- struct{}{}
		carrier.let <- struct{}{}
		check(t, b, order, 8, fulfilled, simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1}, simulated.Bookings{Booked: 1})
	})
	t.Run("the customer pays otherwise, and the card is declined", func(t *testing.T) {
		b := open(t)
		b.payments.Next(simulated.Declining)
		order := b.place(orders.CardOnFile)
		<-bank.asked
		b.do(pay(order))
		b.sees(order, paid)
		bank.let <- struct{}{}
		carrier.let <- struct{}{}
		check(t, b, order, 8, fulfilled, simulated.Balance{}, simulated.Bookings{Booked: 1})
	})
	t.Run("somebody ships it by hand before the carrier has answered", func(t *testing.T) {
		b := open(t)
		order := b.place("")
		b.do(pay(order))
		<-carrier.asked
		b.do(orders.ShipOrder{Order: order, Carrier: "Bicycle"})
		b.sees(order, shipped)
		carrier.let <- struct{}{}
		check(t, b, order, 8, fulfilled, simulated.Balance{}, simulated.Bookings{Booked: 1, Cancelled: 1})
	})
	t.Run("somebody refunds it before it is shipped", func(t *testing.T) {
		b := open(t)
		order := b.place(orders.CardOnFile)
		bank.let <- struct{}{}
		<-carrier.asked
		b.do(orders.RefundOrder{Order: order})
		b.sees(order, cancelled)
		carrier.let <- struct{}{}
		check(t, b, order, 10, []string{"OrderPlaced", "FulfilmentRequested", "PaymentReceived", "PaymentApproved", "PaymentRefunded"},
			simulated.Balance{Charged: 6000, Refunded: 6000, Charges: 1, Refunds: 1}, simulated.Bookings{Booked: 1, Cancelled: 1})
	})
	t.Run("somebody refunds a part of it", func(t *testing.T) {
		b := open(t)
		order := b.place("")
		b.do(pay(order))
		<-carrier.asked
		b.do(orders.RefundOrder{Order: order, Amount: 1000})
		b.do(orders.CancelOrder{Order: order, Reason: "no"})
		b.sees(order, cancelled)
		carrier.let <- struct{}{}
		check(t, b, order, 10, append(cancelledPaid[:4:4], "PaymentRefunded", "OrderCancelled", "PaymentRefunded"), simulated.Balance{}, simulated.Bookings{Booked: 1, Cancelled: 1})
	})
}

// sees waits until an order's fulfilment has seen something.
func (b *busy) sees(order string, what func(orders.Fulfilment) bool) {
	b.t.Helper()
	for began := time.Now(); !what(b.instance(order).State); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			b.t.Fatalf("the fulfilment of order %s never sees it: %+v", order, b.instance(order))
		}
	}
}

// What the shop was not asked to fulfil, it leaves alone, and so what happened elsewhere.
func TestNothingElseIsFulfilled(t *testing.T) {
	b := openBusy(t, memstore.New(), nil)
	b.do(orders.ReceiveStock{SKU: "lamp", Quantity: 10})
	order, err := b.Desk("customer").Place(t.Context(), orders.PlaceOrder{Lines: []orders.Line{{Product: "lamp", Quantity: 2, UnitPrice: 3000}}})
	if err != nil {
		t.Fatal(err)
	}
	b.do(orders.PayOrder{Order: order, Amount: 6000, Method: "boleto"})
	placed := orders.Dated{Fact: orders.OrderPlaced{Total: 100, Currency: orders.Currency}}
	kept, err := b.Record(t.Context(), []orders.History{{Order: "old", Facts: []orders.Dated{placed}}})
	if err != nil || kept.Added != 1 {
		t.Fatalf("%+v, %v", kept, err)
	}
	invalid := (*daybook.InvalidError)(nil)
	_, err = b.Record(t.Context(), []orders.History{{Order: "older", Facts: []orders.Dated{placed, {Fact: orders.FulfilmentRequested{Total: 100}}}}})
	if !errors.As(err, &invalid) {
		t.Errorf("a history in which the shop is asked for something is taken: %v", err)
	}
	b.settle()
	for _, id := range []string{order, "old"} {
		if l := b.instance(id); l.Version != 0 {
			t.Errorf("order %s is fulfilled: %+v", id, l)
		}
	}
	if b.lamps() != [2]int64{10, 10} {
		t.Errorf("free and on the shelf are %v", b.lamps())
	}
}

// A simulation that leaves it to the shop finds everything in order afterwards, whatever
// the providers did.
func TestASimulationLeavesItToTheShop(t *testing.T) {
	b := openBusy(t, memstore.New(), func(b *busy, o *orders.Options) { o.PayWithin = 50 * time.Millisecond })
	for _, desk := range []*simulated.Desk{b.payments.Desk, b.carrier.Desk} {
		if err := desk.Behave(simulated.Behaviour{Decline: 0.1, Unreachable: 0.1, Silent: 0.1}); err != nil {
			t.Fatal(err)
		}
	}
	simulation := orders.NewSimulation(b.Desk("simulation"), 3)
	simulation.Fulfil()
	for range 600 {
		simulation.Step(t.Context())
	}
	sum := simulation.Sum()
	if sum.Failed > 0 || sum.Received == 0 || sum.Placed == 0 || sum.Paid == 0 || sum.Shipped > 0 {
		t.Errorf("%+v; want goods, orders and payments, and that it ships nothing itself", sum)
	}
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		b.settle()
		statuses, err := b.Processes().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if statuses[0].Done == sum.Placed {
			break
		}
		if time.Since(began) > patience {
			t.Fatalf("the fulfilments never end: %+v", statuses[0])
		}
	}
	if a := b.sound(); a.Orders != sum.Placed || a.Shipped == 0 || a.Cancelled == 0 {
		t.Errorf("the audit says %+v, of %+v", a, sum)
	}
}
