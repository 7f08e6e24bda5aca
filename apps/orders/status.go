package orders

import (
	"fmt"
	"slices"
)

// A Status is how far an order has come. Statuses are ranked: of all statuses that the
// facts about an order lead to, it has the furthest, in whatever order the facts
// happened or were recorded. The statuses that end an order rank above all others.
type Status int

// The statuses, each further than those above it.
const (
	NotPlaced Status = iota // no fact says yet that the order exists
	Placed
	Paid
	Invoiced
	Processing
	Shipped
	Delivered
	Unavailable
	Cancelled
	Returned
	Refunded
)

var statusNames = []string{"", "placed", "paid", "invoiced", "processing", "shipped", "delivered", "unavailable", "cancelled", "returned", "refunded"}

// Statuses returns every status that an order can have, from the first on.
func Statuses() []Status {
	all := make([]Status, 0, len(statusNames)-1)
	for s := Placed; s <= Refunded; s++ {
		all = append(all, s)
	}
	return all
}

// String returns the status in the shop's words: "placed", "paid" and so on.
func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return fmt.Sprintf("status %d", int(s))
	}
	return statusNames[s]
}

// ParseStatus reads what [Status.String] wrote.
func ParseStatus(name string) (Status, error) {
	if i := slices.Index(statusNames, name); i > 0 {
		return Status(i), nil
	}
	return NotPlaced, fmt.Errorf("%.40q is no status of an order; those are %v", name, statusNames[1:])
}

// MarshalText returns what [Status.String] does.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [Status.MarshalText] wrote.
func (s *Status) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*s = NotPlaced
		return nil
	}
	*s, err = ParseStatus(string(text))
	return err
}

// reach takes the status as far as to, and never back.
func (s *Status) reach(to Status) { *s = max(*s, to) }

// reachedBy returns the status that a fact takes its order to; NotPlaced if it takes
// it nowhere, or if that depends on what happened before.
func reachedBy(fact any) Status {
	switch fact.(type) {
	case OrderPlaced:
		return Placed
	case PaymentApproved:
		return Paid
	case OrderInvoiced:
		return Invoiced
	case ProcessingStarted:
		return Processing
	case OrderShipped:
		return Shipped
	case OrderDelivered:
		return Delivered
	case GoodsFoundUnavailable:
		return Unavailable
	case OrderCancelled:
		return Cancelled
	case OrderReturned:
		return Returned
	}
	return NotPlaced
}
