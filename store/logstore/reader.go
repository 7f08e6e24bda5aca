package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

var _ daybook.Store = (*Reader)(nil)

// A Reader reads a log beside the store that has it open, in the same process or in
// another one on the same machine, or a log that nobody has open. Make it with
// [OpenReader]. It writes nothing in the log's directory, needs no lock and holds nobody
// up. It is safe for use by many goroutines.
//
// A Reader sees what is known to be durable, and never anything that is not. What was
// acknowledged to an appender before a Read or an Info is begun is seen by it; only where
// the owner's disk began to fail at that moment, and took the events but not the note that
// they are durable (see FORMAT.md, HEAD), they are seen after the next append. What is
// recorded may be seen here a moment before the owner itself reads or answers with it.
//
// A Reader goes on when the log gets another segment, when old ones are scavenged, and
// when its owner is closed, crashes and opens it again. If nobody has the log open after a
// crash, the last group of appends may have to wait until somebody does: until then nobody
// can know whether it is in the log.
//
// While somebody waits, a goroutine looks every two milliseconds whether the log has
// grown: see [Reader.Wait]. There is no other one.
//
// If the directory is given another log, or the log another incarnation, every call
// returns a [*daybook.LifeError]; open another Reader. What a reading may know of a moment
// (Span.KnownAt) is fixed by the owner alone: a moment later than the newest event may
// still be given events.
type Reader struct {
	store *Store // what reads; its view is replaced as the log grows

	mu       sync.Mutex // guards what follows
	manifest *manifest
	line     string     // the last one of the manifest
	segments []*segment // as in the newest view
	tail     tail       // of the active segment, up to where it is known to be durable
	unseen   bool       // there is a segment whose events nobody has been woken for
	retired  []retired  // segments that were rewritten
	life     error      // the log is not the one any more that was opened

	watching sync.Mutex // guards what follows
	waiting  int
	polling  bool
	failure  error // of the last look that the poller had
	polls    sync.WaitGroup
	stop     context.CancelFunc // ends the poller's pause; nil unless it polls
	once     sync.Once
	closeErr error
}

// pollInterval is how long a change may go unseen by those who wait: a fraction of what
// people notice, and some 20 microseconds of looking in each take one percent of a
// processor.
const pollInterval = 2 * time.Millisecond

// OpenReader opens the log in a directory for reading. Of the options, which may be nil,
// it uses Stride, OpenFiles and Logger. An error that wraps [fs.ErrNotExist] says that
// there is no log; a [*daybook.CorruptError] that it is damaged where a reader has to look
// first.
func OpenReader(dir string, options *Options) (*Reader, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, err
	}
	return openReader(vfs.OS(), absolute, options)
}

func openReader(world vfs.World, dir string, options *Options) (*Reader, error) {
	s := &Store{closed: make(chan struct{}), durability: daybook.Disk, limits: limits, journal: new(disk)}
	if options != nil {
		s.options = *options
	}
	if s.options.Stride == 0 {
		s.options.Stride = defaultStride
	}
	s.home = onlooker(world, dir, s.options.Logger)
	if s.options.OpenFiles > 0 {
		s.home.open.most = s.options.OpenFiles
	}
	s.view.Store(new(view))
	s.clock.start(world, s.home.log)
	r := &Reader{store: s}
	m, err := existingManifest(s.home)
	if err != nil {
		return nil, err
	}
	s.home.salt = m.salt
	s.life = daybook.Point{Log: m.log, Incarnation: m.incarnation}
	if err := r.look(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	// What HEAD says may be out of date after a power cut.
	if err := r.lookBeyond(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Append implements [daybook.Store]: it records nothing. The error is a
// [*daybook.UnavailableError] that wraps [daybook.ErrReadOnly].
func (r *Reader) Append(context.Context, []daybook.Event, daybook.Condition) (daybook.Receipt, error) {
	if r.store.isClosed() {
		return daybook.Receipt{}, daybook.ErrClosed
	}
	return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: daybook.ErrReadOnly}
}

// Read implements [daybook.Store].
func (r *Reader) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, err
	}
	if err := r.look(); err != nil {
		return daybook.Reading{}, err
	}
	_, q = planQuery(q) // which is a copy
	for {
		by := r.store.view.Load()
		reading, v, err := r.store.read(ctx, q, span)
		if err != nil && r.replaced(err, by) {
			continue
		}
		if err != nil {
			return daybook.Reading{}, err
		}
		return daybook.NewReading(q, span, reading.Snapshot(), r.through(ctx, q, span, reading, v)), nil
	}
}

// replaced reports whether an error is that a file is gone because the owner has replaced
// a segment by one that it rewrote: whether the reader has other segments now than those
// by which it looked for the file.
func (r *Reader) replaced(err error, by *view) bool {
	return errors.Is(err, fs.ErrNotExist) && r.look() == nil && !slices.Equal(r.store.view.Load().segments, by.segments)
}

// through yields the events of a reading that goes by a view. If the owner has replaced a
// segment since by a rewritten one, and removed the file that the reading was to go on
// with, it goes on with the new one. What was forgotten since the reading began may be a
// stub there, and is yielded as that.
func (r *Reader) through(ctx context.Context, q daybook.Query, span daybook.Span, reading daybook.Reading, begun *view) iter.Seq2[daybook.Recorded, error] {
	return func(yield func(daybook.Recorded, error) bool) {
		reading, rest, by, yielded := reading, span, begun, 0
		var then *hiding // as of the view; nil as long as the reading goes on that was begun
		for {
			var failed error
			for e, err := range reading.Events() {
				if err != nil {
					failed = err
					break
				}
				if then != nil {
					if e.Forgotten, failed = then.hid(e); failed != nil {
						break
					}
				}
				if rest.Backward {
					rest.Before = e.Position
				} else {
					rest.After = e.Position
				}
				if then != nil {
					if !q.Yields(e, span) {
						continue
					}
					e.Forgotten = e.Forgotten || e.Stub != nil
				}
				if !yield(e, nil) {
					return
				}
				if yielded++; yielded == span.Limit {
					return
				}
			}
			if failed == nil {
				return
			}
			for r.replaced(failed, by) {
				by = r.store.view.Load()
				last := reading.Snapshot().Position
				if rest.Before == 0 || rest.Before > last+1 {
					rest.Before = last + 1
				}
				rest.Limit, rest.KnownAt, rest.Forgotten = 0, time.Time{}, true
				if then, failed = r.store.hidingThen(by, begun.head); failed != nil {
					continue
				}
				again, _, err := r.store.read(ctx, q, rest)
				if failed = err; err == nil {
					reading = again
				}
			}
			if failed != nil {
				yield(daybook.Recorded{}, failed)
				return
			}
		}
	}
}

// Info implements [daybook.Store]. Limits are those of the store that has the log open.
func (r *Reader) Info(ctx context.Context) (daybook.Info, error) {
	if err := ctx.Err(); err != nil {
		return daybook.Info{}, &daybook.UnavailableError{Doing: "info", Err: err}
	}
	if err := r.look(); err != nil {
		return daybook.Info{}, err
	}
	return r.store.Info(ctx)
}

// Close ends all use of the reader: every Wait that is under way, every reading, and
// every later call return [daybook.ErrClosed]. Closing again does nothing.
func (r *Reader) Close() error {
	r.once.Do(func() {
		close(r.store.closed)
		r.watching.Lock()
		if r.stop != nil {
			r.stop()
		}
		r.watching.Unlock()
		r.polls.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range r.segments {
			r.closeErr = errors.Join(r.closeErr, s.close())
		}
		r.closeErr = errors.Join(r.closeErr, closeRetired(r.retired))
	})
	return r.closeErr
}

// look brings the reader's view up to what is known to be durable now.
func (r *Reader) look() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store.isClosed() {
		return daybook.ErrClosed
	}
	if r.life != nil {
		return r.life
	}
	// The manifest is read first, and then HEAD, which may be about a segment that the
	// manifest did not name yet.
	var err error
	for range 100 {
		again := false
		if err = r.readManifest(); err == nil {
			again, err = r.catchUp()
		}
		// The segment that was written is gone if it was sealed and rewritten meanwhile.
		if !again && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err != nil {
		return err
	}
	return &daybook.UnavailableError{Doing: "read", Err: fmt.Errorf("%s and %s of %s do not belong together", headName, manifestName, r.store.home.dir)}
}

// lookBeyond looks whether frames behind the ones that HEAD tells of are durable.
func (r *Reader) lookBeyond() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.manifest.active == 0 || r.manifest.clean != nil {
		return nil
	}
	return r.prove()
}

// catchUp takes in what has become durable since the last time. It reports that the
// manifest must be read again first.
func (r *Reader) catchUp() (again bool, err error) {
	m := r.manifest
	if m.active == 0 {
		r.publish(nil)
		return false, nil
	}
	if m.clean != nil {
		return false, r.advance(announcement{head: m.clean.head, at: place{m.active, m.clean.end}, checksum: m.clean.checksum})
	}
	a, said := readAnnouncement(r.store.home, m)
	switch {
	case said && a.at.segment > m.active:
		return true, nil
	case said && a.at.segment == m.active && a.at.offset >= r.tail.end:
		return false, r.advance(a)
	}
	return false, r.prove()
}

// advance takes the frames of the active segment into the view up to a place that is
// known to be durable.
func (r *Reader) advance(a announcement) error {
	if a.at.offset == r.tail.end {
		if a.checksum != r.tail.checksum {
			return r.active().corrupt(r.tail.end, r.tail.head, fmt.Errorf("the last frame has checksum %08x, and %08x is said to be durable", r.tail.checksum, a.checksum))
		}
		r.publish(nil)
		return nil
	}
	terms, bad, err := r.walk(a.at.offset)
	if err != nil {
		return err
	}
	if bad == nil && (r.tail.end != a.at.offset || r.tail.checksum != a.checksum) {
		bad = fmt.Errorf("the frames end with checksum %08x, and %08x at %d is said to be durable", r.tail.checksum, a.checksum, a.at.offset)
	}
	if bad != nil {
		return r.active().corrupt(r.tail.end, r.tail.head, bad)
	}
	r.publish(terms)
	return nil
}

func (r *Reader) active() *segment { return r.segments[len(r.segments)-1] }

// publish lets those who read see what was taken in, and wakes those who wait for it.
func (r *Reader) publish(terms []uint64) {
	s := r.store
	before := s.view.Load()
	if before.head == r.tail.head && before.end == r.tail.end && before.checksum == r.tail.checksum && slices.Equal(before.segments, r.segments) {
		return
	}
	v := &view{segments: r.segments, end: r.tail.end, head: r.tail.head, stamp: r.tail.stamp, checksum: r.tail.checksum}
	s.view.Store(v)
	if r.unseen {
		// It was begun and sealed between two looks.
		r.unseen = false
		s.waiters.wakeAll()
		return
	}
	s.waiters.wake(v.head, &group{terms: terms})
}
