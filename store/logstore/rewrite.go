package logstore

import (
	"errors"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// rewriteTemp is where a next generation is written until it is whole.
const rewriteTemp = "rewrite.tmp"

// A rewriting writes the next generation of a sealed segment. It is used by one
// goroutine.
type rewriting struct {
	store *Store
	from  *segment
	next  *segment
	file  vfs.File
	table *index.Table

	buffer   []byte // what is not written yet
	begins   int64  // where it lies in the segment
	packer   *packer
	packed   []byte           // of buffer
	written  int64            // bytes of the file
	checksum uint32           // of the last frame
	last     daybook.Position // its last
}

// A rework appends to b what becomes of a frame of the generation before, which lies at an
// offset of its file, behind a frame with a checksum.
type rework func(b []byte, offset int64, f frame.Frame, before uint32) []byte

// rewrite writes the next generation of a sealed segment, durable under its name, which
// no manifest names yet: each frame as change makes it. It returns an error that says
// why nothing was made, or a CorruptError if the segment is damaged. Nothing is left of it
// then but a file that may be removed at any time.
func (s *Store) rewrite(from *segment, pack bool, change rework) (_ *segment, err error) {
	fsys, temp := s.home.world.FS, s.home.path(rewriteTemp)
	if err := s.home.remove(rewriteTemp); err != nil {
		return nil, err
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return nil, err
	}
	w := &rewriting{store: s, from: from, file: f, table: new(index.Table), checksum: from.before}
	w.next = &segment{home: from.home, number: from.number, generation: from.generation + 1, first: from.first, before: from.before, chain: from.chain}
	if pack {
		w.next.flags = packedFlag
		if w.packer, err = newPacker(s.home.salt); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	w.next.abouts.known.Store(from.abouts.known.Load())
	defer func() {
		if err == nil {
			return
		}
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		if removed := s.home.remove(rewriteTemp); removed != nil {
			s.home.log.Warn("a segment that could not be rewritten left a file behind", "file", rewriteTemp, "err", removed)
		}
	}()

	if err := w.write(change); err != nil {
		return nil, err
	}
	if !planted("next-generation-not-synced") {
		if err := f.Sync(); err != nil {
			return nil, err
		}
	}
	closed := f
	f = nil
	if err := closed.Close(); err != nil {
		return nil, err
	}
	if err := fsys.Rename(temp, s.home.path(w.next.name())); err != nil {
		return nil, err
	}
	if err := s.home.syncDir(); err != nil {
		return nil, err
	}
	// It is read once more as everybody else will read it, before it is relied upon.
	if err := w.next.frames(func(int64, frame.Frame) {}); err != nil {
		return nil, errors.Join(err, w.next.close())
	}
	w.next.setTerms(w.table)
	if err := w.next.writeIndex(); err != nil {
		s.home.log.Warn("an index file could not be written; the index stays in memory", "segment", w.next.name(), "err", err)
	}
	return w.next, nil
}

// write writes the file.
func (w *rewriting) write(change rework) error {
	header := encodeSegmentHeader(w.next, &manifest{log: w.store.life.Log, salt: w.store.home.salt})
	if err := w.writeOut(header); err != nil {
		return err
	}
	w.begins = segmentHeaderBytes
	var failed error
	err := w.from.frames(func(offset int64, f frame.Frame) {
		if failed == nil && w.store.isClosed() {
			failed = daybook.ErrClosed
		}
		if failed == nil {
			failed = w.frame(change(w.buffer, offset, f, w.checksum))
		}
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	w.next.end, w.next.last = w.begins+int64(len(w.buffer)), w.checksum
	sealed := sealedSegment{number: w.next.number, last: w.last, end: w.next.end, checksum: w.checksum}
	if err := w.flush(true); err != nil {
		return err
	}
	footer := encodeFooter(w.next.thin(), sealed, w.store.home.salt)
	if w.packer != nil {
		footer = append(w.packer.end(nil), footer...)
	}
	w.next.marked = true
	w.next.ending.Store(&w.next.last)
	w.next.size = w.written + int64(len(footer))
	return w.writeOut(footer)
}

// frame takes the buffer with a further frame.
func (w *rewriting) frame(b []byte) error {
	f, offset := frame.Frame(b[len(w.buffer):]), w.begins+int64(len(w.buffer))
	addFrame(w.table, f, offset)
	w.next.mark(f, offset)
	w.buffer, w.checksum, w.last = b, f.Checksum(), f.Last()
	if len(w.buffer) < stretchBytes {
		return nil
	}
	return w.flush(false)
}

// flush writes what is in the buffer; if it is to be packed, whole blocks of it, or all if
// it is the last.
func (w *rewriting) flush(last bool) error {
	if w.packer == nil {
		w.begins += int64(len(w.buffer))
		b := w.buffer
		w.buffer = w.buffer[:0]
		return w.writeOut(b)
	}
	rest := w.buffer
	w.packed = w.packed[:0]
	for len(rest) >= packedBlockBytes || last && len(rest) > 0 {
		n := min(packedBlockBytes, len(rest))
		w.packed = w.packer.pack(w.packed, rest[:n])
		rest = rest[n:]
	}
	w.begins += int64(len(w.buffer) - len(rest))
	w.buffer = w.buffer[:copy(w.buffer, rest)]
	return w.writeOut(w.packed)
}

func (w *rewriting) writeOut(b []byte) error {
	if _, err := w.file.WriteAt(b, w.written); err != nil {
		return fmt.Errorf("write %s: %w", w.store.home.path(rewriteTemp), err)
	}
	w.written += int64(len(b))
	return nil
}
