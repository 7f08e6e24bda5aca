package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// sealedSegment returns the i-th segment that is sealed.
func (v *verifier) sealedSegment(i int) *segment {
	m := v.manifest
	before := m.salt
	if i > 0 {
		before = m.sealed[i-1].chain
	}
	return m.sealed[i].segment(v.home, before)
}

// sealed verifies a sealed segment and its index.
func (v *verifier) sealed(ctx context.Context, s *segment, sealed sealedSegment, found *stretchOfLog) (err error) {
	damaged := func(d Damage) { found.damages = append(found.damages, d) }
	found.head = sealed.last
	f, size, err := v.open(s)
	if errors.Is(err, fs.ErrNotExist) {
		found.missing = true
		damaged(Damage{File: s.name(), Harm: Loss, First: sealed.first, Last: sealed.last, Err: errors.New("the manifest names this segment, and it is missing")})
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size != sealed.size {
		harm := Blocking
		if size < sealed.end {
			harm = Loss
		}
		damaged(Damage{File: s.name(), Begin: min(size, sealed.size), End: max(size, sealed.size), Harm: harm,
			Err: fmt.Errorf("the sealed file had %d bytes and has %d", sealed.size, size)})
	}
	if _, is := f.(*plainFile); is {
		// From here on the segment is looked at as if it were not packed.
		if size, err = f.Size(); err != nil {
			return fmt.Errorf("logstore: look at %s: %w", s.path(), err)
		}
	}
	if bad, err := v.header(f, s, size); err != nil {
		return err
	} else if bad != nil {
		// Only that of the segment that is written is looked at, and it can be made anew.
		damaged(Damage{File: s.name(), End: min(size, segmentHeaderBytes), Harm: Harmless, Err: bad})
	}

	var table *index.Table
	if v.options.Indexes {
		table = new(index.Table)
	}
	w := v.sweep(f, s, found, table)
	w.end, w.judged, w.limit = min(size, sealed.end), min(size, sealed.end), sealed.last
	if err := w.run(ctx); err != nil {
		return err
	}
	if !w.lost && (w.tail.head != sealed.last && !v.manifest.excused(w.tail.head+1, sealed.last) || w.tail.checksum != sealed.checksum) {
		d := Damage{File: s.name(), Begin: w.tail.end, End: sealed.end, Harm: Loss, Sound: w.tail.head,
			Err: fmt.Errorf("the frames end at position %d with checksum %08x, and the manifest says %d and %08x", w.tail.head, w.tail.checksum, sealed.last, sealed.checksum)}
		if w.tail.head < sealed.last {
			d.First, d.Last = w.tail.head+1, sealed.last
		}
		damaged(d)
	}

	if size >= sealed.end {
		footer := make([]byte, size-sealed.end)
		if err := v.read(f, s.name(), footer, sealed.end); err != nil {
			return err
		}
		if _, err := decodeFooter(footer, s, v.manifest.salt); err != nil {
			damaged(Damage{File: s.name(), Begin: sealed.end, End: size, Harm: Harmless, Err: err})
		}
		v.passed(int64(len(footer)))
	}
	if len(found.damages) > 0 {
		table = nil // it has not all that the index should have
	}
	return v.index(s, table, found)
}

// sweep returns a sweep over a segment's frames, which notes what it finds, and takes the
// terms of what is sound into a table, if there is one.
func (v *verifier) sweep(f vfs.File, s *segment, found *stretchOfLog, table *index.Table) *sweep {
	w := &sweep{file: f, name: s.name(), salt: v.manifest.salt, passed: v.passed}
	w.tail = tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	var pending []frameCount // not known to be durable, until a later frame says so
	w.sound = func(offset int64, f frame.Frame) {
		for len(pending) > 0 && pending[0].last <= f.Durable() {
			found.settle(pending[0])
			pending = pending[1:]
		}
		c := frameCount{f.Last(), uint64(f.Len())}
		if offset >= w.judged {
			found.unsettled += c.events
			pending = append(pending, c)
			return
		}
		found.unsettled += c.events
		found.settle(c)
		if table != nil {
			addFrame(table, f, offset)
		}
	}
	w.damaged = func(d Damage) { found.damages = append(found.damages, d) }
	return w
}

// A frameCount is what of a frame is counted.
type frameCount struct {
	last   daybook.Position
	events uint64
}

// settle notes that an append that was found is durable.
func (found *stretchOfLog) settle(c frameCount) {
	found.appends++
	found.events += c.events
	found.unsettled -= c.events
	found.head = max(found.head, c.last)
}

// activeSegment returns the segment that is written, and the last position before it.
func (v *verifier) activeSegment() (*segment, daybook.Position) {
	m := v.manifest
	s := &segment{home: v.home, number: m.active, first: m.activeFirst, before: m.salt}
	head := daybook.Position(0)
	if n := len(m.sealed); n > 0 {
		s.before, head = m.sealed[n-1].chain, m.sealed[n-1].last
	}
	return s, head
}

// active verifies the segment that is written. What is not known to be durable is not
// judged.
func (v *verifier) active(ctx context.Context, found *stretchOfLog) (err error) {
	s, head := v.activeSegment()
	found.head = head
	damaged := func(d Damage) { found.damages = append(found.damages, d) }
	f, size, err := v.open(s)
	if errors.Is(err, fs.ErrNotExist) {
		found.missing = true
		d := Damage{File: s.name(), Harm: Blocking, Err: errors.New("the manifest names this segment, and it is missing")}
		if _, last, _ := v.durable(head); last > head {
			d.Harm, d.First, d.Last = Loss, s.first, last
		}
		damaged(d)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if bad, err := v.header(f, s, size); err != nil {
		return err
	} else if bad != nil {
		damaged(Damage{File: s.name(), End: min(size, segmentHeaderBytes), Harm: Blocking, Err: bad})
	}

	w := v.sweep(f, s, found, nil)
	w.tail.head = head
	w.end = size
	var checksum uint32
	w.judged, w.limit, checksum = v.durable(head)
	if size < w.judged {
		damaged(Damage{File: s.name(), Begin: size, End: w.judged, Harm: Loss, Err: fmt.Errorf("the file has %d bytes, and %d of them were durable", size, w.judged)})
		w.judged = size
	}
	sound := w.sound
	w.sound = func(offset int64, f frame.Frame) {
		sound(offset, f)
		if f.Last() == w.limit && offset < w.judged && f.Checksum() != checksum {
			damaged(Damage{File: s.name(), Begin: offset, End: offset + int64(len(f)), Harm: Loss, Sound: f.Last(),
				Err: fmt.Errorf("the frame of position %d has checksum %08x, and had %08x", f.Last(), f.Checksum(), checksum)})
		}
	}
	if err := w.run(ctx); err != nil {
		return err
	}
	found.head = max(found.head, w.limit)
	if !w.lost && w.tail.head < w.limit {
		damaged(Damage{File: s.name(), Begin: w.tail.end, End: w.judged, Harm: Loss, First: w.tail.head + 1, Last: w.limit, Sound: w.tail.head,
			Err: fmt.Errorf("position %d was durable, and the frames end at %d", w.limit, w.tail.head)})
	}
	return v.rest(f, s, w, size, found)
}

// rest looks at what lies behind the frames of the active segment.
func (v *verifier) rest(f vfs.File, s *segment, w *sweep, size int64, found *stretchOfLog) error {
	if m := v.manifest; m.clean != nil {
		if size != m.clean.end || w.tail.end != m.clean.end {
			found.damages = append(found.damages, Damage{File: s.name(), Begin: min(w.tail.end, m.clean.end), End: max(size, m.clean.end), Harm: Blocking, Sound: w.tail.head,
				Err: fmt.Errorf("the log was closed when this file had %d bytes; it has %d, and its frames end at %d", m.clean.end, size, w.tail.end)})
		}
		return nil
	}
	behind := int64(0)
	b := make([]byte, min(sweepBytes, max(size-w.tail.end, 0)))
	for at := w.tail.end; at < size; at += int64(len(b)) {
		b = b[:min(int64(len(b)), size-at)]
		n, err := f.ReadAt(b, at)
		if trimmed := bytes.TrimRight(b[:n], "\x00"); len(trimmed) > 0 {
			behind = at + int64(len(trimmed)) - w.tail.end
		}
		v.passed(int64(n))
		if n < len(b) {
			if now, sizeErr := f.Size(); sizeErr == nil && now < size {
				break // what was reserved has been cut off since
			}
			return fmt.Errorf("logstore: read %s at %d: %w", s.path(), at, err)
		}
	}
	if behind > 0 {
		found.notes = append(found.notes, fmt.Sprintf("%s has %d bytes from %d on that are not known to be durable: an append on its way, or what a crash left of one", s.name(), behind, w.tail.end))
	}
	return nil
}

// durable returns up to where the frames of the active segment are known to be durable,
// the last position there, and the checksum of the last frame.
func (v *verifier) durable(head daybook.Position) (end int64, last daybook.Position, checksum uint32) {
	m := v.manifest
	switch {
	case m.clean != nil:
		return m.clean.end, m.clean.head, m.clean.checksum
	case v.said && v.says.at.segment == m.active:
		return v.says.at.offset, v.says.head, v.says.checksum
	}
	return segmentHeaderBytes, head, 0
}

// open opens a segment's file and returns its size.
func (v *verifier) open(s *segment) (vfs.File, int64, error) {
	f, err := v.home.world.FS.Open(v.home.path(s.name()))
	if err != nil {
		return nil, 0, fmt.Errorf("logstore: open %s: %w", s.path(), err)
	}
	size, err := f.Size()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("logstore: look at %s: %w", s.path(), err), f.Close())
	}
	plain, err := unpacked(f, v.manifest.salt)
	if err != nil && !errors.Is(err, errPacked) {
		return nil, 0, errors.Join(fmt.Errorf("logstore: read %s: %w", s.path(), err), f.Close())
	}
	return plain, size, nil
}

// header returns what is wrong with a segment's header.
func (v *verifier) header(f vfs.File, s *segment, size int64) (bad, err error) {
	if size < segmentHeaderBytes {
		return errors.New("the file is too short for its header"), nil
	}
	b := make([]byte, segmentHeaderBytes)
	if err := v.read(f, s.name(), b, 0); err != nil {
		return nil, err
	}
	v.passed(segmentHeaderBytes)
	return checkSegmentHeader(b, s, v.manifest), nil
}

func (v *verifier) read(f vfs.File, name string, b []byte, at int64) error {
	if n, err := f.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("logstore: read %s at %d: %w", v.home.path(name), at, err)
	}
	return nil
}

// index verifies a segment's index file, if it has one. All that can be wrong with it is
// harmless: it is made anew.
func (v *verifier) index(s *segment, table *index.Table, found *stretchOfLog) (err error) {
	f, err := v.home.world.FS.Open(v.home.path(s.indexName()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: open %s: %w", s.home.path(s.indexName()), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", s.home.path(s.indexName()), err)
	}
	var failed error // of the disk, which is no damage
	read := func(b []byte, at int64) error {
		if err := v.read(f, s.indexName(), b, at); err != nil {
			if at+int64(len(b)) <= size {
				failed = err
			}
			return err
		}
		return nil
	}
	bad := index.Check(read, size, s.identity())
	if bad == nil && table != nil {
		b := make([]byte, size)
		if err := read(b, 0); err != nil {
			return err
		}
		if !bytes.Equal(b, index.Encode(table, s.identity())) {
			bad = errors.New("its postings are not those of the segment")
		}
	}
	v.passed(size)
	if failed != nil {
		return failed
	}
	if bad != nil {
		found.damages = append(found.damages, Damage{File: s.indexName(), End: size, Harm: Harmless, Err: bad})
	}
	return nil
}
