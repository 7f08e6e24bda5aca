package readmodel

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Options adjust a keeper. The zero value, and nil, are right for most programs.
type Options struct {
	// Runner are options of what keeps the read model in step. Without a RetryAtMost it is
	// a second: a database that is back is to be noticed soon.
	Runner projection.Options
	// Logger is told when the read model is away, and when it is back. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// A Keeper keeps a read model in step with a log, and answers from it while it can. It is
// safe for use by many goroutines.
//
// One goroutine of its own opens the editions, looks after them, and closes them; it owns
// what is in opened. It ends with [Keeper.Close].
type Keeper struct {
	store      daybook.Store
	definition *sqlview.Definition
	place      Place
	options    Options

	stop context.CancelFunc
	done sync.WaitGroup
	asks chan ask // what the goroutine is asked to do with the editions

	mu      sync.Mutex
	open    *opened       // nil while nothing could be opened
	away    *AwayError    // why nothing can be asked; nil while something can
	ready   bool          // whether anything could ever be asked
	told    bool          // whether the log says last that nothing can be asked
	changed chan struct{} // closed and replaced when one of these changes

	standing standings
	shown    shown
}

// opened are the editions that are open.
type opened = projection.Versions[*sqlview.View]

// An ask is something to be done with the editions by whoever owns them.
type ask struct {
	do   func(ctx context.Context, open *opened, end func()) (reopen bool, err error)
	done chan error
}

// An AwayError reports that a read model cannot be asked just now.
type AwayError struct {
	// Since is when that began.
	Since time.Time
	// Building reports that it is there, and does not show enough of the log yet: it was
	// never built, or it was dropped. Progress is how much of the log it shows, from 0 to 1.
	Building bool
	Progress float64
	// Err is what came in the way; nil if it is only being built.
	Err error
}

func (e *AwayError) Error() string {
	if e.Building {
		return fmt.Sprintf("the read model is being built, and shows %d %% of the log", int(e.Progress*100))
	}
	return fmt.Sprintf("the read model cannot be reached: %v", e.Err)
}

// Unwrap returns what came in the way.
func (e *AwayError) Unwrap() error { return e.Err }

// Keep begins to keep a read model in step with a store. It returns at once, whether or
// not the database can be reached. The caller closes the keeper, and the store after it.
func Keep(store daybook.Store, definition *sqlview.Definition, place Place, options *Options) *Keeper {
	k := &Keeper{store: store, definition: definition, place: place, asks: make(chan ask), changed: make(chan struct{})}
	if options != nil {
		k.options = *options
	}
	if k.options.Logger == nil {
		k.options.Logger = slog.Default()
	}
	if k.options.Runner.Logger == nil {
		k.options.Runner.Logger = k.options.Logger
	}
	if k.options.Runner.RetryAtMost == 0 {
		k.options.Runner.RetryAtMost = time.Second
	}
	k.away = &AwayError{Since: time.Now(), Building: true}
	k.standing.keeper = k
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	k.done.Go(func() { k.run(ctx) })
	return k
}

// Close stops keeping the read model in step, and closes it. What it shows stays.
func (k *Keeper) Close() error {
	k.stop()
	k.done.Wait()
	return nil
}

const (
	// look is how often it is looked whether the read model is there still.
	look = 100 * time.Millisecond
	// lookWithin is how long the database may take to say so.
	lookWithin = 2 * time.Second
	// openWithin is how long it may take to open the read model.
	openWithin = 10 * time.Second
)

// run opens the read model, looks after it until it is gone, and opens it again.
func (k *Keeper) run(ctx context.Context) {
	for ctx.Err() == nil {
		open, err := k.openAll(ctx)
		if err != nil {
			k.set(nil, &AwayError{Err: err})
			k.refuse(ctx, look)
			continue
		}
		k.tend(ctx, open)
	}
}

// refuse waits, and tells whoever asks for something meanwhile that there is nothing.
func (k *Keeper) refuse(ctx context.Context, pause time.Duration) {
	over := time.After(pause)
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case asked := <-k.asks:
			asked.done <- k.isAway()
		}
	}
}

// openAll opens the editions that there are.
func (k *Keeper) openAll(ctx context.Context) (*opened, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	views, err := k.place.OpenAll(ctx, k.definition)
	if err != nil {
		return nil, err
	}
	open := projection.NewVersions(k.store, &projection.VersionsOptions{Runner: k.options.Runner}, views...)
	_ = open.Choose(ctx) // or Run does, and says what is wrong
	return open, nil
}

// tend keeps the editions in step, until one of them is gone or ctx ends, and closes them.
func (k *Keeper) tend(ctx context.Context, open *opened) {
	running, stop := context.WithCancel(ctx)
	var ran sync.WaitGroup
	ended := make(chan error, 1)
	ran.Go(func() { ended <- open.Run(running) })
	end := func() { stop(); ran.Wait() }
	defer func() {
		end()
		if err := CloseAll(open.Views()); err != nil {
			k.options.Logger.Warn("a read model was closed", "error", err)
		}
	}()
	var gave error // what keeps them from being kept in step
	for {
		gone, err := k.isGone(ctx, open)
		switch {
		case ctx.Err() != nil:
			return
		case gone:
			k.set(nil, &AwayError{Building: true})
			k.options.Logger.Warn("the read model is gone, and is built again", "name", k.definition.Name())
			return
		case err == nil && gave != nil:
			err = gave
		}
		k.judge(ctx, open, err)
		k.tidy(ctx, open)
		select {
		case <-ctx.Done():
			return
		case gave = <-ended:
		case <-time.After(look):
		case asked := <-k.asks:
			reopen, err := asked.do(ctx, open, end)
			if reopen {
				k.set(nil, &AwayError{Building: true})
			}
			asked.done <- err
			if reopen {
				return
			}
		}
	}
}

// isGone reports whether an edition is gone.
func (k *Keeper) isGone(ctx context.Context, open *opened) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, view := range open.Views() {
		if gone, err := view.Gone(ctx); gone || err != nil {
			return gone, err
		}
	}
	return false, nil
}

// judge says whether the read model can be asked.
func (k *Keeper) judge(ctx context.Context, open *opened, err error) {
	if err != nil {
		k.set(open, &AwayError{Err: err})
		return
	}
	if _, answers := open.Answering(); answers {
		k.set(open, nil)
		return
	}
	building := &AwayError{Building: true}
	if status, err := open.Runner(open.Views()[0]).Status(ctx); err == nil {
		building.Progress = status.Progress()
	}
	k.set(open, building)
}

// tidy removes the editions before the one that answers: readers were switched.
func (k *Keeper) tidy(ctx context.Context, open *opened) {
	views := open.Views()
	answering, answers := open.Answering()
	if !answers || answering != views[len(views)-1] {
		return
	}
	for _, view := range views[:len(views)-1] {
		if err := open.Remove(ctx, view); err != nil && ctx.Err() == nil {
			k.options.Logger.Warn("an edition of a read model could not be removed", "edition", view.Edition(), "error", err)
		}
	}
}

// set says what can be asked.
func (k *Keeper) set(open *opened, away *AwayError) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.away
	switch {
	case away == nil:
		k.ready = true
	case was != nil:
		away.Since = was.Since
	default:
		away.Since = time.Now()
	}
	if (was == nil) != (away == nil) || k.open != open || away != nil && (was.Err == nil) != (away.Err == nil) {
		close(k.changed)
		k.changed = make(chan struct{})
	}
	switch {
	case away != nil && (was == nil || was.Err == nil && away.Err != nil):
		k.told = true
		k.options.Logger.Warn("the read model is away", "name", k.definition.Name(), "error", away)
	case was != nil && away == nil && k.told:
		k.told = false
		k.options.Logger.Info("the read model answers again", "name", k.definition.Name(), "away", time.Since(was.Since))
	case was != nil && away == nil:
		k.options.Logger.Info("the read model answers", "name", k.definition.Name(), "after", time.Since(was.Since))
	}
	k.open, k.away = open, away
}

// state returns what can be asked, and a channel that is closed when that changes.
func (k *Keeper) state() (open *opened, away *AwayError, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open, k.away, k.changed
}

// has reports whether editions are still those that are open.
func (k *Keeper) has(open *opened) bool {
	now, _, _ := k.state()
	return now == open
}

// isAway returns why nothing can be asked.
func (k *Keeper) isAway() error {
	if _, away, _ := k.state(); away != nil {
		return away
	}
	return &AwayError{Since: time.Now(), Building: true}
}

// Away returns why the read model cannot be asked, and nil while it can.
func (k *Keeper) Away() *AwayError {
	_, away, _ := k.state()
	return away
}

// Ready reports whether the read model could be asked at least once, since the keeper
// began.
func (k *Keeper) Ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ready
}

// Begun returns when the read model could be asked once, or when it is known what keeps it
// from that, or when ctx ends: for programs that say that they are there.
func (k *Keeper) Begun(ctx context.Context) {
	for {
		_, away, changed := k.state()
		if away == nil || away.Err != nil || k.Ready() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// with has the goroutine that owns the editions do something with them, which calls end if
// they are not to be kept in step any more, and says whether they are to be opened again.
func (k *Keeper) with(ctx context.Context, do func(ctx context.Context, open *opened, end func()) (reopen bool, err error)) error {
	asked := ask{do, make(chan error, 1)}
	select {
	case k.asks <- asked:
		return <-asked.done
	case <-ctx.Done():
		return &daybook.UnavailableError{Doing: "ask for another edition of a read model", Err: ctx.Err()}
	}
}
