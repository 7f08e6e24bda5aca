package daybook

import "time"

// Syncs say how often a store has made appends durable since it was opened, for metrics. A
// store that can tell has a method Syncs() Syncs, which may be called by any number of
// goroutines; see [As].
type Syncs struct {
	// Count is how often: each is a sync of a disk, a transaction, or a message that a
	// stream has confirmed. Appends that came at the same time share one.
	Count uint64
	// Bytes is how much was written for them; zero if the store cannot tell.
	Bytes uint64
	// Took is how long they took, all together.
	Took time.Duration
}
