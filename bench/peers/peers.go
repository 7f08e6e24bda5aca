// Package peers has what the benchmarks compare: each keeps the same events, with
// everything on the disk before it answers, in the way its users would.
package peers

import (
	"context"

	"github.com/daybook-es/daybook"
)

// A Peer keeps events in a directory of its own. Append may be called by many at
// once, and returns when the disk has confirmed the events.
type Peer interface {
	// Name is what tables call it.
	Name() string
	// Synced says in a few words what an answered append rests on.
	Synced() string
	// Append records events together.
	Append(ctx context.Context, events []daybook.Event) error
	// Replay hands every event's data to visit, in order.
	Replay(ctx context.Context, visit func(data []byte)) error
	// Load hands the data of one stream's events to visit, in order.
	Load(ctx context.Context, stream string, visit func(data []byte)) error
	// Close gives the directory back.
	Close() error
}
