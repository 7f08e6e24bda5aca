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
	mu   sync.Mutex
	sets [][headWays]head // nil until the first is put
	next uint8            // which of a set is given up next
}

// A head is a stream's newest event in all segments below a number.
type head struct {
	name    string
	version daybook.Version
	newest  daybook.Position
	below   uint64
}

// A stream has its place in one of some sets, and takes it from another one when the set
// is full: unlike with a map nothing grows, and nothing is thrown away at once. So many
// are three megabytes beside their names.
const (
	headSets = 1 << 14
	headWays = 4
)

// find returns the version of a stream and the position of its newest event, in the
// view of c, which must look at everything.
func (h *heads) find(c *check, name string, hash uint64) (daybook.Version, daybook.Position, error) {
	n := len(c.view.segments)
	if n < 2 {
		return c.head(name, hash, 0, 0) // the only index is in memory
	}
	active := c.view.segments[n-1].number
	known, ok := h.get(name, hash)
	if !ok || known.below > active {
		known = head{}
	}
	if known.below < active {
		version, newest, err := c.headWithin(name, hash, place{segment: known.below}, n-1, known)
		if err != nil {
			return 0, 0, err
		}
		known = head{name, version, newest, active}
		h.put(known, hash)
	}
	return c.headWithin(name, hash, place{segment: active}, n, known)
}

func (h *heads) get(name string, hash uint64) (head, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sets == nil {
		return head{}, false
	}
	set := &h.sets[hash%headSets]
	for i := range set {
		if set[i].below > 0 && set[i].name == name {
			return set[i], true
		}
	}
	return head{}, false
}

func (h *heads) put(known head, hash uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sets == nil {
		h.sets = make([][headWays]head, headSets)
	}
	set := &h.sets[hash%headSets]
	for i := range set {
		if set[i].name == known.name {
			known.name = set[i].name
			set[i] = known
			return
		}
	}
	h.next++
	known.name = strings.Clone(known.name) // the caller's may be part of something long
	set[h.next%headWays] = known
}
