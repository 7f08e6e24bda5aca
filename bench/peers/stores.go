package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/natsstore"
	"github.com/daybook-es/daybook/store/pgstore"
)

// Ours is a store of this module that is not embedded.
type Ours struct {
	daybook.Restorer
	close func() error
}

var silent = slog.New(slog.DiscardHandler)

// OpenPgstore opens a log in a database.
func OpenPgstore(ctx context.Context, url string) (*Ours, error) {
	store, err := pgstore.Open(ctx, url, &pgstore.Options{Require: daybook.Disk, Logger: silent})
	if err != nil {
		return nil, err
	}
	return &Ours{store, store.Close}, nil
}

// OpenNatsstore opens so many nodes of a log that a cluster keeps, each in a directory of
// its own and at a server of its own. Where there are several, the first has recorded an
// event and so holds the epoch; what is returned is the last.
func OpenNatsstore(ctx context.Context, c *Cluster, dir, name string, nodes int) (*Ours, error) {
	var opened []*natsstore.Store
	closeAll := func() (err error) {
		for _, s := range opened {
			err = errors.Join(err, s.Close())
		}
		return err
	}
	for n := range nodes {
		store, err := natsstore.Open(ctx, c.URL(n), &natsstore.Options{
			Dir: filepath.Join(dir, fmt.Sprintf("%s-%d", name, n)), Log: name, Replicas: clusterServers, Require: daybook.Quorum,
			// The servers are in this process, and sync.
			Synced: func(context.Context, []string) error { return nil },
			Logger: silent,
		})
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		opened = append(opened, store)
	}
	if nodes > 1 {
		if _, err := opened[0].Append(ctx, []daybook.Event{{Type: "Opened"}}, nil); err != nil {
			return nil, errors.Join(err, closeAll())
		}
	}
	return &Ours{opened[nodes-1], closeAll}, nil
}

// AppendAt implements [Versioned].
func (o *Ours) AppendAt(ctx context.Context, e daybook.Event, at daybook.Version) error {
	_, err := o.Append(ctx, []daybook.Event{e}, daybook.At(e.Stream, at))
	return err
}

// Close implements [Versioned].
func (o *Ours) Close() error { return o.close() }
