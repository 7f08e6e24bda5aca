package logstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// ScavengeOptions adjust [Store.Scavenge]. The zero value, and nil, give back whatever
// can be.
type ScavengeOptions struct {
	// Keep pins events: a forgotten event for which it returns true stays as it is, hidden
	// and whole, until another Scavenge does not keep it. It is called once for each
	// forgotten event, in order of position. Nil keeps none.
	Keep func(daybook.Recorded) bool

	// Least is the part of a segment's bytes, between 0 and 1, that must be gained for it to
	// be rewritten. Zero rewrites each segment in which an event is forgotten, as one must
	// where data has to go.
	Least float64

	// Newest gives back what is forgotten in the newest segment too, which is sealed for
	// that whatever its size. Otherwise its turn comes when it is full.
	Newest bool

	// Progress is called after each segment with what has been done so far. Nil is not
	// called.
	Progress func(Scavenged)
}

// Scavenged is what [Store.Scavenge] did.
type Scavenged struct {
	// Segments is how many segments were looked at, and Rewritten how many of them were
	// replaced by their next generation.
	Segments, Rewritten int
	// Events is how many events became stubs, and Kept how many were pinned.
	Events, Kept int
	// Bytes is by how much the rewritten segments are smaller. It may be negative: a stub
	// is longer than an event of little data.
	Bytes int64
}

// String returns what was done in one line, for people.
func (s *Scavenged) String() string {
	events := numbered(s.Events, "event") + " became stubs"
	if s.Events == 1 {
		events = "1 event became a stub"
	}
	if s.Kept > 0 {
		events += ", " + grouped(s.Kept) + " were kept"
	}
	bytes := givenBack(s.Bytes)
	if s.Bytes < 0 {
		bytes += ", because stubs are longer than events of little data"
	}
	return fmt.Sprintf("%s of %s rewritten; %s; %s", grouped(s.Rewritten), numbered(s.Segments, "segment"), events, bytes)
}

// A scavenger is a journal that can replace a sealed segment by its next generation.
type scavenger interface {
	// writable returns why nothing is written to the local disk any more, or nil.
	writable() error
	adopt(next *segment) *fault
	retire(old *segment)
	removeGeneration(names ...string)
}

// Scavenge gives back the space of what is forgotten: of each event that was forgotten when
// it began, a [daybook.Stub] is left. It rewrites sealed segments one at a time, while
// appends and readings go on; readings that were begun before see what they saw. It needs
// room on the disk for one more segment.
//
// It may be interrupted at any moment, and by a crash too; what it has done stays done,
// and calling it again goes on. It returns what it did, also with an error: an
// [*daybook.UnavailableError] if ctx ends, [daybook.ErrClosed], a [*daybook.CorruptError]
// if a segment is damaged, which is then left as it is, or why the disk did not do it. Only
// one Scavenge is at work at a time; others wait for it.
func (s *Store) Scavenge(ctx context.Context, o *ScavengeOptions) (*Scavenged, error) {
	if o == nil {
		o = new(ScavengeOptions)
	}
	report := new(Scavenged)
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	if s.isClosed() {
		return report, daybook.ErrClosed
	}
	if _, can := s.journal.(scavenger); !can {
		return report, errors.New("logstore: the journal of this log replaces no segments")
	}
	if o.Newest {
		if err := s.order.seal(); err != nil {
			return report, err
		}
	}
	return report, s.eachSealed(ctx, "scavenge", 0, func(v *view, seg *segment) error {
		if err := s.scavenge(v, seg, o, report); err != nil {
			return err
		}
		report.Segments++
		if o.Progress != nil {
			o.Progress(*report)
		}
		return nil
	})
}

// eachSealed does something with each segment, from a number on, that is sealed when it
// begins, in a view of its own: one that was kept would keep the segments that are
// replaced, and their room on the disk.
func (s *Store) eachSealed(ctx context.Context, doing string, from uint64, do func(v *view, seg *segment) error) error {
	// What an attempt left that could not remove it, for a failing disk, takes room.
	if err := s.home.remove(rewriteTemp); err != nil {
		return &daybook.UnavailableError{Doing: doing, Err: err}
	}
	for end := s.view.Load().endPlace().segment; ; {
		v := s.view.Load()
		i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= from })
		if i == len(v.segments) || v.segments[i].number >= end {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return &daybook.UnavailableError{Doing: doing, Err: err}
		}
		// After a fault nobody knows which generations the manifest names.
		if err := s.journal.(scavenger).writable(); err != nil {
			return &daybook.UnavailableError{Doing: doing, Err: err}
		}
		from = v.segments[i].number + 1
		if err := do(v, v.segments[i]); err != nil {
			return err
		}
	}
}

// scavenge scavenges one segment of what is forgotten as of a view.
func (s *Store) scavenge(v *view, seg *segment, o *ScavengeOptions, report *Scavenged) error {
	hiding, err := s.hidden.hiding(v, place{segment: seg.number})
	if hiding == nil || err != nil {
		return err
	}
	plan, err := s.planStubs(seg, hiding, o.Keep)
	if err != nil {
		return err
	}
	report.Kept += plan.kept
	if len(plan.stubs) == 0 || o.Least > 0 && float64(plan.gain) < o.Least*float64(seg.end) {
		return nil
	}
	pack, err := seg.isPacked()
	if err != nil {
		return err
	}
	next, err := s.rewrite(seg, pack || s.options.Compress, func(b []byte, offset int64, f frame.Frame, before uint32) []byte {
		return f.Rewrite(b, s.home.salt, before, func(at int) bool {
			if len(plan.stubs) == 0 || plan.stubs[0] != posting(offset+int64(at)) {
				return false
			}
			plan.stubs = plan.stubs[1:]
			return true
		})
	})
	if err != nil {
		return s.rewriteError(seg, err)
	}
	if err := s.replace(seg, next); err != nil {
		return s.rewriteError(seg, err)
	}
	report.Rewritten++
	report.Events += plan.events
	report.Bytes += seg.size - next.size
	return nil
}

// rewriteError says what was being done.
func (s *Store) rewriteError(seg *segment, err error) error {
	corrupt, unavailable := (*daybook.CorruptError)(nil), (*daybook.UnavailableError)(nil)
	if errors.Is(err, daybook.ErrClosed) {
		return daybook.ErrClosed
	}
	if errors.As(err, &corrupt) || errors.As(err, &unavailable) {
		return err
	}
	return fmt.Errorf("logstore: rewrite %s: %w", s.home.path(seg.name()), err)
}

// A stubPlan says which events of a segment are to become stubs.
type stubPlan struct {
	stubs        []uint32 // their postings, rising
	events, kept int
	gain         int64
}

// planStubs looks which events of a segment are forgotten.
func (s *Store) planStubs(seg *segment, hiding *hiding, keep func(daybook.Recorded) bool) (stubPlan, error) {
	var p stubPlan
	var failed error
	err := seg.frames(func(offset int64, f frame.Frame) {
		if failed == nil && s.isClosed() {
			failed = daybook.ErrClosed
		}
		for at, e := range f.Events() {
			if failed != nil || e.IsStub() {
				continue
			}
			var forgotten bool
			if forgotten, failed = hiding.hides(f, e); !forgotten {
				continue
			}
			if keep != nil {
				r := f.Recorded(e)
				r.Forgotten = true
				if keep(r) {
					p.kept++
					continue
				}
			}
			p.stubs = append(p.stubs, posting(offset+int64(at)))
			p.gain += int64(e.Bytes() - e.StubBytes())
		}
	})
	p.events = len(p.stubs)
	return p, errors.Join(failed, err)
}

// replace has the next generation of a segment take its place: in the manifest, durably,
// then for those who begin to read, and only then on the disk.
func (s *Store) replace(old, next *segment) error {
	journal := s.journal.(scavenger)
	if err := old.pin(); err != nil {
		return err
	}
	if planted("segment-removed-before-the-manifest-names-the-next") {
		journal.retire(old)
	}
	e := &errand{
		do: func() *fault { return journal.adopt(next) },
		settle: func(tail, now *view) *view {
			tail.segments = tail.with(next)
			after := *now
			after.segments = now.with(next)
			return &after
		},
	}
	if err := s.order.run(e); err != nil {
		if e.failed == nil || !e.failed.fatal { // it was not even begun, or changed nothing
			journal.removeGeneration(next.name(), next.indexName())
		}
		return errors.Join(err, next.close())
	}
	journal.retire(old)
	// The room of a file that was removed is free when it is closed, and it is closed when
	// the collector finds that nobody has it. A program that makes little garbage may wait
	// minutes for that; the collection itself takes as long as writing a megabyte.
	if s.retired += old.size; s.retired >= mostSegmentBytes {
		s.retired = 0
		runtime.GC()
	}
	return nil
}
