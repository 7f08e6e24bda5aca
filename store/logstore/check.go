package logstore

import (
	"slices"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// A check asks a view the questions that an append depends on, about the part of the
// log behind a place. It is used by one goroutine, again and again: what it takes from
// the memory once is enough for many.
type check struct {
	view  *view
	since place
	life  daybook.Point
	in    fetcher

	// known is what is known of forgotten streams, and heads are the newest events of
	// streams, as far as they are remembered: for a check of a whole view; otherwise nil.
	known *horizons
	heads *heads
}

// reset makes the check one of a view behind a place.
func (c *check) reset(v *view, since place, life daybook.Point) {
	c.view, c.since, c.life = v, since, life
	c.in.reset(v.unsynced)
}

// recorded looks for the ids of a request. If the request repeats an append, it returns
// the events as they were recorded; if it only has some of their ids, a ReusedError; if
// all of its ids are new, neither.
func (c *check) recorded(r *request) ([]daybook.Recorded, error) {
	if c.since == c.view.endPlace() {
		return nil, nil
	}
	if c.view.unsynced != nil && planted("ids-not-checked-in-the-sequencer") {
		return nil, nil
	}
	var before []daybook.Recorded
	for i, id := range r.ids {
		e, found, err := c.byID(id)
		if err != nil {
			return nil, err
		}
		if !found && len(before) == 0 {
			continue
		}
		repeats := false
		if found && i == len(before) {
			if repeats, err = c.repeats(r, i, e, before); err != nil {
				return nil, err
			}
		}
		if !repeats {
			if len(before) > 0 {
				e = before[0] // the first overlapping id is named
			}
			return nil, &daybook.ReusedError{ID: e.ID, Position: e.Position}
		}
		before = append(before, e)
	}
	return before, nil
}

// repeats reports whether e, which has the i-th id, is the i-th event of the request
// recorded next to the ones before.
func (c *check) repeats(r *request, i int, e daybook.Recorded, before []daybook.Recorded) (bool, error) {
	written := r.frame.At(r.written[i].offset)
	if planted("reused-id-taken-for-a-repeat") {
		return true, nil
	}
	if !e.Repeats(daybook.Event{ID: r.ids[i], Stream: string(written.Stream()), Type: string(written.Type())}) {
		return false, nil
	}
	if len(before) == 0 {
		return true, nil
	}
	last := before[len(before)-1].Position
	if e.Position <= last+1 {
		return e.Position == last+1, nil
	}
	next, err := c.view.next(&c.in, last)
	return next == e.Position, err
}

// byID finds the event that has an id.
func (c *check) byID(id uuid.UUID) (daybook.Recorded, bool, error) {
	hashes := [1]uint64{term.OfID(id)}
	made, timed := term.Made(id)
	v := c.view
	for i := len(v.segments) - 1; i >= 0 && v.segments[i].number >= c.since.segment; i-- {
		ix, err := v.segments[i].terms()
		if err != nil {
			return daybook.Recorded{}, false, err
		}
		if planted("ids-known-only-in-the-last-segment") && i < len(v.segments)-1 {
			break
		}
		if timed && !ix.MayHaveID(made) {
			continue
		}
		from := uint32(0)
		if v.segments[i].number == c.since.segment {
			from = posting(c.since.offset)
		}
		f, e, err := newestIn(&c.in, v.segments[i], v.endOf(i), ix, hashes[:], from, func(_ frame.Frame, e frame.Event) bool {
			return e.ID() == id
		})
		if err != nil {
			return daybook.Recorded{}, false, err
		}
		if e != nil {
			return f.Recorded(e), true, nil
		}
	}
	return daybook.Recorded{}, false, nil
}

// head returns the version of a stream and the position of its newest event. If none of
// its events lies behind the place, these are the ones that it is given.
func (c *check) head(name string, hash uint64, version daybook.Version, newest daybook.Position) (daybook.Version, daybook.Position, error) {
	if c.since == c.view.endPlace() {
		return version, newest, nil
	}
	if c.heads != nil {
		known, err := c.heads.find(c, name, hash)
		return known.version, known.newest, err
	}
	return c.readHead(name, hash, version, newest)
}

// readHead does what head says, and reads the log for it.
func (c *check) readHead(name string, hash uint64, version daybook.Version, newest daybook.Position) (daybook.Version, daybook.Position, error) {
	hashes := [1]uint64{hash}
	v := c.view
	for i := len(v.segments) - 1; i >= 0 && v.segments[i].number >= c.since.segment; i-- {
		from := uint32(0)
		if v.segments[i].number == c.since.segment {
			from = posting(c.since.offset)
		}
		ix, err := v.segments[i].terms()
		if err != nil {
			return 0, 0, err
		}
		f, e, err := newestIn(&c.in, v.segments[i], v.endOf(i), ix, hashes[:], from, func(_ frame.Frame, e frame.Event) bool {
			return string(e.Stream()) == name
		})
		if err != nil {
			return 0, 0, err
		}
		if e != nil {
			return e.Version(), positionOf(f, e), nil
		}
	}
	return version, newest, nil
}

// clauses looks at what is behind the place for each clause of the request, and returns
// the clauses that do not hold. final reports that one of them cannot hold later
// either.
func (c *check) clauses(r *request) (failures []daybook.Failure, final bool, err error) {
	for i := range r.clauses {
		cl := &r.clauses[i]
		if cl.Kind == daybook.NothingSelected {
			if !cl.After.SameLife(c.life) && !planted("condition-of-another-life-accepted") {
				failures, final = append(failures, daybook.Failure{Clause: cl.Clause}), true
				continue
			}
			newest, err := cl.plan.newest(c.view, &c.in, cl.After.Position, c.since)
			if err != nil {
				return nil, false, err
			}
			if cl.newest = max(cl.newest, newest); cl.newest > 0 {
				failures, final = append(failures, daybook.Failure{Clause: cl.Clause, Position: cl.newest}), true
			}
			continue
		}
		st := &cl.state
		if st.Version, st.Newest, err = c.head(cl.Stream, cl.term, st.Version, st.Newest); err != nil {
			return nil, false, err
		}
		if st.Horizon, err = c.horizon(cl.Stream, st.Horizon); err != nil {
			return nil, false, err
		}
		if holds, newest := cl.Holds(*st); !holds && !(cl.Kind == daybook.StreamAt && planted("ignore-expected-version")) {
			failures, final = append(failures, daybook.Failure{Clause: cl.Clause, Position: newest}), final || neverHolds(cl.Clause, *st)
		}
	}
	return failures, final, nil
}

// neverHolds reports whether a clause about a stream that does not hold cannot hold
// later either: versions only rise, until the stream is deleted.
func neverHolds(c daybook.Clause, st daybook.StreamState) bool {
	return st.Horizon.Tombstoned > 0 || c.Kind == daybook.StreamAt && 0 < c.Version && c.Version < st.Version
}

// horizon returns what is forgotten of a stream: what is known already, and what is
// recorded of it behind the place.
func (c *check) horizon(stream string, known daybook.Horizon) (daybook.Horizon, error) {
	if c.known != nil {
		return c.known.find(c.view, &c.in, stream)
	}
	return c.view.horizon(&c.in, stream, c.since, known)
}

// tombstoned returns the first of the streams that a request writes that was tombstoned,
// and where; zero if there is none.
func (c *check) tombstoned(r *request) (stream int, at daybook.Position, err error) {
	if some, err := c.view.hasAbouts(c.since, c.view.quiet()); !some || err != nil {
		return 0, 0, err
	}
	for i := range r.streams {
		horizon, err := c.horizon(r.streams[i].name, daybook.Horizon{})
		if err != nil || horizon.Tombstoned > 0 {
			return i, horizon.Tombstoned, err
		}
	}
	return 0, 0, nil
}

// refused returns the error with which a request is answered that writes to a stream
// that was tombstoned, or nil.
func (c *check) refused(r *request) error {
	stream, at, err := c.tombstoned(r)
	if at == 0 || err != nil {
		return err
	}
	n := slices.IndexFunc(r.written, func(w written) bool { return w.stream == stream })
	return daybook.RefuseTombstoned(n, r.streams[stream].name, at)
}
