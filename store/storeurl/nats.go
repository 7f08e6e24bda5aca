package storeurl

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook/store/natsstore"
)

// NATS opens a node of a log that is kept in NATS JetStream, such as
// nats://one:4222,nats://two:4222?log=orders&dir=data; see [natsstore.Open] for the
// parameters, of which dir is required: the directory of the node's own copy. One process at
// a time has it.
func NATS(ctx context.Context, u *URL, o *Options) (Store, error) {
	options := &natsstore.Options{Existing: o.Existing, Require: o.Require, Logger: o.Logger}
	store, err := natsstore.Open(ctx, u.Rest(), options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u, err) // which does not say where
	}
	return o.guarded(store), nil
}

// NATSWith returns an opener that is [NATS] for all URLs but nats://embedded?dir=DIR: these
// it opens with a function, which is that of package natsstore/embedded. So only programs
// that want a server in their own process link one:
//
//	stores := storeurl.Stores()
//	stores["nats"] = storeurl.NATSWith(embedded.Open)
//
// The directory is that of the server and the node; parameters besides are log and node.
func NATSWith[S Store](embedded func(ctx context.Context, dir string, o *natsstore.Options) (S, error)) Opener {
	return func(ctx context.Context, u *URL, o *Options) (Store, error) {
		if u.host != "embedded" {
			return NATS(ctx, u, o)
		}
		dir := u.Take("dir")
		options := &natsstore.Options{Log: u.Take("log"), Node: u.Take("node"), Existing: o.Existing, Require: o.Require, Logger: o.Logger}
		if err := u.Done(); err != nil {
			return nil, err
		}
		store, err := embedded(ctx, dir, options)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u, err) // which does not say where
		}
		return o.guarded(store), nil
	}
}
