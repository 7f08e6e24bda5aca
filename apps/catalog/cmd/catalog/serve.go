package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/catalog/web"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/projection"
)

// Serve serves the catalogue over HTTP.
type Serve struct {
	Data
	program.Serving
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
	store, err := c.open(ctx, address, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen, err := c.Begin("catalog", address, s.Log)
	if err != nil {
		return err
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	store = seen.Store("catalog", store)
	seen.Disk("data", program.StoreDir(stores, c.where()))
	place, err := c.views(ctx, store)
	if err != nil {
		return err
	}
	showcase := catalog.OpenShowcase(store, place, &catalog.ShowcaseOptions{CacheBytes: c.Cache, Runner: seen.Projections(projection.Options{}), Logger: s.Log})
	defer func() { err = errors.Join(err, showcase.Close()) }()
	who, err := c.Open(ctx, policied, listener, store, seen, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.New(store, showcase, &web.Options{
		Options:  who.Site,
		Commands: seen.Commands(command.Options{}),
	})
	// Who is told the address may ask at once, unless that is to take long.
	begun, cancel := context.WithTimeout(ctx, beginWithin)
	showcase.ReadModel().Begun(begun)
	cancel()
	if err := seen.Watch(ctx, site.Metrics.Registry, filepath.Join(c.Data.Data, "alerts")); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("serving", "address", address, "store", program.StoreName(stores, c.where()), "views", program.StoreName(stores, cmp.Or(place.URL, place.Dir)))
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
