package natsstore

import (
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// everyClause is a condition with a clause of each kind.
func everyClause() daybook.Condition {
	point := daybook.Point{Log: uuid.New(), Incarnation: uuid.New(), Position: 7}
	cond := append(daybook.At("order-1", 3), daybook.New("日本")...)
	cond = append(cond, daybook.Exists("order-2")...)
	cond = append(cond, daybook.Nothing(daybook.All(), point)...)
	return append(cond, daybook.Nothing(daybook.Query{
		{IDs: []uuid.UUID{uuid.New()}, Streams: []string{"a", "b"}},
		{Categories: []string{"", "order"}, Types: []string{"Placed"}, Tags: []string{"x", "\"<&>\u2028"}},
	}, daybook.Point{})...)
}

func everyEvent(t testing.TB) []daybook.Event {
	events, err := daybook.Prepare([]daybook.Event{
		placed("order-1"),
		{Type: "Bare"},
		{Stream: "order-2", Type: "Full", Tags: []string{"a", "b"}, Data: []byte{0, 1, 255}, ContentType: "application/octet-stream",
			Metadata: []byte(`{"actor":"ada"}`), HappenedAt: time.Date(2017, 11, 24, 23, 59, 0, 123456789, time.UTC)},
		placed("order-1"),
	}, nil, daybook.Limits{AppendEvents: 10, AppendBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

var exported = cmp.Exporter(func(reflect.Type) bool { return true })

func TestAQuestionArrivesAsItWasAsked(t *testing.T) {
	cond, events := everyClause(), everyEvent(t)
	b := question{Epoch: 3, Seen: 12, Clauses: wireClauses(cond), events: events}.encode()
	q, err := decodeQuestion(b)
	if err != nil {
		t.Fatal(err)
	}
	if q.Epoch != 3 || q.Seen != 12 || q.Known != nil {
		t.Errorf("the question arrives as %+v", q)
	}
	if diff := cmp.Diff(cond, condition(q.Clauses), exported); diff != "" {
		t.Errorf("the condition is another one:\n%s", diff)
	}
	arrived, err := daybook.Prepare(q.events, nil, daybook.Limits{AppendEvents: 10, AppendBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if one, other := (daybook.Recorded{Event: events[i]}), (daybook.Recorded{Event: arrived[i]}); one.Digest() != other.Digest() {
			t.Errorf("event %d arrives as %+v", i, arrived[i])
		}
	}
	for n := range len(b) {
		if q, err := decodeQuestion(b[:n]); err == nil && len(q.events) == len(events) {
			t.Errorf("a question of which %d of %d bytes arrive is taken for whole", n, len(b))
		}
	}
}

func TestAnAnswerArrivesAsItWasGiven(t *testing.T) {
	cond, events := everyClause(), everyEvent(t)
	ids := daybook.Unknown(events, nil).IDs
	at := daybook.Point{Log: uuid.New(), Incarnation: uuid.New(), Position: 7}
	receipt := daybook.Receipt{
		Point: at, Versions: map[string]daybook.Version{"order-1": 9, "order-2": 1},
		RecordedAt: time.Unix(1, 2).UTC(), Durability: daybook.Quorum, Repeated: true,
	}
	var a answer
	if err := decodeStrict(encodeJSON(receiptAnswer(receipt, events)), &a); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Receipt.receipt(events); err != nil || !cmp.Equal(got, receipt) {
		t.Errorf("the receipt arrives as %+v: %v", got, err)
	}
	if got, err := receiptAnswer(daybook.Receipt{Point: at, Durability: daybook.Disk}, nil).Receipt.receipt(nil); err != nil || got.Point != at || got.Versions != nil || !got.RecordedAt.IsZero() {
		t.Errorf("the receipt of no events arrives as %+v: %v", got, err)
	}

	for _, want := range []error{
		&daybook.ConflictError{At: at, Failures: []daybook.Failure{{Clause: cond[1], Position: 4}, {Clause: cond[4], Position: 6}}},
		&daybook.ReusedError{ID: ids[2], Position: 3},
		&daybook.InvalidError{What: "event 1: type", Value: "\x01", Reason: "is wrong"},
		&daybook.UnknownError{IDs: ids, Err: io.ErrUnexpectedEOF},
		&daybook.UnavailableError{Doing: "append", Err: io.ErrUnexpectedEOF},
		&daybook.CorruptError{Where: "a file", Position: 5, Err: io.ErrUnexpectedEOF},
	} {
		var a answer
		if err := decodeStrict(encodeJSON(errorAnswer(want, cond)), &a); err != nil {
			t.Fatal(err)
		}
		got := a.Error.err(events, cond)
		if reflect.TypeOf(got) != reflect.TypeOf(want) || got.Error() != want.Error() {
			t.Errorf("%v arrives as %v", want, got)
		}
		var conflict *daybook.ConflictError
		if errors.As(got, &conflict) {
			if diff := cmp.Diff(want, got, exported); diff != "" {
				t.Errorf("a conflict arrives as another one:\n%s", diff)
			}
		}
	}
	for _, err := range []error{errTurn, daybook.ErrClosed} {
		if got := errorAnswer(err, nil).Error.err(nil, nil); !errors.Is(got, errTurn) {
			t.Errorf("%v arrives as %v", err, got)
		}
	}
	for _, reason := range []error{errTurn, daybook.ErrClosed} {
		var unknown *daybook.UnknownError
		if got := errorAnswer(&daybook.UnknownError{IDs: ids, Err: reason}, nil).Error.err(events, nil); !errors.As(got, &unknown) {
			t.Errorf("*unknown* because of %v arrives as %v", reason, got)
		}
	}
	for _, wrong := range []wireError{
		{Kind: kindConflict}, {Kind: kindReused}, {Kind: "another"},
		{Kind: kindConflict, At: &wirePoint{}, Failures: []wireFailure{{Clause: len(cond)}}},
		{Kind: kindConflict, At: &wirePoint{}, Failures: []wireFailure{{Clause: -1}}},
	} {
		var conflict *daybook.ConflictError
		if err := wrong.err(events, cond); err == nil || errors.As(err, &conflict) {
			t.Errorf("%+v is taken for %v", wrong, err)
		}
	}
}

func FuzzDecodeQuestion(f *testing.F) {
	f.Add(question{Seen: 12, Clauses: wireClauses(everyClause()), events: everyEvent(f)}.encode())
	stamp := int64(7)
	f.Add(question{Epoch: 1, Known: &stamp}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := decodeQuestion(b)
		if err != nil {
			return
		}
		again, err := decodeQuestion(q.encode())
		if err != nil || !cmp.Equal(q, again, exported) {
			t.Errorf("%+v encoded and decoded is %+v: %v", q, again, err)
		}
	})
}

func FuzzDecodeEpoch(f *testing.F) {
	f.Add(encodeJSON(epochRecord{Epoch: 3, Session: "s", Node: "n", From: 7, Stamp: 8}))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEpoch(7, b)
		if err != nil {
			return
		}
		if again, err := decodeEpoch(7, encodeJSON(e)); err != nil || again != e {
			t.Errorf("%+v encoded and decoded is %+v: %v", e, again, err)
		}
	})
}
