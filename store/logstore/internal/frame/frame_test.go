package frame

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

const salt = 0x5a17

func events() []daybook.Event {
	return []daybook.Event{
		{ID: uuid.New(), Stream: "order-42", Type: "OrderPlaced", Tags: []string{"customer:7", "ü"}, Data: []byte(`{}`), Metadata: []byte(`{"actor":"ada"}`), ContentType: daybook.JSON},
		{ID: uuid.New(), Type: "T", ContentType: "image/png", HappenedAt: time.Unix(0, -5).UTC()},
		{ID: uuid.New(), Stream: "s", Type: "T", ContentType: daybook.JSON, Data: bytes.Repeat([]byte{7}, 1000)},
	}
}

func sealed(events []daybook.Event) Frame {
	f := Encode([]byte("something before"), events)
	v := daybook.Version(0)
	for _, e := range f.Events() {
		v += 10
		e.SetVersion(v)
	}
	f.Seal(salt, Seal{Before: 77, First: 1001, Durable: 990, Stamp: 1e18})
	return f
}

func TestAFrameGivesBackWhatWasEncoded(t *testing.T) {
	given := events()
	f, err := Parse(append(bytes.Clone(sealed(given)), "what comes after"...), salt)
	if err != nil {
		t.Fatal(err)
	}
	if f.Before() != 77 || f.First() != 1001 || f.Last() != 1003 || f.Durable() != 990 || f.Stamp() != 1e18 || f.Len() != 3 {
		t.Errorf("the header says before %d, first %d, last %d, durable %d, stamp %d, events %d", f.Before(), f.First(), f.Last(), f.Durable(), f.Stamp(), f.Len())
	}
	i := 0
	for at, e := range f.Events() {
		want := daybook.Recorded{Event: given[i], Position: daybook.Position(1001 + i), Version: daybook.Version(10 * (i + 1)), RecordedAt: time.Unix(0, 1e18).UTC()}
		if diff := cmp.Diff(want, f.Recorded(e)); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i+1, diff)
		}
		if e.ID() != given[i].ID || string(e.Stream()) != given[i].Stream || string(e.Type()) != given[i].Type {
			t.Errorf("event %d is %s %q %q", i+1, e.ID(), e.Stream(), e.Type())
		}
		for _, tag := range given[i].Tags {
			if !e.HasTag(tag) {
				t.Errorf("event %d lacks the tag %q", i+1, tag)
			}
		}
		if e.HasTag("customer") {
			t.Errorf("event %d has a tag that it was not given", i+1)
		}
		if e.FrameStart() != int64(at) || at%Align != 0 {
			t.Errorf("event %d is at %d and says that it is at %d", i+1, at, e.FrameStart())
		}
		i++
	}
	if i != 3 {
		t.Errorf("there are %d events, want 3", i)
	}
}

func TestWhatIsRecordedSharesNoBytesWithTheFrame(t *testing.T) {
	f := sealed(events())
	var before, after []daybook.Recorded
	for _, e := range f.Events() {
		before = append(before, f.Recorded(e))
		after = append(after, f.Recorded(e))
	}
	clear(f)
	if diff := cmp.Diff(before, after); diff != "" || before[0].Stream != "order-42" {
		t.Errorf("the events changed with the frame's bytes: %s", diff)
	}
}

func TestNoChangeOfAFrameGoesUnnoticed(t *testing.T) {
	f := sealed(events())
	for bit := range len(f) * 8 {
		b := bytes.Clone(f)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := Parse(b, salt); err == nil {
			t.Fatalf("bit %d was flipped and nobody noticed", bit)
		}
	}
	for n := range f {
		if _, err := Parse(f[:n], salt); err == nil {
			t.Fatalf("the frame was cut off at %d of %d bytes and nobody noticed", n, len(f))
		}
	}
	if _, err := Parse(f, salt+1); err == nil {
		t.Error("a frame of another log was taken for one of this")
	}
}

// Goal: nothing that is read of a frame goes past its end, whoever wrote it. Method:
// the checksum is made to be right for any bytes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sealed(events())))
	f.Add([]byte(sealed(events()[:1])))
	f.Add(sealed(events()).Rewrite(nil, salt, 0, func(at int) bool { return at == HeaderBytes }))
	if gaps, err := EncodeRecorded(nil, recorded(4, 90)); err != nil {
		f.Error(err)
	} else {
		f.Add([]byte(gaps))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderBytes {
			return
		}
		b = bytes.Clone(b)
		le.PutUint32(b[4:], uint32(len(b)))
		le.PutUint32(b[8:], magic)
		fr := Frame(b)
		fr.Seal(salt, Seal{Before: fr.Before(), First: fr.First(), Durable: fr.Durable(), Stamp: fr.Stamp()})
		parsed, err := Parse(b, salt)
		if err != nil {
			return
		}
		n, last := 0, parsed.First()-1
		for at, e := range parsed.Events() {
			n++
			r := parsed.Recorded(e)
			if r.Position-last-1 > MostGap || len(r.Data)+len(r.Metadata) > len(b) || (r.Stub != nil) != r.Forgotten {
				t.Errorf("event %d at %d has position %d", n, at, r.Position)
			}
			last = r.Position
		}
		if parsed.Last() != last {
			t.Errorf("the last position is %d, and the last event's %d", parsed.Last(), last)
		}
		if n != parsed.Len() {
			t.Errorf("a frame of %d events yields %d", parsed.Len(), n)
		}
	})
}
