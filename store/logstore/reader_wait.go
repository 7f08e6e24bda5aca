package logstore

import (
	"context"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// Wait implements [daybook.Store]. Nobody wakes a reader in another process, so while
// somebody waits the directory is looked at every two milliseconds: by one goroutine,
// however many wait, which ends when nobody does any more.
func (r *Reader) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if err := q.Validate(); err != nil {
		return 0, err
	}
	if err := r.look(); err != nil {
		return 0, err
	}
	for {
		by := r.store.view.Load()
		p, err := r.store.wait(ctx, q, after, r.watch, r.unwatch)
		if err == nil || !r.replaced(err, by) {
			return p, err
		}
	}
}

// watch has a waiter woken when the log grows. It returns why that could not be seen the
// last time.
func (r *Reader) watch(w *waiter) error {
	r.watching.Lock()
	defer r.watching.Unlock()
	if w.added {
		return r.failure
	}
	r.store.waiters.add(w)
	r.waiting++
	if r.polling || r.store.isClosed() {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	r.polling, r.stop, r.failure = true, stop, nil
	r.polls.Go(func() {
		defer stop()
		r.poll(ctx)
	})
	return nil
}

func (r *Reader) unwatch(w *waiter) {
	r.watching.Lock()
	defer r.watching.Unlock()
	if w.added {
		r.store.waiters.remove(w)
		r.waiting--
	}
}

// poll looks whether the log has grown, again and again, until nobody waits for it or the
// reader is closed.
func (r *Reader) poll(ctx context.Context) {
	for {
		paused := vfs.Pause(ctx, pollInterval)
		r.watching.Lock()
		if paused != nil || r.waiting == 0 {
			r.polling, r.stop = false, nil
			r.watching.Unlock()
			return
		}
		r.watching.Unlock()
		err := r.look()
		r.watching.Lock()
		r.failure = err
		r.watching.Unlock()
		if err != nil {
			r.store.waiters.wakeAll()
		}
	}
}

// wakeAll wakes everybody who waits.
func (ws *waiters) wakeAll() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		w.wake()
	}
}
