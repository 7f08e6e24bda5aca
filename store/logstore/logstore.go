package logstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

var _ daybook.Store = (*Store)(nil)

// A Store is a log in a directory. It is safe for use by many goroutines.
//
// It has goroutines only while there is something to do: the [sequencer]'s while
// appends are on their way, and the journal's while a segment is finished in the
// background. Close ends them.
type Store struct {
	home    *home
	options Options
	life    daybook.Point // log and incarnation
	lock    io.Closer

	view    atomic.Pointer[view] // what readers see; replaced by the sequencer
	journal journal
	order   *sequencer
	waiters waiters
	heads   heads
	health  atomic.Pointer[HealthError]

	stamps stamps

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Open opens the log in a directory, and makes directory and log if there are none. It
// recovers from a crash: what was acknowledged is there, an append is there whole or
// not at all, and what a crash left of the last ones is kept beside the log, named, and
// told to the logger. A directory that another store has open is a [*LockedError],
// damage that no crash can explain a [*daybook.CorruptError].
//
// Opening a log and closing it without appending leaves no segment.
func Open(dir string, options *Options) (*Store, error) { return open(vfs.OS(), dir, options) }

// open opens a log in a world.
func open(world vfs.World, dir string, options *Options) (_ *Store, err error) {
	s := &Store{closed: make(chan struct{})}
	if options != nil {
		s.options = *options
	}
	if s.options.Stride == 0 {
		s.options.Stride = defaultStride
	}
	if s.options.Logger == nil {
		s.options.Logger = slog.Default()
	}
	s.home = &home{dir: dir, world: world, log: &logger{s.options.Logger.With("log", dir)}}
	if err := vfs.MkdirSync(world.FS, dir); err != nil {
		return nil, fmt.Errorf("logstore: make directory %s: %w", dir, err)
	}
	if s.lock, err = takeLock(s.home, s.options.Owner); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, releaseLock(s.home, s.lock))
		}
	}()

	m, err := readManifest(s.home)
	if err != nil {
		return nil, err
	}
	s.home.salt = m.salt
	s.life = daybook.Point{Log: m.log, Incarnation: m.incarnation}
	d := newDisk(s.home, m, s.segmentBytes)
	s.journal = d
	v, err := s.journal.recover()
	if err != nil {
		return nil, errors.Join(err, d.abandon())
	}
	s.stamps.issued, s.stamps.settled = v.stamp, v.stamp
	s.view.Store(v)
	s.order = newSequencer(s, d, v)
	s.heads.init()
	return s, nil
}

// Close ends all use of the store: appends that were handed over are finished, waiters
// are told [daybook.ErrClosed], as is whoever asks from now on. It marks the log as
// properly closed, which lets the next opening tell any loss from a crash. Closing
// again does nothing and returns the same.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.order.stop()
		s.closeErr = errors.Join(s.journal.close(), releaseLock(s.home, s.lock))
	})
	return s.closeErr
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// Info implements [daybook.Store].
func (s *Store) Info(context.Context) (daybook.Info, error) {
	if s.isClosed() {
		return daybook.Info{}, daybook.ErrClosed
	}
	return daybook.Info{
		Head:       s.life.At(s.view.Load().head),
		Durability: daybook.Disk,
		Limits:     limits,
		Stride:     s.options.Stride,
	}, nil
}

// publish lets readers see what a group made durable, and wakes who waits for it.
func (s *Store) publish(v *view, g *group) {
	s.view.Store(v)
	s.waiters.wake(v.head, g)
}

// A HealthError says in which way a store is not what it should be.
type HealthError struct {
	// Dir is the store's directory.
	Dir string
	// ReadOnly says that the disk has failed: nothing is recorded until the store is
	// opened again. Otherwise appends are refused as long as what stands in the way
	// does, such as a full disk.
	ReadOnly bool
	// Err is what stands in the way.
	Err error
}

func (e *HealthError) Error() string {
	if e.ReadOnly {
		return fmt.Sprintf("logstore: %s is read-only until it is opened again: %v", e.Dir, e.Err)
	}
	return fmt.Sprintf("logstore: %s records nothing for the time being: %v", e.Dir, e.Err)
}

// Unwrap returns what stands in the way.
func (e *HealthError) Unwrap() error { return e.Err }

// Health returns nil if the store can do everything that it should. Otherwise it
// returns a [*HealthError], or [daybook.ErrClosed]. Reads go on in any case but the
// last.
func (s *Store) Health() error {
	if s.isClosed() {
		return daybook.ErrClosed
	}
	if err := s.health.Load(); err != nil {
		return err
	}
	return nil
}

func (s *Store) setHealth(err *HealthError) {
	if before := s.health.Load(); before == nil || !before.ReadOnly {
		s.health.Store(err)
	}
}
