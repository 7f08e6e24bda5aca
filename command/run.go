package command

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// run is one command being run: what is needed to recognise its events and to mark
// them.
type run struct {
	store  daybook.Store
	sent   Sent
	digest string
}

// stamp returns what gives the command's events their ids and metadata, with the
// trace of the context that the command was sent in.
func (r run) stamp(ctx context.Context) func([]daybook.Event) error {
	trace := daybook.TraceOf(ctx)
	cause := trace.Causation
	trace.Causation = r.sent.ID.String()
	if trace.Correlation == "" {
		trace.Correlation = r.sent.ID.String()
	}
	if trace.Actor == "" {
		trace.Actor = r.sent.Principal
	}
	return func(events []daybook.Event) error {
		for i := range events {
			m := metadata{Trace: trace}
			if i == 0 {
				m.Command = &Record{ID: r.sent.ID, Type: r.sent.Type, Digest: r.digest, Events: len(events), Causation: cause}
			}
			encoded, err := json.Marshal(m)
			if err != nil {
				return fmt.Errorf("command: %s: write its record: %w", r.sent.Type, err)
			}
			events[i].ID, events[i].Metadata = r.sent.ID.EventID(i), encoded
		}
		return nil
	}
}

// recall returns the receipt of the command's events if they are recorded, or, with
// true, the [*ReusedError] if they are those of another command.
func (r run) recall(ctx context.Context) (daybook.Receipt, bool, error) {
	first, _, err := r.events(ctx, 1)
	if err != nil || len(first) == 0 {
		return daybook.Receipt{}, false, err
	}
	var events []daybook.Recorded
	var at daybook.Point
	if first[0].Stub != nil { // there is nothing left to compare the command with
		events, at, err = r.all(ctx)
	} else {
		record, ok := RecordOf(first[0].Event)
		if !ok || record.ID != r.sent.ID || record.Type != r.sent.Type || record.Digest != r.digest {
			return daybook.Receipt{}, true, r.reused(first[0], record)
		}
		events, at, err = r.whole(ctx, record)
	}
	if err != nil {
		return daybook.Receipt{}, false, err
	}
	info, err := r.store.Info(ctx)
	if err != nil {
		return daybook.Receipt{}, false, err
	}
	return daybook.ReceiptOf(at, events, info.Durability, true), true, nil
}

func (r run) reused(first daybook.Recorded, record Record) *ReusedError {
	return &ReusedError{
		ID: r.sent.ID, Type: r.sent.Type, Recorded: record.Type,
		Event: &daybook.ReusedError{ID: first.ID, Position: first.Position},
	}
}

// whole returns all events of a command that says how many they are.
func (r run) whole(ctx context.Context, record Record) ([]daybook.Recorded, daybook.Point, error) {
	events, at, err := r.events(ctx, record.Events)
	if err == nil && len(events) != record.Events {
		err = &daybook.CorruptError{
			Where: "command " + r.sent.ID.String(),
			Err:   fmt.Errorf("of the %d events that it says it has, there are %d", record.Events, len(events)),
		}
	}
	return events, at, err
}

// events returns the first n events of the command, as far as they are recorded,
// and the point at which they were read.
func (r run) events(ctx context.Context, n int) ([]daybook.Recorded, daybook.Point, error) {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = r.sent.ID.EventID(i)
	}
	reading, err := r.store.Read(ctx, daybook.Query{{IDs: ids}}, daybook.Span{})
	if err != nil {
		return nil, daybook.Point{}, err
	}
	events, err := reading.Collect()
	return events, reading.Snapshot(), err
}

// all returns the events of a command that no longer says how many they are.
func (r run) all(ctx context.Context) ([]daybook.Recorded, daybook.Point, error) {
	for n := 16; ; n *= 4 {
		events, at, err := r.events(ctx, n)
		if err != nil || len(events) < n {
			return events, at, err
		}
	}
}
