package main

import (
	"math/rand/v2"
	"time"

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
)

// Fulfilment says how orders are fulfilled, which a shop is asked for with each. The
// payment provider and the carrier are simulated: no money is moved, and nothing is
// fetched.
type Fulfilment struct {
	PayWithin time.Duration `default:"24h" placeholder:"TIME" help:"How long a customer has to pay an order that the shop fulfils and charges no card for (${default})."`

	Decline     float64       `placeholder:"RATE" help:"How often the simulated providers decline, from 0 to 1. All of these can be changed later, on the page Providers."`
	Unreachable float64       `placeholder:"RATE" help:"How often they cannot be reached."`
	Silent      float64       `placeholder:"RATE" help:"How often they do what they are asked and do not answer."`
	Twice       float64       `placeholder:"RATE" help:"How often they are asked twice over, and answer twice."`
	Slow        float64       `placeholder:"RATE" help:"How often they are slow."`
	Delay       time.Duration `default:"2s" placeholder:"TIME" help:"How long a slow answer takes (${default})."`
	Chance      uint64        `placeholder:"N" help:"The same number lets the same calls fail. Without it they are always others."`
}

func (f *Fulfilment) behaviour() simulated.Behaviour {
	return simulated.Behaviour{Slow: f.Slow, Decline: f.Decline, Unreachable: f.Unreachable, Silent: f.Silent, Twice: f.Twice, DelayMillis: f.Delay.Milliseconds()}
}

// Validate is asked by the command line.
func (f *Fulfilment) Validate() error { return f.behaviour().Validate() }

// options returns the options of a shop that fulfils orders, with its providers.
func (f *Fulfilment) options() (*orders.Options, *simulated.Payments, *simulated.Carrier, error) {
	if f.Chance == 0 {
		f.Chance = rand.Uint64() // #nosec G404 -- of a simulation
	}
	payments, carrier := simulated.NewPayments(f.Chance), simulated.NewCarrier(f.Chance+1)
	for _, desk := range []*simulated.Desk{payments.Desk, carrier.Desk} {
		if err := desk.Behave(f.behaviour()); err != nil {
			return nil, nil, nil, err
		}
	}
	return &orders.Options{Payments: payments, Carrier: carrier, PayWithin: f.PayWithin}, payments, carrier, nil
}
