package storeurl

import (
	"context"

	"github.com/daybook-es/daybook/store/pgstore"
)

// Postgres opens a log in a PostgreSQL database; see package pgstore. The parameters log and
// schema are the names of the log ("main") and of the schema that holds its tables
// ("daybook"). All others are for the database, such as sslmode, pool_max_conns, and host as
// the directory of a socket; the server refuses those that it does not know.
func Postgres(ctx context.Context, u *URL, o *Options) (Store, error) {
	options := &pgstore.Options{
		Log: u.Take("log"), Schema: u.Take("schema"),
		Existing: o.Existing, ReadOnly: o.ReadOnly, Require: o.Require, Logger: o.Logger,
	}
	return opened(pgstore.Open(ctx, u.Rest(), options))
}
