package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
)

// A Moment is a time on the command line: as RFC 3339 has it, or shorter and in UTC.
type Moment struct{ time.Time }

// UnmarshalText reads a time.
func (m *Moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is not a time such as 2006-01-02T15:04:05Z, or, in UTC, 2006-01-02 15:04:05 or 2006-01-02", text)
}

// A Place is where something begins or ends in a log: a position, a point, or a time of
// recording.
type Place struct {
	given    bool
	position daybook.Position
	point    daybook.Point // zero unless a point was given
	time     time.Time     // zero unless a time was given
}

// UnmarshalText reads a place.
func (p *Place) UnmarshalText(text []byte) error {
	s := string(text)
	*p = Place{given: true}
	if n, err := strconv.ParseUint(s, 10, 63); err == nil {
		p.position = daybook.Position(n)
		return nil
	}
	if strings.Count(s, ".") == 2 {
		point, err := daybook.ParsePoint(s)
		p.point, p.position = point, point.Position
		return err
	}
	var m Moment
	if err := m.UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is neither a position nor a point nor a time such as 2006-01-02T15:04:05Z", s)
	}
	p.time = m.Time
	return nil
}

// last returns the last position that is at the place or before it or, if the place is
// excluded, before it. A time stands for the events that were recorded then.
func (p Place) last(ctx context.Context, store daybook.Store, excluded bool) (daybook.Position, error) {
	if !p.time.IsZero() {
		known := p.time
		if excluded {
			known = known.Add(-1)
		}
		reading, err := store.Read(ctx, daybook.All(), daybook.Span{KnownAt: known, Borrowed: true})
		return reading.Snapshot().Position, err
	}
	if !p.point.IsZero() {
		info, err := store.Info(ctx)
		if err == nil {
			err = p.point.Precedes(info.Head)
		}
		if err != nil {
			return 0, err
		}
	}
	if excluded && p.position > 0 {
		return p.position - 1, nil
	}
	return p.position, nil
}

// begin returns the position after which to begin, as last does. A position that there is
// not yet is an error: nothing comes after it, and whoever gave it has it from elsewhere.
func (p Place) begin(ctx context.Context, store daybook.Store, excluded bool) (daybook.Position, error) {
	last, err := p.last(ctx, store, excluded)
	if err != nil {
		return 0, err
	}
	info, err := store.Info(ctx)
	if err == nil && last > info.Head.Position {
		where := fmt.Sprintf("after position %d", last)
		if excluded {
			where = fmt.Sprintf("at position %d", last+1)
		}
		err = fmt.Errorf("the log goes up to position %d: nothing can begin %s", info.Head.Position, where)
	}
	return last, err
}

// A Limit is how many events there are at most. Zero, which is none given, is no limit, and
// cannot be given: whoever computed it wants none rather than all.
type Limit int

// UnmarshalText reads a limit.
func (l *Limit) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a whole number above zero", text)
	}
	*l = Limit(n)
	return nil
}

// A Start is where a reading begins.
type Start struct {
	After Place `group:"span" xor:"start" placeholder:"PLACE" help:"Those after a position, a point, or a time of recording."`
	From  Place `group:"span" xor:"start" placeholder:"PLACE" help:"Those at a place and after it."`
}

// after returns the position after which to begin.
func (s Start) after(ctx context.Context, store daybook.Store) (daybook.Position, error) {
	if s.From.given {
		return s.From.begin(ctx, store, true)
	}
	return s.After.begin(ctx, store, false)
}

// An End is where a reading ends.
type End struct {
	Before Place `group:"span" xor:"end" placeholder:"PLACE" help:"Those before a place."`
	Until  Place `group:"span" xor:"end" placeholder:"PLACE" help:"Those at a place and before it."`
}

// before returns the position before which to end, or zero if there is no such.
func (e End) before(ctx context.Context, store daybook.Store) (daybook.Position, error) {
	place, excluded := e.Until, false
	if e.Before.given {
		place, excluded = e.Before, true
	}
	if !place.given {
		return 0, nil
	}
	last, err := place.last(ctx, store, excluded)
	return last + 1, err
}
