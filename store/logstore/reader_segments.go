package logstore

import (
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// The line with which a manifest ends tells it from others.
const lastLineBytes = int64(len("checksum 00000000\n"))

func (m *manifest) lastLine() string {
	b := m.encode()
	return string(b[int64(len(b))-lastLineBytes:])
}

// manifestEnds reports whether the directory's manifest ends with a line.
func manifestEnds(h *home, line string) (bool, error) {
	f, err := h.world.FS.Open(h.path(manifestName))
	if err != nil {
		return false, fmt.Errorf("logstore: read the manifest of %s: %w", h.dir, err)
	}
	b := make([]byte, lastLineBytes)
	size, err := f.Size()
	if err == nil && size >= lastLineBytes {
		_, err = f.ReadAt(b, size-lastLineBytes)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return false, fmt.Errorf("logstore: read the manifest of %s: %w", h.dir, err)
	}
	return string(b) == line, nil
}

// readManifest sees to it that the reader goes by the manifest that the directory has.
func (r *Reader) readManifest() error {
	h := r.store.home
	if r.manifest != nil {
		if same, err := manifestEnds(h, r.line); err != nil || same {
			return r.unavailable(err)
		}
	}
	m, err := existingManifest(h)
	if err != nil {
		return r.unavailable(err)
	}
	if m.log != r.store.life.Log || m.incarnation != r.store.life.Incarnation {
		now := daybook.Point{Log: m.log, Incarnation: m.incarnation}
		r.life = &daybook.LifeError{Given: r.store.life.At(r.tail.head), Log: now}
		return r.life
	}
	if err := r.take(m); err != nil {
		return err
	}
	r.manifest, r.line = m, m.lastLine()
	h.lost.Store(&m.lost)
	return nil
}

// unavailable says that the directory could not be looked at. Damage is another matter.
func (r *Reader) unavailable(err error) error {
	if err == nil || errors.As(err, new(*daybook.CorruptError)) {
		return err
	}
	return &daybook.UnavailableError{Doing: "read", Err: err}
}

// take makes the reader's segments those that a manifest names. What was active and is
// sealed now is read to its end first.
func (r *Reader) take(m *manifest) error {
	h := r.store.home
	if r.manifest != nil && r.manifest.active > 0 && (r.manifest.clean != nil || m.clean != nil) {
		// Nobody had it open, and a backup that is brought up to date has another file by that name.
		if err := r.active().source().shut(); err != nil {
			return r.unavailable(err)
		}
	}
	known := make(map[uint64]*segment, len(r.segments))
	for _, s := range r.segments {
		known[s.number] = s
	}
	var segments []*segment
	checksum, head := m.salt, daybook.Position(0)
	for _, sealed := range m.sealed {
		s := known[sealed.number]
		switch {
		case s != nil && s.generation != sealed.generation:
			// Whoever reads the one before goes on with it, or comes back if its file is gone.
			r.unseen = r.unseen || r.manifest.active == sealed.number
			r.retired = withRetired(r.retired, s)
			s = sealed.segment(h, checksum)
		case s != nil && r.manifest.active == sealed.number:
			if err := r.finish(s, sealed); err != nil {
				return err
			}
		case s == nil:
			s = sealed.segment(h, checksum)
			r.unseen = true
		}
		s.useIndexFile()
		segments = append(segments, s)
		checksum, head = sealed.chain, sealed.last
	}
	if m.active == 0 {
		r.segments, r.tail = segments, tail{checksum: m.salt}
		return nil
	}
	if s := known[m.active]; s != nil {
		r.segments = append(segments, s)
		return nil
	}

	s := &segment{home: h, number: m.active, first: m.activeFirst, before: checksum, marked: true}
	s.setTerms(new(index.Table))
	s.abouts.known.Store(hasNone)
	stamp := r.tail.stamp
	if n := len(segments); n > 0 && (r.tail.head != head || stamp == 0) {
		var err error
		if stamp, err = lastStamp(segments); err != nil {
			return err
		}
	}
	header := make([]byte, segmentHeaderBytes)
	if err := s.readAt(header, 0); err != nil {
		return err
	}
	if err := checkSegmentHeader(header, s, m); err != nil {
		return s.corrupt(0, head, err)
	}
	r.segments = append(segments, s)
	r.tail = tail{end: segmentHeaderBytes, head: head, stamp: stamp, checksum: checksum}
	return nil
}

// finish makes of the segment that was active one that is sealed.
func (r *Reader) finish(s *segment, sealed sealedSegment) error {
	terms, bad, err := r.walk(sealed.end)
	if err != nil {
		return err
	}
	if bad == nil && (r.tail.end != sealed.end || r.tail.checksum != sealed.checksum) {
		bad = fmt.Errorf("the frames end at %d with checksum %08x, and the manifest says %d and %08x", r.tail.end, r.tail.checksum, sealed.end, sealed.checksum)
	}
	if bad != nil {
		return s.corrupt(r.tail.end, r.tail.head, bad)
	}
	// Those who read see all of it before they see that another one follows.
	r.publish(terms)
	s.thin()
	s.end, s.size, s.last, s.chain = sealed.end, sealed.size, sealed.checksum, sealed.chain
	return nil
}

// useIndexFile has a sealed segment use its index file instead of a table in memory, if
// it is there by now.
func (s *segment) useIndexFile() {
	ix := s.index.Load()
	if ix == nil {
		return
	}
	if _, table := (*ix).(*index.Table); !table {
		return
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if x, err := s.openIndex(); err == nil {
		s.setTerms(x)
	}
}

// walk takes the frames of the active segment into its index, up to an offset. bad is why
// it came to no further frame. It returns the terms of their events.
func (r *Reader) walk(end int64) (terms []uint64, bad, err error) {
	s, t := r.active(), &r.tail
	if t.end == end {
		return nil, nil, nil
	}
	table, ok := (*s.index.Load()).(*index.Table)
	if !ok {
		return nil, errors.New("the segment was sealed"), nil
	}
	bad, err = walk(s, t.end, end, func(offset int64, f frame.Frame) error {
		if err := follows(f, *t); err != nil {
			return err
		}
		s.noteAbouts(f)
		terms = append(terms, addFrame(table, f, offset)...)
		s.mark(f, offset)
		t.end, t.head, t.stamp, t.checksum = offset+int64(len(f)), f.Last(), f.Stamp(), f.Checksum()
		return nil
	})
	return terms, bad, err
}

// prove takes in what frames of the active segment say was durable when they were
// written. It is needed only where HEAD tells nothing.
func (r *Reader) prove() error {
	s := r.active()
	size, err := s.home.world.FS.Size(s.path())
	if err != nil {
		return r.unavailable(fmt.Errorf("look at %s: %w", s.path(), err))
	}
	ends := []frameEnd{}
	t, durable := r.tail, r.tail.head
	_, err = walk(s, t.end, size, func(offset int64, f frame.Frame) error {
		if err := follows(f, t); err != nil {
			return err
		}
		durable = max(durable, f.Durable())
		t.end, t.head, t.checksum = offset+int64(len(f)), f.Last(), f.Checksum()
		ends = append(ends, frameEnd{t.end, t.head})
		return nil
	})
	if err != nil {
		return err
	}
	end := r.tail.end
	for _, e := range ends {
		if e.last <= durable {
			end = e.offset
		}
	}
	terms, bad, err := r.walk(end)
	if bad != nil {
		err = s.corrupt(r.tail.end, r.tail.head, bad)
	}
	if err != nil {
		return err
	}
	r.publish(terms)
	return nil
}

// A frameEnd is where a frame ends, in its file and in the log.
type frameEnd struct {
	offset int64
	last   daybook.Position
}
