package orders

import (
	"context"
	"errors"
)

// Payments is where money is taken and given back: a bank, or a company between the shop
// and the banks.
//
// Each call has a key. A provider does what is asked under a key once, and answers the
// same however often it is asked: a caller that heard no answer asks again under the
// same key. An answer that will not change, such as that a card is declined, is an
// error that is [ErrDeclined]; after any other error the caller does not know what was
// done. Providers may be called by many goroutines.
type Payments interface {
	// Charge takes money from the customer's card.
	Charge(ctx context.Context, key string, c Charge) (Charged, error)
	// Refund gives back what a charge took.
	Refund(ctx context.Context, key string, c RefundCharge) (ChargeRefunded, error)
}

// A Carrier is who takes goods to customers. Keys and errors are as those of [Payments].
type Carrier interface {
	// Book has the goods of an order fetched.
	Book(ctx context.Context, key string, b BookShipment) (ShipmentBooked, error)
	// Cancel takes a booking back: the goods stay here.
	Cancel(ctx context.Context, key string, c CancelShipment) (ShipmentCancelled, error)
}

// ErrDeclined is what an error is with which a provider says no for good.
var ErrDeclined = errors.New("declined")

// A Charge asks for an amount from the card that the customer of an order has on file.
type Charge struct {
	Order        string `json:"order"`
	Amount       Cents  `json:"amount"`
	Method       string `json:"method"`
	Installments int64  `json:"installments,omitempty"`
}

// Charged says that the money is the shop's. The id is the provider's.
type Charged struct {
	Charge string `json:"charge"`
	Amount Cents  `json:"amount"`
}

// A RefundCharge asks to give back whatever was charged for an order and was not given
// back before, which may be nothing: so a caller that does not know whether a charge came
// through can have it undone, and asking again, even under another key, is safe.
type RefundCharge struct {
	Order  string `json:"order"`
	Reason string `json:"reason,omitempty"`
}

// ChargeRefunded says how much money is the customer's again; zero if nothing had been
// charged. The id is the provider's.
type ChargeRefunded struct {
	Refund string `json:"refund"`
	Amount Cents  `json:"amount"`
}

// A BookShipment asks to have an order's goods fetched and delivered.
type BookShipment struct {
	Order string `json:"order"`
	To    string `json:"to,omitempty"`
	Units int64  `json:"units,omitempty"`
}

// ShipmentBooked says who takes the goods, and under which number.
type ShipmentBooked struct {
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
}

// A CancelShipment takes back whatever was booked for an order, which may be nothing.
type CancelShipment struct {
	Order  string `json:"order"`
	Reason string `json:"reason,omitempty"`
}

// ShipmentCancelled says that nobody comes for the goods, and how many bookings that took
// back.
type ShipmentCancelled struct {
	Bookings int `json:"bookings"`
}
