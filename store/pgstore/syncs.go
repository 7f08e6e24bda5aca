package pgstore

import (
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
)

// synced counts the transactions in which something was recorded. The zero value has
// counted none.
type synced struct{ count, took atomic.Uint64 }

func (s *synced) add(took time.Duration) {
	s.count.Add(1)
	s.took.Add(uint64(max(0, took)))
}

// Syncs returns in how many transactions this store has recorded something since it was
// opened, and how long they took. How many bytes the database wrote it does not know.
func (s *Store) Syncs() daybook.Syncs {
	return daybook.Syncs{Count: s.synced.count.Load(), Took: time.Duration(s.synced.took.Load())}
}
