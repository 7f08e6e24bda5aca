package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
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
	program.Listening
	program.Guarded
	program.Seeing
}

// Check implements [program.Checker].
func (c *Write) Check(context.Context) error {
	return errors.Join(c.Kept.check(), c.Listening.Check(), c.Guarded.Check(stores, c.Listening, web.Policy(), web.Names()), c.Seeing.Check())
}

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Write) Run(ctx context.Context, s *program.Streams) (err error) {
	listener, err := c.Listen(usualWrite, s.Log)
	if err != nil {
		return err
	}
	address := program.AddressOf(listener)
	store, err := c.open(ctx, "library write at "+address, false, s.Log)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to end before there was a store
		}
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen, err := c.Begin("library-write", address, s.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	store = seen.Store("library", store)
	seen.Disk("data", c.dir())
	who, err := c.Guarded.Open(ctx, stores, c.Listening, listener.Addr(), web.Policy(), web.Names(), store, seen, s.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.NewWriteSite(store, &web.WriteOptions{
		Options:  who.In(httpapi.Options{Logger: s.Log, Hosts: c.Hosts(listener), Limits: c.Limits(), Health: program.Health(store), Drain: c.Drain, Metrics: seen.Metrics, Traces: seen.Traces}),
		Commands: seen.Commands(command.Options{}),
	})
	if err := seen.Watch(ctx, site.Metrics.Registry, "data/library/write-alerts"); err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("taking commands", "address", address, "store", c.named())
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
