package daybook

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func about(e Event, position Position) Recorded {
	e.ID = uuid.New()
	return Recorded{Event: e, Position: position, Version: 1}
}

func TestAHorizonHidesWhatStoodBeforeIt(t *testing.T) {
	truncated := Horizon{}.With(about(Truncated("order-42", 4), 10))
	deleted := truncated.With(about(Deleted("order-42"), 20))
	for _, c := range []struct {
		name     string
		horizon  Horizon
		version  Version
		position Position
		hides    bool
	}{
		{"nothing recorded", Horizon{}, 1, 1, false},
		{"below a truncation", truncated, 3, 9, true},
		{"at a truncation", truncated, 4, 9, false},
		{"below a truncation and recorded after it", truncated, 3, 11, false},
		{"before a deletion", deleted, 100, 19, true},
		{"after a deletion", deleted, 101, 21, false},
		{"below a truncation that a lower one followed", truncated.With(about(Truncated("order-42", 2), 20)), 3, 9, true},
		{"below a second truncation", truncated.With(about(Truncated("order-42", 9), 20)), 8, 15, true},
		{"below a second truncation, as the first one has it", Horizon{}.With(about(Truncated("order-42", 9), 5)).With(about(Truncated("order-42", 2), 20)), 8, 15, false},
	} {
		if got := c.horizon.Hides(c.version, c.position); got != c.hides {
			t.Errorf("%s: hides %v, want %v", c.name, got, c.hides)
		}
	}
	if gone := deleted.With(about(Tombstoned("order-42"), 30)).With(about(Tombstoned("order-42"), 40)); gone.Tombstoned != 30 || gone.Deleted != 40 || gone.Newest != 40 || gone.IsZero() {
		t.Errorf("after two tombstones: %+v", gone)
	}
}

func TestAClauseAboutAStreamCountsWhatIsRecordedAboutIt(t *testing.T) {
	empty := StreamState{}
	live := StreamState{Version: 3, Newest: 30}
	deleted := StreamState{Version: 3, Newest: 30, Horizon: Horizon{}.With(about(Deleted("s"), 40))}
	again := StreamState{Version: 4, Newest: 50, Horizon: deleted.Horizon}
	gone := StreamState{Version: 4, Newest: 50, Horizon: again.Horizon.With(about(Tombstoned("s"), 60))}
	for _, c := range []struct {
		name   string
		clause Condition
		state  StreamState
		holds  bool
		newest Position
	}{
		{"an empty stream is new", New("s"), empty, true, 0},
		{"an empty stream is at zero", At("s", 0), empty, true, 0},
		{"an empty stream does not exist", Exists("s"), empty, false, 0},
		{"a stream is at its version", At("s", 3), live, true, 30},
		{"a stream is not new", New("s"), live, false, 30},
		{"a deleted stream is new", New("s"), deleted, true, 40},
		{"a deleted stream is at zero", At("s", 0), deleted, true, 40},
		{"a deleted stream is not where it was", At("s", 3), deleted, false, 40},
		{"a deleted stream does not exist", Exists("s"), deleted, false, 40},
		{"a stream begun again goes on", At("s", 4), again, true, 50},
		{"a tombstoned stream is not new", New("s"), gone, false, 60},
		{"a tombstoned stream is not at zero", At("s", 0), gone, false, 60},
		{"a tombstoned stream does not exist", Exists("s"), gone, false, 60},
	} {
		holds, newest := c.clause[0].Holds(c.state)
		if holds != c.holds || newest != c.newest {
			t.Errorf("%s: %v at %d, want %v at %d", c.name, holds, newest, c.holds, c.newest)
		}
	}
}

func TestOnlyForgettingIsRecordedInAStreamAboutAStream(t *testing.T) {
	limits := Limits{AppendEvents: 10, AppendBytes: 1 << 20}
	long := strings.Repeat("x", MaxNameBytes)
	for _, events := range [][]Event{
		{Truncated("order-42", 7)}, {Deleted("order-42")}, {Tombstoned(long)},
		{{Stream: "$$order-42", Type: "$deleted"}},
		{Deleted("a"), {Stream: "a", Type: "E"}, Tombstoned("a")},
	} {
		if _, err := Prepare(events, nil, limits); err != nil {
			t.Errorf("%v is refused: %v", events, err)
		}
	}
	for reason, events := range map[string][]Event{
		"is none of those that a stream":         {{Stream: "$$a", Type: "E"}},
		"about a stream whose name begins with":  {Deleted("$$a")},
		"about a stream whose name is empty":     {Deleted("")},
		`begins with "$"`:                        {{Stream: "a", Type: "$deleted"}},
		"is not {\"before\":VERSION}":            {{Stream: "$$a", Type: "$truncated", Data: []byte(`{"before": 3}`)}},
		"with a version above zero":              {Truncated("a", 0)},
		"which says it all":                      {{Stream: "$$a", Type: "$deleted", Data: []byte(`{"before":3}`)}},
		"tags do not go with the type $deleted":  {{Stream: "$$a", Type: "$deleted", Tags: []string{"t"}}},
		"does not go with the type $tombstoned":  {{Stream: "$$a", Type: "$tombstoned", ContentType: "text/plain"}},
		"event 2: stream \"a\" is tombstoned by": {Tombstoned("a"), {Stream: "a", Type: "E"}},
		"is 513 bytes long":                      {Deleted(long + "x")},
	} {
		_, err := Prepare(events, nil, limits)
		if invalid := (*InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v: %v, want an InvalidError with %q", events, err, reason)
		}
	}
	if err := (Query{{Streams: []string{StreamAbout(long)}, Categories: []string{StreamAbout(long)}}}).Validate(); err != nil {
		t.Errorf("a stream about the stream with the longest name cannot be asked for: %v", err)
	}
}

func TestAStubIsSelectedAsItsEventWas(t *testing.T) {
	whole := full()
	stub := whole.AsStub()
	if again := stub.AsStub(); again.Stub != stub.Stub {
		t.Error("the stub of a stub is another one")
	}
	if stub.Digest() != whole.Digest() {
		t.Error("a stub has another digest than its event")
	}
	if stub.Type != "" || stub.Tags != nil || stub.Data != nil || stub.Metadata != nil || stub.ContentType != "" || !stub.HappenedAt.IsZero() || !stub.Forgotten {
		t.Errorf("a stub keeps %+v", stub)
	}
	for _, q := range []Query{
		All(), Stream("order-42"), Stream("order-43"),
		{{Categories: []string{"order"}}}, {{Types: []string{"Paid"}}}, {{Types: []string{"Placed", "Paid"}}}, {{Types: []string{"Placed"}}},
		{{Tags: []string{"a"}}}, {{Tags: []string{"bc", "a"}}}, {{Tags: []string{"a", "b"}}}, {{Types: []string{"Paid"}, Tags: []string{"a"}}},
		{{Types: []string{"Paid"}, Streams: []string{"order-43"}}}, {{IDs: []uuid.UUID{whole.ID}}}, {{IDs: []uuid.UUID{whole.ID}, Tags: []string{"c"}}},
		{{}}, {},
	} {
		if got, want := q.SelectsRecorded(stub), q.SelectsRecorded(whole); got != want {
			t.Errorf("%+v selects the stub: %v, and the event: %v", q, got, want)
		}
	}
	if !stub.Repeats(whole.Event) || !whole.Repeats(whole.Event) {
		t.Error("an event does not repeat itself")
	}
	other := whole.Event
	other.Type = "Placed"
	if stub.Repeats(other) || whole.Repeats(other) {
		t.Error("an event of another type is a repeat")
	}
}

func TestAReadingYieldsWhatIsForgottenOnlyWhenAsked(t *testing.T) {
	hidden := full()
	hidden.Forgotten = true
	byID, byTag := Query{{IDs: []uuid.UUID{hidden.ID}}}, Query{{Tags: []string{"a"}}}
	if byTag.Yields(hidden, Span{}) || !byTag.Yields(hidden, Span{Forgotten: true}) || !byID.Yields(hidden, Span{}) || !byTag.Yields(full(), Span{}) {
		t.Error("what is forgotten is not yielded by id and by span alone")
	}
	if (Query{{Tags: []string{"z"}}, {IDs: []uuid.UUID{{1}}}}).Yields(hidden, Span{Forgotten: true}) {
		t.Error("what is not selected is yielded")
	}
}

func TestAConditionOverStreamsGuardsWhatIsRecordedAboutThem(t *testing.T) {
	q := Query{{Streams: []string{"a", "$$b"}, Types: []string{"E"}}, {Tags: []string{"t"}}}
	guarded := q.Guarded()
	if len(q) != 2 || !guarded.Selects(Event{Stream: "$$a", Type: TypeDeleted}) || guarded.Selects(Event{Stream: "$$c", Type: TypeDeleted}) || !guarded.Selects(Event{Type: "X", Tags: []string{"t"}}) {
		t.Errorf("%v is guarded as %v", q, guarded)
	}
}
