// Package past is how the applications tell the past of one thing: of an order, of a book,
// of whoever borrowed one. It reads the thing's own events, as of any moment, and names
// what an answer shows. Events are read under the guard of whoever asks, if the context
// carries one.
package past

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/projection"
)

// Shown says which moment an answer shows.
type Shown struct {
	// At is the point up to which the answer knows the log: a consistency token.
	At daybook.Point
	// Tag names the answer's content: as long as it is the same, so is the answer to
	// the same question. It suits an ETag, without the quotes.
	Tag string
}

// ShownOf says what an answer about one thing shows, which changes with its own
// version and with that of the code that shows it.
func ShownOf(at daybook.Point, version uint64, view int) Shown {
	life := at.Incarnation
	if life == uuid.Nil {
		return Shown{At: at, Tag: fmt.Sprintf("%d.v%d", version, view)}
	}
	return Shown{At: at, Tag: fmt.Sprintf("%d.%s.v%d", version, life, view)}
}

// A Moment names a past of something. Its fields combine; the zero
// Moment is now.
type Moment struct {
	// Version is the state right after the event with this version.
	Version daybook.Version
	// AsOf is what had happened by then. Facts that nobody dated had not.
	AsOf time.Time
	// KnownAt is what had been recorded by then.
	KnownAt time.Time
}

// An Occurrence is one event in the history of something.
type Occurrence struct {
	Position   daybook.Position `json:"position"`
	Version    daybook.Version  `json:"version"`
	ID         uuid.UUID        `json:"id"`
	Type       string           `json:"type"`
	HappenedAt time.Time        `json:"happened_at,omitzero"`
	RecordedAt time.Time        `json:"recorded_at"`
	Trace      daybook.Trace    `json:"trace,omitzero"`
	Data       json.RawMessage  `json:"data"`
	// Fact is the same as a value of its Go type.
	Fact any `json:"-"`
}

// OccurrenceOf returns an event as it is told. An error says that it cannot be read.
func OccurrenceOf(event daybook.Recorded, codec *daybook.Codec) (Occurrence, error) {
	facts, err := codec.Facts(event)
	if err != nil {
		return Occurrence{}, err
	}
	return Occurrence{
		Position:   event.Position,
		Version:    event.Version,
		ID:         event.ID,
		Type:       event.Type,
		HappenedAt: event.HappenedAt,
		RecordedAt: event.RecordedAt,
		Trace:      event.Trace(),
		Data:       event.Data,
		Fact:       facts[0],
	}, nil
}

// Late reports whether the event was recorded long enough after it happened that people
// should know.
func (o Occurrence) Late() bool {
	return !o.HappenedAt.IsZero() && o.RecordedAt.Sub(o.HappenedAt) > time.Minute
}

// Show shows the facts of a query, such as one stream, that count at a moment, the oldest first. It
// returns the version of the newest event read, whether that counts or not, and the
// point up to which the log was read.
func Show(ctx context.Context, store daybook.Store, q daybook.Query, codec *daybook.Codec, m Moment, show func(any, daybook.Recorded)) (daybook.Version, daybook.Point, error) {
	span := daybook.Span{KnownAt: m.KnownAt}
	if m.Version > 0 {
		span.BeforeVersion = m.Version + 1
	}
	reading, err := access.StoreFor(ctx, store).Read(ctx, q, span)
	if err != nil {
		return 0, daybook.Point{}, err
	}
	var read daybook.Version
	for event, err := range reading.Events() {
		if err != nil {
			return 0, daybook.Point{}, err
		}
		if event.Forgotten {
			continue // since the reading began
		}
		read = event.Version
		if !m.AsOf.IsZero() && (event.HappenedAt.IsZero() || event.HappenedAt.After(m.AsOf)) {
			continue
		}
		facts, err := codec.Facts(event)
		if err != nil {
			return 0, daybook.Point{}, err
		}
		for _, fact := range facts {
			show(fact, event)
		}
	}
	return read, reading.Snapshot(), nil
}

// Events returns every event that a query selects, the oldest first, and the point up to
// which the log was read; none if there are none.
func Events(ctx context.Context, store daybook.Store, q daybook.Query, codec *daybook.Codec) ([]Occurrence, daybook.Point, error) {
	reading, err := access.StoreFor(ctx, store).Read(ctx, q, daybook.Span{})
	if err != nil {
		return nil, daybook.Point{}, err
	}
	var history []Occurrence
	for event, err := range reading.Events() {
		if err != nil {
			return nil, daybook.Point{}, err
		}
		if event.Forgotten {
			continue // since the reading began
		}
		occurrence, err := OccurrenceOf(event, codec)
		if err != nil {
			return nil, daybook.Point{}, err
		}
		history = append(history, occurrence)
	}
	return history, reading.Snapshot(), nil
}

// Version returns that of the newest event of one stream's history; zero if there is none.
func Version(history []Occurrence) uint64 {
	if len(history) == 0 {
		return 0
	}
	return uint64(history[len(history)-1].Version)
}

// Changes yields what is recorded after a point, told by of, each when wait says that it
// is shown or that it is set aside, for as long as ctx lasts. It ends with the error that
// stopped it, the context's included. The zero Point begins with the first event.
func Changes[C any](ctx context.Context, store daybook.Store, q daybook.Query, after daybook.Point,
	wait func(context.Context, daybook.Point) error, of func(daybook.Point, daybook.Recorded) C) iter.Seq2[C, error] {
	return func(yield func(C, error) bool) {
		var none C
		for reading, err := range daybook.Follow(ctx, access.StoreFor(ctx, store), q, after) {
			if err == nil {
				err = wait(ctx, reading.Snapshot())
			}
			if aside := (*projection.SetAsideError)(nil); errors.As(err, &aside) {
				err = nil // all but what is set aside is shown, and that may stay so for long
			}
			if err != nil {
				yield(none, err)
				return
			}
			for e, err := range reading.Events() {
				if err != nil {
					yield(none, err)
					return
				}
				if e.Forgotten {
					continue // since the reading began
				}
				if !yield(of(reading.Snapshot(), e), nil) {
					return
				}
			}
		}
	}
}
