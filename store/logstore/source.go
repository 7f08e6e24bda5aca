package logstore

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// A source is a file of the log as it is read. It is opened when it is read and may be
// closed between two readings, because a large log has more files than a program may
// have open; whoever reads does not notice.
//
// Where the system can, it is mapped: an event costs a copy of its bytes then, 0.1 µs,
// and not a call to the system, 1 µs. What is read is always copied, so that nothing that
// happens to the file or the mapping reaches those who look at it.
type source struct {
	home *home
	name string // in the store's directory
	may  bool   // be a packed segment, which is read as if it were not

	used atomic.Uint64 // when it was read last, as home.open counts

	mu      sync.RWMutex
	file    vfs.File // nil while it is not open
	mapping vfs.Mapping
	mapped  int64 // bytes of the mapping
	packed  *packed
	closed  bool // for good
	kept    bool // it stays open until then
}

// Whoever reads so much at once goes on with what follows, as a rule.
const bulkBytes = 32 << 10

// ReadAt implements [io.ReaderAt]. Its error is that of the file system, io.EOF if the
// file is too short, or [daybook.ErrClosed].
func (s *source) ReadAt(b []byte, offset int64) (int, error) {
	if now := s.home.open.now.Load(); s.used.Load() != now {
		s.used.Store(now)
	}
	s.mu.RLock()
	for s.file == nil {
		s.mu.RUnlock()
		if err := s.openFile(); err != nil {
			return 0, err
		}
		s.mu.RLock()
	}
	defer s.mu.RUnlock()
	if s.packed != nil {
		return s.packed.readAt(asItIs{s}, b, offset, &s.home.unpacked)
	}
	return asItIs{s}.ReadAt(b, offset)
}

// asItIs is the file of a source that is open and stays so.
type asItIs struct{ *source }

// ReadAt implements [io.ReaderAt].
func (s asItIs) ReadAt(b []byte, offset int64) (int, error) {
	if offset+int64(len(b)) <= s.mapped {
		if len(b) >= bulkBytes {
			s.mapping.WillNeed(offset, 2*int64(len(b))) // this, and what is read next
		}
		if n, err := s.mapping.ReadAt(b, offset); err == nil {
			return n, nil
		}
		// What is wrong with the file, it says better itself.
	}
	return s.file.ReadAt(b, offset)
}

// isMapped reports whether reading a few bytes costs no call to the system. It is false
// until the file was read.
func (s *source) isMapped() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mapping != nil && s.packed == nil
}

// willNeed has the system begin to read what is read soon, if the file is mapped. Blocks of
// a packed file are read whole as it is.
func (s *source) willNeed(offset, n int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mapping != nil && s.packed == nil {
		s.mapping.WillNeed(offset, n)
	}
}

// openFile opens the file if it is not open.
func (s *source) openFile() error {
	if open, err := s.isOpen(); open || err != nil {
		return err
	}
	f, err := s.home.world.FS.Open(s.home.path(s.name))
	if err != nil {
		// Whoever has it stay open may have opened it meanwhile, and its name is gone since.
		if open, closed := s.isOpen(); open || closed != nil {
			return closed
		}
		return err
	}
	if !s.may {
		s.attach(f)
		return nil
	}
	size, err := f.Size()
	var p *packed
	if err == nil {
		p, err = readPacked(f, size, s.home.salt)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.mu.Lock()
	if s.packed == nil { // whoever opened it before has the same
		s.packed = p
	}
	s.mu.Unlock()
	s.attach(f)
	return nil
}

// isOpen reports whether the file is open. Its error is [daybook.ErrClosed].
func (s *source) isOpen() (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false, daybook.ErrClosed
	}
	return s.file != nil, nil
}

// attach gives a source its file, which is open. If it has one already, it closes this.
func (s *source) attach(f vfs.File) {
	s.mu.Lock()
	if s.closed || s.file != nil {
		f.Close() // two have opened it at the same time, and nothing was written
		s.mu.Unlock()
		return
	}
	s.file = f
	s.mapFile()
	s.mu.Unlock()
	s.home.open.add(s)
}

// mapFile maps the file, if it can be. The caller holds mu.
func (s *source) mapFile() {
	m, can := s.file.(vfs.Mapper)
	if !can {
		return
	}
	size, err := s.file.Size()
	if err != nil || size == 0 || size != int64(int(size)) {
		return
	}
	if mapping, err := m.Map(size); err == nil {
		s.mapping, s.mapped = mapping, size
	}
}

// shut closes the file until it is read again. It waits for readings that have begun.
func (s *source) shut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept {
		return nil
	}
	return s.letGo()
}

// keep opens the file and has it stay open until it is closed for good, because it will
// have no name by which it could be opened again.
func (s *source) keep() error {
	for kept := false; !kept; {
		if err := s.openFile(); err != nil {
			return err
		}
		s.mu.Lock()
		kept = s.file != nil
		s.kept = kept
		s.mu.Unlock()
	}
	s.home.open.remove(s)
	return nil
}

// close closes the file for good.
func (s *source) close() error {
	s.home.open.remove(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.letGo()
}

// letGo closes what is open. The caller holds mu.
func (s *source) letGo() error {
	var err error
	if s.mapping != nil {
		err = s.mapping.Close()
	}
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
	}
	s.file, s.mapping, s.mapped = nil, nil, 0
	return err
}

// openFiles are the sources that are open. When there are too many, the one that has not
// been read for the longest time is closed.
type openFiles struct {
	now  atomic.Uint64 // counts the openings
	most int
	log  *logger

	mu      sync.Mutex
	sources []*source
}

// add takes note of a source that was opened.
func (o *openFiles) add(s *source) {
	s.used.Store(o.now.Add(1))
	o.mu.Lock()
	var oldest *source
	if n := len(o.sources); n > 0 && n >= o.most {
		at := 0
		for i := range o.sources {
			if o.sources[i].used.Load() < o.sources[at].used.Load() {
				at = i
			}
		}
		oldest = o.take(at)
	}
	o.sources = append(o.sources, s)
	o.mu.Unlock()
	if oldest == nil {
		return
	}
	if err := oldest.shut(); err != nil {
		o.log.Warn("could not close a file that was only read", "file", oldest.name, "err", err)
	}
}

// remove forgets a source, if it is there.
func (o *openFiles) remove(s *source) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.sources {
		if o.sources[i] == s {
			o.take(i)
			return
		}
	}
}

// take removes the i-th source and returns it. The caller holds mu.
func (o *openFiles) take(i int) *source {
	s, last := o.sources[i], len(o.sources)-1
	o.sources[i], o.sources[last] = o.sources[last], nil
	o.sources = o.sources[:last]
	return s
}
