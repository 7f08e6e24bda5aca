package orders

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
)

// What people may ask for. Validate says whether a command makes sense at all; the
// rules in order.go say whether it may be done to the order as it is.

// PlaceOrder places a new order: of lines, or of just a total. Its id derives from
// the command's; see [PlacedID].
type PlaceOrder struct {
	// Total may be left out if there are lines.
	Total Cents `json:"total,omitempty"`
	// Currency may be left out, and is the shop's if it is given.
	Currency string   `json:"currency,omitempty"`
	Customer Customer `json:"customer,omitzero"`
	Lines    []Line   `json:"lines,omitempty"`
	// Fulfil asks the shop to see to the order by itself; see fulfilment.go. Method is
	// then how it will be paid: [CardOnFile], or any other, with which the shop waits for
	// the payment.
	Fulfil bool   `json:"fulfil,omitempty"`
	Method string `json:"method,omitempty"`
}

// PayOrder pays an order in full.
type PayOrder struct {
	Order        string `json:"order"`
	Amount       Cents  `json:"amount"`
	Method       string `json:"method"`
	Installments int64  `json:"installments,omitempty"`
}

// ShipOrder hands a paid order to a carrier.
type ShipOrder struct {
	Order    string `json:"order"`
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking,omitempty"`
}

// DeliverOrder notes that a shipped order reached the customer.
type DeliverOrder struct {
	Order string `json:"order"`
}

// CancelOrder gives up an order that was not shipped.
type CancelOrder struct {
	Order  string `json:"order"`
	Reason string `json:"reason"`
}

// ReturnOrder takes back what was delivered.
type ReturnOrder struct {
	Order  string `json:"order"`
	Reason string `json:"reason,omitempty"`
}

// RefundOrder gives money back: the amount, or all that is left of what was paid if
// the amount is missing.
type RefundOrder struct {
	Order  string `json:"order"`
	Amount Cents  `json:"amount,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// What one command may hold.
const (
	MaxLines    = 500
	MaxQuantity = 1_000_000

	// MaxInstallments is over how many months a card is charged at most.
	MaxInstallments = 120
)

// Validate returns what is wrong with the command, naming the field.
func (c PlaceOrder) Validate() error {
	switch {
	case len(c.Lines) == 0 && c.Total == 0:
		return fmt.Errorf("total: is missing, and there are no lines that it could be the sum of")
	case len(c.Lines) > MaxLines:
		return fmt.Errorf("lines: are %d, and %d are allowed", len(c.Lines), MaxLines)
	case c.Total < 0 || c.Total > MaxCents:
		return fmt.Errorf("total: is %d, and must be from 1 to %d", c.Total, MaxCents)
	case c.Method != "" && !c.Fulfil:
		return fmt.Errorf("method: is %q, and the shop is not asked to fulfil the order", c.Method)
	}
	for i, l := range c.Lines {
		if err := l.validate(); err != nil {
			return fmt.Errorf("lines[%d].%w", i, err)
		}
	}
	if sum := sumOf(c.Lines); len(c.Lines) > 0 && (sum <= 0 || sum > MaxCents) {
		return fmt.Errorf("lines: come to %d, and must come to 1 to %d", sum, MaxCents)
	}
	return cmp.Or(check.Text("currency", c.Currency, check.Optional), check.Text("method", c.Method, check.Optional), c.Customer.validate())
}

func (c Customer) validate() error {
	return cmp.Or(
		check.Text("customer.id", c.ID, check.Optional),
		check.Text("customer.city", c.City, check.Optional),
		check.Text("customer.state", c.State, check.Optional))
}

func (l Line) validate() error {
	switch {
	case l.Quantity < 1 || l.Quantity > MaxQuantity:
		return fmt.Errorf("quantity: is %d, and must be from 1 to %d", l.Quantity, MaxQuantity)
	case l.UnitPrice < 0 || l.UnitPrice > MaxCents/Cents(l.Quantity):
		return fmt.Errorf("unit_price: is %d, and must be from 0 to %d", l.UnitPrice, MaxCents/Cents(l.Quantity))
	case l.Freight < 0 || l.Freight > MaxCents:
		return fmt.Errorf("freight: is %d, and must be from 0 to %d", l.Freight, MaxCents)
	}
	return cmp.Or(check.Text("product", l.Product, check.Required), check.Text("category", l.Category, check.Optional), check.Text("seller", l.Seller, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c PayOrder) Validate() error {
	switch {
	case c.Amount <= 0 || c.Amount > MaxCents:
		return fmt.Errorf("amount: is %d, and must be from 1 to %d", c.Amount, MaxCents)
	case c.Installments < 0 || c.Installments > MaxInstallments:
		return fmt.Errorf("installments: are %d, and must be from 0 to %d", c.Installments, MaxInstallments)
	}
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("method", c.Method, check.Required))
}

// Validate returns what is wrong with the command, naming the field.
func (c ShipOrder) Validate() error {
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("carrier", c.Carrier, check.Required), check.Text("tracking", c.Tracking, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c DeliverOrder) Validate() error { return check.Text("order", c.Order, check.Required) }

// Validate returns what is wrong with the command, naming the field.
func (c CancelOrder) Validate() error {
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("reason", c.Reason, check.Required))
}

// Validate returns what is wrong with the command, naming the field.
func (c ReturnOrder) Validate() error {
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("reason", c.Reason, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c RefundOrder) Validate() error {
	if c.Amount < 0 || c.Amount > MaxCents {
		return fmt.Errorf("amount: is %d, and must be from 1 to %d, or left out to refund all that is left", c.Amount, MaxCents)
	}
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("reason", c.Reason, check.Optional))
}

// PlacedID returns the id of the order that a [PlaceOrder] with this command id
// places. A retry of the command places the same one.
func PlacedID(id command.ID) string { return id.Derive("order") }

// Handlers are those of all commands of a shop, for a command bus: what people may ask for,
// and the warehouse. The clock gives the time at which the facts of a decision happened,
// and an order that the shop fulfils is to be paid within some time. A [Shop] has a bus
// of its own.
func Handlers(now func() time.Time, payWithin time.Duration) []command.Handler {
	return slices.Concat(handlers(now, payWithin), warehouse(now))
}

// handlers says which decision each command asks for. The clock gives the time at
// which the facts of a decision happened. An order that the shop fulfils is to be paid
// within some time.
func handlers(now func() time.Time, payWithin time.Duration) []command.Handler {
	return []command.Handler{
		command.On("PlaceOrder", func(c PlaceOrder, id command.ID) decider.Plan {
			placed := OrderPlaced{Customer: c.Customer, Lines: c.Lines, Total: c.Total, Currency: c.Currency}
			if placed.Total == 0 {
				placed.Total = sumOf(c.Lines)
			}
			if placed.Currency == "" {
				placed.Currency = Currency
			}
			decide, at := Place(placed), now()
			if c.Fulfil {
				decide = PlaceToFulfil(placed, c.Method, at.Add(payWithin))
			}
			return Orders.At(PlacedID(id), happened(at, decide))
		}),
		command.On("PayOrder", func(c PayOrder, _ command.ID) decider.Plan {
			paid := PaymentReceived{Method: c.Method, Amount: c.Amount, Installments: c.Installments}
			return Orders.At(c.Order, happened(now(), Pay(paid)))
		}),
		command.On("ShipOrder", func(c ShipOrder, _ command.ID) decider.Plan {
			return Orders.At(c.Order, happened(now(), Ship(OrderShipped{Carrier: c.Carrier, Tracking: c.Tracking})))
		}),
		command.On("DeliverOrder", func(c DeliverOrder, _ command.ID) decider.Plan {
			return Orders.At(c.Order, happened(now(), Deliver()))
		}),
		command.On("CancelOrder", func(c CancelOrder, _ command.ID) decider.Plan {
			return Orders.At(c.Order, happened(now(), Cancel(OrderCancelled{Reason: c.Reason})))
		}),
		command.On("ReturnOrder", func(c ReturnOrder, _ command.ID) decider.Plan {
			return Orders.At(c.Order, happened(now(), Return(OrderReturned{Reason: c.Reason})))
		}),
		command.On("RefundOrder", func(c RefundOrder, _ command.ID) decider.Plan {
			return Orders.At(c.Order, happened(now(), Refund(PaymentRefunded{Amount: c.Amount, Reason: c.Reason})))
		}),
	}
}
