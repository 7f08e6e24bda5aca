package orders_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/daybooktest"
)

// What the stories of a fulfilment are made of: order 7 wants two lamps for 60.00.
var (
	asked    = orders.FulfilmentRequested{Wanted: []orders.Wanted{{SKU: "lamp", Quantity: 2}}, Total: 6000, Method: orders.CardOnFile}
	reserve  = orders.ReserveStock{Order: "7", Wanted: asked.Wanted}
	charge   = orders.Charge{Order: "7", Amount: 6000, Method: orders.CardOnFile}
	charged  = orders.Charged{Charge: "ch_1", Amount: 6000}
	pay      = orders.PayOrder{Order: "7", Amount: 6000, Method: orders.CardOnFile}
	received = orders.PaymentReceived{Method: orders.CardOnFile, Amount: 6000}
	book     = orders.BookShipment{Order: "7"}
	booked   = orders.ShipmentBooked{Carrier: "Swift", Tracking: "sw_1"}
	ship     = orders.ShipOrder{Order: "7", Carrier: "Swift", Tracking: "sw_1"}
	pick     = orders.PickStock{Order: "7"}

	because = "the order is cancelled"
	release = orders.ReleaseStock{Order: "7", Reason: because}
	refund  = orders.RefundCharge{Order: "7", Reason: because}
	giveUp  = orders.RefundOrder{Order: "7", Reason: because}
	unbook  = orders.CancelShipment{Order: "7", Reason: because}
)

// ofSeven returns what happened to order 7, in its stream.
func ofSeven(facts ...any) []any { return daybooktest.In(orders.Orders.Stream("7"), facts...) }

// given returns the fulfilment of order 7 after some facts.
func given(t *testing.T, facts ...any) *daybooktest.Instance[orders.Fulfilment] {
	t.Helper()
	return daybooktest.Process(t, orders.Fulfil(simulated.NewPayments(1), simulated.NewCarrier(1), nil), "7", ofSeven(facts...)...)
}

// paidByCard returns the fulfilment of order 7 once the carrier is to be booked.
func paidByCard(t *testing.T) *daybooktest.Instance[orders.Fulfilment] {
	t.Helper()
	f := given(t, asked)
	f.WhenAccepted(reserve)
	f.WhenReturned(charge, charged)
	f.When(ofSeven(received, orders.PaymentApproved{})...).Then(book)
	f.WhenAccepted(pay).ThenNothing()
	return f
}

func TestTheStoryOfAFulfilment(t *testing.T) {
	placed := orders.OrderPlaced{Total: 6000, Currency: orders.Currency}
	t.Run("an order that is only placed is nobody's", func(t *testing.T) {
		given(t).When(ofSeven(placed, received, orders.PaymentApproved{})...).ThenNothing().ThenState(orders.Fulfilment{})
	})
	t.Run("the goods, the money, the carrier, the shelf", func(t *testing.T) {
		f := given(t, placed)
		f.When(ofSeven(asked)...).Then(reserve).ThenDeadlines(nil)
		f.WhenAccepted(reserve).Then(charge)
		f.WhenReturned(charge, charged).Then(pay)
		f.When(ofSeven(received, orders.PaymentApproved{})...).Then(book)
		f.WhenAccepted(pay).ThenNothing()
		f.WhenReturned(book, booked).Then(ship)
		f.When(ofSeven(orders.OrderShipped{Carrier: "Swift", Tracking: "sw_1"})...).Then(pick)
		f.WhenAccepted(ship).ThenNothing()
		f.WhenAccepted(pick).ThenNothing().ThenDone()
	})
	t.Run("a customer who pays has a day", func(t *testing.T) {
		later := asked
		later.Method, later.PayBy = "boleto", time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		f := given(t, placed)
		f.When(ofSeven(later)...).Then(reserve).ThenDeadlines(map[string]time.Duration{"unpaid": 24 * time.Hour})
		f.WhenAccepted(reserve).ThenNothing()
		f.WhenPassed(23 * time.Hour).ThenNothing()
		f.When(ofSeven(orders.PaymentReceived{Method: "boleto", Amount: 6000}, orders.PaymentApproved{})...).Then(book).ThenDeadlines(nil)
		f.WhenPassed(48 * time.Hour).ThenNothing()

		f = given(t, placed, later)
		f.WhenAccepted(reserve)
		cancel := orders.CancelOrder{Order: "7", Reason: "it was not paid in time"}
		f.WhenPassed(24 * time.Hour).Then(cancel)
		f.When(ofSeven(orders.OrderCancelled{Reason: "it was not paid in time"})...).Then(release)
		f.WhenAccepted(cancel).ThenNothing()
		f.WhenAccepted(release).ThenNothing().ThenDone()
	})
	t.Run("without goods nobody pays", func(t *testing.T) {
		f := given(t, asked)
		f.WhenRefused(reserve, orders.ErrOutOfStock).Then(orders.CancelOrder{Order: "7", Reason: orders.ErrOutOfStock.Error()})
		f.When(ofSeven(orders.OrderCancelled{})...).ThenNothing()
	})
	t.Run("a reason is never longer than a command takes", func(t *testing.T) {
		f := given(t, asked)
		f.WhenAccepted(reserve)
		long := strings.Repeat("é", 150) + "\n"
		f.WhenFailed(charge, errors.New(long)).Then(
			orders.RefundCharge{Order: "7", Reason: "nobody knows whether it came through"},
			orders.CancelOrder{Order: "7", Reason: "the card could not be charged: " + strings.Repeat("é", 84)},
		)
	})
	t.Run("a card that is declined was not charged", func(t *testing.T) {
		f := given(t, asked)
		f.WhenAccepted(reserve)
		f.WhenFailed(charge, orders.ErrDeclined).Then(orders.CancelOrder{Order: "7", Reason: "the card could not be charged: declined"})
		f.When(ofSeven(orders.OrderCancelled{})...).Then(release)
	})
	t.Run("what was done last is undone first", func(t *testing.T) {
		f := paidByCard(t)
		f.WhenReturned(book, booked).Then(ship)
		f.When(ofSeven(orders.OrderCancelled{Reason: "changed my mind"})...).Then(unbook, refund, release)
		f.WhenRefused(ship, orders.ErrOrderEnded).ThenNothing()
		f.WhenReturned(unbook, orders.ShipmentCancelled{Bookings: 1}).ThenNothing()
		f.WhenReturned(refund, orders.ChargeRefunded{Refund: "re_1", Amount: 6000}).Then(giveUp)
		f.WhenAccepted(release).ThenNothing()
		f.When(ofSeven(orders.PaymentRefunded{Amount: 6000})...).ThenNothing()
		f.WhenAccepted(giveUp).ThenNothing().ThenDone()
	})
	t.Run("what is on its way when the order is cancelled is undone when it comes", func(t *testing.T) {
		f := given(t, asked)
		f.WhenAccepted(reserve).Then(charge)
		f.When(ofSeven(orders.OrderCancelled{Reason: "changed my mind"})...).Then(release)
		f.WhenAccepted(release).ThenNothing()
		f.WhenReturned(charge, charged).Then(refund)
		f.WhenReturned(refund, orders.ChargeRefunded{Amount: 6000}).ThenNothing().ThenDone()
	})
	t.Run("money that cannot be given back just now is given back later", func(t *testing.T) {
		f := paidByCard(t)
		f.WhenFailed(book, orders.ErrDeclined).Then(orders.CancelOrder{Order: "7", Reason: "nobody fetches it: declined"})
		f.When(ofSeven(orders.OrderCancelled{})...).Then(refund, release)
		f.WhenAccepted(orders.CancelOrder{Order: "7", Reason: "nobody fetches it: declined"}).ThenNothing()
		f.WhenFailed(refund, errors.New("closed on Sundays")).ThenNothing().ThenDeadlines(map[string]time.Duration{"refund again": time.Minute})
		f.WhenAccepted(release)
		f.WhenPassed(time.Minute).Then(refund)
		f.WhenReturned(refund, orders.ChargeRefunded{Amount: 6000}).Then(giveUp)
		f.WhenAccepted(giveUp).ThenDone()
	})
	t.Run("two refunds that fail are asked for again as one", func(t *testing.T) {
		f := given(t, asked)
		f.WhenAccepted(reserve).Then(charge)
		f.When(ofSeven(orders.PaymentReceived{Method: "boleto", Amount: 6000}, orders.PaymentApproved{})...).Then(book)
		otherwise := orders.RefundCharge{Order: "7", Reason: "the order was paid otherwise"}
		f.WhenReturned(charge, charged).Then(otherwise)
		f.WhenFailed(otherwise, orders.ErrDeclined).ThenNothing()
		f.WhenFailed(book, orders.ErrDeclined).Then(orders.CancelOrder{Order: "7", Reason: "nobody fetches it: declined"})
		f.When(ofSeven(orders.OrderCancelled{})...).Then(refund, giveUp, release)
		f.WhenAccepted(orders.CancelOrder{Order: "7", Reason: "nobody fetches it: declined"}).ThenNothing()
		f.WhenFailed(refund, orders.ErrDeclined).ThenNothing().ThenDeadlines(map[string]time.Duration{"refund again": time.Minute})
		f.WhenAccepted(giveUp).ThenNothing()
		f.WhenAccepted(release).ThenNothing()
		f.WhenPassed(time.Minute).Then(refund)
		f.WhenReturned(refund, orders.ChargeRefunded{Amount: 6000}).ThenNothing().ThenDone()
	})
	t.Run("two bookings that cannot be taken back are asked for again as one", func(t *testing.T) {
		f := paidByCard(t)
		unknown := errors.New("the line is dead")
		nobody := orders.CancelShipment{Order: "7", Reason: "nobody knows whether it is booked"}
		stop := orders.CancelOrder{Order: "7", Reason: "nobody fetches it: the line is dead"}
		f.WhenFailed(book, unknown).Then(nobody, stop)
		f.WhenFailed(nobody, unknown).ThenNothing().ThenDeadlines(map[string]time.Duration{"unbook again": time.Minute})
		f.When(ofSeven(orders.OrderCancelled{})...).Then(refund, release)
		f.WhenAccepted(stop).ThenNothing()
		f.WhenReturned(refund, orders.ChargeRefunded{Amount: 6000}).Then(giveUp)
		f.WhenAccepted(giveUp).ThenNothing()
		f.WhenAccepted(release).ThenNothing()
		f.WhenPassed(time.Minute).Then(unbook)
		f.WhenFailed(unbook, unknown).ThenNothing().ThenDeadlines(map[string]time.Duration{"unbook again": time.Minute})
		f.WhenPassed(time.Minute).Then(unbook)
		f.WhenReturned(unbook, orders.ShipmentCancelled{}).ThenNothing().ThenDone()
	})
}
