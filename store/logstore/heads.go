package logstore

import (
	"strings"
	"sync"

	"github.com/daybook-es/daybook"
)

// heads remembers the versions, as far as sealed segments tell, of streams that were
// asked for lately, so that the index files of all segments need not be read each
// time. It is bounded: there may be a hundred million streams. The zero heads are
// empty.
type heads struct {
	mu    sync.Mutex
	sets  [][headWays]head // as many as a power of two; nil until the first is put
	given int              // how many were given up since there are so many sets
	next  uint8            // which of a set is given up next
}

// A head is a stream's newest event in all segments below a number.
type head struct {
	name    string
	hash    uint64
	version daybook.Version
	newest  daybook.Position
	below   uint64
}

// A stream has its place in one of some sets, and takes it from another one when the set
// is full: unlike with a map nothing is thrown away at once. There are more sets where
// more streams are asked for than there is room for, up to some four megabytes beside the
// names: many logs are small, and a program may have hundreds of them open.
const (
	fewestHeadSets = 1 << 4
	mostHeadSets   = 1 << 14
	headWays       = 4
)

// find returns the version of a stream and the position of its newest event, in the
// view of c, which must look at everything.
func (h *heads) find(c *check, name string, hash uint64) (daybook.Version, daybook.Position, error) {
	n := len(c.view.segments)
	if n < 2 {
		return c.head(name, hash, 0, 0) // the only index is in memory
	}
	active := c.view.segments[n-1].number
	// What the active segment has is the newest, and its index is in memory. Whoever asks
	// for many streams is spared to go back and forth between two segments, of which the
	// frames may be large.
	version, newest, err := c.headWithin(name, hash, place{segment: active}, n, head{})
	if err != nil || newest > 0 {
		return version, newest, err
	}
	known, ok := h.get(name, hash)
	if !ok || known.below > active {
		known = head{}
	}
	if known.below < active && !(ok && planted("heads-not-brought-up")) {
		version, newest, err := c.headWithin(name, hash, place{segment: known.below}, n-1, known)
		if err != nil {
			return 0, 0, err
		}
		known = head{name, hash, version, newest, active}
		h.put(known)
	}
	return known.version, known.newest, nil
}

func (h *heads) get(name string, hash uint64) (head, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sets == nil {
		return head{}, false
	}
	set := h.set(hash)
	for i := range set {
		if set[i].below > 0 && set[i].name == name {
			return set[i], true
		}
	}
	return head{}, false
}

func (h *heads) put(known head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sets == nil {
		h.sets = make([][headWays]head, fewestHeadSets)
	}
	set := h.set(known.hash)
	for i := range set {
		if set[i].name == known.name {
			known.name = set[i].name
			set[i] = known
			return
		}
	}
	known.name = strings.Clone(known.name) // the caller's may be part of something long
	if h.place(known) {
		h.given++
	}
	if h.given > len(h.sets) && len(h.sets) < mostHeadSets {
		h.grow()
	}
}

func (h *heads) set(hash uint64) *[headWays]head { return &h.sets[hash%uint64(len(h.sets))] }

// place puts a head into its set, and reports whether another one was given up for it.
func (h *heads) place(known head) (gave bool) {
	set := h.set(known.hash)
	for i := range set {
		if set[i].below == 0 {
			set[i] = known
			return false
		}
	}
	h.next++
	set[h.next%headWays] = known
	return true
}

// grow makes room for twice as many heads.
func (h *heads) grow() {
	before := h.sets
	h.sets, h.given = make([][headWays]head, 2*len(before)), 0
	for i := range before {
		for _, known := range before[i] {
			if known.below > 0 {
				h.place(known)
			}
		}
	}
}
