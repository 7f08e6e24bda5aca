package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/apps/library/web"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
)

// Demo runs both services in this process, and what they meet in.
type Demo struct {
	Data  string `xor:"kept" placeholder:"DIR" help:"Directory of a NATS server in this process, and of the services' copies of the log (data/library-demo)."`
	Store string `xor:"kept" placeholder:"URL" help:"Where the events are, instead: a directory, or the URL of a store."`
	Nats  string `placeholder:"HOST:PORT" help:"Where the NATS server listens, for services in other processes: library read --store nats://HOST:PORT?dir=DIR. Without it, it talks to this process alone."`
	program.Serving
}

// AfterApply is called by the command line. A default in the tag would count as given
// beside --store.
func (c *Demo) AfterApply() error {
	c.Data = cmp.Or(c.Data, "data/library-demo")
	return nil
}

// Run serves until ctx ends. It prints the desk's address when it is ready.
func (c *Demo) Run(ctx context.Context, s *program.Streams) (err error) {
	var closing []func() error
	defer func() {
		for _, close := range slices.Backward(closing) {
			err = errors.Join(err, close())
		}
	}()
	desk, err := c.Listen(usualRead, s.Log)
	if err != nil {
		return err
	}
	defer desk.Close() // the service that has it closes it before
	address := program.AddressOf(desk)
	writer, reader, where, err := c.stores(ctx, "library demo at "+address, s, func(close func() error) { closing = append(closing, close) })
	if err != nil {
		return err
	}
	writes, err := c.Begin("library-write", address, s.Log)
	if err != nil {
		return err
	}
	defer writes.Close()
	reads, err := c.Begin("library-read", address, s.Log)
	if err != nil {
		return err
	}
	defer reads.Close()
	reads.Certificate(c.Secured)
	writer, reader = writes.Around("library", writer), reads.Around("library", reader)
	if err := begin(ctx, writer); err != nil {
		return err
	}
	inventory, err := library.Open(ctx, reader, &library.InventoryOptions{Projection: reads.Projections(projection.Options{}), Logger: s.Log})
	if err != nil {
		return err
	}
	closing = append(closing, inventory.Close)

	// Two services as two processes would be: they talk over HTTP, and meet in the store.
	commands, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	who, err := c.Open(ctx, policied, desk, writer, writes, s.Log)
	if err != nil {
		return errors.Join(err, commands.Close())
	}
	closing = append(closing, who.Close)
	common := who.Site
	to := &url.URL{Scheme: "http", Host: commands.Addr().String()}
	writing := web.NewWriteSite(writer, &web.WriteOptions{Options: common, Commands: writes.Commands(command.Options{})})
	common.Metrics, common.Traces = reads.Metrics, reads.Traces
	reading := web.NewReadSite(inventory, &web.ReadOptions{Options: common, Write: to})
	if err := writes.Watch(ctx, writing.Metrics.Registry, filepath.Join(c.Data, "write-alerts")); err != nil {
		return err
	}
	if err := reads.Watch(ctx, reading.Metrics.Registry, filepath.Join(c.Data, "read-alerts")); err != nil {
		return err
	}
	services, ending := errgroup.WithContext(ctx)
	services.Go(func() error { return writing.Serve(ending, commands) })
	services.Go(func() error { return reading.Serve(ending, desk) })
	fmt.Fprintln(s.Out, address)
	s.Log.Info("the desk is open", "address", address, "write", to, "store", where)
	err = services.Wait()
	s.Log.Info("stopped")
	return err
}

// stores opens the store of the write service, that of the read service, and says where
// they are. With the NATS server each has a node of its own, as it would in a process of
// its own. What is opened is given to closing.
func (c *Demo) stores(ctx context.Context, owner string, s *program.Streams, closing func(func() error)) (writer, reader daybook.Store, where string, err error) {
	if c.Store != "" {
		kept := Kept{c.Store}
		store, err := kept.open(ctx, owner, false, s.Log)
		if err != nil {
			return nil, nil, "", err
		}
		closing(store.Close)
		return store, store, kept.named(), nil
	}
	server, err := embedded.Start(filepath.Join(c.Data, "server"), &embedded.Options{Listen: c.Nats})
	if err != nil {
		return nil, nil, "", err
	}
	closing(server.Close)
	var nodes []daybook.Store
	for _, name := range []string{"write", "read"} {
		node, err := natsstore.Open(ctx, server.URL(), &natsstore.Options{
			Dir: filepath.Join(c.Data, name), Node: name, NATS: []nats.Option{server.InProcess()}, Synced: server.Synced, Logger: s.Log,
		})
		if err != nil {
			return nil, nil, "", err
		}
		closing(node.Close)
		nodes = append(nodes, node)
	}
	return nodes[0], nodes[1], c.Data, nil
}

// begin gives a library that is empty a few books, readers, and a past: some of what they
// borrowed should be back by now. A library that is begun already stays as it is, and so
// does one that was begun half.
func begin(ctx context.Context, store daybook.Store) error {
	if _, err := library.Record(ctx, store, each(library.Classics), time.Now().AddDate(0, -3, 0), nil); err != nil {
		return err
	}
	for n, l := range []struct {
		ago    int
		reader library.Card
		book   int
		days   int // until it came back, or zero
	}{
		{60, "ada", 0, 12}, {58, "grace", 5, 20}, {45, "ada", 12, 0}, {40, "emmy", 2, 15}, {37, "grace", 0, 0},
		{20, "hedy", 4, 6}, {12, "emmy", 14, 0}, {9, "hedy", 6, 0}, {5, "ada", 9, 0}, {3, "rosalind", 13, 0}, {1, "hedy", 14, 0},
	} {
		lent := time.Now().AddDate(0, 0, -l.ago)
		isbn := library.Classics[l.book].ISBN
		key := command.Envelope{Principal: "demo", Key: fmt.Sprintf("loan %d", n)}
		bus := library.NewBus(store, func() time.Time { return lent }, nil)
		if _, err := bus.Do(ctx, key, library.BorrowBook{ISBN: isbn, Reader: l.reader}); notNews(err) != nil {
			return err
		}
		if l.days == 0 {
			continue
		}
		bus = library.NewBus(store, func() time.Time { return lent.AddDate(0, 0, l.days) }, nil)
		if _, err := bus.Do(ctx, key, library.ReturnBook{ISBN: isbn, Reader: l.reader}); notNews(err) != nil {
			return err
		}
	}
	return nil
}

// notNews returns an error unless it says that the library has moved on since it was begun.
func notNews(err error) error {
	if refused := (*daybook.RefusedError)(nil); errors.As(err, &refused) {
		return nil
	}
	return err
}

// each yields books as a catalogue does.
func each(books []library.BookAdded) func(func(library.BookAdded, error) bool) {
	return func(yield func(library.BookAdded, error) bool) {
		for _, b := range books {
			if !yield(b, nil) {
				return
			}
		}
	}
}
