package orders

import (
	"testing"
	"time"

	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/decider"
)

// What most stories below begin with.
var (
	placed   = OrderPlaced{Total: 12_000, Currency: Currency}
	paid     = PaymentReceived{Method: "credit_card", Amount: 12_000, Installments: 3}
	approved = PaymentApproved{}
	shipped  = OrderShipped{Carrier: "Correios", Tracking: "BR1"}
)

func TestPlace(t *testing.T) {
	lines := []Line{
		{Product: "lamp", Quantity: 2, UnitPrice: 5_000, Freight: 700},
		{Product: "bulb", Quantity: 1, UnitPrice: 1_000, Freight: 300},
	}
	t.Run("an order of just a total", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Place(placed)).Then(placed)
	})
	t.Run("an order whose lines add up", func(t *testing.T) {
		e := OrderPlaced{Lines: lines, Total: 12_000, Currency: Currency}
		daybooktest.Given(t, Orders).When(Place(e)).Then(e)
	})
	t.Run("the total is what the lines come to", func(t *testing.T) {
		e := OrderPlaced{Lines: lines, Total: 11_999, Currency: Currency}
		daybooktest.Given(t, Orders).When(Place(e)).ThenRefused(ErrTotalDiffers)
	})
	t.Run("the shop sells in one currency", func(t *testing.T) {
		e := OrderPlaced{Total: 12_000, Currency: "USD"}
		daybooktest.Given(t, Orders).When(Place(e)).ThenRefused(ErrOtherCurrency)
	})
	t.Run("an order is placed once", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed).When(Place(placed)).ThenRefused(ErrPlacedAlready)
	})
}

func TestPay(t *testing.T) {
	t.Run("in full", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed).When(Pay(paid)).Then(paid, approved)
	})
	t.Run("what is left after a voucher", func(t *testing.T) {
		voucher := PaymentReceived{Method: "voucher", Amount: 2_000}
		rest := PaymentReceived{Method: "credit_card", Amount: 10_000}
		daybooktest.Given(t, Orders, placed, voucher).When(Pay(rest)).Then(rest, approved)
	})
	t.Run("again in the same way adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved).When(Pay(paid)).ThenNothing()
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}).When(Pay(paid)).ThenNothing()
	})
	t.Run("an order is paid once", func(t *testing.T) {
		other := PaymentReceived{Method: "boleto", Amount: 12_000}
		daybooktest.Given(t, Orders, placed, paid, approved).When(Pay(other)).ThenRefused(ErrPaidAlready)
	})
	t.Run("the amount must match", func(t *testing.T) {
		for _, amount := range []Cents{11_999, 12_001, 1} {
			e := PaymentReceived{Method: "credit_card", Amount: amount}
			daybooktest.Given(t, Orders, placed).When(Pay(e)).ThenRefused(ErrWrongAmount)
		}
	})
	t.Run("not what was cancelled", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, OrderCancelled{Reason: "no"}).When(Pay(paid)).ThenRefused(ErrOrderEnded)
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Pay(paid)).ThenRefused(ErrNoSuchOrder)
	})
}

func TestShip(t *testing.T) {
	t.Run("what is paid", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved).When(Ship(shipped)).Then(shipped)
	})
	t.Run("nothing ships unpaid", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed).When(Ship(shipped)).ThenRefused(ErrNotPaid)
		daybooktest.Given(t, Orders, placed, paid).When(Ship(shipped)).ThenRefused(ErrNotPaid)
	})
	t.Run("nothing ships whose money went back", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, PaymentRefunded{Amount: 12_000}).When(Ship(shipped)).ThenRefused(ErrOrderEnded)
	})
	t.Run("again with the same carrier adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped).When(Ship(shipped)).ThenNothing()
	})
	t.Run("an order is shipped once", func(t *testing.T) {
		other := OrderShipped{Carrier: "Jadlog", Tracking: "J1"}
		daybooktest.Given(t, Orders, placed, paid, approved, shipped).When(Ship(other)).ThenRefused(ErrShipped)
	})
	t.Run("not what was cancelled, or cannot be had", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, OrderCancelled{}).When(Ship(shipped)).ThenRefused(ErrOrderEnded)
		daybooktest.Given(t, Orders, placed, paid, approved, GoodsFoundUnavailable{}).When(Ship(shipped)).ThenRefused(ErrOrderEnded)
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Ship(shipped)).ThenRefused(ErrNoSuchOrder)
	})
}

func TestDeliver(t *testing.T) {
	t.Run("what is on its way", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped).When(Deliver()).Then(OrderDelivered{})
	})
	t.Run("again adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}).When(Deliver()).ThenNothing()
	})
	t.Run("not what was not shipped", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved).When(Deliver()).ThenRefused(ErrNotShipped)
	})
	t.Run("not what was cancelled", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, OrderCancelled{}).When(Deliver()).ThenRefused(ErrOrderEnded)
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Deliver()).ThenRefused(ErrNoSuchOrder)
	})
}

func TestCancel(t *testing.T) {
	cancelled := OrderCancelled{Reason: "changed their mind"}
	t.Run("before or after it is paid", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed).When(Cancel(cancelled)).Then(cancelled)
		daybooktest.Given(t, Orders, placed, paid, approved).When(Cancel(cancelled)).Then(cancelled)
	})
	t.Run("a shipped order cannot be cancelled", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped).When(Cancel(cancelled)).ThenRefused(ErrTooLate)
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}).When(Cancel(cancelled)).ThenRefused(ErrTooLate)
	})
	t.Run("again for the same reason adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, cancelled).When(Cancel(cancelled)).ThenNothing()
	})
	t.Run("not again for another reason", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, cancelled).When(Cancel(OrderCancelled{Reason: "fraud"})).ThenRefused(ErrOrderEnded)
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Cancel(cancelled)).ThenRefused(ErrNoSuchOrder)
	})
}

func TestReturn(t *testing.T) {
	returned := OrderReturned{Reason: "does not fit"}
	t.Run("what was delivered", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}).When(Return(returned)).Then(returned)
	})
	t.Run("not what is on its way", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped).When(Return(returned)).ThenRefused(ErrNotDelivered)
	})
	t.Run("again for the same reason adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}, returned).When(Return(returned)).ThenNothing()
	})
	t.Run("not again for another reason", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, shipped, OrderDelivered{}, returned).When(Return(OrderReturned{Reason: "broken"})).ThenRefused(ErrOrderEnded)
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Return(returned)).ThenRefused(ErrNoSuchOrder)
	})
}

func TestRefund(t *testing.T) {
	t.Run("a part, and another", func(t *testing.T) {
		part := PaymentRefunded{Amount: 5_000, Reason: "scratched"}
		daybooktest.Given(t, Orders, placed, paid, approved).When(Refund(part)).Then(part)
		daybooktest.Given(t, Orders, placed, paid, approved, part).When(Refund(part)).Then(part)
	})
	t.Run("no more than was paid", func(t *testing.T) {
		part := PaymentRefunded{Amount: 5_000}
		daybooktest.Given(t, Orders, placed, paid, approved).When(Refund(PaymentRefunded{Amount: 12_001})).ThenRefused(ErrNothingPaid)
		daybooktest.Given(t, Orders, placed, paid, approved, part, part).When(Refund(part)).ThenRefused(ErrNothingPaid)
		daybooktest.Given(t, Orders, placed).When(Refund(PaymentRefunded{Amount: 1})).ThenRefused(ErrNothingPaid)
		daybooktest.Given(t, Orders, placed).When(Refund(PaymentRefunded{})).ThenRefused(ErrNothingPaid)
	})
	t.Run("without an amount all that is left", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, PaymentRefunded{Amount: 5_000}).
			When(Refund(PaymentRefunded{Reason: "sorry"})).Then(PaymentRefunded{Amount: 7_000, Reason: "sorry"})
	})
	t.Run("all again adds nothing", func(t *testing.T) {
		daybooktest.Given(t, Orders, placed, paid, approved, PaymentRefunded{Amount: 12_000}).When(Refund(PaymentRefunded{})).ThenNothing()
	})
	t.Run("not what was never placed", func(t *testing.T) {
		daybooktest.Given(t, Orders).When(Refund(PaymentRefunded{Amount: 1})).ThenRefused(ErrNoSuchOrder)
	})
}

// An order's status is the furthest that it has come to, whatever came in between and
// in whatever order.
func TestStatusOfAnyHistory(t *testing.T) {
	for _, c := range []struct {
		past []any
		want Status
	}{
		{nil, NotPlaced},
		{[]any{placed}, Placed},
		{[]any{placed, paid}, Placed},
		{[]any{placed, paid, approved, OrderInvoiced{}, ProcessingStarted{}}, Processing},
		{[]any{shipped, placed, paid, approved}, Shipped},
		{[]any{placed, paid, OrderDelivered{}, shipped}, Delivered},
		{[]any{placed, OrderCancelled{}, OrderDelivered{}}, Cancelled},
		{[]any{placed, paid, approved, GoodsFoundUnavailable{}, OrderInvoiced{}}, Unavailable},
		{[]any{placed, paid, approved, PaymentRefunded{Amount: 11_999}}, Paid},
		{[]any{placed, paid, approved, OrderCancelled{}, PaymentRefunded{Amount: 12_000}}, Refunded},
	} {
		if got := daybooktest.Given(t, Orders, c.past...).State().Status; got != c.want {
			t.Errorf("after %v the status is %v, want %v", c.past, got, c.want)
		}
	}
}

func TestLiveFactsHappenWhenTheyAreAskedFor(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	daybooktest.Given(t, Orders, placed).When(happened(at, Pay(paid))).
		Then(decider.Entry{Fact: paid, HappenedAt: at}, decider.Entry{Fact: approved, HappenedAt: at})
	daybooktest.Given(t, Orders).When(happened(at, Pay(paid))).ThenRefused(ErrNoSuchOrder)
}
