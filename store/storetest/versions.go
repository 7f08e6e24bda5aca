package storetest

import (
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Streams, their versions, and the ids of events.
var versionPromises = []promise{
	{sentence: "the versions of a stream are 1, 2, 3 and so on", check: checkVersions},
	{sentence: "streams are numbered independently", check: checkVersionsIndependent},
	{sentence: "each event of an append over several streams has the version of its own stream", check: checkVersionsAcrossStreams},
	{sentence: "an event in no stream has version zero and is read by no stream and no category", check: checkNoStream},
	{sentence: "streams whose names differ in a byte are different streams", check: checkStreamNamesDiffer},
	{sentence: "an event without an id gets one of version 7", check: checkGivenID},
	{sentence: "an id of any version is kept", check: checkAnyID},
	{sentence: "one id twice in an append is invalid", check: checkIDTwice},
}

func checkVersions(t *trial) {
	t.record(event("order-1", "Placed"))
	t.record(events(3, "order-1", "Paid")...)
	t.record(event("order-1", "Shipped"))
	got := t.read(daybook.Stream("order-1"), daybook.Span{})
	if len(got) != 5 {
		t.Fatalf("read %d events, want 5", len(got))
	}
	for i, e := range got {
		if e.Version != daybook.Version(i+1) {
			t.Errorf("event %d of the stream has version %d", i+1, e.Version)
		}
	}
}

func checkVersionsIndependent(t *trial) {
	streams := []string{"a-1", "a-2", "b-1"}
	seen := make(map[string]daybook.Version)
	for i := range 40 {
		stream := streams[i*i%len(streams)]
		seen[stream]++
		if v := t.record(event(stream, "E")).Versions[stream]; v != seen[stream] {
			t.Fatalf("append %d: %s is at version %d, want %d", i+1, stream, v, seen[stream])
		}
	}
	clear(seen)
	for _, e := range t.all() {
		seen[e.Stream]++
		if e.Version != seen[e.Stream] {
			t.Errorf("position %d: %s has version %d, want %d", e.Position, e.Stream, e.Version, seen[e.Stream])
		}
	}
}

func checkVersionsAcrossStreams(t *trial) {
	t.record(events(2, "order-1", "Placed")...)
	t.record(event("order-2", "Placed"), event("order-1", "Paid"), event("", "Noted"), event("order-2", "Paid"), event("order-3", "Placed"), event("order-1", "Shipped"))
	want := []daybook.Version{1, 2, 1, 3, 0, 2, 1, 4}
	for i, e := range t.all() {
		if e.Version != want[i] {
			t.Errorf("position %d, stream %q: version %d, want %d", e.Position, e.Stream, e.Version, want[i])
		}
	}
	for stream, n := range map[string]int{"order-1": 4, "order-2": 2, "order-3": 1} {
		for i, e := range t.read(daybook.Stream(stream), daybook.Span{}) {
			if e.Version != daybook.Version(i+1) || i >= n {
				t.Errorf("%s reads version %d as its event %d of %d", stream, e.Version, i+1, n)
			}
		}
	}
}

func checkNoStream(t *trial) {
	t.record(event("", "Noted", "x"), event("order-1", "Placed", "x"), event("", "Noted", "x"))
	for _, e := range t.read(typed("Noted"), daybook.Span{}) {
		if e.Version != 0 || e.Stream != "" {
			t.Errorf("position %d has version %d in stream %q, want none", e.Position, e.Version, e.Stream)
		}
	}
	t.want(t.read(tagged("x"), daybook.Span{}), t.all()...)
	if got := t.read(daybook.Query{{Categories: []string{""}}}, daybook.Span{}); len(got) != 0 {
		t.Errorf("the category without a name reads %s, and no stream has it", recordedList(got))
	}
	got := t.read(daybook.Query{{Categories: []string{"order", ""}}}, daybook.Span{})
	t.want(got, t.all()[1])
}

func checkStreamNamesDiffer(t *trial) {
	names := []string{
		"order-1", "order-11", "order-", "order", "Order-1", "ORDER-1", "order-1 ", " order-1", "order--1", "-", "-1", "order_1", "order%1",
		"caf\u00e9-1", "cafe\u0301-1", // the same to the eye, composed and decomposed
		"\uff4frder-1", // a wide o
		"order-\ufeff1",
	}
	for range 2 {
		for _, name := range names {
			t.record(event(name, "E"))
		}
	}
	for _, name := range names {
		got := t.read(daybook.Stream(name), daybook.Span{})
		if len(got) != 2 || got[0].Stream != name || got[1].Stream != name || got[1].Version != 2 {
			t.Errorf("stream %q reads %s, want its own two events", name, recordedList(got))
		}
	}
}

func checkGivenID(t *trial) {
	batch := []daybook.Event{{Stream: "order-1", Type: "Placed"}, {Stream: "order-1", Type: "Placed"}}
	t.record(batch...)
	t.record(batch...)
	seen := make(map[uuid.UUID]bool)
	for _, e := range t.all() {
		if e.ID.Version() != 7 || e.ID.Variant() != uuid.RFC4122 {
			t.Errorf("position %d was given the id %s, of version %d", e.Position, e.ID, e.ID.Version())
		}
		seen[e.ID] = true
	}
	if len(seen) != 4 {
		t.Errorf("four events without ids have %d ids", len(seen))
	}
	if batch[0].ID != uuid.Nil || batch[1].ID != uuid.Nil {
		t.Error("the store wrote ids into the caller's events")
	}
}

func checkAnyID(t *trial) {
	ids := []uuid.UUID{
		uuid.New(),
		uuid.NewMD5(uuid.NameSpaceURL, []byte("x")),
		uuid.NewSHA1(uuid.NameSpaceURL, []byte("x")),
		uuid.Must(uuid.NewV6()),
		uuid.Must(uuid.NewV7()),
		daybook.DeriveID(uuid.New(), "x"),
		uuid.Max,
		{15: 1},
		{0: 1},
	}
	for _, id := range ids {
		t.record(daybook.Event{ID: id, Stream: "order-1", Type: "Placed"})
	}
	for i, id := range ids {
		got := t.read(identified(id), daybook.Span{})
		if len(got) != 1 || got[0].ID != id || got[0].Position != daybook.Position(i+1) {
			t.Errorf("id %s reads %s, want position %d", id, recordedList(got), i+1)
		}
	}
}

func checkIDTwice(t *trial) {
	a, b := event("order-1", "Placed"), event("order-1", "Paid")
	t.invalid("one event twice", nil, a, a)
	c := b
	c.Stream, c.ID = "order-2", a.ID
	t.invalid("two events with one id", nil, a, b, c)
	if n := len(t.all()); n != 0 {
		t.Errorf("%d events of invalid appends are recorded", n)
	}
	t.record(a, b)
	t.invalid("recorded events, one of them twice", nil, a, b, a)
}
