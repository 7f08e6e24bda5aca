package daybook_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// history is a log of several appends, with a deleted stream and stubs, and the events of
// it.
func history(t *testing.T) (*memstore.Store, []daybook.Recorded) {
	t.Helper()
	store := memstore.New()
	appends(t, store, 20, 3)
	record := func(events ...daybook.Event) {
		t.Helper()
		if _, err := store.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	record(daybook.Deleted("order-1"))
	if err := store.Scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	record(daybook.Event{Type: "Noted", Tags: []string{"a", "b"}, Data: []byte("1"), HappenedAt: time.Unix(1, 1)}, daybook.Deleted("order-2"))
	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{Forgotten: true})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return store, events
}

func digest(t *testing.T, store daybook.Store, upTo daybook.Position) daybook.LogDigest {
	t.Helper()
	d, err := daybook.DigestLog(t.Context(), store, upTo, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestADigestOfALogIsThatOfItsEncodings(t *testing.T) {
	store, events := history(t)
	var encodings []byte
	for i, e := range events {
		encodings, _ = e.AppendBinary(encodings)
		want := daybook.LogDigest{Events: i + 1, UpTo: e.Position, Sum: sha256.Sum256(encodings)}
		if got := digest(t, store, e.Position); got != want {
			t.Fatalf("up to position %d it is %+v, want %+v", e.Position, got, want)
		}
	}
	if got, last := digest(t, store, 0), digest(t, store, events[len(events)-1].Position); got != last {
		t.Errorf("the digest is %+v, and up to the head %+v", got, last)
	}
	if got := digest(t, memstore.New(), 0); got.Events != 0 || got.Sum != sha256.Sum256(nil) {
		t.Errorf("nothing has the digest %+v", got)
	}
	var invalid *daybook.InvalidError
	if _, err := daybook.DigestLog(t.Context(), store, 1000, nil); !errors.As(err, &invalid) {
		t.Errorf("a digest past the head: %v", err)
	}
	if _, err := daybook.DigestLog(t.Context(), broken{store}, 0, nil); !errors.Is(err, errFull) {
		t.Errorf("a digest of a log that cannot be read: %v", err)
	}
	seen := 0
	if _, err := daybook.DigestLog(t.Context(), store, 0, func(daybook.Recorded) { seen++ }); err != nil || seen != len(events) {
		t.Errorf("%d of %d events were shown, %v", seen, len(events), err)
	}
}

func TestACopyComparesEqual(t *testing.T) {
	from, events := history(t)
	to := memstore.New()
	point, err := daybook.Copy(t.Context(), to, from)
	if err != nil {
		t.Fatal(err)
	}
	appends(t, to, 1, 1) // what comes later is not compared
	c, err := daybook.CompareLogs(t.Context(), from, to, point.Position, nil)
	if err != nil || c.One != c.Other || c.One != digest(t, from, 0) || c.Stubs != 0 || c.One.Events != len(events) {
		t.Fatalf("%+v, %v", c, err)
	}

	// One that is scavenged later is the same history.
	if err := to.Scavenge(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]daybook.Store{{from, to}, {to, from}} {
		c, err = daybook.CompareLogs(t.Context(), pair[0], pair[1], point.Position, nil)
		if err != nil || c.One == c.Other || c.Stubs != 9 {
			t.Errorf("%+v, %v, want nine stubs", c, err)
		}
	}

	var invalid *daybook.InvalidError
	if _, err := daybook.CompareLogs(t.Context(), from, to, 0, nil); !errors.As(err, &invalid) {
		t.Errorf("a comparison up to nothing: %v", err)
	}
	for _, pair := range [][2]daybook.Store{{from, memstore.New()}, {memstore.New(), from}} {
		if _, err := daybook.CompareLogs(t.Context(), pair[0], pair[1], point.Position, nil); !errors.As(err, &invalid) {
			t.Errorf("a comparison past a head: %v", err)
		}
	}
	for _, pair := range [][2]daybook.Store{{from, broken{from}}, {broken{from}, from}} {
		if _, err := daybook.CompareLogs(t.Context(), pair[0], pair[1], point.Position, nil); !errors.Is(err, errFull) {
			t.Errorf("a comparison with a log that cannot be read: %v", err)
		}
	}
}

func TestEveryDifferenceIsFoundAndNamed(t *testing.T) {
	from, events := history(t)
	head := events[len(events)-1].Position
	stub := -1
	for i, e := range events {
		if e.Stub != nil {
			stub = i
		}
	}
	last := len(events) - 2 // the one with tags, of no stream
	for name, c := range map[string]struct {
		at     int
		change func(*daybook.Recorded)
		says   string
	}{
		"id":           {3, func(e *daybook.Recorded) { e.ID[15]++ }, "the id differs"},
		"stream":       {last, func(e *daybook.Recorded) { e.Stream, e.Version = "note-1", 1 }, "the stream differs"},
		"version":      {last + 1, func(e *daybook.Recorded) { e.Version++ }, "the version differs"},
		"a nanosecond": {len(events) - 3, func(e *daybook.Recorded) { e.RecordedAt = e.RecordedAt.Add(-1) }, "the time of recording differs"},
		"happened":     {last, func(e *daybook.Recorded) { e.HappenedAt = time.Unix(1, 2) }, "the time at which it happened differs"},
		"no time":      {last, func(e *daybook.Recorded) { e.HappenedAt = time.Time{} }, "the time at which it happened differs"},
		"type":         {0, func(e *daybook.Recorded) { e.Type = "Paid" }, "the type differs"},
		"content type": {0, func(e *daybook.Recorded) { e.ContentType = "text/plain" }, "the content type differs"},
		"metadata":     {0, func(e *daybook.Recorded) { e.Metadata = []byte("{}") }, "the metadata differs"},
		"data":         {0, func(e *daybook.Recorded) { e.Data = []byte("{ }") }, "the data differs"},
		"tags":         {last, func(e *daybook.Recorded) { e.Tags = []string{"b", "a"} }, "the tags differ"},
		"stub":         {stub, func(e *daybook.Recorded) { s := *e.Stub; s.TypeHash++; e.Stub = &s }, "the stubs differ"},
		"no stub":      {stub, func(e *daybook.Recorded) { e.Stub, e.Type = nil, "Other" }, "is not what is left of the event"},
	} {
		changed := append([]daybook.Recorded(nil), events...)
		c.change(&changed[c.at])
		to := memstore.New()
		if err := to.Restore(t.Context(), changed); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := daybook.CompareLogs(t.Context(), from, to, head, nil)
		differs := (*daybook.DifferenceError)(nil)
		if !errors.As(err, &differs) || differs.Position != events[c.at].Position || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want that %s at position %d", name, err, c.says, events[c.at].Position)
		}
		if digest(t, from, 0) == digest(t, to, 0) {
			t.Errorf("%s: the digests are the same", name)
		}
	}

	// An event that only one has.
	to := memstore.New()
	if err := to.Restore(t.Context(), append(append([]daybook.Recorded(nil), events[:3]...), events[4:]...)); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]daybook.Store{{from, to}, {to, from}} {
		_, err := daybook.CompareLogs(t.Context(), pair[0], pair[1], head, nil)
		if differs := (*daybook.DifferenceError)(nil); !errors.As(err, &differs) || differs.Position != 4 {
			t.Errorf("%v, want a difference at position 4", err)
		}
	}
	if _, err := daybook.CompareLogs(t.Context(), from, to, head-1, nil); err == nil {
		t.Error("a part of a log compares equal to one with a gap")
	}
}
