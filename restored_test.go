package daybook

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// asRecorded returns what a log may hold: two appends, of two events and one.
func asRecorded() []Recorded {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	return []Recorded{
		{Event: Event{ID: uuid.New(), Stream: "order-1", Type: "Placed", Tags: []string{"a"}}, Position: 3, Version: 2, RecordedAt: noon, Forgotten: true},
		{Event: Event{ID: uuid.New(), Type: "Noted", ContentType: "text/plain"}, Position: 7, RecordedAt: noon},
		{Event: Event{ID: uuid.New(), Stream: "order-1", Type: "Paid"}, Position: 8, Version: 5, RecordedAt: noon.Add(1)},
	}
}

func TestRestoredEventsAreKeptAsStoresKeepThem(t *testing.T) {
	given := asRecorded()
	given[2] = given[2].AsStub()
	prepared, err := PrepareRestored(given, Limits{AppendEvents: 2, AppendBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range prepared {
		if r.Digest() != given[i].Digest() || r.RecordedAt.Location() != time.UTC || r.Forgotten != (i == 2) {
			t.Errorf("event %d is prepared as %+v", i+1, r)
		}
	}
	if prepared[0].ContentType != JSON || prepared[1].ContentType != "text/plain" {
		t.Errorf("the content types are %q and %q", prepared[0].ContentType, prepared[1].ContentType)
	}
	if given[0].RecordedAt.Location() == time.UTC {
		t.Error("what was handed over has changed")
	}
	if n := FirstAppend(prepared); n != 2 {
		t.Errorf("the first append is of %d events, want 2", n)
	}
}

func TestWhatNoStoreRecordsIsNotRestored(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func([]Recorded)
		at    string
	}{
		"a position twice":              {func(e []Recorded) { e[1].Position = 3 }, "position 3"},
		"the position zero":             {func(e []Recorded) { e[0].Position = 0 }, "position 0"},
		"a position beyond all":         {func(e []Recorded) { e[2].Position = 1 << 63 }, "position 9223372036854775808"},
		"a position near the end":       {func(e []Recorded) { e[2].Position = 1 << 62 }, "position 4611686018427387904"},
		"a version near the end":        {func(e []Recorded) { e[2].Version = 1 << 62 }, "position 8"},
		"a time near the end":           {func(e []Recorded) { e[2].RecordedAt = lastTime }, "position 8"},
		"a falling version":             {func(e []Recorded) { e[2].Version = 1 }, "position 8"},
		"a version twice":               {func(e []Recorded) { e[2].Version = 2 }, "position 8"},
		"a version beyond all":          {func(e []Recorded) { e[2].Version = 1 << 63 }, "position 8"},
		"a version in no stream":        {func(e []Recorded) { e[1].Version = 1 }, "position 7"},
		"a stream without version":      {func(e []Recorded) { e[0].Version = 0 }, "position 3"},
		"an append before the first":    {func(e []Recorded) { e[2].RecordedAt = e[0].RecordedAt.Add(-1) }, "position 8"},
		"no time of recording":          {func(e []Recorded) { e[0].RecordedAt = time.Time{} }, "position 3"},
		"an id twice":                   {func(e []Recorded) { e[2].ID = e[0].ID }, "position 8"},
		"no id":                         {func(e []Recorded) { e[1].ID = uuid.Nil }, "position 7"},
		"a type of the system":          {func(e []Recorded) { e[1].Type = "$deleted" }, "position 7"},
		"an append that is too long":    {func(e []Recorded) { e[2].RecordedAt = e[1].RecordedAt }, "position 8"},
		"an append that is too large":   {func(e []Recorded) { e[1].Data = make([]byte, 1000) }, "position 7"},
		"a stub in no stream":           {func(e []Recorded) { e[1].Stub = new(Stub) }, "position 7"},
		"a stub with data":              {func(e []Recorded) { e[2] = e[2].AsStub(); e[2].Data = []byte("{}") }, "position 8"},
		"a stub of too many tags":       {func(e []Recorded) { e[2] = e[2].AsStub(); e[2].Stub.TagHashes = make([]uint64, 1001) }, "position 8"},
		"a stub in a stream about one":  {func(e []Recorded) { e[2] = e[2].AsStub(); e[2].Stream = "$$order-1" }, "position 8"},
		"an event behind its tombstone": {func(e []Recorded) { e[1].Event = Tombstoned("order-1"); e[1].ID, e[1].Version = uuid.New(), 1 }, "position 8"},
	} {
		events := asRecorded()
		c.spoil(events)
		_, err := PrepareRestored(events, Limits{AppendEvents: 2, AppendBytes: 1000})
		if _, invalid := err.(*InvalidError); !invalid || !strings.Contains(err.Error(), "the event at "+c.at) {
			t.Errorf("%s: %v, want an InvalidError that names %s", name, err, c.at)
		}
	}
}
