package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library/web"
	"github.com/daybook-es/daybook/command"
)

// Where services listen unless somebody says otherwise.
const (
	usualRead  = "127.0.0.1:8080"
	usualWrite = "127.0.0.1:8081"
)

// Write runs a write service.
type Write struct {
	Kept
	program.Serving
}

// Check implements [program.Checker].
func (c *Write) Check(context.Context) error {
	return errors.Join(c.Kept.check(), c.Serving.Check(policied))
}

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Write) Run(ctx context.Context, s *program.Streams) (err error) {
	listener, err := c.Listen(usualWrite, s.Log)
	if err != nil {
		return err
	}
	defer listener.Close() // the site that has it closes it before
	address := program.AddressOf(listener)
	store, err := c.open(ctx, "library write at "+address, false, s.Log)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to end before there was a store
		}
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen, err := c.Begin("library-write", address, s.Log)
	if err != nil {
		return err
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	store = seen.Store("library", store)
	seen.Disk("data", program.StoreDir(stores, c.Store))
	who, err := c.Open(ctx, policied, listener, store, seen, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.NewWriteSite(store, &web.WriteOptions{
		Options:  who.Site,
		Commands: seen.Commands(command.Options{}),
	})
	if err := seen.Watch(ctx, site.Metrics.Registry, "data/library/write-alerts"); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("taking commands", "address", address, "store", c.named())
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
