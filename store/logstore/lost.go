package logstore

import (
	"errors"
	"fmt"
	"iter"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// ErrLost is what a [*daybook.CorruptError] wraps that says that events are missing which
// [Repair] could not bring back and has set aside.
var ErrLost = errors.New("logstore: events were lost here, and the log was repaired without them")

// A lostRange is positions whose events were lost, as the manifest has it: those at most,
// and where they lay in the segment's file as it was. An index of that file, if it is
// kept, tells of what they were not.
type lostRange struct {
	first, last daybook.Position
	number      uint64 // of the segment
	begin, end  int64  // of the damage in its file
	frames      int64  // where the frames ended in that file; zero if there was no index
	checksum    uint32 // of its last frame
}

func (l *lostRange) encode() string {
	return fmt.Sprintf("lost first %d last %d segment %d begin %d end %d frames %d checksum %08x",
		l.first, l.last, l.number, l.begin, l.end, l.frames, l.checksum)
}

func decodeLost(line string) (l lostRange, err error) {
	_, err = fmt.Sscanf(line, "lost first %d last %d segment %d begin %d end %d frames %d checksum %x",
		&l.first, &l.last, &l.number, &l.begin, &l.end, &l.frames, &l.checksum)
	return l, err
}

// indexName is that of the index which the damaged file had.
func (l *lostRange) indexName() string { return fmt.Sprintf("lost-%d.idx", l.first) }

// err says that something may have been in the range.
func (l *lostRange) err(h *home) error {
	return &daybook.CorruptError{
		Where: fmt.Sprintf("%s: positions %d to %d", h.path(segmentName(l.number)), l.first, l.last), Position: l.first - 1, Err: ErrLost,
	}
}

// excused reports whether all positions from one to another are known to be lost.
func (m *manifest) excused(from, to daybook.Position) bool {
	for _, l := range m.lost {
		if l.first <= from && from <= l.last {
			from = l.last + 1
		}
	}
	return from > to
}

// mayHave reports whether an event that has one of some terms may be among what was lost.
// Without a sound index of what was there it may.
func (l *lostRange) mayHave(h *home, terms []uint64) bool {
	if l.frames == 0 {
		return true
	}
	f, err := h.world.FS.Open(h.path(l.indexName()))
	if err != nil {
		return true
	}
	may := false
	ix, err := index.Open(func(b []byte, at int64) error {
		if n, err := f.ReadAt(b, at); n < len(b) {
			return err
		}
		return nil
	}, index.Identity{Number: l.number, End: l.frames, Checksum: l.checksum})
	for _, t := range terms {
		if err != nil || may {
			break
		}
		var newest []uint32
		newest, err = ix.Newest(t, posting(l.end), make([]uint32, 0, 1))
		may = len(newest) > 0 && newest[0] >= posting(l.begin)
	}
	// Closing what was only read can go wrong in no way that matters here.
	return errors.Join(err, f.Close()) != nil || may
}

// maySelect reports whether a query may select something of what was lost.
func (l *lostRange) maySelect(h *home, p plan) bool {
	for i := range p {
		possible := true
		for _, terms := range p[i].groups {
			if possible = l.mayHave(h, terms); !possible {
				break
			}
		}
		if possible {
			return true
		}
	}
	return false
}

// losses returns the ranges of lost events that a reading must not pass over silently.
func (s *Store) losses() []lostRange {
	if s.options.PastLost {
		return nil
	}
	if lost := s.home.lost.Load(); lost != nil {
		return *lost
	}
	return nil
}

// lossIn returns the lost range that a reading comes to first in a span up to a position,
// nil if there is none that may have something that it selects.
func (s *Store) lossIn(p plan, span daybook.Span, last daybook.Position) *lostRange {
	var met *lostRange
	for _, l := range s.losses() {
		if l.last <= span.After || l.first > last || met != nil && !span.Backward || !l.maySelect(s.home, p) {
			continue
		}
		met = &l
	}
	return met
}

// untilLoss yields the events of a reading up to a range of lost events, and then the
// error that says so, unless no more are wanted.
func (s *Store) untilLoss(l *lostRange, span daybook.Span, last daybook.Position,
	events func(daybook.Span, daybook.Position) iter.Seq2[daybook.Recorded, error],
) iter.Seq2[daybook.Recorded, error] {
	limit := span.Limit
	if span.Backward {
		span.After = max(span.After, l.last)
	} else {
		last = min(last, l.first-1)
	}
	return func(yield func(daybook.Recorded, error) bool) {
		n := 0
		for e, err := range events(span, last) {
			if n++; !yield(e, err) || err != nil {
				return
			}
		}
		if limit == 0 || n < limit {
			yield(daybook.Recorded{}, l.err(s.home))
		}
	}
}

// undecided returns an error if an append depends on what was lost: if a stream that it
// writes, or that its condition is about, may have had newer events there than the newest
// that is known, or if a query of its condition may have selected some.
func (s *Store) undecided(r *request) error {
	for _, l := range s.losses() {
		for i := range r.streams {
			if r.streams[i].newest < l.first && l.mayHave(s.home, []uint64{r.streams[i].term}) {
				return l.err(s.home)
			}
		}
		for i := range r.clauses {
			c := &r.clauses[i]
			if c.Kind == daybook.NothingSelected {
				if c.newest == 0 && c.After.Position < l.last && l.maySelect(s.home, c.plan) {
					return l.err(s.home)
				}
				continue
			}
			if c.state.Newest < l.first && l.mayHave(s.home, []uint64{term.Hash(term.Stream, c.Stream)}) {
				return l.err(s.home)
			}
		}
	}
	return nil
}
