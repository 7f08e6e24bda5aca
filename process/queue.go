package process

import (
	"context"
	"sync"
)

// A queue hands items to workers in the order in which they came, without bound. It
// counts those that wait or are worked on.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	busy  int
	more  chan struct{} // has a token if there may be items
	idle  func()        // called when nothing is left
}

func newQueue[T any](idle func()) *queue[T] {
	return &queue[T]{more: make(chan struct{}, 1), idle: idle}
}

// push adds an item.
func (q *queue[T]) push(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.busy++
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// work calls do with one item after the other until ctx ends.
func (q *queue[T]) work(ctx context.Context, do func(T)) {
	for {
		item, ok := q.pop(ctx)
		if !ok {
			return
		}
		do(item)
		q.done()
	}
}

func (q *queue[T]) pop(ctx context.Context) (item T, ok bool) {
	for {
		if ctx.Err() != nil {
			return item, false
		}
		q.mu.Lock()
		if len(q.items) > 0 {
			item = q.items[0]
			q.items = q.items[1:]
			left := len(q.items)
			q.mu.Unlock()
			if left > 0 {
				q.signal() // another worker may take the next one
			}
			return item, true
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return item, false
		case <-q.more:
		}
	}
}

func (q *queue[T]) done() {
	q.mu.Lock()
	q.busy--
	idle := q.busy == 0
	q.mu.Unlock()
	if idle {
		q.idle()
	}
}

// isIdle reports whether nothing waits and nothing is worked on.
func (q *queue[T]) isIdle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.busy == 0
}
