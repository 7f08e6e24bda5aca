package logstore

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

// A view is the log up to a position: the segments, and where the last one's frames
// end. It never changes; the log grows by a new view taking the place of the one
// before. What a reader sees is the view it began with.
type view struct {
	segments []*segment
	end      int64 // where the frames end in the last segment
	head     daybook.Position
	stamp    int64  // of the last frame
	checksum uint32 // of the last frame; before the first, the salt

	// unsynced are groups whose frames are not in their files yet. Only the sequencer's
	// own view has them.
	unsynced []*group
}

// A place is where a frame may begin: a segment's number and an offset in its file. The
// zero place is before everything.
type place struct {
	segment uint64
	offset  int64
}

func (v *view) endPlace() place {
	if len(v.segments) == 0 {
		return place{}
	}
	return place{v.segments[len(v.segments)-1].number, v.end}
}

// endOf returns where the i-th segment's frames end.
func (v *view) endOf(i int) int64 {
	if i == len(v.segments)-1 {
		return v.end
	}
	return v.segments[i].end
}

// after returns a place behind which lie all events after a position, and not many
// others.
func (v *view) after(p daybook.Position) (place, error) {
	if p >= v.head {
		return v.endPlace(), nil
	}
	i := v.segmentAfter(p)
	if i < 0 || i == 0 && v.segments[0].first == p+1 {
		return place{}, nil // the marks need not be read
	}
	offset, _, err := v.segments[i].offsetAfter(p, v.endOf(i))
	if err != nil {
		return place{}, err
	}
	return place{v.segments[i].number, offset}, nil
}

// segmentAfter returns which segment the event right after a position is in, if there is
// one. It is below zero before the first segment.
func (v *view) segmentAfter(p daybook.Position) int {
	return sort.Search(len(v.segments), func(i int) bool { return v.segments[i].first > p+1 }) - 1
}

// until returns the view that ended with a position, which was the head then.
func (v *view) until(head daybook.Position) (*view, error) {
	if head >= v.head {
		return v, nil
	}
	at, err := v.after(head)
	if err != nil {
		return nil, err
	}
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= at.segment })
	at.offset = max(at.offset, segmentHeaderBytes) // the place before everything has none
	end, in := v.endOf(i), &fetcher{}
	for at.offset < end {
		f, err := in.frameAt(v.segments[i], at.offset, end)
		if err != nil {
			return nil, err
		}
		if f.First() > head {
			break
		}
		at.offset += int64(len(f))
	}
	return &view{segments: v.segments[:i+1], end: at.offset, head: head}, nil
}

// newest finds the newest event behind a place that has one of the terms of a group and
// that match accepts. It returns nil if there is none.
//
// The event has a term of each group: where there are several, only those postings are
// looked at that all have, the rarest first.
func (v *view) newest(in *fetcher, groups [][]uint64, since place, match func(frame.Frame, frame.Event) bool) (frame.Frame, frame.Event, error) {
	for i := len(v.segments) - 1; i >= 0; i-- {
		seg := v.segments[i]
		if seg.number < since.segment {
			break
		}
		from := uint32(0)
		if seg.number == since.segment {
			from = posting(since.offset)
		}
		ix, err := seg.terms()
		if err != nil {
			return nil, nil, err
		}
		f, e, err := newestOfAll(in, seg, v.endOf(i), ix, groups, from, match)
		if err != nil || e != nil {
			return f, e, err
		}
	}
	return nil, nil, nil
}

// newestOfAll does the work of newest in one segment.
func newestOfAll(in *fetcher, seg *segment, end int64, ix index.Index, groups [][]uint64, from uint32, match func(frame.Frame, frame.Event) bool) (frame.Frame, frame.Event, error) {
	if len(groups) == 1 {
		return newestIn(in, seg, end, ix, groups[0], from, match)
	}
	counted, err := byRarity(ix, groups)
	if err != nil || counted[0].n == 0 {
		return nil, nil, err
	}
	postings, err := common(ix, counted, from, posting(end))
	if err != nil {
		return nil, nil, err
	}
	for _, p := range slices.Backward(postings) {
		f, e, err := in.event(seg, p, end)
		if err != nil || match(f, e) {
			return f, e, err
		}
	}
	return nil, nil, nil
}

// newestIn returns the newest event of a segment, from a place on, that has one of some
// terms and that match accepts.
func newestIn(in *fetcher, seg *segment, end int64, ix index.Index, terms []uint64, from uint32, match func(frame.Frame, frame.Event) bool) (frame.Frame, frame.Event, error) {
	best, found := uint32(0), false
	for _, term := range terms {
		p, matches, err := newestOf(in, seg, end, ix, term, max(from, best), match)
		if err != nil {
			return nil, nil, err
		}
		if matches && (!found || p > best) {
			best, found = p, true
		}
	}
	if !found {
		return nil, nil, nil
	}
	return in.event(seg, best, end)
}

// newestOf returns the posting of the newest event, from a place on, that has a term and
// that match accepts.
func newestOf(in *fetcher, seg *segment, end int64, ix index.Index, term uint64, from uint32, match func(frame.Frame, frame.Event) bool) (uint32, bool, error) {
	// The newest posting is most often the one, so few are asked for at first.
	const first, most = 4, 1024
	below := posting(end)
	for {
		if cap(in.postings) == 0 {
			in.postings = make([]uint32, 0, first)
		}
		some, err := ix.Newest(term, below, in.postings[:0])
		if err != nil {
			return 0, false, err
		}
		for _, p := range some {
			if p < from {
				return 0, false, nil
			}
			f, e, err := in.event(seg, p, end)
			if err != nil {
				return 0, false, err
			}
			if match(f, e) {
				return p, true, nil
			}
			below = p
		}
		if len(some) < cap(in.postings) {
			return 0, false, nil
		}
		in.postings = make([]uint32, 0, min(most, 8*cap(in.postings)))
	}
}

// posting returns an offset in a segment's file as an index has it.
func posting(offset int64) uint32 { return uint32(offset / frame.Align) }

// A fetcher gets events by their postings. It keeps the bytes that it read last,
// because the next event often lies among them. What it returns may be used until its
// next call. It is used by one goroutine.
type fetcher struct {
	unsynced []*group

	// Ahead is how many bytes behind an event are worth reading with it.
	ahead int

	postings []uint32 // room for those that are looked at next

	seg    *segment
	window []byte
	start  int64                        // where the window lies in seg's file
	frame  frame.Frame                  // the frame found last, checked, in the window or in an unsynced group
	begins int64                        // where it lies
	some   [frame.EventHeaderBytes]byte // of the file
}

// What is read on either side of an event to find it: most frames of one event are
// shorter. What is mapped is copied at 0.1 µs a kilobyte, and reading again costs as
// much as that.
const fetchBytes = 1024

// fetchers are those that may be used again: the room that one reads into costs as much
// as reading an event.
var fetchers = sync.Pool{New: func() any { return new(fetcher) }}

// release gives a fetcher back. What it returned may not be used any more.
func (in *fetcher) release() {
	if cap(in.window) <= markBytes {
		in.reset(nil)
		fetchers.Put(in)
	}
}

// reset makes the fetcher forget what it read, so that it may be used for another view.
func (in *fetcher) reset(unsynced []*group) {
	in.unsynced, in.ahead = unsynced, 0
	in.seg, in.window, in.frame = nil, in.window[:0], nil
}

// event returns the event at a posting of a segment whose frames end at end, and its
// frame.
func (in *fetcher) event(seg *segment, p uint32, end int64) (frame.Frame, frame.Event, error) {
	offset := int64(p) * frame.Align
	if in.seg == seg && in.frame != nil && offset > in.begins && offset < in.begins+int64(len(in.frame)) {
		return in.eventIn(offset)
	}
	if in.seg != seg {
		in.seg, in.window, in.frame = seg, in.window[:0], nil
	}
	for _, g := range in.unsynced {
		if g.segment != seg {
			continue
		}
		if offset >= g.offset && offset < g.offset+int64(len(g.bytes)) {
			begins := offset - frame.Event(g.bytes[offset-g.offset:]).FrameStart()
			b := g.bytes[begins-g.offset:]
			in.frame, in.begins = frame.Frame(b[:frame.Length(b)]), begins
			return in.eventIn(offset)
		}
		end = min(end, g.offset) // the file need not go on from there, if space could not be reserved
	}

	begins, err := in.frameOf(offset, end)
	if err == nil {
		err = in.readWhole(begins, offset, end)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := in.load(begins, end); err != nil {
		// Where the frame begins was read from an event that nothing vouches for yet.
		if corrupt := (*daybook.CorruptError)(nil); errors.As(err, &corrupt) {
			err = seg.corrupt(offset, 0, fmt.Errorf("the frame of the event here, at %d: %w", begins, corrupt.Err))
		}
		return nil, nil, err
	}
	if err := in.vouch(end); err != nil && !planted("misplaced-frame-found") {
		return nil, nil, err
	}
	return in.eventIn(offset)
}

// eventIn returns the event at an offset of the file that lies in the frame found last.
func (in *fetcher) eventIn(offset int64) (frame.Frame, frame.Event, error) {
	at := offset - in.begins
	if at+frame.EventHeaderBytes > int64(len(in.frame)) || in.frame.At(int(at)).FrameStart() != at {
		return nil, nil, in.seg.corrupt(offset, 0, errNoEvent)
	}
	return in.frame, in.frame.At(int(at)), nil
}

var errNoEvent = errors.New("no event begins here, and the index says so")

// load makes the frame at an offset the one found last.
func (in *fetcher) load(offset, end int64) error {
	in.frame = nil
	if err := in.read(offset, frame.HeaderBytes, end); err != nil {
		return err
	}
	n := frame.Length(in.window[offset-in.start:])
	if n == 0 || offset+int64(n) > end {
		return in.seg.corrupt(offset, 0, frame.ErrNone)
	}
	if err := in.read(offset, n, end); err != nil {
		return err
	}
	f, err := frame.Parse(in.window[offset-in.start:], in.seg.home.salt)
	if planted("checksum-not-verified-on-reading") {
		f, err = frame.Frame(in.window[offset-in.start:][:n]), nil
	}
	if err != nil {
		return in.seg.corrupt(offset, 0, err)
	}
	in.frame, in.begins = f, offset
	return nil
}

// frameOf returns where the frame of an event begins, which is before it, one cannot know
// how far.
func (in *fetcher) frameOf(offset, end int64) (int64, error) {
	if offset < segmentHeaderBytes || offset+frame.EventHeaderBytes > end {
		return 0, in.seg.corrupt(offset, 0, errNoEvent)
	}
	if !in.has(offset, frame.EventHeaderBytes) && !in.seg.source().isMapped() {
		// A second call to the system costs more than a page that was read in vain.
		start := max(offset-fetchBytes, segmentHeaderBytes)
		if err := in.read(start, int(min(offset+max(fetchBytes+frame.HeaderBytes, int64(in.ahead)), end)-start), end); err != nil {
			return 0, err
		}
	}
	event, err := in.bytes(offset, frame.EventHeaderBytes)
	if err != nil {
		return 0, err
	}
	begins := offset - frame.Event(event).FrameStart()
	if begins < segmentHeaderBytes || begins > offset-frame.HeaderBytes {
		return 0, in.seg.corrupt(offset, 0, errNoEvent)
	}
	return begins, nil
}

// readWhole sees to it that the window has the whole frame of an event, and what is behind
// it as far as vouch and whoever reads on look there. So a frame is copied once, which
// is most of what an event costs that lies in a large one.
func (in *fetcher) readWhole(begins, offset, end int64) error {
	header, err := in.bytes(begins, frame.HeaderBytes)
	if err != nil {
		return err
	}
	far := begins + max(int64(frame.Length(header)), blockBytes) + frame.HeaderBytes
	far = min(max(far, offset+int64(in.ahead)), end)
	return in.read(begins, int(far-begins), end)
}

// bytes returns n bytes of the file, fewer than an event's header has, from an offset on.
// They may be used until something is read.
func (in *fetcher) bytes(offset int64, n int) ([]byte, error) {
	if in.has(offset, n) {
		return in.window[offset-in.start:][:n], nil
	}
	return in.some[:n], in.seg.readAt(in.some[:n], offset)
}

// has reports whether the window has n bytes from an offset on.
func (in *fetcher) has(offset int64, n int) bool {
	return offset >= in.start && offset+int64(n) <= in.start+int64(len(in.window))
}

// read sees to it that the window has n bytes from an offset on.
func (in *fetcher) read(offset int64, n int, end int64) error {
	if in.has(offset, n) {
		return nil
	}
	if offset < 0 || offset+int64(n) > end {
		return in.seg.corrupt(offset, 0, fmt.Errorf("the frames end at %d", end))
	}
	size := int(min(int64(max(n, fetchBytes, in.ahead)), end-offset))
	if cap(in.window) < size {
		in.window = make([]byte, size)
	}
	in.window, in.start, in.frame = in.window[:size], offset, nil
	if err := in.seg.readAt(in.window, offset); err != nil {
		in.window = in.window[:0]
		return err
	}
	return nil
}

// next returns the lowest position above one, zero if there is none. It is for those who
// meet a gap, which only a log that was restored has.
func (v *view) next(in *fetcher, after daybook.Position) (daybook.Position, error) {
	from, err := v.after(after)
	if err != nil {
		return 0, err
	}
	for i, seg := range v.segments {
		if seg.number < from.segment {
			continue
		}
		offset, end := int64(segmentHeaderBytes), v.endOf(i)
		if seg.number == from.segment {
			offset = max(from.offset, segmentHeaderBytes)
		}
		for offset < end {
			f, err := in.frameAt(seg, offset, end)
			if err != nil {
				return 0, err
			}
			for _, e := range f.Events() {
				if p := positionOf(f, e); p > after {
					return p, nil
				}
			}
			offset += int64(len(f))
		}
	}
	return 0, nil
}

// frameAt returns the frame that begins at an offset of a segment.
func (in *fetcher) frameAt(seg *segment, offset, end int64) (frame.Frame, error) {
	if in.seg != seg {
		in.seg, in.window, in.frame = seg, in.window[:0], nil
	}
	for _, g := range in.unsynced {
		if g.segment == seg && offset >= g.offset && offset < g.offset+int64(len(g.bytes)) {
			b := g.bytes[offset-g.offset:]
			in.frame, in.begins = frame.Frame(b[:frame.Length(b)]), offset
			return in.frame, nil
		}
	}
	if err := in.load(offset, end); err != nil {
		return nil, err
	}
	return in.frame, nil
}

// since returns a place behind which lies everything that is behind a place of an older
// view, which ended there with a position. They differ if the segment was rewritten since.
func (v *view) since(p place, head daybook.Position) (place, error) {
	if planted("place-in-a-rewritten-segment-believed") {
		return p, nil
	}
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= p.segment })
	if i == len(v.segments) || v.segments[i].number != p.segment || v.segments[i].generation == 0 {
		return p, nil
	}
	return v.after(head)
}

// with returns the view's segments with another one in place of that of its number.
func (v *view) with(next *segment) []*segment {
	i := sort.Search(len(v.segments), func(i int) bool { return v.segments[i].number >= next.number })
	segments := slices.Clone(v.segments)
	segments[i] = next
	return segments
}
