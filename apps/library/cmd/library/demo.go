package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/apps/library/web"
	"github.com/daybook-es/daybook/command"
)

// Demo runs both services in this process.
type Demo struct {
	Store string `default:"data/library-demo/log" placeholder:"URL" help:"Where the events are: a directory (${default}), or the URL of a store."`
	program.Listening
}

// Run serves until ctx ends. It prints the desk's address when it is ready.
func (c *Demo) Run(ctx context.Context, s *program.Streams) (err error) {
	desk, err := c.Listen(usualRead)
	if err != nil {
		return err
	}
	commands, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, desk.Close())
	}
	address := program.AddressOf(desk)
	store, err := Kept{c.Store}.open(ctx, "library demo at "+address, s.Log)
	if err != nil {
		return errors.Join(err, desk.Close(), commands.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := begin(ctx, store); err != nil {
		return errors.Join(err, desk.Close(), commands.Close())
	}
	inventory, err := library.Open(ctx, store, &library.InventoryOptions{Logger: s.Log})
	if err != nil {
		return errors.Join(err, desk.Close(), commands.Close())
	}
	defer func() { err = errors.Join(err, inventory.Close()) }()

	// Two services as two processes would be: they talk over HTTP, and meet in the store.
	common := httpapi.Options{Logger: s.Log, Hosts: c.Hosts(desk), Health: health(store)}
	to, err := url.Parse(program.AddressOf(commands))
	if err != nil {
		return errors.Join(err, desk.Close(), commands.Close())
	}
	writing := web.NewWriteSite(store, &web.WriteOptions{Options: common})
	reading := web.NewReadSite(inventory, &web.ReadOptions{Options: common, Write: to})
	services, ending := errgroup.WithContext(ctx)
	services.Go(func() error { return writing.Serve(ending, commands) })
	services.Go(func() error { return reading.Serve(ending, desk) })
	fmt.Fprintln(s.Out, address)
	s.Log.Info("the desk is open", "address", address, "write", to, "store", named(c.Store))
	err = services.Wait()
	s.Log.Info("stopped")
	return err
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
