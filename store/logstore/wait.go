package logstore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
)

// Wait implements [daybook.Store].
func (s *Store) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if err := q.Validate(); err != nil {
		return 0, err
	}
	return s.wait(ctx, q, after, func(w *waiter) error {
		s.waiters.add(w)
		return nil
	}, s.waiters.remove)
}

// wait waits for what a valid query selects. It calls watch, which has a waiter woken
// from then on, each time before it looks, and unwatch in the end.
func (s *Store) wait(ctx context.Context, q daybook.Query, after daybook.Position, watch func(*waiter) error, unwatch func(*waiter)) (daybook.Position, error) {
	p, _ := planQuery(q)
	due := after + daybook.Position(s.options.Stride)
	w := &waiter{terms: p.needs(), due: due, woken: make(chan struct{}, 1)}
	defer unwatch(w)
	in := fetchers.Get().(*fetcher)
	defer in.release()
	for seen := after; ; {
		if s.isClosed() {
			return 0, daybook.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return 0, &daybook.UnavailableError{Doing: "wait", Err: err}
		}
		if err := watch(w); err != nil { // before looking, so that nothing is missed in between
			return 0, err
		}
		v := s.view.Load()
		newest, err := p.newest(v, in, seen, place{})
		if err != nil {
			return 0, err
		}
		if newest > 0 || v.head >= due {
			return v.head, nil
		}
		seen = max(seen, v.head)
		select {
		case <-w.woken:
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

// A waiter is woken when something was recorded that has one of its terms, or when the
// head is where it is due. Whether that is what it waits for, it finds out itself.
type waiter struct {
	terms []uint64 // nil waits for anything
	due   daybook.Position
	woken chan struct{} // of capacity 1
	added bool
}

// needs returns terms of which every event that the query selects has one; nil if there
// are no such terms.
func (p plan) needs() []uint64 {
	terms := []uint64{}
	for i := range p {
		if p[i].item.IsAll() {
			return nil
		}
		// The last group is that of the last tag, if there are tags: what an event is
		// about is rarer than of which type it is.
		terms = append(terms, p[i].groups[len(p[i].groups)-1]...)
	}
	slices.Sort(terms)
	return slices.Compact(terms)
}

// waiters are those who wait for the log to grow. The zero waiters are nobody.
type waiters struct {
	some   atomic.Int64 // how many there are, so that appending to a log nobody waits for costs nothing
	mu     sync.Mutex
	any    map[*waiter]struct{}
	byTerm map[uint64]map[*waiter]struct{}
	all    map[*waiter]struct{}
	due    daybook.Position // at or before the least of all waiters' due
}

func (ws *waiters) add(w *waiter) {
	if w.added {
		return
	}
	w.added = true
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.any, ws.all = make(map[*waiter]struct{}), make(map[*waiter]struct{})
		ws.byTerm = make(map[uint64]map[*waiter]struct{})
	}
	if len(ws.all) == 0 || w.due < ws.due {
		ws.due = w.due
	}
	ws.all[w] = struct{}{}
	if w.terms == nil {
		ws.any[w] = struct{}{}
	}
	for _, t := range w.terms {
		if ws.byTerm[t] == nil {
			ws.byTerm[t] = make(map[*waiter]struct{})
		}
		ws.byTerm[t][w] = struct{}{}
	}
	ws.some.Add(1)
}

func (ws *waiters) remove(w *waiter) {
	if !w.added {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
	delete(ws.any, w)
	for _, t := range w.terms {
		if delete(ws.byTerm[t], w); len(ws.byTerm[t]) == 0 {
			delete(ws.byTerm, t)
		}
	}
	ws.some.Add(-1)
}

// wake wakes those for whom a group may have something, and those who are due at the
// new head.
func (ws *waiters) wake(head daybook.Position, g *group) {
	if ws.some.Load() == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.any {
		w.wake()
	}
	if len(ws.byTerm) > 0 {
		for _, r := range g.requests {
			if planted("only-the-first-term-wakes") {
				r.terms = r.terms[:1]
			}
			ws.wakeTerms(r.terms)
		}
		if !planted("nobody-woken-by-what-arrives") {
			ws.wakeTerms(g.terms)
		}
	}
	if head < ws.due {
		return
	}
	ws.due = ^daybook.Position(0)
	for w := range ws.all {
		if w.due <= head {
			w.wake()
		} else {
			ws.due = min(ws.due, w.due)
		}
	}
}

// wakeTerms wakes those who wait for an event that has one of some terms. The caller
// holds mu.
func (ws *waiters) wakeTerms(terms []uint64) {
	for _, t := range terms {
		for w := range ws.byTerm[t] {
			w.wake()
		}
	}
}

func (w *waiter) wake() {
	select {
	case w.woken <- struct{}{}:
	default: // it has not yet looked since it was woken last
	}
}
