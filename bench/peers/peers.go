// Package peers has what the benchmarks compare: each keeps the same events under
// the same five terms, with everything on the disk before it answers, in the way its
// users would. Where a peer does less than the embedded store (checks no id, gives no
// version), that is to its advantage, and its Note says so.
package peers

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A Peer keeps events in a directory of its own. Its methods may be called by many at
// once, Close excepted.
type Peer interface {
	// Append records events together, and returns when the disk has confirmed them.
	Append(ctx context.Context, events []daybook.Event) error
	// Replay hands every event's data to visit, in order. The bytes are visit's only
	// until it returns.
	Replay(ctx context.Context, visit func(data []byte)) error
	// Load hands the data of one stream's events to visit, in order, likewise.
	Load(ctx context.Context, stream string, visit func(data []byte)) error
	// Head returns the position of a stream's newest event.
	Head(ctx context.Context, stream string) (uint64, error)
	// Close gives the directory back.
	Close() error
}

// Served is a Peer that runs in processes of its own, whose CPU and writing count.
type Served interface {
	// Process returns the process whose descendants do the work.
	Process() int
}

// A Kind of peer is one column of the comparison.
type Kind struct {
	// Key names it on the command line, Name in tables.
	Key, Name string
	// Synced says in a few words what an answered append rests on.
	Synced string
	// Note says what it does otherwise than the embedded store.
	Note string
	// Open opens a directory that is empty or was closed before.
	Open func(dir string) (Peer, error)
}

// Kinds are all peers, ours first.
var Kinds = []Kind{
	{"logstore", "logstore", "one fdatasync a group", "default options", OpenLogstore},
	{"bare", "bare log", "one fdatasync a group", "a ceiling, not a rival: frames with a checksum in one preallocated file, groups sharing a sync; no index, no conditions, no ids looked up", OpenBare},
	{"pebble", "Pebble", "batch committed with Sync; commits share WAL syncs", "v2, Snappy (its default), bloom filters, 64 MiB memtables, 256 MiB cache; the event by position and one key per term in the same batch; looks up no id and gives no version", OpenPebble},
	{"sqlite", "SQLite", "commit in WAL mode, synchronous FULL", "modernc, no cgo; a transaction per append, statements prepared, 256 MiB cache; unique ids; indexes on stream, category, type and tag; gives no version", OpenSQLite},
	{"bbolt", "bbolt", "two fdatasyncs a transaction, appends sharing it", "one bucket by position and one of terms; appends that wait together are one transaction; looks up no id and gives no version", OpenBbolt},
	{"jetstream", "JetStream", "sync_interval always", "nats-server in the same process, one subject per stream, ten events by atomic batch; no index of terms: it finds by subject (the stream) and by nothing else", OpenJetStream},
	{"pg", "PostgreSQL", "commit, synchronous_commit on", "one row per transaction, over a Unix socket, at most 64 connections; unique ids; indexes on stream, category, type and tag", OpenPostgres},
	{"pg-group", "PostgreSQL, grouped", "commit, synchronous_commit on", "as above, but appends that wait together are one INSERT", OpenPostgresGrouped},
}
