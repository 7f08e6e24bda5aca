package logstore

import (
	"context"
	"iter"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// Read implements [daybook.Store]. Its snapshot is a view: it holds nobody up, and
// costs nothing to keep.
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, _, err := s.read(ctx, q, span)
	return reading, err
}

// read does what Read says, and also returns the view that the reading goes by.
func (s *Store) read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, *view, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, nil, err
	}
	if s.isClosed() {
		return daybook.Reading{}, nil, daybook.ErrClosed
	}
	if !span.KnownAt.IsZero() {
		if err := s.knownAt(ctx, span.KnownAt.UnixNano()); err != nil {
			return daybook.Reading{}, nil, err
		}
	}

	p, q := planQuery(q)
	v := s.view.Load()
	last, err := upperBound(v, p, span)
	if err != nil {
		return daybook.Reading{}, nil, err
	}
	within := span
	if span.AfterVersion > 0 {
		next, err := v.atVersion(p[0].item.Streams[0], span.AfterVersion+1)
		if err != nil {
			return daybook.Reading{}, nil, err
		}
		if next == 0 {
			next = v.head + 1
		}
		within.After = max(span.After, next-1)
	}
	events := func(span daybook.Span, last daybook.Position) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			if planted("snapshot-taken-late") {
				v = s.view.Load()
				last, _ = upperBound(v, p, span)
			}
			sel := selection{store: s, view: v, plan: p, span: span, last: last, in: fetchers.Get().(*fetcher)}
			defer sel.in.release()
			sel.yield(ctx, yield)
		}
	}
	selected := events(within, last)
	if lost := s.lossIn(p, within, last); lost != nil {
		selected = s.untilLoss(lost, within, last, events)
	}
	return daybook.NewReading(q, span, s.life.At(last), selected), v, nil
}

// upperBound returns the last position of a span: the head, or less.
func upperBound(v *view, p plan, span daybook.Span) (daybook.Position, error) {
	last := v.head
	if span.Before > 0 {
		last = min(last, span.Before-1)
	}
	if !span.KnownAt.IsZero() && span.KnownAt.UnixNano() < v.stamp {
		known, err := v.knownAt(span.KnownAt.UnixNano())
		if err != nil {
			return 0, err
		}
		last = min(last, known)
	}
	if span.BeforeVersion == 0 {
		return last, nil
	}

	// The query names one stream: Validate has seen to it.
	next, err := v.atVersion(p[0].item.Streams[0], span.BeforeVersion)
	if err != nil || next == 0 {
		return last, err
	}
	if planted("before-a-version-includes-it") {
		return min(last, next), nil
	}
	return min(last, next-1), nil
}

// knownAt returns the last position that was recorded at a time or before it.
func (v *view) knownAt(stamp int64) (daybook.Position, error) {
	for i := len(v.segments) - 1; i >= 0; i-- {
		end := v.endOf(i)
		marks, err := v.segments[i].marksBefore(end)
		if err != nil {
			return 0, err
		}
		m := sort.Search(len(marks), func(m int) bool { return marks[m].stamp > stamp }) - 1
		if m < 0 {
			continue
		}
		known := daybook.Position(0)
		in := &fetcher{seg: v.segments[i], ahead: markBytes}
		for offset := marks[m].offset; offset < end; offset += int64(len(in.frame)) {
			if err := in.load(offset, end); err != nil {
				return 0, err
			}
			if in.frame.Stamp() > stamp || in.frame.Stamp() == stamp && planted("known-at-excludes-its-moment") {
				break
			}
			known = in.frame.Last()
		}
		return known, nil
	}
	return 0, nil
}

// A selection is one ranging over a reading.
type selection struct {
	store *Store
	view  *view
	plan  plan
	span  daybook.Span
	last  daybook.Position

	hiding *hiding
	buffer []byte   // what scan reads into
	in     *fetcher // what events are fetched through
}

// scanFraction: where a query may select more than one event in this many, reading all
// of them in long stretches is faster than one after the other.
const scanFraction = 8

// yield yields what is selected, segment by segment.
func (sel *selection) yield(ctx context.Context, yield func(daybook.Recorded, error) bool) {
	fail := func(err error) { yield(daybook.Recorded{}, err) }
	if sel.span.After >= sel.last || len(sel.plan) == 0 {
		return
	}
	from, err := sel.view.after(sel.span.After)
	if err != nil {
		fail(err)
		return
	}
	left := math.MaxInt
	if sel.span.Limit > 0 {
		left = sel.span.Limit
	}
	var r daybook.Recorded
	var tags []string // of the event that is borrowed
	deliver := func(f frame.Frame, e frame.Event) bool {
		if !sel.selects(f, e) {
			return true
		}
		forgotten := false
		if sel.hiding != nil || e.IsStub() {
			if forgotten, err = sel.hiding.hides(f, e); err != nil {
				fail(err)
				return false
			}
			if forgotten && !sel.span.Forgotten && !sel.plan.selectsForgotten(e) {
				return true
			}
		}
		if sel.store.isClosed() {
			fail(daybook.ErrClosed)
			return false
		}
		if err := ctx.Err(); err != nil {
			fail(&daybook.UnavailableError{Doing: "read", Err: err})
			return false
		}
		left--
		if sel.span.Borrowed {
			f.Borrow(&r, e, tags[:0])
			if len(r.Tags) > 0 {
				tags = r.Tags
			}
		} else {
			r = f.Recorded(e)
		}
		r.Forgotten = forgotten
		return yield(r, nil) && left > 0
	}
	if sel.hiding, err = sel.store.hidden.hiding(sel.view, from); err != nil {
		fail(err)
		return
	}
	for n := range sel.view.segments {
		i := n
		if sel.span.Backward {
			i = len(sel.view.segments) - 1 - n
		}
		seg := sel.view.segments[i]
		if seg.number < from.segment || seg.first > sel.last {
			continue
		}
		begin := int64(segmentHeaderBytes)
		if seg.number == from.segment {
			begin = from.offset
		}
		more, err := sel.segment(i, begin, deliver)
		if err != nil {
			fail(err)
		}
		if err != nil || !more {
			return
		}
	}
}

// selects reports whether an event is within the span and selected by the query.
func (sel *selection) selects(f frame.Frame, e frame.Event) bool {
	position := positionOf(f, e)
	if position <= sel.span.After || position > sel.last {
		return false
	}
	if sel.span.AfterVersion > 0 && e.Version() <= sel.span.AfterVersion {
		return false
	}
	return sel.plan.selects(e)
}

// segment delivers the events of the i-th segment, from an offset on, that may be
// selected. It returns false when no more are wanted.
func (sel *selection) segment(i int, begin int64, deliver func(frame.Frame, frame.Event) bool) (bool, error) {
	end := sel.view.endOf(i)
	seg := sel.view.segments[i]
	postings, scan, err := sel.candidates(i, begin, end)
	if err != nil {
		return false, err
	}
	if scan {
		return sel.scan(seg, begin, end, deliver)
	}

	in := sel.in
	clock := seg.home.world.Clock
	for n := range postings {
		at := n
		if sel.span.Backward {
			at = len(postings) - 1 - n
		}
		in.ahead = ahead(postings, at, sel.span.Backward)
		first := n == 0 && len(postings) > 1
		var begun time.Time
		if first {
			begun = clock.Now()
		}
		f, e, err := in.event(seg, postings[at], end)
		if err != nil {
			return false, err
		}
		if first && clock.Now().Sub(begun) > coldFetch {
			sel.willNeed(seg, postings)
		}
		if !deliver(f, e) {
			return false, nil
		}
	}
	return true, nil
}

// An event that is in memory is found in a few microseconds at most, and the disk takes
// longer than this for one that is not. Then the others of the segment are likely not to
// be there either, and the disk reads many at the same time as fast as one: a stream of
// 100 events that is not in memory loads in a seventh of the time.
const coldFetch = 30 * time.Microsecond

// willNeed has the system begin to read the events of postings, as many as are wanted
// soon.
func (sel *selection) willNeed(seg *segment, postings []uint32) {
	n := min(len(postings), 256)
	if sel.span.Limit > 0 {
		n = min(n, sel.span.Limit)
	}
	if sel.span.Backward {
		postings = postings[len(postings)-n:]
	}
	for _, p := range postings[:n] {
		seg.source().willNeed(int64(p)*frame.Align-fetchBytes, 2*fetchBytes)
	}
}

// candidates returns where the events of a segment lie that may be selected, or that it
// is better to look at all.
func (sel *selection) candidates(i int, begin, end int64) (postings []uint32, scan bool, err error) {
	for n := range sel.plan {
		item := &sel.plan[n]
		if item.item.IsAll() {
			return nil, true, nil
		}
		some, err := sel.view.postings(i, item, posting(begin), posting(end))
		if err != nil {
			return nil, false, err
		}
		postings = append(postings, some...)
	}
	if len(sel.plan) > 1 {
		slices.Sort(postings)
		postings = slices.Compact(postings)
	}
	// How many events there are is not known, but few are shorter than this.
	const bytesPerEvent = 200
	limited := sel.span.Limit > 0 && sel.span.Limit < len(postings)
	return postings, !limited && int64(len(postings))*scanFraction*bytesPerEvent > end-begin && len(postings) > scanFraction, nil
}

// ahead returns how many bytes are worth reading with the event of a posting: as far as
// the next ones lie close together.
func ahead(postings []uint32, at int, backward bool) int {
	const near = fetchBytes / frame.Align
	bytes := 0
	if backward {
		return bytes
	}
	for n := at + 1; n < len(postings) && postings[n]-postings[n-1] <= near && bytes < markBytes; n++ {
		bytes = int(postings[n]-postings[at])*frame.Align + fetchBytes
	}
	return bytes
}

// scan delivers all events of a segment from one offset to another, reading it in long
// stretches.
func (sel *selection) scan(seg *segment, begin, end int64, deliver func(frame.Frame, frame.Event) bool) (bool, error) {
	marks, err := seg.marksBefore(end)
	if err != nil {
		return false, err
	}
	stretches := stretches(marks, begin, end)
	if sel.span.Backward {
		slices.Reverse(stretches)
	}
	for _, st := range stretches {
		size := int(st.end - st.begin)
		if cap(sel.buffer) < size {
			sel.buffer = make([]byte, size)
		}
		buffer := sel.buffer[:size]
		if err := seg.readAt(buffer, st.begin); err != nil {
			return false, err
		}
		more, err := sel.stretch(buffer, st.begin, chain{seg: seg, marks: marks}, deliver)
		if err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// stretchBytes is how much of a segment is read at once: so much that the cost of the
// call is small and the bytes are still in the processor's cache when they are looked
// at.
const stretchBytes = 2 * markBytes

type stretch struct{ begin, end int64 }

// stretches cuts the frames between two offsets into stretches that begin at marks.
func stretches(marks []mark, begin, end int64) []stretch {
	var all []stretch
	for _, m := range marks {
		if m.offset <= begin {
			continue
		}
		if m.offset-begin >= stretchBytes {
			all = append(all, stretch{begin, m.offset})
			begin = m.offset
		}
	}
	if begin < end {
		all = append(all, stretch{begin, end})
	}
	return all
}

// stretch delivers the events of frames that lie end to end in b.
func (sel *selection) stretch(b []byte, offset int64, chain chain, deliver func(frame.Frame, frame.Event) bool) (bool, error) {
	seg, sound := chain.seg, daybook.Position(0)
	chain.begin(offset)
	var frames []frame.Frame // kept only to go through them from behind
	for at := 0; at < len(b); {
		f, err := frame.Parse(b[at:], seg.home.salt)
		if err == nil && !planted("misplaced-frame-read") {
			err = chain.next(f, offset+int64(at))
		}
		if err != nil {
			return false, seg.corrupt(offset+int64(at), max(sound, seg.first-1), err)
		}
		sound = f.Last()
		at += len(f)
		if sel.span.Backward {
			frames = append(frames, f)
			continue
		}
		if f.Last() <= sel.span.After {
			continue
		}
		if f.First() > sel.last {
			return false, nil
		}
		for _, e := range f.Events() {
			if !deliver(f, e) {
				return false, nil
			}
		}
	}
	for _, f := range slices.Backward(frames) {
		offsets := make([]int, 0, f.Len())
		for at := range f.Events() {
			offsets = append(offsets, at)
		}
		if planted("backward-only-from-frame-to-frame") {
			slices.Reverse(offsets)
		}
		for _, at := range slices.Backward(offsets) {
			if !deliver(f, f.At(at)) {
				return false, nil
			}
		}
	}
	return true, nil
}
