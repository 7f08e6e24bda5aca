package logstore

import (
	"hash/maphash"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// heads remembers the newest event of the streams that were written or asked for lately,
// so that an append need not go through the indexes for the versions of its streams, and
// read the events that it finds there: that was half of all the work of filling a log of
// a million streams. It is bounded, because there may be a hundred million.
//
// A head that is there is that of the newest event that is durable: each group puts its
// own before it is published, and what somebody found out by reading is only put where
// nothing newer can have been since.
type heads struct {
	seed   maphash.Seed
	shards [headShards]headShard
}

// A headShard has the heads of a part of the streams. Its sets are as many as a power of
// two, and none until the first head is put.
type headShard struct {
	mu   sync.Mutex
	sets []headSet
	gave int // so many heads were given up since there have been so many sets
}

// A headSet has the heads of streams whose keys end alike. Unlike with a map nothing is
// thrown away at once when there is no more room.
type headSet struct {
	heads [headWays]head
	// gone is the newest event of all whose heads were given up for others.
	gone daybook.Position
	next uint8 // which is given up next
}

// A head is a stream's newest event. Two streams may have the same term; that they have
// the same key of 64 bits too, which nobody outside can know, is left out of account. The
// zero head is none.
type head struct {
	term, key uint64
	version   daybook.Version
	newest    daybook.Position // zero if the stream has no events
}

// There are more sets where more streams are asked for than there is room for, up to a
// million heads in 36 MB in all: many logs are small, and a program may have hundreds of
// them open.
const (
	headShardBits = 4 // of a key, its first ones, say which shard
	headShards    = 1 << headShardBits
	headWays      = 4 // heads in a set
	fewestSets    = 1 << 2
	mostSets      = 1 << 14 // of a shard
)

// find returns the head of a stream in the view of c, which must be a check of all of it.
func (h *heads) find(c *check, name string, hash uint64) (head, error) {
	key := maphash.String(h.seed, name)
	if known, ok := h.get(hash, key); ok && known.newest <= c.view.head {
		return known, nil
	}
	version, newest, err := c.readHead(name, hash, 0, 0)
	if err != nil {
		return head{}, err
	}
	found := head{hash, key, version, newest}
	h.learn(found, c.view.head)
	return found, nil
}

// of appends to into the heads that the streams of a frame's events have after it.
func (h *heads) of(f frame.Frame, into []head) []head {
	for _, e := range f.Events() {
		if stream := e.Stream(); len(stream) > 0 {
			into = append(into, head{term.Hash(term.Stream, stream), maphash.Bytes(h.seed, stream), e.Version(), positionOf(f, e)})
		}
	}
	return into
}

// settle takes note of the events of a group that is durable and that nobody can read
// yet.
func (h *heads) settle(g *group) {
	if planted("heads-not-brought-up") {
		return
	}
	for _, r := range g.requests {
		for i := range r.streams {
			h.put(r.streams[i].head)
		}
	}
	for _, arrived := range g.heads {
		h.put(arrived)
	}
}

func (h *heads) shard(key uint64) *headShard { return &h.shards[key>>(64-headShardBits)] }

func (h *heads) get(term, key uint64) (head, bool) {
	s := h.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.of(term, key); known != nil {
		return *known, true
	}
	return head{}, false
}

// put takes note of a stream's newest event.
func (h *heads) put(newest head) {
	s := h.shard(newest.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.of(newest.term, newest.key); known != nil {
		*known = newest
		return
	}
	s.place(newest)
}

// learn takes note of what somebody found in a view that ends at a position.
func (h *heads) learn(found head, at daybook.Position) {
	s := h.shard(found.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of(found.term, found.key) != nil {
		return
	}
	if len(s.sets) > 0 && s.set(found.key).gone > at && !planted("stale-head-learned") {
		return // one that was given up may have been newer
	}
	s.place(found)
}

// set returns the set of a key. There must be sets.
func (s *headShard) set(key uint64) *headSet { return &s.sets[key&uint64(len(s.sets)-1)] }

// of returns the head of a stream, nil if it is not there.
func (s *headShard) of(term, key uint64) *head {
	if s.sets == nil {
		return nil
	}
	set := s.set(key)
	for i := range set.heads {
		if known := &set.heads[i]; known.key == key && known.term == term {
			return known
		}
	}
	return nil
}

// place gives a head that is not there a place.
func (s *headShard) place(newest head) {
	if s.sets == nil {
		s.sets = make([]headSet, fewestSets)
	}
	if s.set(newest.key).place(newest) {
		s.gave++
	}
	if s.gave > len(s.sets) && len(s.sets) < mostSets {
		s.grow()
	}
}

// place gives a head a place, and reports whether another one was given up for it.
func (s *headSet) place(newest head) (gave bool) {
	for i := range s.heads {
		if s.heads[i] == (head{}) {
			s.heads[i] = newest
			return false
		}
	}
	s.next++
	at := &s.heads[s.next%headWays]
	s.gone = max(s.gone, at.newest)
	*at = newest
	return true
}

// grow makes room for twice as many heads.
func (s *headShard) grow() {
	before := s.sets
	s.sets, s.gave = make([]headSet, 2*len(before)), 0
	for i := range before {
		s.sets[i].gone = before[i].gone
		s.sets[i+len(before)].gone = before[i].gone
		for _, known := range before[i].heads {
			if known != (head{}) {
				s.set(known.key).place(known)
			}
		}
	}
}
