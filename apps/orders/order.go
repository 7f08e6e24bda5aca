package orders

import (
	"fmt"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// An Order is what the rules need to know of an order's past. What people want to
// see of it is in the views; see [Details].
//
// It copes with any history. Live orders obey the rules below; those of another
// shop, which were imported, need not: some were handed to the carrier before they
// were paid for, or even placed.
type Order struct {
	Status   Status
	Placed   bool
	Total    Cents
	Received Cents
	Refunded Cents
	// Approved reports whether the payment was approved, and Payment is the newest
	// one received.
	Approved bool
	Payment  PaymentReceived
	// Shipped and Delivered report what happened to the goods, whatever became of the
	// order since.
	Shipped   bool
	Shipment  OrderShipped
	Delivered bool
	// Ended is why it was cancelled or returned.
	Ended string
}

// Orders says what each fact is called, for ever, and how it changes an order.
var Orders = decider.For("order",
	decider.On("OrderPlaced", func(o *Order, e OrderPlaced) {
		o.Placed, o.Total = true, e.Total
		o.Status.reach(Placed)
	}),
	decider.On[Order, FulfilmentRequested]("FulfilmentRequested", nil),
	decider.On("PaymentReceived", func(o *Order, e PaymentReceived) {
		o.Payment = e
		o.Received += e.Amount
	}),
	decider.On("PaymentApproved", func(o *Order, _ PaymentApproved) {
		o.Approved = true
		o.Status.reach(Paid)
	}),
	decider.On("OrderInvoiced", func(o *Order, _ OrderInvoiced) { o.Status.reach(Invoiced) }),
	decider.On("ProcessingStarted", func(o *Order, _ ProcessingStarted) { o.Status.reach(Processing) }),
	decider.On("OrderShipped", func(o *Order, e OrderShipped) {
		o.Shipped, o.Shipment = true, e
		o.Status.reach(Shipped)
	}),
	decider.On("OrderDelivered", func(o *Order, _ OrderDelivered) {
		o.Delivered = true
		o.Status.reach(Delivered)
	}),
	decider.On("GoodsFoundUnavailable", func(o *Order, _ GoodsFoundUnavailable) { o.Status.reach(Unavailable) }),
	decider.On("OrderCancelled", func(o *Order, e OrderCancelled) {
		o.Ended = e.Reason
		o.Status.reach(Cancelled)
	}),
	decider.On("OrderReturned", func(o *Order, e OrderReturned) {
		o.Ended = e.Reason
		o.Status.reach(Returned)
	}),
	decider.On("PaymentRefunded", func(o *Order, e PaymentRefunded) {
		o.Refunded += e.Amount
		if o.Refunded >= o.Received {
			o.Status.reach(Refunded)
		}
	}),
)

// OrderID returns the id of the order that a stream, such as "order-42", is about.
func OrderID(stream string) string { return strings.TrimPrefix(stream, Orders.Stream("")) }

// The rules of the shop. A decision that one of them forbids comes back as a
// [*daybook.RefusedError], in which errors.Is finds the rule.
var (
	ErrNoSuchOrder   = daybook.NewRule("order-exists", "there is no such order")
	ErrPlacedAlready = daybook.NewRule("placed-once", "there is an order with this id already")
	ErrOtherCurrency = daybook.NewRule("one-currency", "the shop sells in "+Currency)
	ErrTotalDiffers  = daybook.NewRule("total-adds-up", "the total is what the lines come to")
	ErrPaidAlready   = daybook.NewRule("paid-once", "the order is paid already, in another way")
	ErrWrongAmount   = daybook.NewRule("paid-in-full", "a payment is what the order owes, neither more nor less")
	ErrNotPaid       = daybook.NewRule("paid-before-shipped", "nothing ships unpaid")
	ErrOrderEnded    = daybook.NewRule("order-open", "the order has ended")
	ErrShipped       = daybook.NewRule("shipped-once", "the order is with another carrier already")
	ErrNotShipped    = daybook.NewRule("shipped-before-delivered", "the order was not shipped")
	ErrTooLate       = daybook.NewRule("cancelled-before-shipped", "a shipped order cannot be cancelled")
	ErrNotDelivered  = daybook.NewRule("delivered-before-returned", "only what was delivered can be returned")
	ErrNothingPaid   = daybook.NewRule("refund-within-paid", "no more is refunded than was paid")
)

// ended returns the rule that forbids going on with an order that has ended.
func (o Order) ended() error {
	if o.Status < Unavailable {
		return nil
	}
	return fmt.Errorf("%w: it is %s", ErrOrderEnded, o.Status)
}

// Place places an order.
func Place(e OrderPlaced) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case o.Placed:
			return nil, ErrPlacedAlready
		case e.Currency != Currency:
			return nil, fmt.Errorf("%w, and not in %s", ErrOtherCurrency, e.Currency)
		case len(e.Lines) > 0 && e.Total != sumOf(e.Lines):
			return nil, fmt.Errorf("%w: the lines come to %s, and the total is %s", ErrTotalDiffers, sumOf(e.Lines), e.Total)
		}
		return []any{e}, nil
	}
}

// PlaceToFulfil places an order that the shop sees to by itself.
func PlaceToFulfil(e OrderPlaced, method string, payBy time.Time) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		facts, err := Place(e)(o)
		if err != nil {
			return nil, err
		}
		request := FulfilmentRequested{Wanted: WantedBy(e.Lines), Total: e.Total, Method: method}
		if method != CardOnFile {
			request.PayBy = payBy
		}
		return append(facts, request), nil
	}
}

// Pay settles an order in full.
func Pay(e PaymentReceived) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case o.Approved && o.Payment == e:
			return nil, nil // paid just so: nothing to add
		case o.ended() != nil:
			return nil, o.ended()
		case o.Approved:
			return nil, fmt.Errorf("%w: %s by %s", ErrPaidAlready, o.Payment.Amount, o.Payment.Method)
		case e.Amount != o.Total-o.Received:
			return nil, fmt.Errorf("%w: it owes %s, and %s was offered", ErrWrongAmount, o.Total-o.Received, e.Amount)
		}
		return []any{e, PaymentApproved{}}, nil
	}
}

// Ship hands the goods to a carrier.
func Ship(e OrderShipped) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case o.Shipped && o.Shipment == e:
			return nil, nil
		case o.ended() != nil:
			return nil, o.ended()
		case o.Shipped:
			return nil, fmt.Errorf("%w: %s %s", ErrShipped, o.Shipment.Carrier, o.Shipment.Tracking)
		case !o.Approved:
			return nil, ErrNotPaid
		}
		return []any{e}, nil
	}
}

// Deliver notes that the goods reached the customer.
func Deliver() decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case o.Delivered:
			return nil, nil
		case o.ended() != nil:
			return nil, o.ended()
		case !o.Shipped:
			return nil, ErrNotShipped
		}
		return []any{OrderDelivered{}}, nil
	}
}

// Cancel gives up an order that has not been shipped.
func Cancel(e OrderCancelled) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case o.Status == Cancelled && o.Ended == e.Reason:
			return nil, nil
		case o.Shipped:
			return nil, ErrTooLate
		case o.ended() != nil:
			return nil, o.ended()
		}
		return []any{e}, nil
	}
}

// Return takes back what was delivered.
func Return(e OrderReturned) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case o.Status == Returned && o.Ended == e.Reason:
			return nil, nil
		case o.Status >= Cancelled:
			return nil, o.ended()
		case !o.Delivered:
			return nil, ErrNotDelivered
		}
		return []any{e}, nil
	}
}

// Refund gives money back: the amount, or all that is left of what was paid if the
// amount is zero.
func Refund(e PaymentRefunded) decider.Decision[Order] {
	return func(o Order) ([]any, error) {
		left := o.Received - o.Refunded
		switch {
		case !o.Placed:
			return nil, ErrNoSuchOrder
		case e.Amount == 0 && left == 0 && o.Refunded > 0:
			return nil, nil // all of it was given back
		case e.Amount > left || left <= 0:
			return nil, fmt.Errorf("%w: %s is left of %s", ErrNothingPaid, left, o.Received)
		case e.Amount == 0:
			e.Amount = left
		}
		return []any{e}, nil
	}
}

// happened says when the facts of a decision happened: when the command was sent.
// Facts that were imported from a shop's old tables without a time have none.
func happened[S any](at time.Time, decide decider.Decision[S]) decider.Decision[S] {
	return func(state S) ([]any, error) {
		facts, err := decide(state)
		dated := make([]any, len(facts))
		for i, fact := range facts {
			entry, particular := fact.(decider.Entry)
			if !particular {
				entry.Fact = fact
			}
			entry.HappenedAt = at
			dated[i] = entry
		}
		return dated, err
	}
}

// sumOf returns what lines come to, with their freight.
func sumOf(lines []Line) (sum Cents) {
	for _, l := range lines {
		sum += l.Sum()
	}
	return sum
}

// Sum returns what the line comes to, with its freight.
func (l Line) Sum() Cents { return Cents(l.Quantity)*l.UnitPrice + l.Freight }
