package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Kept says where the events of the catalogue are kept.
type Kept struct {
	Data  string `default:"data/catalog" placeholder:"DIR" help:"Directory that the catalogue is kept in (${default}); it is made if it is not there."`
	Store string `placeholder:"URL" help:"Store that the events are kept in, such as log:///var/lib/catalog or postgres://localhost/shop?log=catalog, instead of DIR/log."`
}

// Data says where the catalogue is kept, and what questions are answered from.
type Data struct {
	Kept
	Views string `placeholder:"URL" help:"PostgreSQL database that questions are answered from, such as postgres://localhost/showcase, instead of DIR/views. It is for one catalogue, which makes what it needs there."`
}

// stores are those that the program knows. A store in memory is none of them: views are kept,
// and would be of events that are gone.
var stores = func() storeurl.Registry {
	kept := storeurl.Stores()
	delete(kept, "mem")
	return kept
}()

// where returns the URL or the directory of the store of events.
func (k Kept) where() string { return cmp.Or(k.Store, filepath.Join(k.Data, "log")) }

// check returns what is wrong with what the flags say, as far as that can be told without
// opening anything.
func (k Kept) check() error { return program.CheckStore(stores, k.where()) }

// check returns what is wrong with what the flags say, as far as that can be told without
// opening anything.
func (d Data) check() error {
	err := d.Kept.check()
	if d.Views != "" && !strings.HasPrefix(d.Views, "postgres://") && !strings.HasPrefix(d.Views, "postgresql://") {
		err = errors.Join(err, errors.New("--views: the address of a database begins with postgres://"))
	}
	return err
}

// open opens the store of events. Others who find a directory open are told of the owner.
func (k Kept) open(ctx context.Context, owner string, log *slog.Logger) (storeurl.Store, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	store, err := stores.Open(ctx, k.where(), &storeurl.Options{Owner: owner, Logger: log})
	locked := (*logstore.LockedError)(nil)
	if errors.As(err, &locked) {
		return nil, fmt.Errorf("%s is open already: %s", k.where(), cmp.Or(locked.Owner, "in another program"))
	}
	return store, err
}

// open opens the store of events, unless something is wrong with the flags.
func (d Data) open(ctx context.Context, owner string, log *slog.Logger) (storeurl.Store, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return d.Kept.open(ctx, owner, log)
}

// views returns where questions are answered from. With --store directories are apart for
// each log, so that a catalogue whose log was copied elsewhere has its views built again by
// itself.
func (d Data) views(ctx context.Context, store daybook.Store) (readmodel.Place, error) {
	switch {
	case d.Views != "":
		return readmodel.Place{URL: d.Views}, nil
	case d.Store == "":
		return readmodel.Place{Dir: filepath.Join(d.Data, "views")}, nil
	}
	info, err := store.Info(ctx)
	return readmodel.Place{Dir: filepath.Join(d.Data, "views", info.Head.Log.String())}, err
}
