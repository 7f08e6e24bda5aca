package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/apps/library/web"
	"github.com/daybook-es/daybook/projection"
)

// Read runs a read service.
type Read struct {
	Kept
	program.Serving
	Write *url.URL `placeholder:"URL" help:"Address of a write service, to which whatever is posted is handed on. Without it, a proxy in front sees to that."`
	Data  string   `placeholder:"DIR" help:"Directory of this read service alone, for a snapshot of what it knows. Without one it reads the whole log when it starts."`
}

// Validate is asked by the command line.
func (c *Read) Validate() error {
	if c.Write != nil && (c.Write.Scheme != "http" && c.Write.Scheme != "https" || c.Write.Host == "") {
		return fmt.Errorf("--write: %q is no address such as http://127.0.0.1:8081", c.Write)
	}
	return nil
}

// Check implements [program.Checker].
func (c *Read) Check(context.Context) error {
	return errors.Join(c.Kept.check(), c.Serving.Check(policied))
}

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Read) Run(ctx context.Context, s *program.Streams) (err error) {
	listener, err := c.Listen(usualRead, s.Log)
	if err != nil {
		return err
	}
	defer listener.Close() // the site that has it closes it before
	address := program.AddressOf(listener)
	store, err := c.open(ctx, "library read at "+address, true, s.Log)
	if err != nil {
		if ctx.Err() != nil {
			err = nil // it was told to end before there was a store
		}
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	seen, err := c.Begin("library-read", address, s.Log)
	if err != nil {
		return err
	}
	defer seen.Close()
	seen.Certificate(c.Secured)
	store = seen.Store("library", store)
	seen.Disk("data", program.StoreDir(stores, c.Store))
	inventory, err := library.Open(ctx, store, &library.InventoryOptions{Dir: c.Data, Projection: seen.Projections(projection.Options{}), Logger: s.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, inventory.Close()) }()
	who, err := c.Open(ctx, policied, listener, store, seen, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, who.Close()) }()
	site := web.NewReadSite(inventory, &web.ReadOptions{Options: who.Site, Write: c.Write})
	if err := seen.Watch(ctx, site.Metrics.Registry, "data/library/read-alerts"); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, address)
	s.Log.Info("answering", "address", address, "store", c.named(), "write", c.Write)
	err = site.Serve(ctx, listener)
	s.Log.Info("stopped")
	return err
}
