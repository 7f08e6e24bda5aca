package process

import (
	"context"
	"sync"

	"github.com/daybook-es/daybook"
)

// A waiter waits for something to read, or to be kicked.
type waiter struct {
	mu     sync.Mutex
	kicked bool
	stop   context.CancelFunc
}

// wait returns when a query selects something new, and may return early.
func (w *waiter) wait(ctx context.Context, store daybook.Store, q daybook.Query, after daybook.Position) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	w.mu.Lock()
	kicked := w.kicked
	w.kicked, w.stop = false, stop
	w.mu.Unlock()
	if kicked {
		return nil
	}
	_, err := store.Wait(waiting, q, after)
	w.mu.Lock()
	kicked = w.kicked
	w.kicked, w.stop = false, nil
	w.mu.Unlock()
	if kicked && ctx.Err() == nil {
		return nil
	}
	return err
}

func (w *waiter) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kicked = true
	if w.stop != nil {
		w.stop()
	}
}
