package catalog

import "sync/atomic"

// Counts say how questions were answered.
type Counts struct{ database, cache, stale, none atomic.Uint64 }

// Answered returns how many questions were answered from each source, and under "none" how
// many could not be answered.
func (s *Showcase) Answered() map[From]uint64 {
	return map[From]uint64{
		FromDatabase: s.counts.database.Load(), FromCache: s.counts.cache.Load(), FromStale: s.counts.stale.Load(), "none": s.counts.none.Load(),
	}
}

// Kept returns how many answers are kept, and about how many bytes they take.
func (s *Showcase) Kept() (entries int, bytes int64) { return s.cache.Stats() }
