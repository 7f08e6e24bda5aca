package decider

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/daybook-es/daybook"
)

// pauses lie between attempts. A first conflict is most often the last one, so the
// first pause is about as long as an append to a local disk. If conflicts go on, the
// pauses grow, at random, up to a quarter of a second.
type pauses struct{ backoff *backoff.ExponentialBackOff }

func newPauses() pauses {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = time.Millisecond
	b.MaxInterval = 250 * time.Millisecond
	b.Multiplier = 2
	b.RandomizationFactor = 0.9
	return pauses{b}
}

// next returns after a pause, once the event that a conflict is about can be read. A
// context that ends first gives an [*daybook.UnavailableError].
func (p pauses) next(ctx context.Context, store daybook.Store, conflict *daybook.ConflictError) error {
	if conflict != nil && conflict.Position() > 0 {
		// Everything is waited for rather than what the plan asks for, of which a reader
		// may be shown less than a condition counts: what is forgotten, for example.
		if _, err := store.Wait(ctx, daybook.All(), conflict.Position()-1); err != nil {
			return err
		}
	}
	timer := time.NewTimer(p.backoff.NextBackOff())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return &daybook.UnavailableError{Doing: "wait to decide again", Err: ctx.Err()}
	case <-timer.C:
		return nil
	}
}
