package publish

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// What can keep a publisher from going on.
const (
	storeTrouble = iota
	bookmarkTrouble
	sinkTrouble
	asideTrouble
	troubleKinds
)

var troubleNames = [troubleKinds]string{"store", "bookmark", "sink", "aside"}

// errCrowded is why a message that fails is not set aside.
var errCrowded = errors.New("a message fails, and as many keys are set aside as may be: retry or skip them")

// A trouble is something that fails again and again.
type trouble struct {
	since    time.Time
	attempts int
	err      error
	pauses   *backoff.ExponentialBackOff
}

// notice notes that something failed, and returns the pause before it is tried again. It is
// logged when it fails for the first time, and when it fails otherwise than before.
func (r *run) notice(ctx context.Context, what int, err error) time.Duration {
	t := r.troubles[what]
	if t == nil {
		t = &trouble{since: time.Now(), pauses: r.p.pauses()}
		r.troubles[what] = t
	}
	if t.err == nil || t.err.Error() != err.Error() {
		r.p.options.Logger.ErrorContext(ctx, "the publisher is stuck", "what", troubleNames[what], "error", err)
	}
	t.attempts++
	t.err = err
	return t.pauses.NextBackOff()
}

// clear notes that something does not fail any more.
func (r *run) clear(ctx context.Context, what int) {
	t := r.troubles[what]
	if t == nil {
		return
	}
	r.troubles[what] = nil
	r.p.options.Logger.InfoContext(ctx, "the publisher goes on", "what", troubleNames[what], "since", t.since, "attempts", t.attempts)
}

// trouble and fine are notice and clear for whoever does not hold the lock.
func (r *run) trouble(ctx context.Context, what int, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notice(ctx, what, err)
}

func (r *run) fine(ctx context.Context, what int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear(ctx, what)
}

// stuck returns the first thing that keeps the publisher from going on.
func (r *run) stuck() *Stuck {
	for what, t := range r.troubles {
		if t != nil {
			return &Stuck{What: troubleNames[what], Since: t.since, Attempts: t.attempts, Err: t.err}
		}
	}
	return nil
}

// String says what a publisher is stuck on.
func (s *Stuck) String() string {
	return fmt.Sprintf("%s: %v (%d times since %s)", s.What, s.Err, s.Attempts, s.Since.Format(time.RFC3339))
}
