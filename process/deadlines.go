package process

import (
	"slices"
	"time"

	"github.com/daybook-es/daybook"
)

// deadlines are those that may have to fire, in the order in which they do: by due time,
// then by position. Each takes 16 bytes: which instance it is of, and what it is called,
// is read from the log when it is due. The zero deadlines are empty.
//
// It is a binary heap in which what was taken back stays until it is at the top, or
// until there is more of it than of the rest.
type deadlines struct {
	heap []due
	gone map[daybook.Position]struct{}
}

// due is when the deadline that was scheduled at a position fires.
type due struct {
	at       int64 // in nanoseconds since 1970
	position daybook.Position
}

func (d due) time() time.Time { return time.Unix(0, d.at).UTC() }

func (d due) before(other due) bool {
	return d.at < other.at || d.at == other.at && d.position < other.position
}

// count returns how many there are.
func (h *deadlines) count() int { return len(h.heap) - len(h.gone) }

// add takes in a deadline that was scheduled.
func (h *deadlines) add(d due) {
	h.heap = append(h.heap, d)
	for n := len(h.heap) - 1; n > 0; {
		parent := (n - 1) / 2
		if !d.before(h.heap[parent]) {
			break
		}
		h.heap[n], h.heap[parent] = h.heap[parent], d
		n = parent
	}
}

// remove takes back a deadline that was added and not popped.
func (h *deadlines) remove(position daybook.Position) {
	if h.gone == nil {
		h.gone = make(map[daybook.Position]struct{})
	}
	h.gone[position] = struct{}{}
	if len(h.gone) > len(h.heap)/2 {
		h.compact()
	}
}

// compact forgets what was taken back. What is sorted is a heap.
func (h *deadlines) compact() {
	h.heap = slices.DeleteFunc(h.heap, func(d due) bool {
		_, gone := h.gone[d.position]
		return gone
	})
	slices.SortFunc(h.heap, func(a, b due) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	h.heap = slices.Clip(slices.Clone(h.heap))
	h.gone = nil
}

// first returns the deadline that fires first, if there is one.
func (h *deadlines) first() (due, bool) {
	for len(h.heap) > 0 {
		top := h.heap[0]
		if _, gone := h.gone[top.position]; !gone {
			return top, true
		}
		delete(h.gone, top.position)
		h.pop()
	}
	return due{}, false
}

// pop removes the top of the heap.
func (h *deadlines) pop() {
	last := len(h.heap) - 1
	d := h.heap[last]
	h.heap = h.heap[:last]
	if last == 0 {
		return
	}
	n := 0
	for {
		child := 2*n + 1
		if child >= last {
			break
		}
		if right := child + 1; right < last && h.heap[right].before(h.heap[child]) {
			child = right
		}
		if !h.heap[child].before(d) {
			break
		}
		h.heap[n] = h.heap[child]
		n = child
	}
	h.heap[n] = d
}
