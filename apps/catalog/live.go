package catalog

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Change is one event, as whoever watches hears of it.
type Change struct {
	At         daybook.Point    `json:"at"`
	Product    string           `json:"product"`
	Version    daybook.Version  `json:"version"`
	Type       string           `json:"type"`
	RecordedAt time.Time        `json:"recorded_at"`
	Position   daybook.Position `json:"position"`
}

const (
	// watch is how often it is looked whether something has changed.
	watch = 100 * time.Millisecond
	// atOnce is how many changes are read at a time.
	atOnce = 500
)

// Now returns the point up to which the log is shown.
func (s *Showcase) Now(ctx context.Context) (daybook.Point, error) {
	at, err := s.keeper.Standing(ctx)
	return at.Point, err
}

// Changes yields what happens to products after a point, when it is shown, for as long as
// ctx lasts, and then ends with its error. While the read model is away nothing happens
// that anybody could see. After a restore of the log it ends with a [*daybook.LifeError].
func (s *Showcase) Changes(ctx context.Context, after daybook.Point) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			changes, at, err := s.changes(ctx, after)
			away := (*readmodel.AwayError)(nil)
			if err != nil && !errors.As(err, &away) {
				yield(Change{}, err)
				return
			}
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
			}
			after = at
			if len(changes) == atOnce {
				continue
			}
			select {
			case <-ctx.Done():
				yield(Change{}, ctx.Err())
				return
			case <-time.After(watch):
			}
		}
	}
}

// changes returns the first changes after a point, and the point up to which they are all.
func (s *Showcase) changes(ctx context.Context, after daybook.Point) (all []Change, upTo daybook.Point, err error) {
	upTo = after
	shown, err := s.keeper.Standing(ctx)
	if err != nil || shown.Point == after {
		return nil, upTo, err
	}
	err = s.keeper.Read(ctx, func(rows *sqlview.Reader, at readmodel.Standing) error {
		all, upTo = nil, after
		if !after.IsZero() && !at.Point.IsZero() && !after.SameLife(at.Point) {
			return readmodel.Answer(&daybook.LifeError{Given: after, Log: at.Point})
		}
		if at.Position < after.Position {
			return nil // it is being built again, or has gone back with its database
		}
		for e, err := range eventsIn(rows, `where position > ? order by position limit ?`, after.Position, atOnce) {
			if err != nil {
				return err
			}
			all = append(all, Change{At: at.At(e.Position), Product: ProductID(e.Stream), Version: e.Version, Type: e.Type, RecordedAt: e.RecordedAt, Position: e.Position})
		}
		upTo = at.Point
		if len(all) == atOnce {
			upTo = all[len(all)-1].At
		}
		return nil
	})
	return all, upTo, err
}
