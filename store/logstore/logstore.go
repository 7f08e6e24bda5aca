package logstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

var _ daybook.Store = (*Store)(nil)

// A Store is a log in a directory. Make it with [Open]. It is safe for use by many
// goroutines.
//
// It has goroutines of its own only while there is something to do: while appends are
// on their way, and while a segment is finished in the background. Close ends them.
type Store struct {
	home    *home
	options Options
	life    daybook.Point // log and incarnation
	limits  daybook.Limits
	// groupBytes is how many bytes a group has at most, unless one append has more.
	groupBytes int
	lock       io.Closer

	view       atomic.Pointer[view] // what readers see; replaced by the sequencer
	journal    journal
	durability daybook.Durability
	requests   requests
	order      *sequencer
	waiters    waiters
	heads      heads
	says       announcer
	hidden     horizons
	health     atomic.Pointer[HealthError]
	underway   underway
	synced     synced

	clock  clock
	stamps stamps

	// rewriting is held by who rewrites sealed segments, and guards retired: the bytes of
	// files that were replaced and may not be closed yet.
	rewriting   sync.Mutex
	retired     int64
	compression compression

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
}

// Open opens the log in a directory, and makes the directory and the log if there are
// none. Nil options mean the zero Options.
//
// It recovers from a crash: every event that was acknowledged is there, and every
// append is there whole or not at all. Remains of an append that was not acknowledged
// are moved to a file of their own in the directory, which the logger names.
//
// An empty name of a directory is a [*daybook.InvalidError]: the directory that the
// program happens to be in is called ".". A directory that [Backup] has made is one too:
// [RestoreBackup] makes a log of it elsewhere, and [OpenReader] reads it. If another store
// has the directory open, the error is a [*LockedError]; if the log has damage that no
// crash can explain, it is a [*daybook.CorruptError], and the log's segments are left as
// they are.
func Open(dir string, options *Options) (*Store, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, err
	}
	return open(vfs.OS(), absolute, options)
}

// directory returns the whole name of a log's directory: the program may change its own
// while it uses the log.
func directory(dir string) (string, error) {
	if dir == "" {
		return "", &daybook.InvalidError{What: "directory of a log", Reason: "has no name"}
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("logstore: find directory %s: %w", dir, err)
	}
	return absolute, nil
}

// open opens a log in a world, which is the machine's or a simulated one.
func open(world vfs.World, dir string, options *Options) (*Store, error) {
	return openOn(world, dir, options, func(s *Store) (journal, error) {
		if err := s.home.notBackup(); err != nil {
			return nil, err
		}
		m, err := readManifest(s.home)
		if err != nil {
			return nil, err
		}
		return s.onDisk(m), nil
	})
}

// onDisk makes the directory's log the store's, and returns the journal of it.
func (s *Store) onDisk(m *manifest) *disk {
	s.home.salt = m.salt
	s.home.lost.Store(&m.lost)
	s.life = daybook.Point{Log: m.log, Incarnation: m.incarnation}
	return newDisk(s.home, m, s.segmentBytes)
}

// openOn opens a store on the journal that newJournal returns, which has set the log's
// identity and salt. The journal is closed if it cannot recover.
func openOn(world vfs.World, dir string, options *Options, newJournal func(*Store) (journal, error)) (_ *Store, err error) {
	s := &Store{closed: make(chan struct{}), limits: limits, groupBytes: groupBytes}
	if options != nil {
		s.options = *options
	}
	if s.options.Stride == 0 {
		s.options.Stride = defaultStride
	}
	if s.options.OpenFiles <= 0 {
		s.options.OpenFiles = defaultOpenFiles
	}
	if s.options.Logger == nil {
		s.options.Logger = slog.Default()
	}
	s.heads.seed = maphash.MakeSeed()
	s.home = &home{dir: dir, world: world, log: &logger{s.options.Logger.With("log", dir)}}
	s.home.open.most, s.home.open.log = s.options.OpenFiles, s.home.log
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

	if s.journal, err = newJournal(s); err != nil {
		return nil, err
	}
	v, err := s.journal.recover()
	if err != nil {
		return nil, errors.Join(err, s.journal.abandon())
	}
	s.durability = s.journal.durability()
	s.stamps.issued, s.stamps.settled = v.stamp, v.stamp
	s.clock.start(s.home.world, s.home.log)
	s.view.Store(v)
	s.order = newSequencer(s, s.journal, v)
	if v.head > 0 {
		s.says.announce(s.home, s.life, v)
	}
	s.journal.follow(s.order.nudge)
	return s, nil
}

// Close ends all use of the store. It finishes the appends that were handed over; every
// Wait that is under way, and every later call, returns [daybook.ErrClosed]. A reading
// that was begun ends with that error too. Close marks the log as properly closed, so
// that the next Open can tell damage from the remains of a crash. Closing again does
// nothing and returns the same error.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.order.stop()
		s.compression.stop()
		s.rewriting.Lock() // whoever rewrites segments soon sees that the store is closed
		defer s.rewriting.Unlock()
		s.closeErr = errors.Join(s.journal.close(), s.says.close(), releaseLock(s.home, s.lock))
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
func (s *Store) Info(ctx context.Context) (daybook.Info, error) {
	if err := ctx.Err(); err != nil {
		return daybook.Info{}, &daybook.UnavailableError{Doing: "info", Err: err}
	}
	if s.isClosed() {
		return daybook.Info{}, daybook.ErrClosed
	}
	return daybook.Info{
		Head:       s.life.At(s.view.Load().head),
		Durability: s.durability,
		Limits:     s.limits,
		Stride:     s.options.Stride,
	}, nil
}

// publish lets readers see what a group made durable, and wakes those who wait for it.
// Those who read beside the store see it first, so that whoever was told here of a
// position finds it there.
func (s *Store) publish(v *view, g *group) {
	s.says.announce(s.home, s.life, v)
	s.view.Store(v)
	s.waiters.wake(v.head, g)
}

// A HealthError says why a store records nothing at the moment; see [Store.Health].
type HealthError struct {
	// Dir is the store's directory.
	Dir string
	// ReadOnly reports that the disk has failed: nothing is recorded until the store is
	// closed and opened again. If it is false, the disk is full, for example, and
	// appends are taken again as soon as there is room.
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

// Sealed reports whether nothing is recorded until somebody does something about it, as
// ReadOnly says.
func (e *HealthError) Sealed() bool { return e.ReadOnly }

// Unwrap returns what stands in the way.
func (e *HealthError) Unwrap() error { return e.Err }

// Health returns nil if all is well. Otherwise it returns
//
//   - [daybook.ErrClosed];
//   - a [*HealthError] if the last append that was tried could not be recorded, or if the
//     disk has not answered for ten seconds; reads go on;
//   - a [*ClockError] if the wall clock jumped by more than a minute, measured by the time
//     since boot, and is not followed until that is confirmed (see [Store.ConfirmClock]), or
//     if it is more than a minute behind the last append; appends and reads go on.
func (s *Store) Health() error {
	if s.isClosed() {
		return daybook.ErrClosed
	}
	if err := s.health.Load(); err != nil {
		return err
	}
	if err := s.underway.stuck(s.home.world.Clock); err != nil && !planted("stuck-disk-not-noticed") {
		return &HealthError{Dir: s.home.dir, Err: err}
	}
	return s.clockHealth()
}

func (s *Store) setHealth(err *HealthError) {
	if before := s.health.Load(); before == nil || !before.ReadOnly {
		s.health.Store(err)
	}
}
