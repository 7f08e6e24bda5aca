package pgstore

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// Events are read in batches, each a question of its own, so that no connection and no
// snapshot of the database is held while the caller looks at them. A batch is small at
// first, since many readings are of a few events, and then as large as is worth a journey.
const (
	firstBatch = 100
	mostBatch  = 5000
	batchBytes = 4 << 20
)

// Read implements [daybook.Store].
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	if err := daybook.CheckRead(ctx, q, span); err != nil {
		return daybook.Reading{}, err
	}
	if err := s.usable(ctx, "read"); err != nil {
		return daybook.Reading{}, err
	}
	at, err := s.head(ctx)
	if err != nil {
		return daybook.Reading{}, s.unavailable("read", err)
	}
	r := reader{store: s, query: q, span: span, begun: at}
	if at, err = r.bound(ctx, at); err != nil {
		return daybook.Reading{}, s.unavailable("read", err)
	}
	snapshot := at.point().At(daybook.Position(r.high))
	return daybook.NewReading(q, span, snapshot, func(yield func(daybook.Recorded, error) bool) { r.events(ctx, yield) }), nil
}

// A reader is a reading that may be ranged over. It is never changed once it is bounded.
type reader struct {
	store *Store
	query daybook.Query
	span  daybook.Span
	begun head // what was forgotten by then is hidden

	low, high int64 // the positions between which it lies, high included
}

// bound finds the positions between which the reading lies, from the head on, which may have
// to be read again.
func (r *reader) bound(ctx context.Context, at head) (head, error) {
	if !r.span.KnownAt.IsZero() {
		known := r.span.KnownAt.UnixNano()
		// Nobody is to record at that time any more, and whoever is about to must be done.
		if known > at.latest() && known <= at.clock {
			promised, err := headOf(r.store.pool.QueryRow(ctx, knowSQL, r.store.number, known))
			if err != nil {
				return at, err
			}
			at, r.begun = promised, promised
		}
		if err := r.store.pool.QueryRow(ctx, knownAtSQL, r.store.number, at.position, known).Scan(&r.high); err != nil {
			return at, err
		}
	} else {
		r.high = at.position
	}
	r.low = within(r.span.After)
	if r.span.Before > 0 {
		r.high = min(r.high, within(r.span.Before-1))
	}
	if r.span.BeforeVersion > 0 {
		first, err := r.atVersion(ctx, r.span.BeforeVersion)
		if err != nil {
			return at, err
		}
		r.high = min(r.high, first-1)
	}
	if r.span.AfterVersion > 0 {
		first, err := r.atVersion(ctx, r.span.AfterVersion+1)
		if err != nil {
			return at, err
		}
		r.low = max(r.low, first-1)
	}
	return at, nil
}

// atVersion returns the position of the first event of a version or a higher one in the
// stream of the query, or the greatest number: what is recorded later has a higher position
// than the head.
func (r *reader) atVersion(ctx context.Context, version daybook.Version) (int64, error) {
	position := int64(math.MaxInt64)
	if version == 0 { // one above the greatest
		return position, nil
	}
	err := r.store.pool.QueryRow(ctx, atVersionSQL, r.store.number, r.query[0].Streams[0], within(version)).Scan(&position)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return position, err
}

// events yields the events of the reading.
func (r *reader) events(ctx context.Context, yield func(daybook.Recorded, error) bool) {
	left := r.span.Limit
	for e, err := range r.selected(ctx) {
		if err != nil {
			if ctx.Err() != nil && !r.store.closed.Load() {
				err = &daybook.UnavailableError{Doing: "read", Err: ctx.Err()}
			} else {
				err = r.store.unreadable(err)
			}
			yield(daybook.Recorded{}, err)
			return
		}
		if left--; !yield(e, nil) || left == 0 {
			return
		}
	}
}

// unreadable returns the error of a reading that was stopped.
func (s *Store) unreadable(err error) error {
	if corrupt := (*daybook.CorruptError)(nil); errors.As(err, &corrupt) || errors.Is(err, daybook.ErrClosed) {
		return err
	}
	return s.unavailable("read", err)
}

// selected yields what the query selects, and the reading shows.
func (r *reader) selected(ctx context.Context) iter.Seq2[daybook.Recorded, error] {
	return func(yield func(daybook.Recorded, error) bool) {
		if len(r.query) == 0 {
			return
		}
		text, args := searchEvents(r.query, r.span.Backward)
		low, high, wanted := r.low, r.high, firstBatch
		if r.span.Limit > 0 {
			wanted = min(wanted, r.span.Limit)
		}
		hidden, known := make(horizons), make(names)
		for low < high {
			if r.store.closed.Load() {
				yield(daybook.Recorded{}, daybook.ErrClosed)
				return
			}
			if len(hidden) > mostBatch {
				clear(hidden)
			}
			var rows []row
			var whole bool
			err := r.store.persist(ctx, func() (err error) {
				rows, whole, err = r.batch(ctx, text, args, low, high, wanted, known)
				return err
			})
			if err == nil {
				err = r.learn(ctx, hidden, rows)
			}
			if err != nil {
				yield(daybook.Recorded{}, err)
				return
			}
			bytes := 0
			for i := range rows {
				if err := ctx.Err(); err != nil {
					yield(daybook.Recorded{}, err)
					return
				}
				e, shown := r.shown(&rows[i], hidden)
				if shown && !yield(e, nil) {
					return
				}
				bytes += rows[i].bytes
			}
			if whole && len(rows) < wanted {
				return
			}
			last := int64(rows[len(rows)-1].Position)
			if r.span.Backward {
				high = last - 1
			} else {
				low = last
			}
			wanted = min(mostBatch, wanted*8, max(1, batchBytes/(bytes/len(rows)+1)))
		}
	}
}

// batch returns the next so many events between two positions, or fewer if they are large:
// then they are not the whole batch.
func (r *reader) batch(ctx context.Context, text string, args []any, low, high int64, wanted int, known names) (events []row, whole bool, err error) {
	params := append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}, r.store.number, low, high, wanted}, args...)
	rows, err := r.store.pool.Query(ctx, text, params...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	events = make([]row, 0, wanted)
	bytes := 0
	for rows.Next() {
		e, err := eventOf(rows.RawValues(), known)
		if err != nil {
			return nil, false, &daybook.CorruptError{Where: "table daybook_event in " + r.store.where, Position: daybook.Position(low), Err: err}
		}
		events = append(events, e)
		if bytes += e.bytes; bytes > 2*batchBytes {
			return events, false, nil
		}
	}
	return events, true, rows.Err()
}

// learn finds out what had been forgotten, when the reading began, of the streams of some
// events.
func (r *reader) learn(ctx context.Context, hidden horizons, rows []row) error {
	if r.begun.about == 0 {
		return nil
	}
	var streams []string
	for i := range rows {
		stream := rows[i].Stream
		if _, about := daybook.AboutStream(stream); stream != "" && !about {
			if _, known := hidden[stream]; !known {
				streams = append(streams, stream)
			}
		}
	}
	if len(streams) == 0 {
		return nil
	}
	return hidden.learn(ctx, r.store.pool, r.store.number, streams, r.begun.position)
}

// shown returns an event as the reading yields it, if it does. What was forgotten since the
// reading began is shown; if it has been scavenged since, what is left of it.
func (r *reader) shown(e *row, hidden horizons) (daybook.Recorded, bool) {
	e.Forgotten = e.elsewhere || hidden[e.Stream].Hides(e.Version, e.Position)
	shown := r.query.Yields(e.Recorded, r.span)
	e.Forgotten = e.Forgotten || e.Stub != nil
	return e.Recorded, shown
}
