package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/internal/vfs"
)

// A Bus runs commands. A [*command.Bus] is one.
type Bus interface {
	// Send is as that of [command.Bus].
	Send(ctx context.Context, e command.Envelope, name string, data []byte) (daybook.Receipt, error)
	// Handles reports whether the bus has commands of this name.
	Handles(name string) bool
}

// Options adjust a runner. The zero value, and nil, are right for most programs.
type Options struct {
	// Parallel is how many instances react, and how many commands are sent, at the same
	// time. Zero means 16.
	Parallel int
	// Calls is how many effects are called at the same time. Zero means 64.
	Calls int
	// Attempts is how often an effect may fail until its failure is its result. Zero
	// means 8, with about half a minute of pauses between them.
	Attempts int
	// CallTimeout is when the context of an effect's call ends. Zero means 30 seconds.
	CallTimeout time.Duration
	// RetryAfter is about how long the pause after a first failure is. Each further one is
	// about twice as long. Zero means 200 milliseconds.
	RetryAfter time.Duration
	// RetryAtMost is about the longest pause. Zero means 30 seconds.
	RetryAtMost time.Duration
	// TakeOver is how long a runner leaves to another one, which has decided on a command
	// or an effect, to carry it out. Zero means 30 seconds. What two runners do at the
	// same time is still done once.
	TakeOver time.Duration
	// Warm is how many instances that are not in use are kept in memory. Zero means 1000.
	Warm int
	// Snapshots is a directory in which the runner keeps what it knows of all instances
	// together, so that the next one begins with that and need not read all their streams.
	// A file there may be lost or removed: it saves time and nothing else. Empty means
	// that none is kept. Runners of other programs have directories of their own.
	Snapshots string
	// Reacting, if set, is called when an instance is about to take an input, and calls next
	// to have it react: for spans, mostly. What that leads to is recorded with the Parent of
	// the trace in the context that next is given. It returns what next returns, and is called
	// by many goroutines; more than once for an input that somebody else was about to take.
	Reacting func(ctx context.Context, r Reaction, next func(context.Context) error) error
	// Around, if set, is called for every call of an effect, and calls next to make it:
	// for logs, metrics and spans. It returns what next returns. It is called by many
	// goroutines.
	Around Around
	// Clock tells the time. Nil means the system's.
	Clock Clock
	// Logger is told what is set aside, and what keeps a process from going on. Nil means
	// slog.Default.
	Logger *slog.Logger
}

// A Call is a call of an effect, as [Options.Around] sees it.
type Call struct {
	// Process and Instance say whose effect it is.
	Process, Instance string
	// Effect is its name, and Value what was asked for.
	Effect string
	Value  any
	// Key is what the provider knows it by.
	Key string
	// Attempt counts the calls under this key, from one.
	Attempt int
}

// A Runner runs processes: it hands events to instances, sends their commands, calls
// their effects and fires their deadlines. It is safe for use by many goroutines.
//
// Any number of runners, in any number of programs, may run the same processes on the
// same log. Whatever they do at the same time happens once; one of them has then worked
// in vain.
type Runner struct {
	store    daybook.Store
	bus      Bus
	options  Options
	managers []*manager
	watch    *watch
	changed  *signal // whenever something was done
}

// NewRunner returns a runner of these processes, any of them in several versions, which
// does nothing until [Runner.Run] is called. Nil options mean the zero Options. It
// panics if a version of a process is given twice, or if the bus does not handle a
// command that one of them declares: such mistakes are found when the program starts.
func NewRunner(store daybook.Store, bus Bus, processes []Definition, options *Options) *Runner {
	r := &Runner{store: store, bus: bus, changed: newSignal()}
	if options != nil {
		r.options = *options
	}
	r.options.complete()
	r.watch = newWatch(r.options.Clock)
	for _, p := range processes {
		d := p.defined()
		for name := range d.commands {
			if !bus.Handles(name) {
				panic(fmt.Sprintf("process: %s sends the command %q, which its bus does not handle", d.name, name))
			}
		}
		m := r.manager(d.name)
		if m == nil {
			m = newManager(r, d.name)
			r.managers = append(r.managers, m)
		}
		if m.versions[d.version] != nil {
			panic(fmt.Sprintf("process: version %d of %s is given twice", d.version, d.name))
		}
		m.versions[d.version] = d
	}
	return r
}

func (o *Options) complete() {
	set := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	last := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.Parallel, 16)
	set(&o.Calls, 64)
	set(&o.Attempts, 8)
	set(&o.Warm, 1000)
	last(&o.CallTimeout, 30*time.Second)
	last(&o.RetryAfter, 200*time.Millisecond)
	last(&o.RetryAtMost, 30*time.Second)
	last(&o.TakeOver, 30*time.Second)
	if o.Clock == nil {
		o.Clock = systemClock{vfs.OS().Clock}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// manager returns what runs a process; nil if the runner was not given it.
func (r *Runner) manager(name string) *manager {
	n := slices.IndexFunc(r.managers, func(m *manager) bool { return m.name == name })
	if n < 0 {
		return nil
	}
	return r.managers[n]
}

// Run runs the processes until ctx ends. Then it stops calling and sending, lets what was
// begun end, and returns nil. What had no outcome by then is taken up by the next Run,
// here or elsewhere.
//
// Whatever fails is tried again, with growing pauses, for as long as ctx lasts; see
// [Runner.Status]. Run gives up only with [daybook.ErrClosed], if the store was closed.
// A runner runs once at a time: a second call is an error.
func (r *Runner) Run(ctx context.Context) error {
	for _, m := range r.managers {
		if !m.running.CompareAndSwap(false, true) {
			return fmt.Errorf("process: %s runs already", m.name)
		}
		defer m.running.Store(false)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(r.managers))
	var running sync.WaitGroup
	for n, m := range r.managers {
		running.Go(func() {
			if errs[n] = m.run(ctx); errs[n] != nil {
				stop()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// Settle waits until everything is done that can be done without time passing: until
// every event that is in the log when Settle returns was dealt with, and every step has
// its outcome or waits for its next attempt. It is for tests and for programs that end.
// Run must be running, or nothing will ever be done. The error is that of the store, or
// of ctx.
func (r *Runner) Settle(ctx context.Context) error {
	for {
		changed := r.changed.wait()
		before, err := r.store.Info(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(r.managers, func(m *manager) bool { return !m.isSettled(before.Head) }) {
			after, err := r.store.Info(ctx)
			if err != nil || after.Head == before.Head {
				return err
			}
			continue
		}
		for _, m := range r.managers {
			m.kick()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// ConfirmClock has deadlines fire by the wall clock as it is now, although it was set, or
// is behind what was recorded; see [ClockError].
func (r *Runner) ConfirmClock() {
	r.watch.confirm()
	for _, m := range r.managers {
		m.wake()
	}
	r.changed.tell()
}

// A signal tells any number of goroutines that something has changed.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

// wait returns a channel that is closed by the next call of tell.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

func (s *signal) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}
