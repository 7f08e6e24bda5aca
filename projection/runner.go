package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Options adjust a runner. The zero value, and nil, are right for most programs.
type Options struct {
	// BatchEvents is the greatest number of events that are applied at once. A batch
	// ends early at [BatchBytes]. Zero means 1000.
	BatchEvents int
	// RetryAfter is about how long a runner pauses after the first failure. Each
	// further pause is about twice as long. Zero means 50 milliseconds.
	RetryAfter time.Duration
	// RetryAtMost is about the longest pause. Zero means 15 seconds.
	RetryAtMost time.Duration
	// Logger is told when the projection gets stuck, and when it goes on. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// BatchBytes bounds a batch, which is held in memory: it ends with the event that
// brings the sum of their sizes to this or more. A thousand ordinary events take half
// a megabyte.
const BatchBytes = 4 << 20

// defaultBatch is large enough that what a transaction costs beside its statements
// no longer shows, and small enough that a reader of a memview waits a few
// milliseconds at most.
const defaultBatch = 1000

// A Runner keeps one view in step with one store. It is safe for use by many
// goroutines. Several runners, also in several processes, may keep the same view in
// step: each event is still applied once, and of work that two did at the same time
// one result is thrown away.
type Runner struct {
	store   daybook.Store
	view    View
	query   daybook.Query
	owner   uuid.UUID
	options Options

	// confirmed is set when the view's last event was found to be in the log. While a
	// store is open its log does not change behind anybody's back.
	confirmed atomic.Bool

	running atomic.Int32 // calls of Run that have not returned

	mu      sync.Mutex
	moved   chan struct{} // closed and replaced when the view has moved
	stuck   *Stuck
	applied uint64
}

// NewRunner returns a runner, which does nothing until [Runner.Run] or
// [Runner.CatchUp] is called. Nil options mean the zero Options.
func NewRunner(store daybook.Store, view View, options *Options) *Runner {
	r := &Runner{store: store, view: view, query: view.Query(), owner: uuid.New(), moved: make(chan struct{})}
	if options != nil {
		r.options = *options
	}
	if r.options.BatchEvents <= 0 {
		r.options.BatchEvents = defaultBatch
	}
	if r.options.RetryAfter <= 0 {
		r.options.RetryAfter = 50 * time.Millisecond
	}
	if r.options.RetryAtMost <= 0 {
		r.options.RetryAtMost = 15 * time.Second
	}
	if r.options.Logger == nil {
		r.options.Logger = slog.Default()
	}
	r.options.Logger = r.options.Logger.With("projection", view.Name(), "version", view.Version())
	return r
}

// Run applies what the log has, and then events as they are recorded, until ctx
// ends. Then it returns nil.
//
// Whatever fails is tried again, with growing pauses, for as long as ctx lasts; see
// [Runner.Status]. Run gives up only if trying again cannot help: with a
// [*DivergedError] if the view shows what is not in the log, and with
// [daybook.ErrClosed] if the store was closed.
func (r *Runner) Run(ctx context.Context) error {
	r.running.Add(1)
	defer r.running.Add(-1)
	pauses := &backoff.ExponentialBackOff{
		InitialInterval:     r.options.RetryAfter,
		MaxInterval:         r.options.RetryAtMost,
		Multiplier:          2,
		RandomizationFactor: 0.3,
	}
	for {
		at, err := r.catchUp(ctx)
		if err == nil {
			r.goOn(ctx)
			_, err = r.store.Wait(ctx, r.query, at.Position)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			continue
		}
		attempts := r.getStuck(ctx, err)
		if hopeless(err) {
			return err
		}
		if attempts == 1 {
			pauses.Reset()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pauses.NextBackOff()):
		}
	}
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	diverged := (*DivergedError)(nil)
	return errors.As(err, &diverged) || errors.Is(err, daybook.ErrClosed)
}

// CatchUp applies everything that was in the log when it was called, and perhaps
// more. It tries nothing again and returns the first error: an [*EventError] if an
// event cannot be applied, after all events before it were, a [*DivergedError], or an
// error of the store or the view.
func (r *Runner) CatchUp(ctx context.Context) error {
	_, err := r.catchUp(ctx)
	if err == nil {
		r.goOn(ctx)
	}
	return err
}

// catchUp brings the view to the head of the log, and returns where it then stands.
func (r *Runner) catchUp(ctx context.Context) (Checkpoint, error) {
	for {
		at, err := r.checkpoint(ctx)
		if err != nil {
			return at, err
		}
		reading, err := r.store.Read(ctx, r.query, daybook.Span{After: at.Position})
		if err != nil {
			return at, err
		}
		if !at.SameLife(reading.Snapshot()) {
			err = r.adopt(ctx, at, reading.Snapshot())
		} else if err = r.confirm(ctx, at, reading.Snapshot()); err == nil {
			if at, err = r.apply(ctx, at, reading); err == nil {
				return at, nil
			}
		}
		if err != nil && !errors.Is(err, ErrMoved) {
			return at, err
		}
		if ctx.Err() != nil {
			return at, ctx.Err()
		}
	}
}

// checkpoint asks the view how far it has come.
func (r *Runner) checkpoint(ctx context.Context) (Checkpoint, error) {
	at, err := r.view.Checkpoint(ctx)
	if err != nil {
		err = fmt.Errorf("projection %s version %d: read its checkpoint: %w", r.view.Name(), r.view.Version(), err)
	}
	return at, err
}

// apply applies what a reading has, batch by batch, and returns where the view then
// stands: at the reading's snapshot.
func (r *Runner) apply(ctx context.Context, at Checkpoint, reading daybook.Reading) (Checkpoint, error) {
	head := at
	head.Point, head.Owner = reading.Snapshot(), r.owner
	batch, bytes := make([]daybook.Recorded, 0, min(r.options.BatchEvents, defaultBatch)), 0
	commit := func(to Checkpoint) error {
		if err := r.commit(ctx, at, batch, to); err != nil {
			return err
		}
		at, batch, bytes = to, batch[:0], 0
		return nil
	}
	for e, err := range reading.Events() {
		if err != nil {
			return at, err
		}
		// What was scavenged since the reading began is what a reading begun now does not
		// show; and what is forgotten is not applied either where a view asks for it by id.
		if e.Forgotten {
			continue
		}
		// A full batch waits for the event after it: the last one takes the checkpoint
		// along to the snapshot.
		if len(batch) >= r.options.BatchEvents || bytes >= BatchBytes {
			if err := commit(head.after(batch[len(batch)-1])); err != nil {
				return at, err
			}
		}
		batch, bytes = append(batch, e), bytes+e.Size()
	}
	if len(batch) > 0 {
		last := batch[len(batch)-1]
		head.Applied, head.EventID = last.Position, last.ID
	}
	if head.Point == at.Point {
		return at, nil // nothing new, and nothing to save
	}
	return head, commit(head)
}

// commit applies one batch. If one of its events cannot be applied, it applies those
// before it and returns the error, so that the view stands right before the event
// that it is stuck on.
func (r *Runner) commit(ctx context.Context, from Checkpoint, batch []daybook.Recorded, to Checkpoint) error {
	err := r.view.Apply(ctx, from, batch, to)
	if failed := (*EventError)(nil); errors.As(err, &failed) {
		before := len(batch)
		for before > 0 && batch[before-1].Position >= failed.Event.Position {
			before--
		}
		if before == 0 {
			return err
		}
		to = to.after(batch[before-1])
		if again := r.view.Apply(ctx, from, batch[:before], to); again != nil {
			return again
		}
		r.move(ctx, before)
		return err
	}
	if err != nil {
		return err
	}
	r.move(ctx, len(batch))
	return nil
}

// adopt lets a view that was built in another incarnation of the log go on in this
// one, if the last event that it applied is still there. A restore keeps positions,
// and brings back a beginning of the log: so everything that the view shows is in
// the log, and what comes after that event is yet to be applied.
func (r *Runner) adopt(ctx context.Context, from Checkpoint, now daybook.Point) error {
	diverged := &DivergedError{Name: r.view.Name(), Version: r.view.Version(), Checkpoint: from, Log: now}
	if from.Log != now.Log {
		return diverged
	}
	to := from
	to.Point, to.Owner = now.At(from.Applied), r.owner
	if from.Applied > 0 {
		there, err := r.has(ctx, from, now)
		if err != nil {
			return err
		}
		if !there {
			return diverged
		}
	}
	if err := r.view.Apply(ctx, from, nil, to); err != nil {
		return err
	}
	r.options.Logger.WarnContext(ctx, "the log was restored; the projection goes on in its new incarnation",
		"position", to.Position, "incarnation", to.Incarnation.String())
	r.move(ctx, 0)
	return nil
}

// confirm makes sure that the view can go on to a point of the log: that the log has come
// so far, and, once, that it has the last event applied. A log whose files were put back
// from a copy is in the incarnation that it was in: its positions seem to go on from the
// view's, but what stands there can be something else.
func (r *Runner) confirm(ctx context.Context, at Checkpoint, now daybook.Point) error {
	if err := at.Precedes(now); err != nil {
		return err
	}
	if at.Applied == 0 || r.confirmed.Load() {
		return nil
	}
	there, err := r.has(ctx, at, now)
	if err != nil {
		return err
	}
	if !there {
		return &DivergedError{Name: r.view.Name(), Version: r.view.Version(), Checkpoint: at, Log: now}
	}
	r.confirmed.Store(true)
	return nil
}

// has reports whether the last event applied is where it was in this life of the log.
func (r *Runner) has(ctx context.Context, at Checkpoint, now daybook.Point) (bool, error) {
	reading, err := r.store.Read(ctx, daybook.Query{{IDs: []uuid.UUID{at.EventID}}}, daybook.Span{})
	if err != nil {
		return false, err
	}
	if !reading.Snapshot().SameLife(now) {
		return false, &daybook.LifeError{Given: now, Log: reading.Snapshot()}
	}
	for e, err := range reading.Events() {
		if err != nil {
			return false, err
		}
		return e.Position == at.Applied, nil
	}
	return false, nil
}

// move notes that the view has moved, and tells those who wait.
func (r *Runner) move(ctx context.Context, events int) {
	if events > 0 {
		r.goOn(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied += uint64(events)
	close(r.moved)
	r.moved = make(chan struct{})
}
