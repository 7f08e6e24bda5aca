package projection

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
)

// A Moment is on one of the two time lines, or on both. The zero Moment is now.
type Moment struct {
	// At is a position: what was recorded up to it. Zero means all.
	At daybook.Position
	// KnownAt is a time: what was recorded by then. Zero means by now.
	KnownAt time.Time
	// AsOf is a time: what had happened by then (see [daybook.Recorded.Happened]), whenever
	// it was recorded. Zero means whatever happened.
	AsOf time.Time
}

func (m Moment) String() string {
	text := "the log"
	if m.At > 0 {
		text += fmt.Sprintf(" up to position %d", m.At)
	}
	if !m.KnownAt.IsZero() {
		text += " as known at " + m.KnownAt.UTC().Format(time.RFC3339Nano)
	}
	if !m.AsOf.IsZero() {
		text += " as of " + m.AsOf.UTC().Format(time.RFC3339Nano)
	}
	return text
}

// Build brings a view to what it shows of a moment, at the speed of a replay, and pauses
// it there. Nothing was applied to the view yet, or, if the moment has no AsOf, it shows
// an earlier position: because Build brought it there, or as a memview that was loaded
// from a snapshot. A view that is past the moment, or to which something was applied that
// a moment with AsOf may not have, is a [*daybook.InvalidError]. If something is set
// aside, the error is a [*SetAsideError].
func Build(ctx context.Context, store daybook.Store, view View, m Moment) error {
	span := daybook.Span{KnownAt: m.KnownAt}
	if m.At > 0 {
		span.Before = m.At + 1
	}
	var only func(daybook.Recorded) bool
	if !m.AsOf.IsZero() {
		only = func(e daybook.Recorded) bool { return !e.Happened().After(m.AsOf) }
	}
	r := NewRunner(store, view, nil)
	before, err := r.stands(ctx)
	if err != nil {
		return err
	}
	for _, stand := range before {
		if m.At > 0 && stand.Position > m.At || !m.AsOf.IsZero() && stand.Position > 0 {
			return &daybook.InvalidError{What: "build of " + view.Name() + " to " + m.String(), Reason: fmt.Sprintf("is of a view that is at position %d already", stand.Position)}
		}
	}
	if err := r.upTo(ctx, span, only); err != nil {
		return err
	}
	if err := r.Pause(ctx, "it shows "+m.String()); err != nil {
		return err
	}
	stands, err := r.stands(ctx)
	if err != nil {
		return err
	}
	for _, stand := range stands {
		if len(stand.Aside) > 0 {
			return r.setAsideError(stand.Aside[0])
		}
	}
	return nil
}

// upTo applies what is in a span, and of that only some events, whether the view is
// paused or not.
func (r *Runner) upTo(ctx context.Context, span daybook.Span, only func(daybook.Recorded) bool) error {
	return r.each(ctx, func(w *worker, ctx context.Context) error {
		w.span, w.heedless, w.only = span, true, only
		return w.catchUp(ctx)
	})
}
