package orders

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// A Desk is where commands are handed in: that of a [Shop], or one at the other end
// of a wire.
type Desk interface {
	// Place places an order and returns its id.
	Place(ctx context.Context, c PlaceOrder) (string, error)
	// Do hands in any other command.
	Do(ctx context.Context, c any) error
}

// Desk returns the shop's own, where somebody of this name hands in commands.
func (s *Shop) Desk(principal string) Desk { return desk{s, principal} }

type desk struct {
	shop      *Shop
	principal string
}

func (d desk) Place(ctx context.Context, c PlaceOrder) (string, error) {
	id := command.NewID()
	_, err := d.shop.bus.Do(ctx, command.Envelope{ID: id, Principal: d.principal}, c)
	return PlacedID(id), err
}

func (d desk) Do(ctx context.Context, c any) error {
	_, err := d.shop.bus.Do(ctx, command.Envelope{Principal: d.principal}, c)
	return err
}

// Simulated counts what a simulation did.
type Simulated struct {
	Placed, Paid, Shipped, Delivered, Cancelled, Returned, Refunded int
	// Received counts deliveries of goods to the shop, and Early the orders that were to
	// be delivered to the customer before the shop had shipped them.
	Received, Early int
	// Refused commands broke a rule, as when a visitor had done something to the same
	// order; Failed ones were not answered. Err is how the last of those failed.
	Refused, Failed int
	Err             error
}

// Commands is how many commands were handed in.
func (s Simulated) Commands() int {
	return s.Placed + s.Paid + s.Shipped + s.Delivered + s.Cancelled + s.Returned + s.Refunded + s.Received + s.Early + s.Refused + s.Failed
}

// A Simulation makes a shop busy. Make it with [NewSimulation]. Its methods may be
// called at the same time.
//
// Each command that is under way has a goroutine of its own, which ends when it is
// answered; Run returns after the last of them. An order that somebody is busy with
// is in no list.
type Simulation struct {
	desk   Desk
	random *rand.Rand // used under mu
	// fulfils has the shop see to the orders by itself.
	fulfils bool

	mu   sync.Mutex
	open []simulatedOrder
	sum  Simulated
}

type simulatedOrder struct {
	id     string
	status Status
	total  Cents
	fulfil bool // the shop sees to it
	card   bool //   and charges the card
}

// NewSimulation returns a simulation that hands in its commands at a desk, and that
// makes the same choices for the same seed.
func NewSimulation(at Desk, seed uint64) *Simulation {
	// #nosec G404 -- the same seed is to make the same day
	return &Simulation{desk: at, random: rand.New(rand.NewPCG(seed, 0))}
}

// Fulfil has the simulation leave it to the shop to reserve, to charge, and to ship what is
// ordered, and bring it goods. Call it before the first step.
func (s *Simulation) Fulfil() { s.fulfils = true }

// simulatedGrace is how long commands that are under way may take when a simulation is
// stopped.
const simulatedGrace = 2 * time.Second

// simulatedAtOnce bounds the commands that are under way. A shop that is slower than
// the rate then sets the pace.
const simulatedAtOnce = 64

// Run hands in commands at a rate, so many a second, until ctx ends: it places orders,
// and pays, ships, delivers, cancels, returns and refunds them. It goes on when
// something fails; see [Simulation.Sum]. What is under way when ctx ends is finished.
func (s *Simulation) Run(ctx context.Context, perSecond float64) {
	finishing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(simulatedGrace, cancel) })()
	ticker := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer ticker.Stop()
	underWay := make(chan struct{}, simulatedAtOnce)
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		select {
		case <-ctx.Done():
			return
		case underWay <- struct{}{}:
		}
		all.Go(func() {
			s.Step(finishing)
			<-underWay
		})
	}
}

// Sum returns what was done so far.
func (s *Simulation) Sum() Simulated {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum
}

// Step hands in one command.
func (s *Simulation) Step(ctx context.Context) {
	s.mu.Lock()
	o, c, after := s.next()
	s.mu.Unlock()

	var err error
	if placed, ok := c.(PlaceOrder); ok {
		o.total, o.fulfil, o.card = sumOf(placed.Lines), placed.Fulfil, placed.Method == CardOnFile
		o.id, err = s.desk.Place(ctx, placed)
	} else {
		err = s.desk.Do(ctx, c)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	var refused *daybook.RefusedError
	switch {
	case errors.As(err, &refused) && o.fulfil && refused.Rule == ErrNotShipped.Name():
		s.sum.Early++
		s.open = append(s.open, o)
		return
	case errors.As(err, &refused):
		s.sum.Refused++
		return // a visitor takes care of this order
	case err != nil && ctx.Err() != nil:
		return
	case err != nil:
		s.sum.Failed++
		s.sum.Err = err
		if o.id != "" {
			s.open = append(s.open, o)
		}
		return
	}
	if _, ok := c.(ReceiveStock); ok {
		s.sum.Received++
		return
	}
	*s.count(after)++
	o.status = after
	if !s.ends(o) {
		s.open = append(s.open, o)
	}
}

// next chooses a command, the order that it is about, which it takes out of the list,
// and the status that it will have then.
func (s *Simulation) next() (simulatedOrder, any, Status) {
	if s.fulfils && s.random.Float64() < 0.05 {
		return simulatedOrder{}, ReceiveStock{SKU: s.product(s.category()), Quantity: 5 + s.random.Int64N(30), Supplier: "wholesale"}, NotPlaced
	}
	if len(s.open) == 0 || s.random.Float64() < 0.25 {
		return simulatedOrder{}, s.place(), Placed
	}
	i := s.random.IntN(len(s.open))
	o := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	chance := s.random.Float64()
	switch {
	case o.fulfil && o.card && o.status == Placed && chance >= 0.02, o.fulfil && o.status == Paid && chance >= 0.02:
		return o, DeliverOrder{Order: o.id}, Delivered
	}
	switch o.status {
	case Placed:
		if chance < 0.06 {
			return o, CancelOrder{Order: o.id, Reason: "changed their mind"}, Cancelled
		}
		return o, PayOrder{Order: o.id, Amount: o.total, Method: s.method(), Installments: 1 + s.random.Int64N(6)}, Paid
	case Paid:
		if chance < 0.03 {
			return o, CancelOrder{Order: o.id, Reason: "out of stock"}, Cancelled
		}
		return o, ShipOrder{Order: o.id, Carrier: "Correios", Tracking: fmt.Sprintf("BR%09d", s.random.IntN(1e9))}, Shipped
	case Shipped:
		return o, DeliverOrder{Order: o.id}, Delivered
	case Delivered:
		return o, ReturnOrder{Order: o.id, Reason: "does not fit"}, Returned
	}
	return o, RefundOrder{Order: o.id, Reason: "returned"}, Refunded
}

// ends reports whether nothing more is to be done about an order. A few of those
// delivered come back.
func (s *Simulation) ends(o simulatedOrder) bool {
	switch o.status {
	case Delivered:
		return s.random.Float64() < 0.95
	case Cancelled, Refunded:
		return true
	}
	return false
}

func (s *Simulation) count(reached Status) *int {
	switch reached {
	case Placed:
		return &s.sum.Placed
	case Paid:
		return &s.sum.Paid
	case Shipped:
		return &s.sum.Shipped
	case Delivered:
		return &s.sum.Delivered
	case Cancelled:
		return &s.sum.Cancelled
	case Returned:
		return &s.sum.Returned
	}
	return &s.sum.Refunded
}

func (s *Simulation) place() PlaceOrder {
	towns := [][2]string{{"sao paulo", "SP"}, {"campinas", "SP"}, {"rio de janeiro", "RJ"}, {"belo horizonte", "MG"}, {"porto alegre", "RS"}, {"curitiba", "PR"}, {"salvador", "BA"}, {"recife", "PE"}}
	town := towns[s.random.IntN(len(towns))]
	c := PlaceOrder{Customer: Customer{ID: fmt.Sprintf("visitor-%d", 1+s.random.IntN(400)), City: town[0], State: town[1]}}
	for range 1 + s.random.IntN(3) {
		category := s.category()
		l := Line{
			Product:   s.product(category),
			Category:  category,
			Seller:    fmt.Sprintf("seller-%d", 1+s.random.IntN(20)),
			Quantity:  1 + s.random.Int64N(2),
			UnitPrice: Cents(990 + 100*s.random.Int64N(200)),
			Freight:   Cents(750 + 10*s.random.Int64N(200)),
		}
		c.Lines = append(c.Lines, l)
	}
	c.Total = sumOf(c.Lines)
	if c.Fulfil = s.fulfils; c.Fulfil && s.random.Float64() < 0.7 {
		c.Method = CardOnFile
	}
	return c
}

func (s *Simulation) category() string {
	categories := []string{"bed_bath_table", "health_beauty", "sports_leisure", "computers_accessories", "garden_tools", "watches_gifts", "toys"}
	return categories[s.random.IntN(len(categories))]
}

func (s *Simulation) product(category string) string {
	return fmt.Sprintf("%s-%d", category, 1+s.random.IntN(9))
}

func (s *Simulation) method() string {
	methods := []string{"credit_card", "credit_card", "credit_card", "boleto", "debit_card", "voucher"}
	return methods[s.random.IntN(len(methods))]
}
