package storetest

import (
	"bytes"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// What an event says, and when.
var contentPromises = []promise{
	{sentence: "an event is read with everything that it was recorded with", check: checkEveryField},
	{sentence: "data and metadata are kept byte for byte", check: checkBytes},
	{sentence: "data without a content type is JSON, and any other content type is kept", check: checkContentType},
	{sentence: "the caller may use its events, bytes and tags again after an append", check: checkArgumentsAreFree},
	{sentence: "an append does not change what it is given", check: checkArgumentsUnchanged},
	{sentence: "whoever has read an event may keep it", check: checkEventsAreKept},
	{sentence: "a time that nobody gave stays zero, and 1970 is a time", check: checkZeroTime},
	{sentence: "times are kept in nanoseconds and read in UTC", check: checkTimes},
	{sentence: "times from 1678 to 2261 are kept, and others are invalid", check: checkTimeBounds},
	{sentence: "all events of an append carry the same time of recording", check: checkRecordedAtShared},
	{sentence: "the time of recording rises with every append", check: checkRecordedAtRises},
	{sentence: "the time of recording rises though the clock goes back", check: checkClockGoesBack, needs: clocks},
}

func full() daybook.Event {
	return daybook.Event{
		ID:          uuid.New(),
		Stream:      "order-42",
		Type:        "OrderPlaced",
		Tags:        []string{"order:42", "customer:ada"},
		Data:        []byte(`{"total": 100,  "note":"two  spaces"}`),
		ContentType: "application/vnd.shop.order+json; v=2",
		Metadata:    []byte(`{"actor":"ada","correlation_id":"c-1"}`),
		HappenedAt:  time.Date(2017, 11, 24, 23, 59, 0, 123456789, time.UTC),
	}
}

func checkEveryField(t *trial) {
	inStream, inNone := full(), full()
	inNone.Stream = ""
	recorded := []daybook.Event{inStream, inNone}
	for i, want := range recorded {
		t.record(want)
		queries := map[string]daybook.Query{"everything": daybook.All(), "its id": identified(want.ID), "its type": typed(want.Type), "its tags": tagged(want.Tags...)}
		if want.Stream != "" {
			queries = queriesFor(want)
		}
		for what, q := range queries {
			got := t.read(q, daybook.Span{After: daybook.Position(i)})
			if len(got) != 1 {
				t.Errorf("%s reads %s, want one event", what, recordedList(got))
				continue
			}
			as := daybook.Recorded{Event: want, Position: got[0].Position, Version: got[0].Version, RecordedAt: got[0].RecordedAt}
			if got[0].Digest() != as.Digest() {
				t.Errorf("by %s the event is read as\n%+v, and was recorded as\n%+v", what, got[0].Event, want)
			}
		}
	}
}

func checkBytes(t *trial) {
	all256 := make([]byte, 256)
	for i := range all256 {
		all256[i] = byte(i)
	}
	for _, data := range [][]byte{
		nil, {}, {0}, {0, 0, 0}, []byte("\xff\xfe"), []byte("not JSON"), []byte("null"), []byte(`{"a":1,"a":2}`), []byte(" {}\n"), []byte(`{"a":1.10}`), []byte(`"\ud800"`),
		all256, noise(70_000), bytes.Repeat([]byte{0}, 10_000),
	} {
		e := event("order-1", "Placed")
		e.Data, e.Metadata = data, data
		t.record(e)
		got := t.read(identified(e.ID), daybook.Span{})[0]
		if !bytes.Equal(got.Data, data) {
			t.Errorf("data %.40q are read as %.40q", data, got.Data)
		}
		if !bytes.Equal(got.Metadata, data) {
			t.Errorf("metadata %.40q are read as %.40q", data, got.Metadata)
		}
	}
}

func checkContentType(t *trial) {
	for given, want := range map[string]string{
		"":                         daybook.JSON,
		daybook.JSON:               daybook.JSON,
		"application/octet-stream": "application/octet-stream",
		"Application/JSON":         "Application/JSON",
		strings.Repeat("x", daybook.MaxContentTypeBytes): strings.Repeat("x", daybook.MaxContentTypeBytes),
	} {
		e := event("order-1", "Placed")
		e.ContentType = given
		t.record(e)
		if got := t.read(identified(e.ID), daybook.Span{})[0].ContentType; got != want {
			t.Errorf("the content type %.40q is read as %.40q", given, got)
		}
	}
	for _, wrong := range []string{"a\nb", "\xff", strings.Repeat("x", daybook.MaxContentTypeBytes+1)} {
		e := event("order-1", "Placed")
		e.ContentType = wrong
		t.invalid("a content type that is none", nil, e)
	}
}

func checkArgumentsAreFree(t *trial) {
	e := full()
	batch := []daybook.Event{e, event("order-43", "Placed", "x")}
	cond := and(daybook.New("order-42"), daybook.Nothing(tagged("order:42"), daybook.Point{}))
	t.append(cond, batch...)
	before := t.all()
	want := make([][32]byte, len(before))
	for i := range before {
		want[i] = before[i].Digest()
	}

	for i := range e.Data {
		e.Data[i] = 'X'
	}
	for i := range e.Metadata {
		e.Metadata[i] = 'X'
	}
	e.Tags[0] = "changed"
	batch[0], batch[1] = batch[1], daybook.Event{}
	cond[1].Query[0].Tags[0] = "changed"

	for i, got := range t.all() {
		if got.Digest() != want[i] {
			t.Errorf("after the caller wrote over its arguments, event %d is read as\n%+v", i+1, got)
		}
	}
	t.want(t.read(tagged("order:42"), daybook.Span{}), before[0])
	t.want(t.read(tagged("changed"), daybook.Span{}))
}

func checkArgumentsUnchanged(t *trial) {
	e := full()
	e.HappenedAt = e.HappenedAt.In(time.FixedZone("", 7200))
	e.ContentType = ""
	bare := daybook.Event{Type: "Noted"}
	batch := []daybook.Event{e, bare}
	t.record(batch...)
	got := batch[0]
	if got.ContentType != "" || got.HappenedAt != e.HappenedAt || got.ID != e.ID || strings.Join(got.Tags, " ") != "order:42 customer:ada" || string(got.Data) != string(full().Data) {
		t.Errorf("after the append, the caller's event is\n%+v, and was\n%+v", got, e)
	}
	if batch[1].ID != uuid.Nil || batch[1].ContentType != "" {
		t.Errorf("after the append, the caller's bare event is %+v", batch[1])
	}
}

func checkEventsAreKept(t *trial) {
	kept := t.each(full(), event("order-1", "Placed", "x"), event("order-2", "Placed", "y"))
	want := make([][32]byte, len(kept))
	for i := range kept {
		want[i] = kept[i].Digest()
	}
	// Whatever buffers the store may have read them into are used again by this.
	for i := range 30 {
		e := event("order-3", "Placed", "z")
		e.Data = noise(1000 * i)
		t.record(e)
		t.read(daybook.Stream("order-3"), daybook.Span{})
		t.all()
	}
	for i := range kept {
		if kept[i].Digest() != want[i] {
			t.Errorf("an event that was kept has become\n%+v", kept[i])
		}
	}
}

func checkZeroTime(t *trial) {
	none, epoch, nearly := event("", "E"), event("", "E"), event("", "E")
	epoch.HappenedAt = time.Unix(0, 0)
	nearly.HappenedAt = time.Unix(0, -1)
	got := t.each(none, epoch, nearly)
	if !got[0].HappenedAt.IsZero() {
		t.Errorf("a time that nobody gave is read as %v", got[0].HappenedAt)
	}
	if !got[0].Happened().Equal(got[0].RecordedAt) {
		t.Errorf("an event of which nobody said when it happened, did so at %v, and was recorded at %v", got[0].Happened(), got[0].RecordedAt)
	}
	if got[1].HappenedAt.IsZero() || !got[1].HappenedAt.Equal(epoch.HappenedAt) {
		t.Errorf("the beginning of 1970 is read as %v", got[1].HappenedAt)
	}
	if !got[2].HappenedAt.Equal(nearly.HappenedAt) {
		t.Errorf("a nanosecond before 1970 is read as %v", got[2].HappenedAt)
	}
}

func checkTimes(t *trial) {
	moment := time.Date(2026, 3, 29, 2, 30, 0, 1, time.FixedZone("nowhere", -(3*3600+1800)))
	withClock := time.Now()
	for _, at := range []time.Time{moment, withClock, time.Date(1969, 7, 20, 20, 17, 40, 999_999_999, time.UTC)} {
		e := event("", "E")
		e.HappenedAt = at
		t.record(e)
		got := t.read(identified(e.ID), daybook.Span{})[0]
		if !got.HappenedAt.Equal(at) || got.HappenedAt.Location() != time.UTC {
			t.Errorf("%v is read as %v", at, got.HappenedAt)
		}
		if got.RecordedAt.Location() != time.UTC || got.RecordedAt.IsZero() {
			t.Errorf("the event was recorded at %v, want a time in UTC", got.RecordedAt)
		}
	}
}

func checkTimeBounds(t *trial) {
	first, last := time.Unix(0, -1<<63+1), time.Unix(0, 1<<63-1)
	for _, at := range []time.Time{first, last, time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC)} {
		e := event("", "E")
		e.HappenedAt = at
		t.record(e)
		if got := t.read(identified(e.ID), daybook.Span{})[0].HappenedAt; !got.Equal(at) {
			t.Errorf("%v is read as %v", at, got)
		}
	}
	for _, at := range []time.Time{first.Add(-1), last.Add(1), time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Time{}.Add(1)} {
		e := event("", "E")
		e.HappenedAt = at
		t.invalid("the time "+at.String(), nil, e)
	}
}

func checkRecordedAtShared(t *trial) {
	for range 5 {
		last := t.record(append(events(3, "order-1", "Placed"), event("", "Noted"))...).Position
		got := t.read(daybook.All(), daybook.Span{After: last - 4})
		for _, e := range got {
			if !e.RecordedAt.Equal(got[0].RecordedAt) {
				t.Errorf("of one append, position %d was recorded at %v and %d at %v", got[0].Position, got[0].RecordedAt, e.Position, e.RecordedAt)
			}
		}
	}
}

func checkRecordedAtRises(t *trial) {
	var last time.Time
	for i := range 200 {
		receipt := t.record(event("order-1", "Placed"))
		if !receipt.RecordedAt.After(last) {
			t.Fatalf("append %d was recorded at %v, and the one before at %v", i+1, receipt.RecordedAt, last)
		}
		last = receipt.RecordedAt
	}
	last = time.Time{}
	for _, e := range t.all() {
		if !e.RecordedAt.After(last) {
			t.Fatalf("position %d was recorded at %v, and the one before at %v", e.Position, e.RecordedAt, last)
		}
		last = e.RecordedAt
	}
}

// clocked opens a store by a clock that the trial sets.
func (t *trial) clocked() (set func(time.Time)) {
	t.Helper()
	if closes := t.subject.closes(t.store); closes != nil {
		t.close()
	}
	var now atomic.Int64
	set = func(at time.Time) { now.Store(at.UnixNano()) }
	set(noon)
	t.use(t.subject.OpenAt(t.TB, func() time.Time { return time.Unix(0, now.Load()) }))
	return set
}

// noon is what the clock of a trial shows at first.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func checkClockGoesBack(t *trial) {
	set := t.clocked()
	var last time.Time
	for _, shows := range []time.Duration{0, 0, -time.Nanosecond, -time.Hour, -10 * 365 * 24 * time.Hour, time.Second, 0} {
		set(noon.Add(shows))
		for range 3 {
			receipt := t.record(events(2, "order-1", "Placed")...)
			if !receipt.RecordedAt.After(last) {
				t.Errorf("while the clock shows %v, an append is recorded at %v, and the one before at %v", noon.Add(shows), receipt.RecordedAt, last)
			}
			last = receipt.RecordedAt
		}
		if t.subject.Reopen != nil {
			t.reopen()
		}
	}
	if all := t.all(); !all[len(all)-1].RecordedAt.Equal(last) {
		t.Errorf("the last event is read as recorded at %v, and its receipt says %v", all[len(all)-1].RecordedAt, last)
	}
}
