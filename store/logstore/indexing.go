package logstore

import (
	"fmt"
	"sync"

	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// loadMarks returns a sealed segment's marks, from its footer; if that is damaged, from the frames.
func (s *segment) loadMarks() ([]mark, error) {
	b := make([]byte, s.size-s.end)
	if err := s.readAt(b, s.end); err != nil {
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
	return marked.marks, err
}

// frames yields the frames of a sealed segment, which must follow each other from the first to the last.
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

// loadIndex makes the index of a sealed segment anew, from its frames.
func (s *segment) loadIndex() (index.Index, error) {
	s.loading.Lock()
	defer s.loading.Unlock()
	if ix := s.index.Load(); ix != nil {
		return *ix, nil
	}
	table := new(index.Table)
	if err := s.frames(func(offset int64, f frame.Frame) { addFrame(table, f, offset) }); err != nil {
		return nil, err
	}
	s.setTerms(table)
	return table, nil
}

// An indexer writes the index files of segments that were sealed. It has a goroutine while there is
// one to write.
type indexer struct {
	wait sync.WaitGroup
}

func (x *indexer) add(*segment) {}

func (x *indexer) stop() { x.wait.Wait() }
