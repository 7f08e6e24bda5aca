package publish

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lastWord is how long a Send may take to return when its context has ended. One that takes
// longer is left to itself: what it sends is sent again by the next run.
const lastWord = time.Second

// stop ends a run: because ctx has ended, or because of err. It waits for what is in hand,
// and saves the bookmark if it is still this publisher's.
func (r *run) stop(ctx context.Context, stopReading, stopSending context.CancelFunc, err error) error {
	stopReading()
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	moved := errors.Is(err, ErrMoved)
	if moved {
		stopSending() // whoever has the bookmark now sends it, too
	}
	ctx = context.WithoutCancel(ctx)

	patience := time.NewTimer(r.p.options.StopWithin)
	defer patience.Stop()
	late := time.NewTimer(r.p.options.StopWithin + lastWord)
	defer late.Stop()
	for r.busy() {
		select {
		case res := <-r.results:
			r.answered(ctx, res, time.Now())
		case d := <-r.drained:
			r.resume(ctx, d, time.Now())
		case s := <-r.saves:
			if kept := r.keep(ctx, s, time.Now()); kept != nil && !moved {
				moved, err = true, errors.Join(err, kept)
			}
		case <-patience.C:
			stopSending()
		case <-late.C:
			r.abandon()
		}
	}
	if moved {
		return err
	}
	return errors.Join(err, r.saveLast(ctx))
}

// busy reports whether something was started that has not come to its end.
func (r *run) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sending > 0 || r.drains > 0 || r.saving
}

// abandon waits no longer for messages that are being sent.
func (r *run) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.p.options.Logger.Warn("the sink does not return although its context has ended", "messages", r.sending)
	r.sending = 0
}

// saveLast saves the mark as it is when nothing is in hand any more.
func (r *run) saveLast(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, r.p.options.StopWithin)
	defer cancel()
	from := r.saved
	if r.pending != nil {
		if err := r.p.bookmark.Save(ctx, from, *r.pending); err != nil {
			return fmt.Errorf("publish: save the bookmark: %w", err)
		}
		from = *r.pending
	}
	if !r.dirty {
		return nil
	}
	if err := r.p.bookmark.Save(ctx, from, r.mark()); err != nil {
		return fmt.Errorf("publish: save the bookmark: %w", err)
	}
	return nil
}
