package logstore

import (
	"sync"

	"github.com/daybook-es/daybook"
)

// heads remembers the versions, as far as sealed segments tell, of streams that were
// asked for lately, so that the index files of all segments need not be read each
// time. It is bounded: there may be a hundred million streams.
type heads struct {
	mu    sync.Mutex
	young map[string]head
	old   map[string]head // what was young before; forgotten when young is full again
}

// A head is a stream's newest event in all segments below a number.
type head struct {
	version daybook.Version
	newest  daybook.Position
	below   uint64
}

// Two generations of this many are some ten megabytes.
const headsKept = 1 << 15

func (h *heads) init() { h.young = make(map[string]head) }

// find returns the version of a stream and the position of its newest event, in the
// view of c, which must look at everything.
func (h *heads) find(c *check, name string, hash uint64) (daybook.Version, daybook.Position, error) {
	if len(c.view.segments) < 2 {
		return c.head(name, hash, 0, 0) // the only index is in memory
	}
	active := c.view.endPlace().segment
	known, ok := h.get(name)
	if !ok || known.below > active {
		known = head{}
	}
	if known.below < active {
		sealed := *c
		sealed.view = c.view.below(active)
		sealed.since = place{segment: known.below}
		version, newest, err := sealed.head(name, hash, known.version, known.newest)
		if err != nil {
			return 0, 0, err
		}
		known = head{version, newest, active}
		h.put(name, known)
	}
	last := *c
	last.since = place{segment: active}
	return last.head(name, hash, known.version, known.newest)
}

func (h *heads) get(name string) (head, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.young[name]
	if !ok {
		known, ok = h.old[name]
	}
	return known, ok
}

func (h *heads) put(name string, known head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.young) >= headsKept {
		h.old, h.young = h.young, make(map[string]head)
	}
	h.young[name] = known
}
