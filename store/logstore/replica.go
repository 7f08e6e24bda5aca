package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/internal/shared"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// OpenNode opens a node's copy of a log that several nodes share, in a directory of the
// node's own. It is for packages of this module that keep a log on several nodes.
//
// What the store records, the log has taken; what others record arrives. The copy is not
// synced, because it can be fetched again: a segment that is damaged is set aside when
// the node opens, and so is what lies behind it. Everything else is as with [Open]. A
// directory that has another log, or another incarnation, is a [*daybook.InvalidError].
//
// The log is closed with the store, and also if it cannot be opened.
func OpenNode(world vfs.World, dir string, options *Options, log shared.Log) (*Store, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s, err := openOn(world, absolute, options, func(s *Store) (journal, error) {
		return newReplica(s, log)
	})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	log.Follow(node{s})
	s.order.nudge()
	return s, nil
}

// A replica is the journal of a node: the log that is shared says what is recorded, and
// the node's own disk has a copy, which is not synced.
type replica struct {
	log   shared.Log
	disk  *disk
	aside int // segments that were set aside when the node was opened
}

var (
	_ journal   = (*replica)(nil)
	_ scavenger = (*replica)(nil)
)

// newReplica returns the journal of a store's directory, which is new or has a copy of
// this log already.
func newReplica(s *Store, log shared.Log) (*replica, error) {
	if err := s.home.notBackup(); err != nil {
		return nil, err
	}
	id := log.Identity()
	m, err := existingManifest(s.home)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m = &manifest{log: id.Log, incarnation: id.Incarnation, salt: id.Salt}
		if err := m.replace(s.home); err != nil {
			return nil, fmt.Errorf("logstore: make a copy in %s: %w", s.home.dir, err)
		}
		m.fresh = true
	case err != nil:
		return nil, err
	}
	if m.log != id.Log || m.incarnation != id.Incarnation || m.salt != id.Salt {
		return nil, &daybook.InvalidError{What: "directory", Value: s.home.dir, Reason: fmt.Sprintf("has log %s in incarnation %s, and the nodes share %s in incarnation %s", m.log, m.incarnation, id.Log, id.Incarnation)}
	}
	s.limits, s.groupBytes = log.Limits(), min(log.GroupBytes(), groupBytes)
	return &replica{log: log, disk: s.onDisk(m)}, nil
}

// recover implements journal. A segment that is damaged, and whatever lies behind it, is
// set aside; it will arrive again.
func (r *replica) recover() (*view, error) {
	for {
		v, err := r.disk.recover()
		if err == nil {
			err = r.verify()
		}
		var corrupt *daybook.CorruptError
		if !errors.As(err, &corrupt) {
			return v, err
		}
		if err := r.setAside(corrupt); err != nil {
			return nil, err
		}
	}
}

// verify reads all sealed segments: they were not synced when they were written.
func (r *replica) verify() error {
	for _, s := range r.disk.segments {
		if s == r.disk.active {
			break
		}
		if err := s.frames(func(int64, frame.Frame) {}); err != nil {
			return err
		}
	}
	return nil
}

// setAside sets aside the segment that is damaged, and has the log end in front of it.
func (r *replica) setAside(corrupt *daybook.CorruptError) error {
	r.aside++
	name, _, _ := strings.Cut(filepath.Base(corrupt.Where), " ")
	number, generation, segmented := segmentFile(name)
	if !segmented {
		return corrupt
	}
	h, shorter := r.disk.home, *r.disk.manifest
	if err := r.disk.abandon(); err != nil {
		return err
	}
	names, err := h.world.FS.List(h.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", h.dir, err)
	}
	aside := unusedName(name+".damaged", names)
	h.log.Warn("a damaged segment was set aside, and is fetched again with those behind it", "segment", name, "as", aside, "err", corrupt)
	if err := h.world.FS.Rename(h.path(name), h.path(aside)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := h.remove((&segment{number: number, generation: generation}).indexName()); err != nil {
		return err
	}
	// The segments behind it are set aside by recovery, because no manifest names them.
	next := &segment{home: h, number: number, first: 1, before: shorter.salt}
	shorter.sealed = slices.DeleteFunc(slices.Clone(shorter.sealed), func(s sealedSegment) bool { return s.number >= number })
	if n := len(shorter.sealed); n > 0 {
		next.first, next.before = shorter.sealed[n-1].last+1, shorter.sealed[n-1].chain
	}
	shorter.active, shorter.activeFirst, shorter.clean = number, next.first, nil
	if err := r.begin(next, &shorter); err != nil {
		return fmt.Errorf("logstore: begin %s again: %w", next.path(), err)
	}
	r.disk = newDisk(h, &shorter, r.disk.segmentBytes)
	return nil
}

// begin makes the file of a segment without frames, and then the manifest that names it.
func (r *replica) begin(next *segment, m *manifest) error {
	h := next.home
	f, err := h.world.FS.Create(h.path(next.name()))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(encodeSegmentHeader(next, m), 0); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close(), m.replace(h))
}

// follow implements journal: OpenNode hands over the node, which can be woken.
func (r *replica) follow(func()) {}

// durability implements journal.
func (r *replica) durability() daybook.Durability { return r.log.Durability() }

// ready implements journal.
func (r *replica) ready() (shared.Turn, error) {
	if err := r.disk.writable(); err != nil {
		return shared.Turn{}, err
	}
	return r.log.Ready()
}

// elsewhere implements journal.
func (r *replica) elsewhere() shared.Colleague { return r.log.Elsewhere() }

// promise implements journal.
func (r *replica) promise(ctx context.Context, stamp int64) error { return r.log.Promise(ctx, stamp) }

// arrived implements journal.
func (r *replica) arrived(after daybook.Position) ([]byte, error) {
	b, err := r.log.Arrived(after)
	if err != nil {
		return nil, err
	}
	for len(b) >= frame.HeaderBytes {
		n := frame.Length(b)
		// What cannot be read is left for the sequencer to find.
		if n == 0 || n > len(b) || frame.Frame(b[:n]).First() > after {
			break
		}
		b = b[n:]
	}
	return b, nil
}

// commit implements journal.
func (r *replica) commit(g *group) *fault {
	if err := r.disk.writable(); err != nil {
		return &fault{err: err, fatal: true}
	}
	if !g.arrived && len(g.bytes) > 0 { // else a new segment is begun, which concerns nobody else
		if f := r.log.Commit(shared.Group{Epoch: g.epoch, First: g.durable + 1, Last: g.after.head, Frames: g.bytes}); f != nil {
			return &fault{err: f.Err, unknown: f.Unknown, late: f.Late}
		}
	}
	if err := r.keep(g); err != nil {
		// What the nodes share cannot be kept here. This node's turn is over, and so is its
		// service.
		r.disk.failed.Store(&err)
		r.log.GiveUp(err)
		return &fault{err: err, unknown: !g.arrived, fatal: true}
	}
	return nil
}

// keep writes a group into the node's own copy.
func (r *replica) keep(g *group) error {
	if err := r.disk.reopen(); err != nil {
		return err
	}
	if g.opens {
		if err := r.disk.roll(g.segment); err != nil {
			return err
		}
	}
	if _, err := r.disk.file.WriteAt(g.bytes, g.offset); err != nil {
		return err
	}
	r.disk.advance(g)
	return nil
}

// writable implements scavenger.
func (r *replica) writable() error { return r.disk.writable() }

// adopt implements scavenger.
func (r *replica) adopt(next *segment) *fault { return r.disk.adopt(next) }

// retire implements scavenger.
func (r *replica) retire(old *segment) { r.disk.retire(old) }

// removeGeneration implements scavenger.
func (r *replica) removeGeneration(names ...string) { r.disk.removeGeneration(names...) }

// close implements journal.
func (r *replica) close() error { return errors.Join(r.log.Close(), r.disk.close()) }

// abandon implements journal. The log is closed by whoever opens the node.
func (r *replica) abandon() error { return r.disk.abandon() }
