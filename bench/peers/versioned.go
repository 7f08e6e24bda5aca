package peers

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A Versioned keeps events on a server that others are measured on too. It may be called by
// many at once, Close excepted.
type Versioned interface {
	// AppendAt records one event if its stream is at a version, and returns when that is
	// durable. Who appends to a stream alone is never refused.
	AppendAt(ctx context.Context, event daybook.Event, at daybook.Version) error
	// Close leaves the server as it is.
	Close() error
}

// Shared are the peers that are measured on one server or one cluster. Their Open is nil.
var Shared = []Kind{
	{Key: "pgstore", Name: "pgstore", Synced: "commit, synchronous_commit on",
		Note: "default options; ids looked up for ever, versions, found by five terms, positions without gaps in the order of commits"},
	{Key: "pg-plain", Name: "plain table", Synced: "commit, synchronous_commit on",
		Note: "one INSERT an append, at most 64 connections; position from an identity column, unique id, unique (stream, version), jsonb; no index of types, categories or tags. **A reader that remembers a position skips what commits late**"},
	{Key: "pg-locked", Name: "plain table, locked", Synced: "commit, synchronous_commit on",
		Note: "as above, each INSERT under an advisory lock until its commit, so that nothing is skipped"},
	{Key: "emmett", Name: "Emmett", Synced: "commit, synchronous_commit on",
		Note: "@event-driven-io/emmett-postgresql 0.42.0 on Node.js, in a process of its own, as its documentation has it: appendToStream with the expected version, its default pool of ten connections"},
	{Key: "natsstore", Name: "natsstore", Synced: "sync_interval always, on two of three servers",
		Note: "default options, at the node that holds the epoch; ids looked up for ever, versions, found by five terms"},
	{Key: "natsstore-far", Name: "natsstore, forwarded", Synced: "sync_interval always, on two of three servers",
		Note: "as above, appended at a node that does not hold the epoch"},
	{Key: "js-publish", Name: "JetStream", Synced: "sync_interval always, on two of three servers",
		Note: "one message an event, one subject a stream, with the sequence that the subject is expected at; finds by stream and by nothing else"},
	{Key: "orders", Name: "orders", Synced: "one fdatasync a group",
		Note: "apps/orders on the embedded store, with its default options but for its limits on one client; its answer to a command is the order that was read back, with an ETag and a token; every read model follows meanwhile, in the same process"},
	{Key: "catalog", Name: "catalog", Synced: "one fdatasync a group",
		Note: "apps/catalog on the embedded store and SQLite, likewise"},
	{Key: "obvious", Name: "the obvious way", Synced: "commit in WAL mode, synchronous FULL",
		Note: "bench/peers/obvious: net/http and database/sql on modernc's SQLite, a table with three indexes, an INSERT or UPDATE for each command, one connection that writes and four that read, statements prepared; no history, no Idempotency-Key, no tokens, no ETags, no metrics, no read model besides its table"},
}
