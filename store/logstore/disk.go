package logstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/internal/shared"
)

// A disk is the journal that makes groups durable on the local disk: it writes them
// into the active segment's file and syncs that.
//
// Its methods are called one at a time, ready excepted. Beside them it has at most two
// goroutines of its own: one that reserves the file of the next segment (see [spare])
// and the one that writes the index files of sealed ones (see [indexer]). close waits
// for both.
type disk struct {
	home         *home
	manifest     *manifest
	segmentBytes func(number uint64) int64

	segments []*segment
	active   *segment // the last of segments; nil if there is none
	file     vfs.File // of active, for writing; nil until something is written
	reserved bool     // space for the rest of it has been asked for
	end      int64    // where active's frames end
	head     daybook.Position
	checksum uint32 // of the last frame

	// leftover is what lies behind the frames and has yet to be set aside and cut off.
	leftover *leftover
	// sealed is set while active is sealed and the manifest does not say so yet.
	sealed *sealedSegment

	// losers are files of named segments, of generations that the manifest does not name.
	losers []loser
	// retired are segments whose place a next generation has taken.
	retired  []retired
	retiring sync.Mutex // guards retired

	spare spare

	// failed is why nothing is written any more; nil while the disk is well.
	failed atomic.Pointer[error]
}

var _ journal = (*disk)(nil)

func newDisk(h *home, m *manifest, segmentBytes func(uint64) int64) *disk {
	return &disk{home: h, manifest: m, segmentBytes: segmentBytes, checksum: m.salt}
}

// ready implements journal. It is this node's turn for ever.
func (d *disk) ready() (shared.Turn, error) { return shared.Turn{}, d.writable() }

// writable implements scavenger.
func (d *disk) writable() error {
	if failed := d.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// durability implements journal.
func (d *disk) durability() daybook.Durability { return daybook.Disk }

// Nobody else sequences a log on a local disk, so nothing arrives, and what was promised
// is known to all who could break it.

// follow implements journal.
func (d *disk) follow(func()) {}

// elsewhere implements journal.
func (d *disk) elsewhere() shared.Colleague { return nil }

// promise implements journal.
func (d *disk) promise(context.Context, int64) error { return nil }

// arrived implements journal.
func (d *disk) arrived(daybook.Position) ([]byte, error) { return nil, nil }

// commit implements journal.
func (d *disk) commit(g *group) *fault {
	if err := d.reopen(); err != nil {
		return d.fault(err)
	}
	if g.opens {
		if err := d.roll(g.segment); err != nil {
			return d.fault(err)
		}
	}
	if planted("acknowledge-before-sync") {
		_, err := d.file.WriteAt(g.bytes, g.offset)
		d.advance(g)
		return d.fault(err)
	}

	if _, err := d.file.WriteAt(g.bytes, g.offset); err != nil {
		return d.cutBack(g, fmt.Errorf("write %s at %d: %w", g.segment.path(), g.offset, err))
	}
	if err := d.file.Sync(); err != nil {
		if planted("retry-a-failed-sync") && d.file.Sync() == nil {
			d.advance(g)
			return nil
		}
		f := d.fault(&syncError{fmt.Errorf("sync %s: %w", g.segment.path(), err)})
		f.unknown = !planted("unknown-answered-as-unavailable")
		return f
	}
	d.advance(g)
	return nil
}

// advance takes note of a group that is durable.
func (d *disk) advance(g *group) {
	d.end, d.head, d.checksum = g.after.end, g.after.head, g.after.checksum
	if size := d.segmentBytes(g.segment.number); d.end > size-size/4 {
		d.spare.prepare(d.home, d.segmentBytes(g.segment.number+1))
	}
}

// fault says that a group was not made durable: definitely, and for the time being if
// the disk is merely full or the program has too many files open, for good otherwise.
func (d *disk) fault(err error) *fault {
	if err == nil {
		return nil
	}
	passing := vfs.IsNoSpace(err) || vfs.IsTooManyFiles(err)
	f := &fault{err: err, fatal: !passing || errors.As(err, new(*syncError))}
	if planted("full-disk-answered-as-unknown") {
		f.unknown = true
	}
	if planted("full-disk-ends-all-writing") {
		f.fatal = true
	}
	if f.fatal {
		d.failed.Store(&err)
	}
	return f
}

// cutBack undoes a write that failed, of which any part may be in the file. Only if
// that succeeds, and durably, is the group definitely not recorded. The count of bytes
// that the write returned says nothing.
func (d *disk) cutBack(g *group, err error) *fault {
	f := d.fault(err)
	d.reserved = false // what was reserved is cut off with the rest
	if planted("failed-write-not-cut-back") {
		return f
	}
	if cut := d.file.Truncate(g.offset); cut != nil {
		f = d.fault(&syncError{fmt.Errorf("%w, and cut it back: %w", err, cut)})
		f.unknown = true
		return f
	}
	if cut := d.file.Sync(); cut != nil {
		f = d.fault(&syncError{fmt.Errorf("%w, and sync what was cut back: %w", err, cut)})
		f.unknown = true
	}
	return f
}

// reopen makes the log that was opened ready to be written: what a crash left is set
// aside and cut off, and the mark of a log that was closed properly is taken away. It
// does nothing if that has been done.
func (d *disk) reopen() error {
	if d.leftover != nil {
		if err := d.setAside(); err != nil {
			return err
		}
	}
	if d.manifest.clean != nil {
		dirty := *d.manifest
		dirty.clean = nil
		if planted("mark-of-closing-not-taken-away") {
			dirty.clean = d.manifest.clean
		}
		if err := dirty.replace(d.home); err != nil {
			return err
		}
		d.manifest = &dirty
	}
	if d.active == nil || d.reserved {
		return nil
	}
	if d.file == nil {
		f, err := d.home.world.FS.OpenWrite(d.home.path(d.active.name()))
		if err != nil {
			return fmt.Errorf("open %s for writing: %w", d.active.path(), err)
		}
		d.file = f
	}
	d.reserved = true
	return d.reserve(d.file, d.end, d.segmentBytes(d.active.number))
}

// reserve reserves space in a file up to a size, or as much of it as there is: the next
// write will tell if there is none.
func (d *disk) reserve(f vfs.File, from, size int64) error {
	for n := size - from; n > 0; n /= 2 {
		err := f.Preallocate(from, n)
		if err == nil {
			return nil
		}
		if !vfs.IsNoSpace(err) {
			return fmt.Errorf("reserve space: %w", err)
		}
	}
	return nil
}

// roll seals the active segment and makes another one active.
func (d *disk) roll(next *segment) error {
	if d.active != nil && d.active.number == next.number {
		// It was made for a group that then found no room. Nobody has seen it.
		d.active, d.segments[len(d.segments)-1] = next, next
		return nil
	}
	if d.active != nil {
		if err := d.seal(); err != nil {
			return err
		}
	}
	f, err := d.create(next)
	if err != nil {
		return err
	}
	m := *d.manifest
	if d.sealed != nil {
		m.sealed = append(m.sealed[:len(m.sealed):len(m.sealed)], *d.sealed)
	}
	m.active, m.activeFirst = next.number, next.first
	if planted("segment-used-before-the-manifest-names-it") {
		defer func() { d.home.indexer.wait.Go(func() { m.replace(d.home) }) }()
	} else if err := m.replace(d.home); err != nil {
		return errors.Join(err, f.Close())
	}

	d.manifest = &m
	if sealed := d.active; sealed != nil {
		sealed.size, sealed.last, sealed.chain = d.sealed.size, d.sealed.checksum, d.sealed.checksum
		sealed.ending.Store(&sealed.last)
		if err := d.file.Close(); err != nil { // it was synced, and is not written any more
			d.home.log.Warn("could not close a sealed segment", "segment", sealed.name(), "err", err)
		}
		d.home.indexer.add(sealed)
	}
	d.segments = append(d.segments, next)
	d.active, d.file, d.sealed, d.end = next, f, nil, segmentHeaderBytes
	d.reserved = true
	return nil
}

// seal writes the footer of the active segment, cuts the file to its end and syncs it.
// It may be called again if something after it failed.
func (d *disk) seal() error {
	if d.sealed != nil {
		return nil
	}
	d.active.full.Store(true)
	sealed := sealedSegment{number: d.active.number, first: d.active.first, last: d.head, end: d.end, checksum: d.checksum, chain: d.checksum}
	footer := encodeFooter(d.active.thin(), sealed, d.home.salt)
	sealed.size = d.end + int64(len(footer))
	if _, err := d.file.WriteAt(footer, d.end); err != nil {
		return fmt.Errorf("write the footer of %s: %w", d.active.path(), err)
	}
	if err := d.file.Truncate(sealed.size); err != nil {
		return fmt.Errorf("cut %s to its end: %w", d.active.path(), err)
	}
	if !planted("sealed-footer-before-sync") {
		if err := d.file.Sync(); err != nil {
			return &syncError{fmt.Errorf("sync %s: %w", d.active.path(), err)}
		}
	}
	d.sealed = &sealed
	return nil
}

// create makes the file of a new segment under its name, durably. No manifest names it
// yet.
func (d *disk) create(next *segment) (_ vfs.File, err error) {
	fsys := d.home.world.FS
	f, err := d.spare.take(d.home)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("make segment %s: %w", next.path(), errors.Join(err, f.Close()))
		}
	}()
	if size, err := f.Size(); err != nil {
		return nil, err
	} else if err := d.reserve(f, size, d.segmentBytes(next.number)); err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(encodeSegmentHeader(next, d.manifest), 0); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, &syncError{err}
	}
	if err := fsys.Rename(d.home.path(spareName), d.home.path(next.name())); err != nil {
		return nil, err
	}
	return f, d.home.syncDir()
}

// close implements journal.
func (d *disk) close() error {
	d.home.indexer.stop()
	err := d.markClean()
	if vfs.IsNoSpace(err) {
		d.home.log.Warn("the disk is too full to say that the log was closed; it will be opened as after a crash", "err", err)
		err = nil
	}
	return errors.Join(err, d.abandon())
}

// abandon implements journal.
func (d *disk) abandon() error {
	d.home.indexer.stop()
	err := d.spare.discard(d.home)
	if d.file != nil {
		err = errors.Join(err, d.file.Close())
	}
	for _, s := range d.segments {
		err = errors.Join(err, s.close())
	}
	return errors.Join(err, closeRetired(d.retired))
}

// markClean cuts the active segment to its end and writes into the manifest where that
// is, so that whatever may be missing later was lost to no crash. A log that was not
// written, or whose disk failed, stays as it is.
func (d *disk) markClean() error {
	if d.failed.Load() != nil || d.active == nil || d.manifest.clean != nil || d.leftover != nil || d.sealed != nil || d.file == nil {
		return nil
	}
	if err := d.file.Truncate(d.end); err != nil {
		return fmt.Errorf("logstore: cut %s to its end: %w", d.active.path(), err)
	}
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", d.active.path(), err)
	}
	if planted("closing-not-marked") {
		return nil
	}
	m := *d.manifest
	m.clean = &ending{head: d.head, end: d.end, checksum: d.checksum}
	if err := m.replace(d.home); err != nil {
		return fmt.Errorf("logstore: close %s: %w", d.home.dir, err)
	}
	return nil
}

// A spare is the file of the next segment, its space reserved while the one before is
// being filled, so that no append waits for it. The zero spare has none.
type spare struct {
	wait sync.WaitGroup
	file vfs.File // after wait
	err  error    // after wait
	made bool
}

const spareName = "next.tmp"

// prepare begins to reserve a file, if none is being reserved.
func (s *spare) prepare(h *home, size int64) {
	if s.made {
		return
	}
	s.made = true
	s.wait.Go(func() {
		s.file, s.err = createSpare(h)
		if s.err != nil {
			return
		}
		// What cannot be reserved now is reserved, or found to be impossible, when the
		// file is needed.
		if err := s.file.Preallocate(0, size); err != nil && !vfs.IsNoSpace(err) {
			h.log.Warn("could not reserve space for the next segment", "err", err)
		}
	})
}

// createSpare creates the file. One of the same name is left from an attempt that
// failed, or from before a crash, and has nothing in it.
func createSpare(h *home) (vfs.File, error) {
	if err := h.remove(spareName); err != nil {
		return nil, err
	}
	return h.world.FS.Create(h.path(spareName))
}

// take returns the file, which is now the caller's.
func (s *spare) take(h *home) (vfs.File, error) {
	s.wait.Wait()
	f, err := s.file, s.err
	if !s.made || err != nil {
		f, err = createSpare(h)
	}
	s.file, s.err, s.made = nil, nil, false
	return f, err
}

// discard removes the file, if there is one.
func (s *spare) discard(h *home) error {
	s.wait.Wait()
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file, s.made = nil, false
	return errors.Join(f.Close(), h.remove(spareName))
}
