package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/apps/orders/web"
)

// Serve serves the shop over HTTP.
type Serve struct {
	Data
	Fulfilment
	program.Serving
}

const usualAddr = "127.0.0.1:8080"

// Check implements [program.Checker].
func (c *Serve) Check(context.Context) error {
	return errors.Join(c.Data.check(), c.Serving.Check(policied))
}

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Serve) Run(ctx context.Context, s *program.Streams) (err error) {
	listener, err := c.Listen(usualAddr, s.Log)
	if err != nil {
		return err
	}
	defer listener.Close() // the site that has it closes it before
	address := program.AddressOf(listener)
	options, payments, carrier, err := c.options()
	if err != nil {
		return err
	}
	seen, err := c.Begin("orders", address, s.Log)
	if err != nil {
		return err
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	shop, err := c.open(ctx, address, s.Log, options, seen)
	if err != nil {
		return err
	}
	defer shop.close(&err)
	who, err := c.Open(ctx, policied, listener, shop.store, seen, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.New(shop.Shop, &web.Options{
		Options:   who.Site,
		Providers: []*simulated.Desk{payments.Desk, carrier.Desk},
	})
	if err := seen.Watch(ctx, site.Metrics.Registry, filepath.Join(c.Data.Data, "alerts")); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("serving", "address", address, "data", c.Data.Data, "store", program.StoreName(stores, c.where()))
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
