package logstore

import (
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
)

// synced counts the groups that were made durable. The zero value has counted none.
type synced struct{ count, bytes, took atomic.Uint64 }

func (s *synced) add(bytes int, took time.Duration) {
	s.count.Add(1)
	s.bytes.Add(uint64(bytes))
	s.took.Add(uint64(max(0, took)))
}

// Syncs returns how often the store has made appends durable since it was opened, how many
// bytes of frames that were, and how long it took.
func (s *Store) Syncs() daybook.Syncs {
	return daybook.Syncs{Count: s.synced.count.Load(), Bytes: s.synced.bytes.Load(), Took: time.Duration(s.synced.took.Load())}
}
