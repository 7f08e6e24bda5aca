package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Data says where the shop is kept.
type Data struct {
	Data  string `xor:"shop" placeholder:"DIR" help:"Directory that the shop is kept in (data/orders); it is made if it is not there."`
	Store string `xor:"store" placeholder:"URL" help:"Store that the events are kept in, such as log:///var/lib/shop or postgres://localhost/shop?log=orders, instead of DIR/log. Views stay in DIR."`
}

// AfterApply is called by the command line. A default in the tag would count as given
// beside --addr.
func (d *Data) AfterApply() error {
	d.Data = cmp.Or(d.Data, "data/orders")
	return nil
}

// stores are those that the program knows. A store in memory is none of them: views are kept,
// and would be of events that are gone.
var stores = func() storeurl.Registry {
	kept := storeurl.Stores()
	delete(kept, "mem")
	return kept
}()

// where returns the URL or the directory of the store of events.
func (d Data) where() string { return cmp.Or(d.Store, filepath.Join(d.Data, "log")) }

// log opens the store of events.
func (d Data) log(ctx context.Context, o *storeurl.Options) (storeurl.Store, error) {
	return stores.Open(ctx, d.where(), o)
}

// check returns what is wrong with what the flags say, as far as that can be told without
// opening anything.
func (d Data) check() error { return program.CheckStore(stores, d.where()) }

// views returns the directory of the views of a store. With --store they are apart for
// each log, so that a shop whose log was copied elsewhere has them built again by itself.
func (d Data) views(ctx context.Context, store daybook.Store) (string, error) {
	views := filepath.Join(d.Data, "views")
	if d.Store == "" {
		return views, nil
	}
	info, err := store.Info(ctx)
	return filepath.Join(views, info.Head.Log.String()), err
}

// opened is the shop: its store of events, and its views, which can be built again from
// them, in the directory views.
type opened struct {
	*orders.Shop
	store storeurl.Store
}

// open opens the shop. Others who find it open are told of the owner: an address that
// begins with "http://", or what program it is. The options may be nil, and so may seen,
// which otherwise sees what the shop does.
func (d Data) open(ctx context.Context, owner string, log *slog.Logger, options *orders.Options, seen *program.Seen) (*opened, error) {
	return d.openStore(ctx, &storeurl.Options{Owner: owner, Logger: log}, options, seen)
}

// openExisting opens the shop if there is one, as open does.
func (d Data) openExisting(ctx context.Context, owner string, log *slog.Logger) (*opened, error) {
	if err := d.exists(); err != nil {
		return nil, err
	}
	return d.openStore(ctx, &storeurl.Options{Owner: owner, Logger: log, Existing: true}, nil, nil)
}

func (d Data) openStore(ctx context.Context, how *storeurl.Options, options *orders.Options, seen *program.Seen) (*opened, error) {
	store, err := d.log(ctx, how)
	var locked *logstore.LockedError
	if errors.As(err, &locked) {
		return nil, d.taken(locked.Owner)
	}
	if err != nil {
		return nil, err
	}
	if options == nil {
		options = new(orders.Options)
	}
	options.Logger = how.Logger
	if seen != nil {
		store = seen.Store("orders", store)
		seen.Disk("data", d.Data)
		options.Commands = seen.Commands(options.Commands)
		options.Processes = seen.Processes(options.Processes)
		options.Projections = seen.Projections(options.Projections)
	}
	views, err := d.views(ctx, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	shop, err := orders.Open(ctx, store, views, options)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &opened{shop, store}, nil
}

// taken says who has the directory of events open, and what to do about it.
func (d Data) taken(owner string) error {
	where := d.Data
	if d.Store != "" {
		where = "the store of events"
	}
	switch {
	case strings.HasPrefix(owner, "http"):
		return fmt.Errorf("a server has %s open: go through it with --addr %s", where, owner)
	case owner != "":
		return fmt.Errorf("%s is open already: %s", where, owner)
	}
	return fmt.Errorf("%s is open already, in another program", where)
}

// exists returns an error if there is no shop, for those who only want to look.
func (d Data) exists() error {
	where, log := d.Data, filepath.Join(d.Data, "log")
	if d.Store != "" {
		u, err := storeurl.Parse(d.Store)
		if err != nil || u.Scheme != "log" {
			return err // what is no directory tells when it is opened
		}
		if log, err = u.Directory(); err != nil {
			return err
		}
		where = log
	}
	if _, err := os.Stat(log); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no shop in %s; begin one with orders serve or orders import", where)
	}
	return nil
}

// caughtUp returns when the views show everything that is recorded.
func (o *opened) caughtUp(ctx context.Context) error {
	now, err := o.Now(ctx)
	if err != nil {
		return err
	}
	return o.Wait(ctx, now)
}

// close closes the views, then the store. It is for defer: it adds to err.
func (o *opened) close(err *error) { *err = errors.Join(*err, o.Shop.Close(), o.store.Close()) }
