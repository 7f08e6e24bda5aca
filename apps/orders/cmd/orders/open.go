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

	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/logstore"
)

// Data says where the shop is kept.
type Data struct {
	Data string `xor:"shop" placeholder:"DIR" help:"Directory that the shop is kept in (data/orders); it is made if it is not there."`
}

// AfterApply is called by the command line. A default in the tag would count as given
// beside --addr.
func (d *Data) AfterApply() error {
	d.Data = cmp.Or(d.Data, "data/orders")
	return nil
}

// opened is the shop in a directory: its events in log, its views, which can be built
// again from them, in views.
type opened struct {
	*orders.Shop
	store *logstore.Store
}

// open opens the shop. Others who find it open are told of the owner: an address that
// begins with "http://", or what program it is. The options may be nil.
func (d Data) open(ctx context.Context, owner string, log *slog.Logger, options *orders.Options) (*opened, error) {
	store, err := logstore.Open(filepath.Join(d.Data, "log"), &logstore.Options{Owner: owner, Logger: log})
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
	options.Logger = log
	shop, err := orders.Open(ctx, store, filepath.Join(d.Data, "views"), options)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return &opened{shop, store}, nil
}

// taken says who has the directory open, and what to do about it.
func (d Data) taken(owner string) error {
	switch {
	case strings.HasPrefix(owner, "http"):
		return fmt.Errorf("a server has %s open: go through it with --addr %s", d.Data, owner)
	case owner != "":
		return fmt.Errorf("%s is open already: %s", d.Data, owner)
	}
	return fmt.Errorf("%s is open already, in another program", d.Data)
}

// exists returns an error if there is no shop, for those who only want to look.
func (d Data) exists() error {
	if _, err := os.Stat(filepath.Join(d.Data, "log")); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no shop in %s; begin one with orders serve or orders import", d.Data)
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

// health returns why nothing is recorded until the shop is opened again, or nil. A disk
// that is full may have room again, and only the next command can tell. With a clock that
// jumped the shop goes on; the store's log says so.
func (o *opened) health() error {
	err := o.store.Health()
	if unwell := (*logstore.HealthError)(nil); errors.As(err, &unwell) && !unwell.ReadOnly {
		return nil
	}
	if clock := (*logstore.ClockError)(nil); errors.As(err, &clock) {
		return nil
	}
	return err
}

// close closes the views, then the store. It is for defer: it adds to err.
func (o *opened) close(err *error) { *err = errors.Join(*err, o.Shop.Close(), o.store.Close()) }
