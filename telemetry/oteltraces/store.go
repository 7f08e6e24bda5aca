package oteltraces

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/telemetry/internal/around"
)

// A Store makes spans of what goes through it to the store in it. It can do what that one
// can (see [daybook.As]); it is closed by closing either.
type Store struct {
	around.Store
	traces *Traces
	log    attribute.KeyValue
}

var _ daybook.Wrapper = (*Store)(nil)

// Store returns a store that makes a span of every append, and of every reading within a
// span: those who follow the log read for ever. Log is the name that the program has for
// it. If the store is a [daybook.Restorer], so is the one that is returned.
func (t *Traces) Store(log string, store daybook.Store) daybook.Store {
	s := &Store{around.Store{Store: store}, t, attribute.String("daybook.log", log)}
	return around.Restoring(s)
}

// Append implements [daybook.Store].
func (s *Store) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	ctx, span := s.traces.begin(ctx, "append")
	if span.IsRecording() {
		size := 0
		for _, e := range events {
			size += e.Size()
		}
		span.SetAttributes(s.log, attribute.Int("daybook.events", len(events)), attribute.Int("daybook.bytes", size))
	}
	receipt, err := s.Store.Append(ctx, events, cond)
	if conflict := (*daybook.ConflictError)(nil); errors.As(err, &conflict) {
		span.AddEvent("conflict", trace.WithAttributes(position(conflict.Position())))
	}
	end(span, receipt, err)
	return receipt, err
}

// Read implements [daybook.Store]. The span is that of ranging over the reading.
func (s *Store) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := s.Store.Read(ctx, q, span)
	if err != nil || !trace.SpanFromContext(ctx).IsRecording() {
		return reading, err
	}
	return daybook.NewReading(q, span, reading.Snapshot(), func(yield func(daybook.Recorded, error) bool) {
		_, reads := s.traces.begin(ctx, "read", trace.WithAttributes(s.log, position(reading.Snapshot().Position)))
		events := 0
		var failed error
		defer func() {
			reads.SetAttributes(attribute.Int("daybook.events", events))
			endWith(reads, failed)
		}()
		for e, err := range reading.Events() {
			if err == nil {
				events++
			} else {
				failed = err
			}
			if !yield(e, err) {
				return
			}
		}
	}), nil
}
