package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/remote"
)

// Simulate makes the shop busy.
type Simulate struct {
	Data
	Fulfilment
	Addr string `xor:"shop,store" placeholder:"URL" here:"" help:"Address of the server that has the shop open, instead of --data: its page shows the orders arriving."`
	program.Bearer
	Rate   float64       `default:"5" placeholder:"N" help:"Commands a second (${default})."`
	For    time.Duration `placeholder:"TIME" help:"How long, such as 30s. Without it, until it is stopped."`
	ByHand bool          `help:"Do by hand what the shop does by itself: pay, and ship."`
	Seed   uint64        `placeholder:"N" help:"The same seed makes the same choices. Without it they are always others."`
}

// Validate is asked by the command line.
func (c *Simulate) Validate() error {
	if !(c.Rate > 0 && c.Rate <= 100_000) {
		return fmt.Errorf("--rate: is %v, and must be above 0 and at most 100000", c.Rate)
	}
	return c.Fulfilment.Validate()
}

// Run simulates until ctx ends, and says every five seconds what it did.
func (c *Simulate) Run(ctx context.Context, s *program.Streams) (err error) {
	at, done, err := c.desk(ctx, s)
	if err != nil {
		return err
	}
	defer done(&err)
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64() // #nosec G404 -- of a simulation
	}
	simulation := orders.NewSimulation(at, c.Seed)
	if !c.ByHand {
		simulation.Fulfil()
	}
	finished := make(chan struct{})
	go func() {
		simulation.Run(ctx, c.Rate)
		close(finished)
	}()
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			tell(s, simulation.Sum())
		case <-finished:
			sum := simulation.Sum()
			tell(s, sum)
			if sum.Failed > 0 && sum.Failed == sum.Commands() {
				return fmt.Errorf("simulate: nothing worked: %w", sum.Err)
			}
			return nil
		}
	}
}

func tell(s *program.Streams, sum orders.Simulated) {
	fmt.Fprintf(s.Out, "%s commands: %s placed, %s paid, %s shipped, %s delivered, %s cancelled, %s returned, %s refunded\n",
		program.Count(sum.Commands()), program.Count(sum.Placed), program.Count(sum.Paid), program.Count(sum.Shipped), program.Count(sum.Delivered), program.Count(sum.Cancelled), program.Count(sum.Returned), program.Count(sum.Refunded))
	if sum.Received > 0 || sum.Early > 0 {
		fmt.Fprintf(s.Out, "  %s times goods came in, %s orders were not shipped yet when they should have been delivered\n", program.Count(sum.Received), program.Count(sum.Early))
	}
	if sum.Refused > 0 {
		fmt.Fprintf(s.Out, "  %s refused\n", program.Count(sum.Refused))
	}
	if sum.Failed > 0 {
		fmt.Fprintf(s.Out, "  %s failed%s\n", program.Count(sum.Failed), because(sum.Err))
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// desk returns where the commands are handed in, and what to do at the end.
func (c *Simulate) desk(ctx context.Context, s *program.Streams) (orders.Desk, func(*error), error) {
	if c.Addr != "" {
		shop, err := remote.Dial(c.Addr, c.Key)
		return shop, func(*error) {}, err
	}
	options, _, _, err := c.options()
	if err != nil {
		return nil, nil, err
	}
	shop, err := c.open(ctx, fmt.Sprintf("orders simulate, process %d", os.Getpid()), s.Log, options, nil)
	if err != nil {
		return nil, nil, err
	}
	return shop.Desk("simulation"), shop.close, nil
}
