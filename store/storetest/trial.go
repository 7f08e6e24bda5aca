package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// patience is how long a store may take over one promise before it is taken to hang.
// No promise is about speed.
const patience = 2 * time.Minute

// A trial is one promise being tried on one store. Its methods that return no error
// end the trial if the store gives one; they are for the goroutine of the trial.
type trial struct {
	testing.TB
	subject Subject
	store   daybook.Store
	ctx     context.Context
	open    bool
}

func newTrial(tb testing.TB, subject Subject, patience time.Duration) *trial {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t := &trial{TB: tb, subject: subject, ctx: ctx}
	tb.Cleanup(func() {
		cancel()
		if !t.open {
			return
		}
		if closes := subject.closes(t.store); closes != nil {
			if err := closes(); err != nil {
				tb.Errorf("close: %v", err)
			}
		}
	})
	return t
}

// use makes a store the one that the trial is about, and that is closed at its end.
func (t *trial) use(store daybook.Store) {
	t.store, t.open = store, true
}

// close closes the store.
func (t *trial) close() {
	t.Helper()
	closes := t.subject.closes(t.store)
	if closes == nil {
		t.Skip("the subject has no Close hook and its stores no Close method")
	}
	t.open = false
	if err := closes(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// reopen closes the store and opens it again.
func (t *trial) reopen() {
	t.Helper()
	t.open = false
	t.use(t.subject.Reopen(t.TB, t.store))
}

// append records events, which must succeed.
func (t *trial) append(cond daybook.Condition, events ...daybook.Event) daybook.Receipt {
	t.Helper()
	receipt, err := t.store.Append(t.ctx, events, cond)
	if err != nil {
		t.Fatalf("append of %s: %v", list(events), err)
	}
	return receipt
}

// record appends events without a condition.
func (t *trial) record(events ...daybook.Event) daybook.Receipt {
	t.Helper()
	return t.append(nil, events...)
}

// each records events in an append of its own each, and returns them as read.
func (t *trial) each(events ...daybook.Event) []daybook.Recorded {
	t.Helper()
	for _, e := range events {
		t.record(e)
	}
	all := t.read(daybook.All(), daybook.Span{})
	return all[len(all)-len(events):]
}

// conflict appends events, which must be a conflict.
func (t *trial) conflict(cond daybook.Condition, events ...daybook.Event) *daybook.ConflictError {
	t.Helper()
	receipt, err := t.store.Append(t.ctx, events, cond)
	var conflict *daybook.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("append of %s answered %s, want a conflict", list(events), answer(receipt, err))
	}
	return conflict
}

// invalid appends events, which must be invalid.
func (t *trial) invalid(why string, cond daybook.Condition, events ...daybook.Event) {
	t.Helper()
	receipt, err := t.store.Append(t.ctx, events, cond)
	var invalid *daybook.InvalidError
	if !errors.As(err, &invalid) {
		t.Errorf("append with %s answered %s, want it to be invalid", why, answer(receipt, err))
	}
}

// reused appends events, which must be refused for this id at this position.
func (t *trial) reused(id uuid.UUID, at daybook.Position, cond daybook.Condition, events ...daybook.Event) {
	t.Helper()
	receipt, err := t.store.Append(t.ctx, events, cond)
	var reused *daybook.ReusedError
	if !errors.As(err, &reused) {
		t.Fatalf("append of %s answered %s, want a reused id", list(events), answer(receipt, err))
	}
	if reused.ID != id || reused.Position != at {
		t.Errorf("reused names %s at position %d, want %s at %d", reused.ID, reused.Position, id, at)
	}
}

// reading begins a reading.
func (t *trial) reading(q daybook.Query, span daybook.Span) daybook.Reading {
	t.Helper()
	reading, err := t.store.Read(t.ctx, q, span)
	if err != nil {
		t.Fatalf("read %s: %v", describe(q, span), err)
	}
	return reading
}

// read returns the events of a reading.
func (t *trial) read(q daybook.Query, span daybook.Span) []daybook.Recorded {
	t.Helper()
	return t.events(t.reading(q, span))
}

// events ranges over a reading.
func (t *trial) events(reading daybook.Reading) []daybook.Recorded {
	t.Helper()
	events, err := reading.Collect()
	if err != nil {
		t.Fatalf("reading ended after %d events: %v", len(events), err)
	}
	return events
}

// all returns every event of the log.
func (t *trial) all() []daybook.Recorded {
	t.Helper()
	return t.read(daybook.All(), daybook.Span{})
}

// info returns what the store says of itself.
func (t *trial) info() daybook.Info {
	t.Helper()
	info, err := t.store.Info(t.ctx)
	if err != nil {
		t.Fatalf("info: %v", err)
	}
	return info
}

// head returns the newest point of the log.
func (t *trial) head() daybook.Point {
	t.Helper()
	return t.info().Head
}

// want compares events that were read with those that should have been, by their
// ids.
func (t *trial) want(got []daybook.Recorded, want ...daybook.Recorded) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].ID != want[i].ID {
			t.Fatalf("read %s, want %s", recordedList(got), recordedList(want))
		}
	}
}

// same compares events that were read twice, byte for byte.
func (t *trial) same(what string, got, want []daybook.Recorded) {
	t.Helper()
	t.want(got, want...)
	for i := range got {
		if got[i].Digest() != want[i].Digest() {
			t.Errorf("%s: event %d is\n%+v, and was\n%+v", what, i+1, got[i], want[i])
		}
	}
}

// positions compares the positions of a conflict's failures, in their order.
func (t *trial) failures(conflict *daybook.ConflictError, want ...daybook.Failure) {
	t.Helper()
	if len(conflict.Failures) != len(want) {
		t.Fatalf("the conflict names %d clauses, want %d: %v", len(conflict.Failures), len(want), conflict)
	}
	for i, f := range conflict.Failures {
		if f.Clause.String() != want[i].Clause.String() || f.Clause.Kind != want[i].Clause.Kind {
			t.Errorf("failure %d is of the clause %q, want %q", i+1, f.Clause, want[i].Clause)
		}
		if f.Position != want[i].Position {
			t.Errorf("the clause %q failed at position %d, want %d", f.Clause, f.Position, want[i].Position)
		}
	}
}

// failed is the failure of a condition of one clause.
func failed(cond daybook.Condition, at daybook.Position) daybook.Failure {
	return daybook.Failure{Clause: cond[0], Position: at}
}

// event returns an event with an id and data of its own.
func event(stream, typ string, tags ...string) daybook.Event {
	id := uuid.Must(uuid.NewV7())
	return daybook.Event{ID: id, Stream: stream, Type: typ, Tags: tags, Data: fmt.Appendf(nil, `{"of":%q}`, id)}
}

// events returns n events of a stream.
func events(n int, stream, typ string, tags ...string) []daybook.Event {
	events := make([]daybook.Event, n)
	for i := range events {
		events[i] = event(stream, typ, tags...)
	}
	return events
}

// and joins conditions.
func and(conditions ...daybook.Condition) daybook.Condition {
	var all daybook.Condition
	for _, c := range conditions {
		all = append(all, c...)
	}
	return all
}

func tagged(tags ...string) daybook.Query {
	return daybook.Query{{Tags: tags}}
}

func typed(types ...string) daybook.Query {
	return daybook.Query{{Types: types}}
}

func identified(ids ...uuid.UUID) daybook.Query {
	return daybook.Query{{IDs: ids}}
}

func answer(receipt daybook.Receipt, err error) string {
	if err != nil {
		return fmt.Sprintf("%T (%v)", err, err)
	}
	return fmt.Sprintf("a receipt of position %d (repeated: %t)", receipt.Position, receipt.Repeated)
}

func describe(q daybook.Query, span daybook.Span) string {
	return fmt.Sprintf("%+v in %+v", q, span)
}

func list(events []daybook.Event) string {
	if len(events) == 0 {
		return "no events"
	}
	s := ""
	for i, e := range events[:min(len(events), 4)] {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%.40s %.40q", e.Type, e.Stream)
	}
	if len(events) > 4 {
		s += fmt.Sprintf(" and %d more", len(events)-4)
	}
	return s
}

func recordedList(events []daybook.Recorded) string {
	s := fmt.Sprintf("%d events", len(events))
	for i, e := range events[:min(len(events), 8)] {
		s += fmt.Sprintf("%s %d %.20s %.20q v%d", map[bool]string{true: ":", false: ","}[i == 0], e.Position, e.Type, e.Stream, e.Version)
	}
	if len(events) > 8 {
		s += ", …"
	}
	return s
}
