package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/daybook-es/daybook"
)

// Options adjust a runner. The zero value, and nil, are right for most programs.
type Options struct {
	// BatchEvents is the greatest number of events that are applied at once. A batch
	// ends early at [BatchBytes]. Zero means that batches grow until one takes some tens
	// of milliseconds.
	BatchEvents int
	// RetryAfter is about how long a runner pauses after the first failure. Each
	// further pause is about twice as long. Zero means 50 milliseconds.
	RetryAfter time.Duration
	// RetryAtMost is about the longest pause. Zero means 15 seconds.
	RetryAtMost time.Duration
	// Attempts is how often an event that cannot be applied is tried in all, with growing
	// pauses, before it stays set aside until somebody retries or skips it. Zero means 5.
	Attempts int
	// AsideAtMost is the greatest number of events of a part that are set aside. One more
	// that would have to be keeps the whole part from going on: something is wrong that is
	// not wrong with a few keys. Zero means 10,000.
	AsideAtMost int
	// Lease is for how long a runner claims a part of a [Leased] view. If its process dies,
	// another takes the part over when this time is over; if it stops, at once. Either may
	// take a third of the time more, which is how often others look. Zero means 15 seconds;
	// negative means that the runner claims nothing, and moves whatever it can.
	Lease time.Duration
	// Around, if set, is called for every change of the view, and calls next to have the view
	// make it: for spans and measurements. It returns what next returns, and is called by
	// many goroutines.
	Around func(ctx context.Context, b Batch, next func(context.Context) error) error
	// Logger is told when the projection gets stuck, when it goes on, and what is set
	// aside. Nil means slog.Default.
	Logger *slog.Logger
}

// A Batch is a change of a view that is about to be made, as [Options.Around] sees it.
type Batch struct {
	// Projection and Version say which view it is.
	Projection string
	Version    int
	// Change is what is made of it. It is not to be changed, nor kept.
	Change Change
}

// BatchBytes bounds a batch, which is held in memory: it ends with the event that
// brings the sum of their sizes to this or more. A thousand ordinary events take half
// a megabyte.
const BatchBytes = 4 << 20

// complete fills in what the options leave out.
func (o Options) complete() Options {
	if o.RetryAfter <= 0 {
		o.RetryAfter = 50 * time.Millisecond
	}
	if o.RetryAtMost <= 0 {
		o.RetryAtMost = 15 * time.Second
	}
	if o.Attempts <= 0 {
		o.Attempts = 5
	}
	if o.AsideAtMost <= 0 {
		o.AsideAtMost = 10_000
	}
	if o.Lease == 0 {
		o.Lease = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// A Runner keeps one view in step with one store. It is safe for use by many
// goroutines. Several runners, also in several processes, may keep the same view in
// step: each event is still applied once. If the view is [Leased] they take turns at
// its parts; if not, of work that two did at the same time one result is thrown away.
type Runner struct {
	store   daybook.Store
	view    View
	query   daybook.Query
	owner   uuid.UUID
	options Options

	// confirmed is set for each part whose last event was found to be in the log. While a
	// store is open its log does not change behind anybody's back.
	confirmed []atomic.Bool

	// turns hold one, for each part, while it is changed, and while somebody amends what is
	// kept of it, from when they look until they have.
	turns []chan struct{}

	running atomic.Int32 // calls of Run that have not returned

	mu    sync.Mutex
	moved chan struct{} // closed and replaced when the view has moved
	asked chan struct{} // closed and replaced when somebody has retried, skipped, paused or resumed
	stuck []*Stuck      // for each part, what keeps it; nil if nothing does
	rate  rate          // of events applied, and positions passed
}

// NewRunner returns a runner, which does nothing until [Runner.Run] or
// [Runner.CatchUp] is called. Nil options mean the zero Options.
func NewRunner(store daybook.Store, view View, options *Options) *Runner {
	r := &Runner{
		store: store, view: view, query: view.Query(), owner: uuid.New(),
		moved: make(chan struct{}), asked: make(chan struct{}), confirmed: make([]atomic.Bool, view.Parts()), stuck: make([]*Stuck, view.Parts()),
	}
	for range view.Parts() {
		r.turns = append(r.turns, make(chan struct{}, 1))
	}
	if options != nil {
		r.options = *options
	}
	r.options = r.options.complete()
	r.options.Logger = r.options.Logger.With("projection", view.Name(), "version", view.Version())
	return r
}

// Run applies what the log has, and then events as they are recorded, until ctx
// ends. Then it finishes the batches that it has begun, and returns nil.
//
// An event that cannot be applied is set aside, and the others go on; see [Aside]. It is
// tried [Options.Attempts] times with growing pauses, and once more whenever a runner
// takes the part up: when Run begins, since the program may have been mended, after a
// pause, and after something else has failed. Whatever else fails is tried
// again for as long as ctx lasts; see [Runner.Status]. Run gives up only if trying again
// cannot help: with a [*DivergedError] if the view shows what is not in the log, and with
// [daybook.ErrClosed] if the store was closed.
func (r *Runner) Run(ctx context.Context) error {
	r.running.Add(1)
	defer r.running.Add(-1)
	return r.each(ctx, (*worker).run)
}

// each calls do for every part at the same time. The first error ends the others, and
// is returned.
func (r *Runner) each(ctx context.Context, do func(*worker, context.Context) error) error {
	if r.view.Parts() == 1 {
		return do(r.worker(0), ctx)
	}
	parts, within := errgroup.WithContext(ctx)
	for part := range r.view.Parts() {
		parts.Go(func() error { return do(r.worker(part), within) })
	}
	return parts.Wait()
}

// run moves the part until ctx ends.
func (w *worker) run(ctx context.Context) error {
	defer w.release(ctx)
	w.patient = true
	pauses := &backoff.ExponentialBackOff{
		InitialInterval:     w.options.RetryAfter,
		MaxInterval:         w.options.RetryAtMost,
		Multiplier:          2,
		RandomizationFactor: 0.3,
	}
	for {
		told := w.told()
		err := w.turn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		pause := pauses.NextBackOff()
		paused := (*PausedError)(nil)
		switch {
		case errors.Is(err, errDeposed):
			w.calm(w.part) // whoever has claimed it says how it goes
			pause = w.options.Lease / 3
		case errors.As(err, &paused):
			w.calm(w.part)
			pause = pausedLook
			if until, compared := comparedUntil(paused.Reason); compared && time.Now().After(until) {
				_ = w.Resume(ctx) // whoever compared it is gone; tried again if it fails
				pause = 0
			}
		case hopeless(err):
			w.getStuck(ctx, w.part, err)
			return err
		default:
			if w.getStuck(ctx, w.part, err) == 1 {
				pauses.Reset()
				pause = pauses.NextBackOff()
			}
		}
		w.known, w.renewal = false, time.Time{}
		select {
		case <-ctx.Done():
			return nil
		case <-told:
		case <-time.After(pause):
		}
	}
}

// pausedLook is how often a runner looks whether a view that is paused still is.
const pausedLook = time.Second

// turn moves the part until something fails.
func (w *worker) turn(ctx context.Context) error {
	if err := w.renew(ctx); err != nil {
		return err
	}
	// What was set aside before is tried at once: the program may have been mended.
	began := time.Now()
	due := func(a Aside) bool { return a.Since.Before(began) }
	for {
		told := w.told()
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		w.goOn(ctx, w.part)
		if err := w.retry(ctx, due); err != nil {
			return err
		}
		if err := w.idle(ctx, told); err != nil {
			return err
		}
		select {
		case <-told:
			w.known = false // somebody has changed what is kept of the part
		default:
		}
		if err := w.renew(ctx); err != nil {
			return err
		}
		now := time.Now()
		due = func(a Aside) bool { return !a.Next.IsZero() && !a.Next.After(now) }
	}
}

// idle waits until there is something to do, which somebody may tell it.
func (w *worker) idle(ctx context.Context, told <-chan struct{}) error {
	until := w.renewal
	if next := queue(w.stand.Aside).next(); !next.IsZero() && (until.IsZero() || next.Before(until)) {
		until = next
	}
	wait, stop := context.WithCancel(ctx)
	defer stop()
	if !until.IsZero() {
		wait, stop = context.WithDeadline(wait, until)
		defer stop()
	}
	go func() {
		select {
		case <-told:
			stop()
		case <-wait.Done():
		}
	}()
	_, err := w.store.Wait(wait, w.query, w.stand.Position)
	if wait.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	diverged := (*DivergedError)(nil)
	return errors.As(err, &diverged) || errors.Is(err, daybook.ErrClosed)
}

// CatchUp applies everything that was in the log when it was called, and perhaps more.
// It tries nothing again. If, in the end, there are events set aside, it returns a
// [*SetAsideError] with the first of them. Any other error is the first that occurred,
// such as a [*DivergedError], a [*PausedError], or an error of the store or the view.
func (r *Runner) CatchUp(ctx context.Context) error {
	aside := make([]error, r.view.Parts()) // what each part has set aside
	err := r.each(ctx, func(w *worker, ctx context.Context) error {
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		w.goOn(ctx, w.part)
		if len(w.stand.Aside) > 0 {
			aside[w.part] = w.failure(w.stand.Aside[0])
		}
		return nil
	})
	return cmp.Or(append([]error{err}, aside...)...)
}

// failure returns the error of an event that is set aside, with what its handler said if
// this worker has heard it.
func (w *worker) failure(a Aside) error {
	err := w.setAsideError(a)
	if w.failed != nil && w.failed.Event.ID == a.EventID {
		err.Err = w.failed
	}
	return err
}

// standOf asks the view where a part stands.
func (r *Runner) standOf(ctx context.Context, part int) (Stand, error) {
	stand, err := r.view.Stand(ctx, part)
	if err != nil {
		err = fmt.Errorf("projection %s version %d: read its checkpoint: %w", r.view.Name(), r.view.Version(), err)
	}
	return stand, err
}

// stands asks the view where all its parts stand.
func (r *Runner) stands(ctx context.Context) ([]Stand, error) {
	stands := make([]Stand, r.view.Parts())
	for part := range stands {
		var err error
		if stands[part], err = r.standOf(ctx, part); err != nil {
			return nil, err
		}
	}
	return stands, nil
}

// confirm makes sure that the part can go on to a point of the log: that the log has come
// so far, and, once, that it has the last event applied. A log whose files were put back
// from a copy is in the incarnation that it was in: its positions seem to go on from the
// part's, but what stands there can be something else.
func (w *worker) confirm(ctx context.Context, now daybook.Point) error {
	at, confirmed := w.stand.Checkpoint, &w.confirmed[w.part]
	if err := at.Precedes(now); err != nil {
		return err
	}
	if at.Applied == 0 || confirmed.Load() {
		return nil
	}
	places, err := w.places(ctx, []uuid.UUID{at.EventID}, now)
	if err != nil {
		return err
	}
	if places[at.EventID] != at.Applied {
		return w.divergedError(at, now)
	}
	confirmed.Store(true)
	return nil
}

// places returns where events are in this life of the log. One that is not there has none.
func (r *Runner) places(ctx context.Context, ids []uuid.UUID, now daybook.Point) (map[uuid.UUID]daybook.Position, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	reading, err := r.store.Read(ctx, daybook.Query{{IDs: ids}}, daybook.Span{})
	if err != nil {
		return nil, err
	}
	if !reading.Snapshot().SameLife(now) {
		return nil, &daybook.LifeError{Given: now, Log: reading.Snapshot()}
	}
	places := make(map[uuid.UUID]daybook.Position, len(ids))
	for e, err := range reading.Events() {
		if err != nil {
			return nil, err
		}
		places[e.ID] = e.Position
	}
	return places, nil
}

// move notes that a part has moved, and tells those who wait.
func (r *Runner) move(ctx context.Context, part int, c Change) {
	if len(c.Events) > 0 {
		r.goOn(ctx, part)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := uint64(0)
	if c.To.Position > c.From.Position {
		passed = uint64(c.To.Position - c.From.Position)
	}
	r.rate.add(time.Now(), uint64(len(c.Events)), passed)
	close(r.moved)
	r.moved = make(chan struct{})
}
