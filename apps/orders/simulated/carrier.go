package simulated

import (
	"context"

	"github.com/daybook-es/daybook/apps/orders"
)

// A Carrier is a carrier without lorries. Make it with [NewCarrier].
type Carrier struct {
	*Desk
	bookings map[string]Bookings // by order, under the desk's mutex
}

var _ orders.Carrier = (*Carrier)(nil)

// Bookings count what an order came to at the carrier.
type Bookings struct {
	Booked    int `json:"booked"`
	Cancelled int `json:"cancelled"`
}

// CarrierName is what the simulated carrier calls itself.
const CarrierName = "Swift"

// NewCarrier returns a carrier that obliges everybody until it is told otherwise. The
// seed chooses which calls go wrong then.
func NewCarrier(seed uint64) *Carrier {
	return &Carrier{newDesk("carrier", seed), make(map[string]Bookings)}
}

// Book implements [orders.Carrier].
func (c *Carrier) Book(ctx context.Context, key string, b orders.BookShipment) (orders.ShipmentBooked, error) {
	return ask(ctx, c.Desk, key, func() orders.ShipmentBooked {
		n := c.bookings[b.Order]
		n.Booked++
		c.bookings[b.Order] = n
		return orders.ShipmentBooked{Carrier: CarrierName, Tracking: number("sw", key)}
	})
}

// Cancel implements [orders.Carrier].
func (c *Carrier) Cancel(ctx context.Context, key string, s orders.CancelShipment) (orders.ShipmentCancelled, error) {
	return ask(ctx, c.Desk, key, func() orders.ShipmentCancelled {
		n := c.bookings[s.Order]
		left := n.Booked - n.Cancelled
		n.Cancelled += left
		c.bookings[s.Order] = n
		return orders.ShipmentCancelled{Bookings: left}
	})
}

// Bookings returns what an order came to.
func (c *Carrier) Bookings(order string) Bookings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bookings[order]
}
