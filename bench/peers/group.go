package peers

import (
	"sync"

	"github.com/daybook-es/daybook"
)

// A grouper commits the appends that arrived during a commit together in the next, as
// the embedded store does: no timer, no linger.
type grouper struct {
	commit func([]daybook.Event) error
	most   int // events in one commit, about

	mu      sync.Mutex
	waiting []waiting
	busy    bool
}

// A waiting append.
type waiting struct {
	events []daybook.Event
	done   chan error
}

func (g *grouper) append(events []daybook.Event) error {
	w := waiting{events, make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if !g.busy {
		g.busy = true
		go g.run()
	}
	g.mu.Unlock()
	return <-w.done
}

// run commits groups until nobody waits.
func (g *grouper) run() {
	var events []daybook.Event
	for {
		g.mu.Lock()
		n := 0
		events = events[:0]
		for n < len(g.waiting) && len(events) < g.most {
			events = append(events, g.waiting[n].events...)
			n++
		}
		group := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.busy = n > 0
		g.mu.Unlock()
		if n == 0 {
			return
		}
		err := g.commit(events)
		for _, w := range group {
			w.done <- err
		}
	}
}
