package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// Kept says where the library is kept.
type Kept struct {
	Store string `default:"data/library/log" placeholder:"URL" help:"Where the events are: a directory (${default}), or the URL of a store."`
}

// stores are those that the program knows.
var stores = storeurl.Stores()

// open opens the store to record in it. Others who find a directory open are told of the
// owner.
func (k Kept) open(ctx context.Context, owner string, log *slog.Logger) (storeurl.Store, error) {
	store, err := stores.Open(ctx, k.Store, &storeurl.Options{Owner: owner, Logger: log})
	if locked := (*logstore.LockedError)(nil); errors.As(err, &locked) {
		return nil, fmt.Errorf("one program at a time records in a directory, and this one is taken by %s; a store such as PostgreSQL or NATS takes any number", orSomebody(locked.Owner))
	}
	return store, err
}

func orSomebody(owner string) string {
	if owner == "" {
		return "another"
	}
	return owner
}

// await opens the store to read it, as soon as there is one: services are started in any
// order.
func (k Kept) await(ctx context.Context, log *slog.Logger) (storeurl.Store, error) {
	pause := 50 * time.Millisecond
	for told := false; ; told = true {
		store, err := stores.Open(ctx, k.Store, &storeurl.Options{ReadOnly: true, Logger: log})
		away := (*daybook.UnavailableError)(nil)
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &away) {
			return store, err
		}
		if !told {
			log.InfoContext(ctx, "waiting for the store", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

// isURL reports whether a text is the URL of a store, and not a directory.
func isURL(text string) bool { return strings.Contains(text, "://") }
