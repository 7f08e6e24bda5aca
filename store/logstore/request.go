package logstore

import (
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// A request is an append on its way: the events as a frame, and all that the sequencer
// needs to check and to answer. It holds nothing of the caller's, who may have gone
// away. One that was answered and whose caller is still there is used again.
type request struct {
	ids     []uuid.UUID
	frame   frame.Frame // not sealed yet; nil without events
	streams []streamHead
	written []written // one for each event
	terms   []uint64
	clauses []clause

	// What the caller's goroutine checked, it checked up to here.
	checked place
	at      daybook.Position

	// given is what another log has recorded the events with; nil for an append.
	given *given

	// failures are the clauses that did not hold then, if one of them cannot hold later
	// either.
	failures []daybook.Failure

	check check // for the caller's goroutine

	// The answer is there when done yields. The versions of the streams are missing in
	// the receipt of a request that was placed.
	done    chan struct{} // of capacity 1
	receipt daybook.Receipt
	err     error
}

// A streamHead is a stream that an append writes, and where it stood when the append
// was checked.
type streamHead struct {
	name string
	head
}

// written says of an event of a request where it lies in the frame, which of the
// request's streams it is in (-1 for none), and which of its terms are the event's.
type written struct {
	offset        int
	stream        int
	terms, endsAt int
}

// A clause is one of a condition's, made ready to be checked, and how it stood when the
// append was checked on the caller's goroutine.
type clause struct {
	daybook.Clause
	plan plan
	term uint64 // of the stream

	state  daybook.StreamState // of the stream
	newest daybook.Position    // of the events that the query selects after the point
}

// requests are those that may be used again. Without them an append would leave four
// kilobytes in thirty pieces to the garbage collector, a quarter of all the work at 256
// writers. Each store has its own, so that a store in a bubble of package synctest has no
// channels from outside. The zero value is ready.
type requests struct{ free sync.Pool }

// A request that was so large is not kept for the next one.
const keptRequestBytes = 64 << 10

// release takes a request back that was placed and answered: nobody else has it.
func (rs *requests) release(r *request) {
	if cap(r.frame)+cap(r.check.in.window) > keptRequestBytes {
		return
	}
	clear(r.streams)
	r.check.view, r.check.known, r.check.heads = nil, nil, nil
	r.check.in.reset(nil)
	*r = request{
		ids: r.ids[:0], frame: r.frame[:0], streams: r.streams[:0], written: r.written[:0], terms: r.terms[:0],
		check: r.check, done: r.done,
	}
	rs.free.Put(r)
}

// of makes a request of events and a condition that [daybook.Prepare] passed.
func (rs *requests) of(events []daybook.Event, cond daybook.Condition) *request {
	r, ok := rs.free.Get().(*request)
	if !ok {
		r = &request{done: make(chan struct{}, 1)}
	}
	if len(cond) > 0 {
		r.clauses = make([]clause, len(cond))
	}
	for i, c := range cond {
		if c.Kind == daybook.NothingSelected {
			r.clauses[i].plan, c.Query = planGuarded(c.Query)
		} else {
			r.clauses[i].term = term.Hash(term.Stream, c.Stream)
		}
		r.clauses[i].Clause = c
	}
	if len(events) == 0 {
		return r
	}

	size := frame.HeaderBytes
	for i := range events {
		size += events[i].Size() + frame.Align
	}
	if cap(r.frame) < size {
		r.frame = make([]byte, 0, size)
	}
	r.frame = frame.Encode(r.frame[:0], events)
	r.outline(len(events))
	return r
}

// outline takes note of what the frame holds.
func (r *request) outline(events int) {
	byName := streamsByName(events)
	for offset, e := range r.frame.Events() {
		from := len(r.terms)
		r.terms = appendTerms(r.terms, e)
		w := written{offset: offset, stream: -1, terms: from, endsAt: len(r.terms)}
		if name := e.Stream(); len(name) > 0 {
			w.stream = r.stream(name, r.terms[from], byName)
		}
		r.written = append(r.written, w)
		r.ids = append(r.ids, e.ID())
	}
}

// streamsByName returns a map for appends that may write many streams, nil for those
// that are searched faster.
func streamsByName(events int) map[string]int {
	if events <= 8 {
		return nil
	}
	return make(map[string]int)
}

// stream returns the place of a stream among those that the request writes.
func (r *request) stream(name []byte, hash uint64, byName map[string]int) int {
	if byName != nil {
		if i, known := byName[string(name)]; known {
			return i
		}
		byName[string(name)] = len(r.streams)
	} else {
		for i := range r.streams {
			if r.streams[i].name == string(name) {
				return i
			}
		}
	}
	r.streams = append(r.streams, streamHead{string(name), head{term: hash}})
	return len(r.streams) - 1
}

// versions returns what the receipt says of the streams of a request that was placed.
func (r *request) versions() map[string]daybook.Version {
	versions := make(map[string]daybook.Version, len(r.streams))
	for _, s := range r.streams {
		versions[s.name] = s.version
	}
	return versions
}

// number gives the events the next versions of their streams, or takes note of those
// with which they were recorded before. They are at positions from first on.
func (r *request) number(first daybook.Position) {
	for _, w := range r.written {
		if w.stream < 0 {
			continue
		}
		s, e := &r.streams[w.stream], r.frame.At(w.offset)
		if r.given == nil {
			e.SetVersion(s.version + 1)
		}
		s.version, s.newest = e.Version(), first+daybook.Position(e.Place())
	}
}

// answer tells whoever waits. It is called once.
func (r *request) answer(receipt daybook.Receipt, err error) {
	r.receipt, r.err = receipt, err
	r.done <- struct{}{}
}
