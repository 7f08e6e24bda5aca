package frame

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// recorded returns one append as another log has recorded it, at these positions.
func recorded(positions ...daybook.Position) []daybook.Recorded {
	var all []daybook.Recorded
	for i, p := range positions {
		all = append(all, daybook.Recorded{
			Event: daybook.Event{
				ID: uuid.UUID{15: byte(i + 1)}, Stream: "order-42", Type: "OrderPlaced", ContentType: daybook.JSON,
				Tags: []string{"customer:7", "ü"}, Data: []byte(`{"n":1}`), HappenedAt: time.Unix(0, 5).UTC(),
			},
			Position: p, Version: daybook.Version(7 + 3*i), RecordedAt: time.Unix(0, 77).UTC(),
		})
	}
	return all
}

func parsed(t *testing.T, f Frame) []daybook.Recorded {
	t.Helper()
	f, err := Parse(f, salt)
	if err != nil {
		t.Fatal(err)
	}
	var all []daybook.Recorded
	for _, e := range f.Events() {
		all = append(all, f.Recorded(e))
	}
	if last := all[len(all)-1].Position; f.Last() != last {
		t.Errorf("the frame's last position is %d, and its last event's %d", f.Last(), last)
	}
	return all
}

func TestWhatAnotherLogRecordedComesBackAsItWas(t *testing.T) {
	for _, positions := range [][]daybook.Position{{5}, {5, 6, 7}, {5, 7, 8}, {5, 6, 900}, {1, 1 + MostGap}} {
		want := recorded(positions...)
		want[len(want)-1] = want[len(want)-1].AsStub()
		f, err := EncodeRecorded(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		f.Seal(salt, Seal{First: positions[0], Stamp: 77})
		if diff := cmp.Diff(want, parsed(t, f)); diff != "" {
			t.Errorf("positions %v: %s", positions, diff)
		}
	}
	if _, err := EncodeRecorded(nil, recorded(1, 2+MostGap)); err == nil {
		t.Error("a gap was taken that does not fit into a frame")
	}
}

func TestARewrittenFrameHasStubsWhereItSaysSo(t *testing.T) {
	before := recorded(4, 5, 9)
	f, err := EncodeRecorded(nil, before)
	if err != nil {
		t.Fatal(err)
	}
	f.Seal(salt, Seal{Before: 1, First: 4, Durable: 3, Stamp: 77})
	once := Frame(f.Rewrite(nil, salt, 12, func(at int) bool { return f.At(at).Place() == 1 }))
	twice := Frame(once.Rewrite([]byte("12345678"), salt, 13, func(at int) bool { return once.At(at).Place() < 2 }))[8:]
	if e := f.At(HeaderBytes); twice.At(HeaderBytes).Bytes() != e.StubBytes() || e.Bytes() == e.StubBytes() {
		t.Errorf("a stub of an event of %d bytes has %d, and was to have %d", e.Bytes(), twice.At(HeaderBytes).Bytes(), e.StubBytes())
	}
	for i, f := range []Frame{once, twice} {
		want := append([]daybook.Recorded(nil), before...)
		want[1] = want[1].AsStub()
		if i == 1 {
			want[0] = want[0].AsStub()
		}
		if diff := cmp.Diff(want, parsed(t, f)); diff != "" {
			t.Errorf("written %d times: %s", i+1, diff)
		}
		if f.Before() != uint32(12+i) || f.Durable() != 3 {
			t.Errorf("the frame follows %d and was written when %d was durable", f.Before(), f.Durable())
		}
	}
}

func TestAStubHasTheTypeAndTagsThatItHad(t *testing.T) {
	f, err := EncodeRecorded(nil, []daybook.Recorded{recorded(1)[0].AsStub()})
	if err != nil {
		t.Fatal(err)
	}
	e := f.At(HeaderBytes)
	if !e.HasType("OrderPlaced") || !e.HasTag("ü") || !e.HasTag("customer:7") {
		t.Error("the stub has not the type and the tags of its event")
	}
	if e.HasType("customer:7") || e.HasTag("OrderPlaced") || e.HasTag("customer:8") {
		t.Error("the stub has a type or a tag that its event had not")
	}
}

func TestAStubWithOtherPartsIsRefused(t *testing.T) {
	whole, err := EncodeRecorded(nil, []daybook.Recorded{recorded(1)[0].AsStub()})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(e Event){
		"content type": func(e Event) { le.PutUint16(e[16:], 1); le.PutUint32(e[24:], 31) },
		"metadata":     func(e Event) { le.PutUint32(e[20:], 1); le.PutUint32(e[24:], 31) },
		"type":         func(e Event) { le.PutUint16(e[14:], 9); le.PutUint16(e[12:], 7) },
		"time":         func(e Event) { le.PutUint64(e[56:], 5) },
		"flag":         func(e Event) { le.PutUint16(e[10:], 3) },
	} {
		f := append(Frame(nil), whole...)
		change(f.At(HeaderBytes))
		f.Seal(salt, Seal{First: 1, Stamp: 1})
		if _, err := Parse(f, salt); err == nil {
			t.Errorf("a stub with another %s was taken", name)
		}
	}
}
