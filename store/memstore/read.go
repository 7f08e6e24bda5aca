package memstore

import (
	"context"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/daybook-es/daybook"
)

// Read implements [daybook.Store].
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return daybook.Reading{}, daybook.ErrClosed
	}
	s.begin()
	if at := span.KnownAt; at.After(s.known) && !at.After(s.clock()) {
		s.known = time.Unix(0, at.UnixNano()).UTC() // nothing is recorded at that time any more
	}

	snapshot := s.head().At(s.upperBound(q, span))
	selected := s.selected(q, span.After, snapshot.Position)
	events := func(yield func(daybook.Recorded, error) bool) {
		left := span.Limit
		for e := range selected.events(span.Backward) {
			if e.Version <= span.AfterVersion && span.AfterVersion > 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(daybook.Recorded{}, &daybook.UnavailableError{Doing: "read", Err: err})
				return
			}
			if left--; !yield(e, nil) || left == 0 {
				return
			}
		}
	}
	return daybook.NewReading(q, span, snapshot, events), nil
}

// upperBound returns the last position of a span: the head, or less.
func (s *Store) upperBound(q daybook.Query, span daybook.Span) daybook.Position {
	last := s.head().Position
	if span.Before > 0 {
		last = min(last, span.Before-1)
	}
	if !span.KnownAt.IsZero() {
		later := sort.Search(len(s.events), func(i int) bool { return s.events[i].RecordedAt.After(span.KnownAt) })
		last = min(last, daybook.Position(later))
	}
	if span.BeforeVersion > 0 { // the query names one stream: Validate has seen to it
		if stream := s.streams[q[0].Streams[0]]; daybook.Version(len(stream)) >= span.BeforeVersion {
			last = min(last, stream[span.BeforeVersion-1]-1)
		}
	}
	return last
}

// A selection is what a query selects among some positions. It needs no lock: what
// is recorded never changes.
type selection struct {
	query     daybook.Query
	log       []daybook.Recorded
	positions []daybook.Position
}

// selected returns what q selects after one position up to and including another.
func (s *Store) selected(q daybook.Query, after, last daybook.Position) selection {
	return selection{q, s.events, s.candidates(q, after, last)}
}

// events yields the events, the oldest or the newest first.
func (sel selection) events(backward bool) iter.Seq[daybook.Recorded] {
	return func(yield func(daybook.Recorded) bool) {
		for i := range sel.positions {
			if backward {
				i = len(sel.positions) - 1 - i
			}
			if e := sel.log[sel.positions[i]-1]; sel.query.Selects(e.Event) && !yield(e) {
				return
			}
		}
	}
}

// newest returns the position of the last event, or zero if there is none.
func (sel selection) newest() daybook.Position {
	for e := range sel.events(true) {
		return e.Position
	}
	return 0
}

// candidates returns, in order, the positions in (after, last] at which q may
// select something.
func (s *Store) candidates(q daybook.Query, after, last daybook.Position) []daybook.Position {
	var positions []daybook.Position
	for _, item := range q {
		switch {
		case len(item.IDs) > 0:
			for _, id := range item.IDs {
				positions = append(positions, s.byID[id])
			}
		case len(item.Streams) > 0:
			for _, stream := range item.Streams {
				positions = append(positions, s.streams[stream]...)
			}
		default:
			return every(after, last)
		}
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	return slices.DeleteFunc(positions, func(p daybook.Position) bool { return p <= after || p > last })
}

// every returns the positions in (after, last].
func every(after, last daybook.Position) []daybook.Position {
	var positions []daybook.Position
	for p := after; p < last; {
		p++
		positions = append(positions, p)
	}
	return positions
}
