package simulated

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/daybook-es/daybook/apps/orders"
)

// Payments is a bank that has no money. Make it with [NewPayments].
type Payments struct {
	*Desk
	money map[string]Balance // by order, under the desk's mutex
}

var _ orders.Payments = (*Payments)(nil)

// A Balance is what an order came to at the bank.
type Balance struct {
	Charged  orders.Cents `json:"charged"`
	Refunded orders.Cents `json:"refunded"`
	// Charges counts those that came through, and Refunds those that gave something back.
	Charges int `json:"charges"`
	Refunds int `json:"refunds"`
}

// NewPayments returns a bank that obliges everybody until it is told otherwise. The seed
// chooses which calls go wrong then.
func NewPayments(seed uint64) *Payments {
	return &Payments{newDesk("payments", seed), make(map[string]Balance)}
}

// Charge implements [orders.Payments].
func (p *Payments) Charge(ctx context.Context, key string, c orders.Charge) (orders.Charged, error) {
	return ask(ctx, p.Desk, key, func() orders.Charged {
		b := p.money[c.Order]
		b.Charged += c.Amount
		b.Charges++
		p.money[c.Order] = b
		return orders.Charged{Charge: number("ch", key), Amount: c.Amount}
	})
}

// Refund implements [orders.Payments].
func (p *Payments) Refund(ctx context.Context, key string, c orders.RefundCharge) (orders.ChargeRefunded, error) {
	return ask(ctx, p.Desk, key, func() orders.ChargeRefunded {
		b := p.money[c.Order]
		left := b.Charged - b.Refunded
		if left > 0 {
			b.Refunds++
		}
		b.Refunded += left
		p.money[c.Order] = b
		return orders.ChargeRefunded{Refund: number("re", key), Amount: left}
	})
}

// Balance returns what an order came to.
func (p *Payments) Balance(order string) Balance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.money[order]
}

// number returns the number that a provider gives to what was asked under a key. It
// follows from the key, so that a provider that was started again gives the same.
func number(prefix, key string) string {
	sum := sha256.Sum256([]byte(prefix + key))
	return prefix + "_" + hex.EncodeToString(sum[:8])
}
