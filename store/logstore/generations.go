package logstore

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"weak"
)

// A sealed segment is rewritten by writing its next generation beside it: a file of its
// own with the same positions. The manifest says which generation is the segment; the
// file of the other one is removed when that is durable. FORMAT.md says what of them a
// crash may leave.

// adopt makes the next generation of a sealed segment, which is durable under its name,
// the one that the manifest names. It is called as commit is. The generation before is
// the caller's to retire.
func (d *disk) adopt(next *segment) *fault {
	if failed := d.failed.Load(); failed != nil {
		return &fault{err: *failed}
	}
	if err := d.reopen(); err != nil {
		return d.fault(err)
	}
	i := slices.IndexFunc(d.manifest.sealed, func(s sealedSegment) bool { return s.number == next.number })
	m := *d.manifest
	m.sealed = slices.Clone(m.sealed)
	was := m.sealed[i]
	m.sealed[i] = sealedSegment{
		number: was.number, first: was.first, last: was.last, end: next.end, size: next.size, checksum: next.last,
		generation: next.generation, chain: was.chain,
	}
	if planted("chain-not-kept") {
		m.sealed[i].chain = next.last
	}
	if err := m.replace(d.home); err != nil {
		f := d.fault(err)
		if !f.fatal && errors.As(err, new(*replacedError)) {
			// The files of the next generation are going to be removed. A crash must not leave
			// a manifest that names them.
			if back := d.manifest.replace(d.home); back != nil {
				return d.fault(&syncError{fmt.Errorf("%w, and undo that: %w", err, back)})
			}
		}
		return f
	}
	d.manifest = &m
	d.segments = slices.Clone(d.segments) // the view that recover returned has those that there were
	for n, s := range d.segments {
		if s.number == next.number {
			d.segments[n] = next
		}
	}
	return nil
}

// A retired segment is one whose place its next generation has taken. Its files have no
// name any more. They are closed when nobody has a view with it, or with the log.
type retired struct {
	segment weak.Pointer[segment]
	files   []*source
}

// pin opens the files of a segment and has them stay open, so that those who have a view
// with it can read them without their names.
func (s *segment) pin() error {
	if _, err := s.terms(); err != nil {
		return err
	}
	if err := s.source().keep(); err != nil {
		return err
	}
	if indexed := s.indexed.Load(); indexed != nil {
		return indexed.keep()
	}
	return nil
}

// retire removes the files of a segment whose place has been taken, durably. What cannot
// be removed now is removed when the log is opened again.
func (d *disk) retire(old *segment) {
	d.retiring.Lock()
	d.retired = withRetired(d.retired, old)
	d.retiring.Unlock()
	d.removeGeneration(old.name(), old.indexName())
}

// withRetired returns the retired segments that somebody may still read, and one more.
func withRetired(all []retired, old *segment) []retired {
	old.loading.Lock() // nobody puts its index file into place from now on
	old.retired.Store(true)
	old.loading.Unlock()
	files := []*source{old.source()}
	if indexed := old.indexed.Load(); indexed != nil {
		files = append(files, indexed)
	}
	runtime.AddCleanup(old, func(files []*source) {
		_ = closeAll(files) // nothing was written to them
	}, files)
	all = slices.DeleteFunc(all, func(r retired) bool { return r.segment.Value() == nil })
	return append(all, retired{weak.Make(old), files})
}

// closeRetired ends all reading of retired segments.
func closeRetired(all []retired) (err error) {
	for _, r := range all {
		if s := r.segment.Value(); s != nil {
			err = errors.Join(err, s.close())
		}
		err = errors.Join(err, closeAll(r.files))
	}
	return err
}

func closeAll(files []*source) (err error) {
	for _, f := range files {
		err = errors.Join(err, f.close())
	}
	return err
}

// removeGeneration removes the files of a generation that is not the segment.
func (d *disk) removeGeneration(names ...string) {
	for _, name := range names {
		if err := d.home.remove(name); err != nil {
			d.home.log.Warn("a file of a segment that was rewritten could not be removed", "file", name, "err", err)
		}
	}
}

// A loser is a file of a generation of a segment that the manifest does not name: one
// that was never finished, or one whose place was taken.
type loser struct {
	number uint64
	name   string
}

// noteIndex takes note of a file that is the index of a generation that is not named.
func (d *disk) noteIndex(name string, named map[uint64]uint64) {
	base, is := strings.CutSuffix(name, ".idx")
	if !is {
		return
	}
	n, generation, segment := segmentFile(base + ".seg")
	if of, is := named[n]; segment && is && of != generation {
		d.losers = append(d.losers, loser{n, name})
	}
}

// removeLosers removes the files of generations that the manifest, which is durable, does
// not name, if the one that it names is there. Anything else is left alone: it might be
// the only copy.
func (d *disk) removeLosers() {
	for _, l := range d.losers {
		i := slices.IndexFunc(d.segments, func(s *segment) bool { return s.number == l.number })
		err := errors.New("the segment is not sealed")
		if i >= 0 {
			err = d.whole(d.segments[i])
		}
		if err != nil {
			d.home.log.Warn("a file of another generation of a segment is kept", "file", l.name, "err", err)
			continue
		}
		d.removeGeneration(l.name)
	}
	d.losers = nil
}

// whole returns an error unless a sealed segment begins and ends as it was written.
func (d *disk) whole(s *segment) error {
	header := make([]byte, segmentHeaderBytes)
	if err := s.readAt(header, 0); err != nil {
		return err
	}
	if err := checkSegmentHeader(header, s, d.manifest); err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	footer, err := s.readFooter()
	if err != nil {
		return err
	}
	if _, err := decodeFooter(footer, s, d.home.salt); err != nil {
		return fmt.Errorf("%s: %w", s.name(), err)
	}
	return nil
}
