package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/program"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Kept says where the library is kept.
type Kept struct {
	Store string `default:"data/library/log" placeholder:"URL" help:"Where the events are: a directory (${default}), or the URL of a store, such as postgres://HOST/DATABASE or nats://HOST:4222?dir=DIR."`
}

// stores are those that the program knows: all that there are, and one with a NATS server
// in this process.
var stores = func() storeurl.Registry {
	all := storeurl.Stores()
	all["nats"] = storeurl.NATSWith(embedded.Open)
	return all
}()

// open opens the store, as soon as it can be reached: services are started in any order. A
// directory in which there is nothing yet is waited for by those who only read, and a server
// that is not there by everybody; anything else that is wrong does not pass by itself. Others
// who find a directory open are told of the owner.
func (k Kept) open(ctx context.Context, owner string, readOnly bool, log *slog.Logger) (storeurl.Store, error) {
	u, err := stores.Parse(k.Store)
	if err != nil {
		return nil, err
	}
	directory := u.Scheme == "log"
	// Where any number of processes may record, it matters to nobody who is the first.
	options := &storeurl.Options{Owner: owner, ReadOnly: readOnly && directory, Logger: log}
	pause := 50 * time.Millisecond
	for told := false; ; told = true {
		store, err := stores.Open(ctx, k.Store, options)
		locked, away := (*logstore.LockedError)(nil), (*daybook.UnavailableError)(nil)
		switch {
		case errors.As(err, &locked):
			return nil, fmt.Errorf("one program at a time records in a directory, and this one is taken by %s; a store such as PostgreSQL or NATS takes any number", orSomebody(locked.Owner))
		case err == nil, !errors.As(err, &away) && !(directory && readOnly && errors.Is(err, fs.ErrNotExist)):
			return store, err
		case !told:
			log.WarnContext(ctx, "waiting for the store", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

func orSomebody(owner string) string {
	if owner == "" {
		return "another"
	}
	return owner
}

// named returns the store as a log may name it: without what is secret in it.
func (k Kept) named() string { return program.StoreName(stores, k.Store) }

// check returns what is wrong with what the flags say, as far as that can be told without
// opening anything.
func (k Kept) check() error { return program.CheckStore(stores, k.Store) }
