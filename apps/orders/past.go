package orders

import (
	"context"

	"github.com/daybook-es/daybook"
)

// past shows the facts of one stream that count at a moment, the oldest first. It
// returns the version of the newest event read, whether that counts or not, and the
// point up to which the log was read.
func (s *Shop) past(ctx context.Context, stream string, codec *daybook.Codec, m Moment, show func(any, daybook.Recorded)) (daybook.Version, daybook.Point, error) {
	span := daybook.Span{KnownAt: m.KnownAt}
	if m.Version > 0 {
		span.BeforeVersion = m.Version + 1
	}
	reading, err := s.store.Read(ctx, daybook.Stream(stream), span)
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

// events returns every event of one stream, the oldest first; none if there is no such
// stream.
func (s *Shop) events(ctx context.Context, stream string, codec *daybook.Codec) ([]Occurrence, Shown, error) {
	reading, err := s.store.Read(ctx, daybook.Stream(stream), daybook.Span{})
	if err != nil {
		return nil, Shown{}, err
	}
	var history []Occurrence
	for event, err := range reading.Events() {
		if err != nil {
			return nil, Shown{}, err
		}
		if event.Forgotten {
			continue // since the reading began
		}
		facts, err := codec.Facts(event)
		if err != nil {
			return nil, Shown{}, err
		}
		history = append(history, Occurrence{
			Position:   event.Position,
			Version:    event.Version,
			ID:         event.ID,
			Type:       event.Type,
			HappenedAt: event.HappenedAt,
			RecordedAt: event.RecordedAt,
			Trace:      event.Trace(),
			Data:       event.Data,
			Fact:       facts[0],
		})
	}
	if len(history) == 0 {
		return nil, Shown{}, nil
	}
	return history, entityShown(reading.Snapshot(), uint64(history[len(history)-1].Version)), nil
}
