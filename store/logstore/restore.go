package logstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

var _ daybook.Restorer = (*Store)(nil)

// A given is what another log has recorded the events of a request with.
type given struct {
	first daybook.Position
	stamp int64
	// follows is the position behind which they are recorded, and nowhere else.
	follows daybook.Position
}

// Restore implements [daybook.Restorer]. Each append is one frame, as if it had been
// made here, so its positions may lie at most 65,535 apart; many are synced together.
// What was known at a time that has passed is known again only when the log is whole.
func (s *Store) Restore(ctx context.Context, events []daybook.Recorded) error {
	events, err := daybook.PrepareRestored(events, s.limits)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &daybook.UnavailableError{Doing: "restore", Err: err}
	}
	if s.isClosed() {
		return daybook.ErrClosed
	}
	v := s.view.Load()
	rest, err := s.passOver(ctx, v, events)
	if err != nil {
		return err
	}

	follows := v.head
	var handedOver []*request
	var failed error
	for len(rest) > 0 && failed == nil {
		n := daybook.FirstAppend(rest)
		var r *request
		if r, failed = givenRequest(rest[:n], follows); failed != nil {
			break
		}
		r.checked, r.at = v.endPlace(), v.head
		if failed = s.precheckGiven(v, r); failed != nil {
			break
		}
		if failed = s.order.take(r, false); failed != nil {
			break
		}
		handedOver = append(handedOver, r)
		follows, rest = rest[n-1].Position, rest[n:]
	}
	for _, r := range handedOver {
		select {
		case <-r.done:
		case <-ctx.Done():
			return &daybook.UnknownError{IDs: r.ids, Err: ctx.Err()}
		}
		if r.err != nil {
			return r.err
		}
	}
	return failed
}

// passOver returns the events that are above the head of a view. Those that are not must
// be what the log holds.
func (s *Store) passOver(ctx context.Context, v *view, events []daybook.Recorded) ([]daybook.Recorded, error) {
	if len(events) == 0 || events[0].Position > v.head {
		return events, nil
	}
	p, _ := planQuery(daybook.All())
	sel := selection{store: s, view: v, plan: p, span: daybook.Span{After: events[0].Position - 1, Forgotten: true}, last: v.head}
	var failed error
	sel.yield(ctx, func(held daybook.Recorded, err error) bool {
		if err != nil {
			failed = err
			return false
		}
		e := events[0]
		if held.Position < e.Position {
			return true // between two appends that are handed over there may be others
		}
		if held.Position > e.Position || held.Digest() != e.Digest() {
			failed = daybook.NotRestorable(e, "is not what the log has there")
			return false
		}
		events = events[1:]
		return len(events) > 0
	})
	if failed != nil {
		return nil, failed
	}
	if len(events) > 0 && events[0].Position <= v.head {
		return nil, daybook.NotRestorable(events[0], "is not what the log has there")
	}
	return events, nil
}

// givenRequest makes a request of one append that another log has recorded.
func givenRequest(events []daybook.Recorded, follows daybook.Position) (*request, error) {
	size := frame.HeaderBytes
	for i := range events {
		size += events[i].Size() + frame.Align
	}
	f, err := frame.EncodeRecorded(make([]byte, 0, size), events)
	if err != nil {
		return nil, daybook.NotRestorable(events[len(events)-1], err.Error())
	}
	r := &request{frame: f, done: make(chan struct{}, 1)}
	r.given = &given{first: events[0].Position, stamp: events[0].RecordedAt.UnixNano(), follows: follows}
	r.outline(len(events))
	return r, nil
}

// precheckGiven checks against a view what can be checked of a request whose turn comes
// later: the ids, and versions and tombstones of its streams.
func (s *Store) precheckGiven(v *view, r *request) error {
	c := &r.check
	c.reset(v, place{}, s.life)
	c.known = &s.hidden
	for i := range r.streams {
		var err error
		if r.streams[i].head, err = s.heads.find(c, r.streams[i].name, r.streams[i].term); err != nil {
			return err
		}
	}
	return c.fits(r)
}

// restorable returns why events that another log has recorded cannot be recorded behind
// the view of c, or nil.
func (c *check) restorable(r *request) error {
	if c.view.head != r.given.follows {
		return r.refuse(0, fmt.Sprintf("is to follow position %d, and the log ends at %d", r.given.follows, c.view.head))
	}
	if c.view.head > 0 && r.given.stamp <= c.view.stamp {
		return r.refuse(0, "was recorded no later than what the log ends with")
	}
	for i := range r.streams {
		var err error
		if r.streams[i].version, _, err = c.head(r.streams[i].name, r.streams[i].term, r.streams[i].version, 0); err != nil {
			return err
		}
	}
	return c.fits(r)
}

// fits returns an error if what c looks at has an id of the request, or its streams are
// past the versions of its events.
func (c *check) fits(r *request) error {
	for i, id := range r.ids {
		e, found, err := c.byID(id)
		if err != nil {
			return err
		}
		if found {
			return r.refuse(i, fmt.Sprintf("has the id of position %d", e.Position))
		}
	}
	for i, w := range r.written {
		if w.stream < 0 {
			continue
		}
		if version := r.streams[w.stream].version; r.frame.At(w.offset).Version() <= version {
			return r.refuse(i, fmt.Sprintf("has a version that is not above its stream's, %d", version))
		}
	}
	stream, at, err := c.tombstoned(r)
	if at > 0 {
		n := slices.IndexFunc(r.written, func(w written) bool { return w.stream == stream })
		return r.refuse(n, fmt.Sprintf("is in a stream that was tombstoned at position %d", at))
	}
	return err
}

// refuse returns the error that says that the n-th event of the request cannot be
// recorded.
func (r *request) refuse(n int, reason string) error {
	position := r.given.first + daybook.Position(r.frame.At(r.written[n].offset).Place())
	return daybook.NotRestorable(daybook.Recorded{Position: position}, reason)
}
