package logstore

import (
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// What is forgotten of a stream NAME is said by the events in the stream "$$NAME". They
// are found like any others, by the term of their stream; but first a log is asked
// whether it has such events at all, which costs nothing to speak of, and of a log that
// has some only the segments are asked that have them.

// whether says of a segment whether it has events about streams. That is told from its
// index when it is first asked for, and known from the beginning of one that is written.
type whether struct{ known atomic.Int32 }

const (
	notKnown = iota
	hasNone
	hasSome
)

// aboutTerms are the terms of which every event about a stream has one.
var aboutTerms = [3]uint64{
	term.Hash(term.Type, daybook.TypeTruncated),
	term.Hash(term.Type, daybook.TypeDeleted),
	term.Hash(term.Type, daybook.TypeTombstoned),
}

// hasAbouts reports whether there are events about streams in the segment. It may say so
// of one whose last group could not be written.
func (s *segment) hasAbouts() (bool, error) {
	if known := s.abouts.known.Load(); known != notKnown {
		return known == hasSome, nil
	}
	ix, err := s.terms()
	if err != nil {
		return false, err
	}
	known := int32(hasNone)
	for _, t := range aboutTerms {
		n, err := ix.Count(t)
		if err != nil {
			return false, err
		}
		if n > 0 {
			known = hasSome
		}
	}
	s.abouts.known.CompareAndSwap(notKnown, known)
	return known == hasSome, nil
}

// noteAbouts takes note of events about streams in a frame that is put into the segment.
func (s *segment) noteAbouts(f frame.Frame) {
	if s.abouts.known.Load() == hasSome {
		return
	}
	for _, e := range f.Events() {
		if e.IsAbout() {
			s.abouts.known.Store(hasSome)
			return
		}
	}
}

// hasAbouts reports whether there may be events about streams in the view behind a
// place. Most logs have none, and of those it is soon told: quiet is a number below which
// no segment has any.
func (v *view) hasAbouts(since place, quiet *atomic.Uint64) (bool, error) {
	before := quiet.Load()
	from := max(since.segment, before)
	first := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= from })
	for _, seg := range v.segments[first:] {
		if some, err := seg.hasAbouts(); some || err != nil {
			return some, err
		}
	}
	// The last segment may get some yet, and so may the one before it while what opens
	// the last is not durable.
	if n := len(v.segments); from == before && n > 1 && v.segments[n-1].number > before && v.unsynced == nil {
		quiet.CompareAndSwap(before, v.segments[n-1].number)
	}
	return false, nil
}

// horizon returns what is forgotten of a stream, as far as the view tells: what is known
// already, and what the events say that lie behind a place.
func (v *view) horizon(in *fetcher, stream string, since place, known daybook.Horizon) (daybook.Horizon, error) {
	if some, err := v.hasAbouts(since, v.quiet()); !some || err != nil {
		return known, err
	}
	return v.horizonWithin(in, stream, since, len(v.segments), known)
}

// horizonWithin does the work of horizon in the first n segments.
func (v *view) horizonWithin(in *fetcher, stream string, since place, n int, known daybook.Horizon) (daybook.Horizon, error) {
	if _, about := daybook.AboutStream(stream); about || stream == "" {
		return known, nil
	}
	name := daybook.StreamAbout(stream)
	hash := term.Hash(term.Stream, name)
	first := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= since.segment })
	for i := first; i < n; i++ {
		seg := v.segments[i]
		if some, err := seg.hasAbouts(); err != nil {
			return known, err
		} else if !some {
			continue
		}
		ix, err := seg.terms()
		if err != nil {
			return known, err
		}
		from := uint32(0)
		if seg.number == since.segment {
			from = posting(since.offset)
		}
		end := v.endOf(i)
		postings, err := ix.Postings(hash, from, posting(end), nil)
		if err != nil {
			return known, err
		}
		for _, p := range postings {
			f, e, err := in.event(seg, p, end)
			if err != nil {
				return known, err
			}
			if string(e.Stream()) == name {
				known = known.With(f.Recorded(e))
			}
		}
	}
	return known, nil
}

// quiet returns the number below which no segment of the log has events about streams. A
// view without segments has nobody to ask.
func (v *view) quiet() *atomic.Uint64 {
	if len(v.segments) == 0 {
		return new(atomic.Uint64)
	}
	return &v.segments[0].home.quiet
}

// horizons remembers what is forgotten of streams that were asked for lately, as far as
// sealed segments tell. It is bounded, and empty in a log where nothing is forgotten.
type horizons struct {
	mu    sync.Mutex
	young map[string]sealedHorizon
	old   map[string]sealedHorizon // what was young before; forgotten when young is full again
}

// A sealedHorizon is what the segments below a number say.
type sealedHorizon struct {
	horizon daybook.Horizon
	below   uint64
}

// Two generations of this many are some three megabytes.
const horizonsKept = 1 << 14

// find returns what is forgotten of a stream in a view.
func (h *horizons) find(v *view, in *fetcher, stream string) (daybook.Horizon, error) {
	if some, err := v.hasAbouts(place{}, v.quiet()); !some || err != nil {
		return daybook.Horizon{}, err
	}
	n := len(v.segments)
	if n == 1 {
		return v.horizonWithin(in, stream, place{}, 1, daybook.Horizon{})
	}
	active := v.segments[n-1].number
	known := h.get(stream)
	newer := known.below > active
	if newer {
		known = sealedHorizon{} // of the time after this view
	}
	if known.below < active {
		horizon, err := v.horizonWithin(in, stream, place{segment: known.below}, n-1, known.horizon)
		if err != nil {
			return daybook.Horizon{}, err
		}
		known = sealedHorizon{horizon, active}
		if !newer {
			h.put(stream, known)
		}
	}
	return v.horizonWithin(in, stream, place{segment: active}, n, known.horizon)
}

func (h *horizons) get(stream string) sealedHorizon {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.young[stream]
	if !ok {
		known = h.old[stream]
	}
	return known
}

func (h *horizons) put(stream string, known sealedHorizon) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.young == nil || len(h.young) >= horizonsKept {
		h.old, h.young = h.young, make(map[string]sealedHorizon)
	}
	h.young[stream] = known
}

// A hiding tells what is forgotten as of a view. The nil hiding hides nothing. It is used
// by one goroutine.
type hiding struct {
	view  *view
	known *horizons
	in    *fetcher

	// Events of one stream often come one after the other, and soon again: the view does
	// not change, and so a stream is looked for once as long as there are not too many.
	stream  string
	horizon daybook.Horizon
	seen    map[string]daybook.Horizon
}

// So many streams seen by one reading are some hundred kilobytes.
const hidingSeen = 1 << 10

// hiding returns what tells which events behind a place are forgotten as of a view: nil
// where none is.
func (h *horizons) hiding(v *view, since place) (*hiding, error) {
	// What hides an event stands behind it.
	if some, err := v.hasAbouts(since, v.quiet()); !some || err != nil {
		return nil, err
	}
	return &hiding{view: v, known: h, in: &fetcher{}}, nil
}

// hides reports whether an event of the log is forgotten.
func (h *hiding) hides(f frame.Frame, e frame.Event) (bool, error) {
	if e.IsStub() {
		return true, nil
	}
	if h == nil || len(e.Stream()) == 0 {
		return false, nil
	}
	if string(e.Stream()) != h.stream {
		if err := h.look(string(e.Stream())); err != nil {
			return false, err
		}
	}
	return h.horizon.Hides(e.Version(), positionOf(f, e)), nil
}

// hidingThen returns what tells which events were forgotten when the head was at a
// position, for those who go on in a newer view.
func (s *Store) hidingThen(now *view, head daybook.Position) (*hiding, error) {
	then, err := now.until(head)
	return &hiding{view: then, known: &s.hidden, in: &fetcher{}}, err
}

// hid reports whether an event was forgotten as of the view, of which only a stub may be
// left by now.
func (h *hiding) hid(e daybook.Recorded) (bool, error) {
	if e.Stream == "" {
		return false, nil
	}
	if e.Stream != h.stream {
		if err := h.look(strings.Clone(e.Stream)); err != nil { // the event may be borrowed
			return false, err
		}
	}
	return h.horizon.Hides(e.Version, e.Position), nil
}

// look sees what is forgotten of a stream.
func (h *hiding) look(stream string) error {
	horizon, seen := h.seen[stream]
	if !seen {
		var err error
		if horizon, err = h.known.find(h.view, h.in, stream); err != nil {
			return err
		}
		if h.seen == nil || len(h.seen) >= hidingSeen {
			h.seen = make(map[string]daybook.Horizon)
		}
		h.seen[stream] = horizon
	}
	h.stream, h.horizon = stream, horizon
	return nil
}
