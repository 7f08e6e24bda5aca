package logstore

import (
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// A segment is one file of the log and what is known of it. The active one is the last
// and grows at its end; the others never change.
//
// Readers reach a segment through a [view]. What a view does not cover (frames past its
// end, postings of them) is none of their business, so the sequencer adds to the index
// and to the marks of the active segment while they read.
type segment struct {
	home   *home
	number uint64
	first  daybook.Position // the first position that it may hold
	before uint32           // the checksum of the frame before its first one

	// generation counts how many times the segment was rewritten, and chain is the
	// checksum that its last frame had at first, which the next segment follows. They are
	// set once it is sealed.
	generation uint64
	chain      uint32
	flags      uint32 // with which its header is written

	// end is where the frames of a segment end that is no longer the active one. It is
	// set before a view is published that has another segment after this one.
	end int64
	// size and last are those of the file and of the last frame's checksum, once it is
	// sealed.
	size int64
	last uint32
	// ending is last, for those who read while the segment may be being sealed; nil until
	// it is.
	ending atomic.Pointer[uint32]

	// full is set when the journal has begun to seal the segment: no more frames go
	// there.
	full atomic.Bool

	// retired is set when a next generation has taken the segment's place. Those who have
	// a view with it read on through the handles that are open.
	retired atomic.Bool

	// abouts is whether there are events about streams in the segment.
	abouts whether

	index   atomic.Pointer[index.Index] // nil until it is needed, in a sealed segment
	loading sync.Mutex                  // held by who loads it

	data    atomic.Pointer[source] // the file; nil until it is needed
	indexed atomic.Pointer[source] // what index reads, if that is a file

	mu     sync.RWMutex // guards what follows
	marks  []mark       // where frames begin, one for about every markBytes
	marked bool         // marks are complete: they need not be read from the footer
	closed bool
}

// A mark says where a frame begins, when it was recorded, and its first position, so
// that reading can begin near a position or a time.
type mark struct {
	position daybook.Position
	stamp    int64
	offset   int64
}

// A mark costs 24 bytes and is looked for by halving, a few dozen nanoseconds; what is
// read in vain behind it is half of this, some ten microseconds.
const markBytes = 64 << 10

// While a segment is being written it has more marks: those who follow the log, and
// conditions on what came since a position, look at its end, at a few events, and begin at
// a mark. Nearly every frame has one, so that the event of that position itself is not
// looked at: a tenth of an append with such a condition. Those of a full segment take
// 3 MB at most.
const fineMarkBytes = 512

func segmentName(number uint64) string { return fmt.Sprintf("%08d.seg", number) }

// generationName returns the name of a segment's file that was rewritten some times.
func generationName(number, generation uint64) string {
	if generation == 0 {
		return segmentName(number)
	}
	return fmt.Sprintf("%08d-%d.seg", number, generation)
}

func (s *segment) name() string { return generationName(s.number, s.generation) }

func (s *segment) path() string { return s.home.path(s.name()) }

// corrupt says that something in the segment is not what was written there.
func (s *segment) corrupt(offset int64, sound daybook.Position, err error) error {
	return &daybook.CorruptError{Where: fmt.Sprintf("%s at %d", s.path(), offset), Position: sound, Err: err}
}

// source returns the segment's file.
func (s *segment) source() *source {
	if data := s.data.Load(); data != nil {
		return data
	}
	s.data.CompareAndSwap(nil, &source{home: s.home, name: s.name(), may: s.generation > 0})
	return s.data.Load()
}

// readAt fills b from an offset of the file, which is opened if it is not open.
func (s *segment) readAt(b []byte, offset int64) error {
	n, err := s.source().ReadAt(b, offset)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return s.corrupt(offset+int64(n), 0, fmt.Errorf("the file ends here, and %d more bytes were in it", len(b)-n))
	}
	if errors.Is(err, errPacked) {
		return s.corrupt(offset+int64(n), 0, err)
	}
	if errors.Is(err, daybook.ErrClosed) {
		return err
	}
	return &daybook.UnavailableError{Doing: fmt.Sprintf("read %s at %d", s.path(), offset), Err: err}
}

// isPacked reports whether a sealed segment is packed.
func (s *segment) isPacked() (bool, error) {
	if s.generation == 0 {
		return false, nil
	}
	var b [1]byte
	if err := s.readAt(b[:], 0); err != nil {
		return false, err
	}
	src := s.source()
	src.mu.RLock()
	defer src.mu.RUnlock()
	return src.packed != nil, nil
}

// readFooter returns a sealed segment's footer.
func (s *segment) readFooter() ([]byte, error) {
	size := s.size
	is, err := s.isPacked()
	if err != nil {
		return nil, err
	}
	if is {
		src := s.source()
		src.mu.RLock()
		size = src.packed.plainSize()
		src.mu.RUnlock()
	}
	b := make([]byte, size-s.end)
	return b, s.readAt(b, s.end)
}

// attach gives a segment its file, which is open.
func (s *segment) attach(f vfs.File) { s.source().attach(f) }

// close ends all reading. It waits for reads that have begun.
func (s *segment) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.source().close()
	if indexed := s.indexed.Load(); indexed != nil {
		err = errors.Join(err, indexed.close())
	}
	return err
}

// mark takes note of a frame, if the last one that was noted is far enough behind it.
func (s *segment) mark(f frame.Frame, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.marks); n == 0 || offset-s.marks[n-1].offset >= fineMarkBytes {
		s.marks = append(s.marks, mark{f.First(), f.Stamp(), offset})
	}
}

// thin keeps the marks that a sealed segment has.
func (s *segment) thin() []mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []mark
	for _, m := range s.marks {
		if n := len(kept); n == 0 || m.offset-kept[n-1].offset >= markBytes {
			kept = append(kept, m)
		}
	}
	s.marks = kept
	return kept
}

// unmark forgets the marks from an offset on.
func (s *segment) unmark(offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].offset >= offset })
	s.marks = append([]mark(nil), s.marks[:n]...) // those who read hold the slice there was
}

// offsetAfter returns where a frame begins behind which lie all events of the segment after
// a position, and not many others, and the marks of frames before an offset.
func (s *segment) offsetAfter(p daybook.Position, end int64) (offset int64, marks []mark, err error) {
	marks, err = s.marksBefore(end)
	if err != nil {
		return 0, nil, err
	}
	if m := sort.Search(len(marks), func(i int) bool { return marks[i].position > p+1 }) - 1; m >= 0 {
		return marks[m].offset, marks, nil
	}
	return segmentHeaderBytes, marks, nil
}

// marksBefore returns the marks of frames before an offset, in order. The slice does
// not change.
func (s *segment) marksBefore(offset int64) ([]mark, error) {
	s.mu.RLock()
	marks, marked := s.marks, s.marked
	s.mu.RUnlock()
	if !marked {
		var err error
		if marks, err = s.loadMarks(); err != nil {
			return nil, err
		}
	}
	n := sort.Search(len(marks), func(i int) bool { return marks[i].offset >= offset })
	return marks[:n], nil
}

// terms returns the segment's index.
func (s *segment) terms() (index.Index, error) {
	if ix := s.index.Load(); ix != nil {
		return *ix, nil
	}
	return s.loadIndex()
}

func (s *segment) setTerms(ix index.Index) { s.index.Store(&ix) }
