package logstore

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// loadMarks returns a sealed segment's marks, from its footer; if that is damaged, from
// the frames.
func (s *segment) loadMarks() ([]mark, error) {
	b, err := s.readFooter()
	if err != nil {
		return nil, err
	}
	marks, err := decodeFooter(b, s, s.home.salt)
	if err != nil {
		s.home.log.Warn("a segment's footer is damaged; its frames are gone through instead", "segment", s.name(), "err", err)
		if marks, err = s.findMarks(); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks, s.marked = marks, true
	return marks, nil
}

// findMarks makes the marks of a sealed segment anew.
func (s *segment) findMarks() ([]mark, error) {
	var marked segment
	err := s.frames(func(offset int64, f frame.Frame) { marked.mark(f, offset) })
	return marked.thin(), err
}

// frames yields the frames of a sealed segment, which must follow each other from the
// first to the last.
func (s *segment) frames(yield func(int64, frame.Frame)) error {
	t := tail{end: segmentHeaderBytes, head: s.first - 1, checksum: s.before}
	bad, err := walk(s, segmentHeaderBytes, s.end, func(offset int64, f frame.Frame) error {
		if err := follows(f, t); err != nil {
			return err
		}
		yield(offset, f)
		t.end, t.head, t.checksum = offset+int64(len(f)), f.Last(), f.Checksum()
		return nil
	})
	if err == nil && bad == nil && t.checksum != s.last {
		bad = fmt.Errorf("the last frame has the checksum %08x, and the manifest says %08x", t.checksum, s.last)
	}
	if bad != nil {
		return s.corrupt(t.end, t.head, bad)
	}
	return err
}

// loadIndex returns the index of a sealed segment: from its file, or if that is not
// there or not what was written, made anew from the frames and then written.
func (s *segment) loadIndex() (index.Index, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if ix := s.index.Load(); ix != nil {
		return *ix, nil
	}
	f, err := s.openIndex()
	if err == nil {
		s.setTerms(f)
		return f, nil
	}
	if errors.Is(err, daybook.ErrClosed) {
		return nil, err
	}
	return s.remakeIndex(err)
}

// remakeIndex makes the index of a sealed segment from its frames, uses it from now on,
// and has it written: the index file is missing, or cannot be used because of an error.
// The caller holds loading.
func (s *segment) remakeIndex(because error) (index.Index, error) {
	if !errors.Is(because, fs.ErrNotExist) {
		s.home.log.Warn("an index file cannot be used and is made anew", "segment", s.name(), "err", because)
	}
	table := new(index.Table)
	if err := s.frames(func(offset int64, f frame.Frame) { addFrame(table, f, offset) }); err != nil {
		return nil, err
	}
	s.setTerms(table)
	if !s.retired.Load() {
		s.home.indexer.add(s)
	}
	return table, nil
}

// The filter of an index file, which is read when it is opened, and stands at its
// beginning, is about as large in a segment of 64 MiB.
const filterBytes = 512 << 10

// openIndex opens the segment's index file.
func (s *segment) openIndex() (index.Index, error) {
	x := &indexFile{segment: s, source: &source{home: s.home, name: s.indexName()}}
	var err error
	if err = x.source.openFile(); err == nil {
		x.source.willNeed(0, filterBytes)
	}
	x.index, err = index.Open(x.readAt, s.identity())
	if err != nil {
		return nil, errors.Join(err, x.source.close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(daybook.ErrClosed, x.source.close())
	}
	// One that was damaged; whoever still reads it is given the new one.
	if damaged := s.indexed.Swap(x.source); damaged != nil {
		if err := damaged.close(); err != nil {
			s.home.log.Warn("could not close a damaged index file", "segment", s.name(), "err", err)
		}
	}
	return x, nil
}

func (s *segment) indexName() string { return strings.TrimSuffix(s.name(), ".seg") + ".idx" }

func (s *segment) identity() index.Identity {
	return index.Identity{Number: s.number, End: s.end, Checksum: s.last}
}

// An indexFile is the index of a sealed segment in a file. When the file turns out to
// be damaged, the index is made anew, and nobody is the worse for it.
type indexFile struct {
	segment *segment
	source  *source
	index   *index.File
}

func (x *indexFile) readAt(b []byte, offset int64) error {
	if n, err := x.source.ReadAt(b, offset); n < len(b) {
		return err
	}
	return nil
}

// instead returns another index of the segment, after the file failed.
func (x *indexFile) instead(failed error) (index.Index, error) {
	s := x.segment
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return nil, daybook.ErrClosed
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if ix := *s.index.Load(); ix != index.Index(x) {
		return ix, nil
	}
	return s.remakeIndex(failed)
}

// Count implements [index.Index].
func (x *indexFile) Count(term uint64) (int, error) {
	n, err := x.index.Count(term)
	if err == nil {
		return n, nil
	}
	ix, err := x.instead(err)
	if err != nil {
		return 0, err
	}
	return ix.Count(term)
}

// Postings implements [index.Index].
func (x *indexFile) Postings(term uint64, from, to uint32, into []uint32) ([]uint32, error) {
	n := len(into)
	postings, err := x.index.Postings(term, from, to, into)
	if err == nil {
		return postings, nil
	}
	ix, err := x.instead(err)
	if err != nil {
		return nil, err
	}
	return ix.Postings(term, from, to, into[:n])
}

// Newest implements [index.Index].
func (x *indexFile) Newest(term uint64, below uint32, into []uint32) ([]uint32, error) {
	postings, err := x.index.Newest(term, below, into)
	if err == nil {
		return postings, nil
	}
	ix, err := x.instead(err)
	if err != nil {
		return nil, err
	}
	return ix.Newest(term, below, into)
}

// MayHaveID implements [index.Index].
func (x *indexFile) MayHaveID(made uint64) bool { return x.index.MayHaveID(made) }

// An indexer writes the index files of sealed segments. It has a goroutine while there
// is one to write. An index file that cannot be written is no harm: the table stays in
// memory, and the file is made when the segment is needed after the next opening.
type indexer struct {
	mu      sync.Mutex
	queue   []*segment
	running bool
	stopped bool
	wait    sync.WaitGroup
}

// add has the index of a sealed segment written, which is a table now.
func (x *indexer) add(s *segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopped {
		return
	}
	x.queue = append(x.queue, s)
	if !x.running {
		x.running = true
		x.wait.Go(x.run)
	}
}

// stop returns when all that was added is written.
func (x *indexer) stop() {
	x.mu.Lock()
	x.stopped = true
	x.mu.Unlock()
	x.wait.Wait()
}

func (x *indexer) run() {
	for {
		x.mu.Lock()
		if len(x.queue) == 0 {
			x.running = false
			x.mu.Unlock()
			return
		}
		s := x.queue[0]
		x.queue = slices.Delete(x.queue, 0, 1) // nobody keeps it for being behind the queue
		x.mu.Unlock()
		if err := s.writeIndex(); err != nil {
			s.home.log.Warn("an index file could not be written; the index stays in memory", "segment", s.name(), "err", err)
		}
	}
}

// writeIndex writes the segment's index into its file and uses that from now on. The
// file need not be durable, but it is synced all the same, so that it is there after a
// crash as a rule.
func (s *segment) writeIndex() error {
	table, ok := (*s.index.Load()).(*index.Table)
	if !ok || s.retired.Load() {
		return nil
	}
	return s.putIndex(table)
}

// putIndex writes a table into the segment's index file, unless the segment is replaced
// meanwhile.
func (s *segment) putIndex(table *index.Table) error {
	temp := s.indexName() + ".tmp"
	if err := s.home.writeTemp(temp, index.Encode(table, s.identity())); err != nil {
		return err
	}

	// Whoever retires the segment removes its files once, and closes those that are open.
	s.loading.Lock()
	defer s.loading.Unlock()
	if s.retired.Load() {
		return s.home.remove(temp)
	}
	if err := s.home.world.FS.Rename(s.home.path(temp), s.home.path(s.indexName())); err != nil {
		return err
	}
	x, err := s.openIndex()
	if err != nil {
		return err
	}
	s.setTerms(x)
	return nil
}
