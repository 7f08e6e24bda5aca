package publish

import (
	"container/heap"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-es/daybook"
)

// An entry is an event in hand. It stays in the window until it and all before it are done;
// what it says is let go as soon as it is done itself.
type entry struct {
	event    daybook.Recorded
	position daybook.Position
	size     int
	done     bool
	waits    *lane // the lane that it waits in because the key is set aside
}

// A lane is what is in hand of one key, in order. Its first event is being sent, is to be
// sent next, or waits until a pause is over.
type lane struct {
	key   string
	queue []*entry

	// About the first event:
	tries    int    // how often it was tried
	attempts int    // how many of those count
	failed   uint64 // how many messages had been started when it first failed
	err      error  // of the last try
	until    time.Time
	pauses   *backoff.ExponentialBackOff
	crowded  bool // it ought to be set aside, and there was no room

	// aside is set while the key is set aside; the queue is then empty, or has what was read
	// again of it to be sent (draining). newest is the position of the key's newest event.
	aside    *Aside
	draining bool
	bound    daybook.Position // up to where it is drained
	newest   daybook.Position
}

// next makes ready for the event after one that was dealt with.
func (l *lane) next() {
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.tries, l.attempts, l.failed, l.err, l.pauses = 0, 0, 0, nil, nil
}

// pausing are the lanes that wait until a pause is over, the first to go on in front.
type pausing []*lane

func (h pausing) Len() int           { return len(h) }
func (h pausing) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h pausing) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *pausing) Push(l any)        { *h = append(*h, l.(*lane)) }
func (h *pausing) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return l
}

// add has a lane pause.
func (h *pausing) add(l *lane) { heap.Push(h, l) }

// over removes and returns a lane whose pause is over; nil if there is none.
func (h *pausing) over(now time.Time) *lane {
	if len(*h) == 0 || (*h)[0].until.After(now) {
		return nil
	}
	return heap.Pop(h).(*lane)
}

// pauses returns what computes growing pauses.
func (p *Publisher) pauses() *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     p.options.RetryAfter,
		MaxInterval:         p.options.RetryAtMost,
		Multiplier:          2,
		RandomizationFactor: 0.3,
	}
	b.Reset()
	return b
}
