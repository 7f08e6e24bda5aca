package orders

import (
	"cmp"
	"fmt"
	"time"

	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
)

// What the warehouse may be asked for. The rules in stock.go and reservation.go say
// whether it may be done.

// ReceiveStock puts pieces of an article on the shelf.
type ReceiveStock struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Supplier string `json:"supplier,omitempty"`
}

// CountStock corrects how many pieces of an article are on the shelf, reserved or not.
type CountStock struct {
	SKU string `json:"sku"`
	// Counted may be 0, and so has to be said.
	Counted *int64 `json:"counted"`
	Reason  string `json:"reason,omitempty"`
}

// SetReorderLevel says at how many free pieces an article is low in stock.
type SetReorderLevel struct {
	SKU string `json:"sku"`
	// Level may be 0, and so has to be said.
	Level *int64 `json:"level"`
}

// ReserveStock keeps what an order wants, all of it or nothing.
type ReserveStock struct {
	Order  string   `json:"order"`
	Wanted []Wanted `json:"wanted"`
}

// ReleaseStock frees what is kept for an order.
type ReleaseStock struct {
	Order  string `json:"order"`
	Reason string `json:"reason,omitempty"`
}

// PickStock takes what is kept for an order off the shelf.
type PickStock struct {
	Order string `json:"order"`
}

// MaxCounted is how many pieces of an article a shelf holds at most, and the greatest
// reorder level.
const MaxCounted = 1_000_000_000

// Validate returns what is wrong with the command, naming the field.
func (c ReceiveStock) Validate() error {
	if c.Quantity < 1 || c.Quantity > MaxQuantity {
		return fmt.Errorf("quantity: is %d, and must be from 1 to %d", c.Quantity, MaxQuantity)
	}
	return cmp.Or(check.Text("sku", c.SKU, check.Required), check.Text("supplier", c.Supplier, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c CountStock) Validate() error {
	return cmp.Or(pieces("counted", c.Counted), check.Text("sku", c.SKU, check.Required), check.Text("reason", c.Reason, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c SetReorderLevel) Validate() error {
	return cmp.Or(pieces("level", c.Level), check.Text("sku", c.SKU, check.Required))
}

// Validate returns what is wrong with the command, naming the field.
func (c ReserveStock) Validate() error {
	if len(c.Wanted) > MaxLines {
		return fmt.Errorf("wanted: are %d, and %d are allowed", len(c.Wanted), MaxLines)
	}
	for i, w := range c.Wanted {
		if err := w.validate(); err != nil {
			return fmt.Errorf("wanted[%d].%w", i, err)
		}
	}
	return check.Text("order", c.Order, check.Required)
}

// Validate returns what is wrong with the command, naming the field.
func (c ReleaseStock) Validate() error {
	return cmp.Or(check.Text("order", c.Order, check.Required), check.Text("reason", c.Reason, check.Optional))
}

// Validate returns what is wrong with the command, naming the field.
func (c PickStock) Validate() error { return check.Text("order", c.Order, check.Required) }

// pieces checks a number of pieces that may be 0.
func pieces(field string, n *int64) error {
	switch {
	case n == nil:
		return fmt.Errorf("%s: is missing", field)
	case *n < 0 || *n > MaxCounted:
		return fmt.Errorf("%s: is %d, and must be from 0 to %d", field, *n, MaxCounted)
	}
	return nil
}

// warehouse says which decision each command about stock asks for. The clock gives the
// time at which the facts of a decision happened.
func warehouse(now func() time.Time) []command.Handler {
	return []command.Handler{
		command.On("ReceiveStock", func(c ReceiveStock, _ command.ID) decider.Plan {
			return Stock.At(c.SKU, happened(now(), Receive(StockReceived(c))))
		}),
		command.On("CountStock", func(c CountStock, _ command.ID) decider.Plan {
			return Stock.At(c.SKU, happened(now(), Count(StockCounted{SKU: c.SKU, Counted: *c.Counted, Reason: c.Reason})))
		}),
		command.On("SetReorderLevel", func(c SetReorderLevel, _ command.ID) decider.Plan {
			return Stock.At(c.SKU, happened(now(), SetLevel(ReorderLevelSet{SKU: c.SKU, Level: *c.Level})))
		}),
		command.On("ReserveStock", func(c ReserveStock, _ command.ID) decider.Plan { return Reserve(c.Order, c.Wanted, now()) }),
		command.On("ReleaseStock", func(c ReleaseStock, _ command.ID) decider.Plan { return Release(c.Order, c.Reason, now()) }),
		command.On("PickStock", func(c PickStock, _ command.ID) decider.Plan { return Pick(c.Order, now()) }),
	}
}
