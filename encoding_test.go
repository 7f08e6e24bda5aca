package daybook

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func full() Recorded {
	return Recorded{
		Event: Event{
			ID:          uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"),
			Stream:      "order-42",
			Type:        "Paid",
			Tags:        []string{"a", "bc"},
			Data:        []byte(`{"cents":5}`),
			ContentType: "text/x",
			Metadata:    []byte("m\x00"),
			HappenedAt:  time.Unix(0, 1).UTC(),
		},
		Position:   0x0102,
		Version:    3,
		RecordedAt: time.Unix(1, 0).UTC(),
	}
}

// These bytes are hashed into digests that people keep: if this test fails, it is
// the change that is wrong.
func TestEncodingIsForEver(t *testing.T) {
	bare := Recorded{Event: Event{ID: uuid.UUID{15: 1}, Type: "E", ContentType: JSON}, Position: 1, RecordedAt: time.Unix(0, 0).UTC()}
	for _, c := range []struct {
		name   string
		event  Recorded
		bytes  []string
		digest string
	}{
		{"everything", full(), []string{
			"01", "00", // version, flags
			"00112233445566778899aabbccddeeff",
			"0201000000000000", "0300000000000000", // position, version
			"00ca9a3b00000000", "0100000000000000", // recorded at, happened at
			"0800", "0400", "0200", "0600", // stream, type, tags, content type
			"02000000", "0b000000", // metadata, data
			hex.EncodeToString([]byte("order-42")), hex.EncodeToString([]byte("Paid")), hex.EncodeToString([]byte("text/x")),
			"0100", "61", "0200", "6263",
			"6d00", hex.EncodeToString([]byte(`{"cents":5}`)),
		}, "8f3cc96c26042b8705c175c56ff8ba33a86bc213bd13770edfb2964d241c2b74"},
		{"a stub", full().AsStub(), []string{
			"01", "01", // version, flags
			"00112233445566778899aabbccddeeff",
			"0201000000000000", "0300000000000000", // position, version
			"00ca9a3b00000000", "0000000000000080", // recorded at, happened at
			"0800", "0800", "0200", "0000", // stream, hash of the type, hashes of tags, content type
			"00000000", "20000000", // metadata, digest
			hex.EncodeToString([]byte("order-42")), "346a9c67dd5aba9a",
			"0800", "b61202a12292094b", "0800", "93bd1f5a8ddac5ed",
			"8f3cc96c26042b8705c175c56ff8ba33a86bc213bd13770edfb2964d241c2b74",
		}, "8f3cc96c26042b8705c175c56ff8ba33a86bc213bd13770edfb2964d241c2b74"},
		{"hardly anything", bare, []string{
			"01", "00",
			"00000000000000000000000000000001",
			"0100000000000000", "0000000000000000",
			"0000000000000000", "0000000000000080",
			"0000", "0100", "0000", "0000",
			"00000000", "00000000",
			"45",
		}, "8216d70d42bbddd67e72ade0ab60554e10a3fdf7c3c959cf3f0105b68ce5fa68"},
	} {
		got, err := c.event.AppendBinary(nil)
		if want := strings.Join(c.bytes, ""); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s is encoded as\n%x (%v), want\n%s", c.name, got, err, want)
		}
		digest := c.event.Digest()
		if hex.EncodeToString(digest[:]) != c.digest {
			t.Errorf("the digest of %s is %x, want %s", c.name, digest, c.digest)
		}
		if c.event.Stub == nil && len(got) != c.event.Size() {
			t.Errorf("%s is encoded in %d bytes, and its size is %d", c.name, len(got), c.event.Size())
		}
	}
}

func TestEncodingRoundTrip(t *testing.T) {
	many := full()
	many.Tags = make([]string, MaxTags)
	for i := range many.Tags {
		many.Tags[i] = strings.Repeat("t", i%100+1)
	}
	edges := full()
	edges.HappenedAt, edges.RecordedAt, edges.Position, edges.Version = firstTime, lastTime, 1<<63-1, 1<<63-1
	edges.Stream, edges.Data, edges.Metadata = strings.Repeat("s", MaxNameBytes), bytes.Repeat([]byte{0xff, 0}, 100_000), nil
	for name, r := range map[string]Recorded{"full": full(), "many tags": many, "edges": edges, "stub": full().AsStub(), "zero": {}} {
		encoded, err := r.AppendBinary([]byte("before"))
		if err != nil || string(encoded[:6]) != "before" {
			t.Fatalf("%s: %v, %q", name, err, encoded[:6])
		}
		encoded = encoded[6:]
		var decoded Recorded
		if err := decoded.UnmarshalBinary(encoded); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if decoded.Digest() != r.Digest() || !decoded.HappenedAt.Equal(r.HappenedAt) || decoded.HappenedAt.IsZero() != r.HappenedAt.IsZero() {
			t.Errorf("%s is decoded as %+v, and was %+v", name, decoded, r)
		}
		clear(encoded)
		if again, _ := decoded.AppendBinary(nil); bytes.Equal(again, encoded) {
			t.Errorf("%s refers to the bytes that it was decoded from", name)
		}
	}
}

func TestNilAndEmptyAreTheSameEvent(t *testing.T) {
	with, without := full(), full()
	with.Data, with.Metadata, with.Tags, with.ContentType = []byte{}, []byte{}, []string{}, JSON
	without.Data, without.Metadata, without.Tags, without.ContentType = nil, nil, nil, ""
	if with.Digest() != without.Digest() {
		t.Error("an event with empty data, metadata and tags is another than one without")
	}
}

func TestEveryFieldIsInTheDigest(t *testing.T) {
	seen := map[[32]byte]string{full().Digest(): "nothing"}
	for name, change := range map[string]func(*Recorded){
		"id": func(r *Recorded) { r.ID[0]++ }, "stream": func(r *Recorded) { r.Stream = "order-4" }, "type": func(r *Recorded) { r.Type = "2Paid" },
		"tag": func(r *Recorded) { r.Tags[1] = "bd" }, "order of tags": func(r *Recorded) { r.Tags[0], r.Tags[1] = r.Tags[1], r.Tags[0] }, "border of tags": func(r *Recorded) { r.Tags = []string{"ab", "c"} },
		"data": func(r *Recorded) { r.Data[0]++ }, "content type": func(r *Recorded) { r.ContentType = JSON }, "metadata": func(r *Recorded) { r.Metadata = nil },
		"happened at": func(r *Recorded) { r.HappenedAt = time.Time{} }, "recorded at": func(r *Recorded) { r.RecordedAt = r.RecordedAt.Add(1) },
		"position": func(r *Recorded) { r.Position++ }, "version": func(r *Recorded) { r.Version++ },
	} {
		r := full()
		change(&r)
		if same, twice := seen[r.Digest()]; twice {
			t.Errorf("changing %s gives the digest of changing %s", name, same)
		}
		seen[r.Digest()] = name
	}
}

func TestDamagedEncodingsAreRefused(t *testing.T) {
	whole, _ := full().AppendBinary(nil)
	for n := range whole {
		var r Recorded
		if err := r.UnmarshalBinary(whole[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are taken for an event", n, len(whole))
		}
	}
	var r Recorded
	if err := r.UnmarshalBinary(append(whole, 0)); err == nil || !strings.Contains(err.Error(), "1 bytes more") {
		t.Errorf("a byte too many is answered %v", err)
	}
	for i, says := range map[int]string{0: "version 2", 1: "other parts than a stub", 50: "ends before", 54: "ends before", 61: "ends before", 65: "ends before"} {
		damaged := bytes.Clone(whole)
		damaged[i]++
		if err := r.UnmarshalBinary(damaged); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("with another byte %d the answer is %v, want %q", i, err, says)
		}
	}
	damaged := bytes.Clone(whole)
	damaged[1] = 2
	if err := r.UnmarshalBinary(damaged); err == nil || !strings.Contains(err.Error(), "flags 0x2") {
		t.Errorf("an unknown flag is answered %v", err)
	}
	typical := full()
	typical.ContentType = strings.Repeat("x", len(JSON))
	second, _ := typical.AppendBinary(nil)
	second = bytes.Replace(second, []byte(typical.ContentType), []byte(JSON), 1)
	if err := r.UnmarshalBinary(second); err == nil || !strings.Contains(err.Error(), "encoded as nothing") {
		t.Errorf("a second encoding of one event is answered %v", err)
	}
	if r.Type != "" {
		t.Errorf("a failed decoding left %+v", r)
	}
}

// What can be decoded is what the encoder writes, byte for byte: an event has one
// encoding.
func FuzzUnmarshalBinary(f *testing.F) {
	for _, r := range []Recorded{full(), {}, {Event: Event{Type: "E", Tags: []string{"", "x"}}}} {
		encoded, _ := r.AppendBinary(nil)
		f.Add(encoded)
	}
	named := full()
	named.ContentType = strings.Repeat("x", len(JSON))
	encoded, _ := named.AppendBinary(nil)
	f.Add(bytes.Replace(encoded, []byte(named.ContentType), []byte(JSON), 1))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var r Recorded
		if r.UnmarshalBinary(encoded) != nil {
			return
		}
		again, err := r.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, encoded) {
			t.Errorf("%x is decoded, and encoded again as %x (%v)", encoded, again, err)
		}
	})
}
