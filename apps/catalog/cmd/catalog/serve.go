package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/catalog/web"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/projection"
)

// Serve serves the catalogue over HTTP.
type Serve struct {
	Data
	program.Listening
	program.Guarded
	program.Seeing
	Cache int64 `default:"67108864" placeholder:"BYTES" help:"How much of what was answered is kept (${default}), to answer the same again, and while the read database is away; -1 is nothing."`
}

const (
	usualAddr = "127.0.0.1:8080"
	// beginWithin is how long the program waits for its read model before it says that it is
	// there: a large one that is built from the log may take minutes.
	beginWithin = 3 * time.Second
)

// Check implements [program.Checker].
func (c *Serve) Check(context.Context) error {
	return errors.Join(c.Data.check(), c.Listening.Check(), c.Guarded.Check(stores, c.Listening, web.Policy(), web.Names()), c.Seeing.Check())
}

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Serve) Run(ctx context.Context, s *program.Streams) (err error) {
	listener, err := c.Listen(usualAddr, s.Log)
	if err != nil {
		return err
	}
	address := program.AddressOf(listener)
	store, err := c.open(ctx, address, s.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen, err := c.Begin("catalog", address, s.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	store = seen.Store("catalog", store)
	seen.Disk("data", c.dir())
	place, err := c.views(ctx, store)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	showcase := catalog.OpenShowcase(store, place, &catalog.ShowcaseOptions{CacheBytes: c.Cache, Runner: seen.Projections(projection.Options{}), Logger: s.Log})
	defer func() { err = errors.Join(err, showcase.Close()) }()
	who, err := c.Guarded.Open(ctx, stores, c.Listening, listener.Addr(), web.Policy(), web.Names(), store, seen, s.Log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.New(store, showcase, &web.Options{
		Options:  who.In(httpapi.Options{Logger: s.Log, Hosts: c.Hosts(listener), Limits: c.Limits(), Health: program.Health(store), Drain: c.Drain, Metrics: seen.Metrics, Traces: seen.Traces}),
		Commands: seen.Commands(command.Options{}),
	})
	// Who is told the address may ask at once, unless that is to take long.
	begun, cancel := context.WithTimeout(ctx, beginWithin)
	showcase.ReadModel().Begun(begun)
	cancel()
	if err := seen.Watch(ctx, site.Metrics.Registry, filepath.Join(c.Data.Data, "alerts")); err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("serving", "address", address, "store", program.StoreName(stores, c.where()), "views", named(place))
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
