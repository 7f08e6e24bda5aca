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
			if e.Version <= span.AfterVersion && span.AfterVersion > 0 || !q.Yields(e, span) {
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
		if later == 0 {
			return 0
		}
		last = min(last, s.events[later-1].Position)
	}
	if span.BeforeVersion > 0 { // the query names one stream: Validate has seen to it
		for _, place := range s.streams[q[0].Streams[0]] {
			if e := s.events[place]; e.Version >= span.BeforeVersion {
				last = min(last, e.Position-1)
				break
			}
		}
	}
	return last
}

// A selection is what a query selects among some places, forgotten or not. It needs no
// lock: what it looks at never changes, since whatever forgets or scavenges replaces it.
type selection struct {
	query  daybook.Query
	log    []daybook.Recorded
	hidden horizons
	places []int
}

// selected returns what q selects after one position up to and including another.
func (s *Store) selected(q daybook.Query, after, last daybook.Position) selection {
	return selection{q, s.events, s.hidden, s.candidates(q, after, last)}
}

// events yields the events, the oldest or the newest first, each marked if it is
// forgotten.
func (sel selection) events(backward bool) iter.Seq[daybook.Recorded] {
	return func(yield func(daybook.Recorded) bool) {
		for i := range sel.places {
			if backward {
				i = len(sel.places) - 1 - i
			}
			if e := sel.log[sel.places[i]]; sel.query.SelectsRecorded(e) && !yield(sel.hidden.mark(e)) {
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

// candidates returns, in order, the places of the positions in (after, last] at which q
// may select something.
func (s *Store) candidates(q daybook.Query, after, last daybook.Position) []int {
	begin, end := s.behind(after), s.behind(last)
	var places []int
	for _, item := range q {
		switch {
		case len(item.IDs) > 0:
			for _, id := range item.IDs {
				if place, has := s.byID[id]; has {
					places = append(places, place)
				}
			}
		case len(item.Streams) > 0:
			for _, stream := range item.Streams {
				places = append(places, s.streams[stream]...)
			}
		default:
			return every(begin, end)
		}
	}
	slices.Sort(places)
	places = slices.Compact(places)
	return slices.DeleteFunc(places, func(p int) bool { return p < begin || p >= end })
}

// behind returns the place of the first event behind a position.
func (s *Store) behind(position daybook.Position) int {
	return sort.Search(len(s.events), func(i int) bool { return s.events[i].Position > position })
}

// every returns the places from begin up to and not including end.
func every(begin, end int) []int {
	var places []int
	for p := begin; p < end; p++ {
		places = append(places, p)
	}
	return places
}
