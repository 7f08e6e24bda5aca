package frame

import (
	"fmt"
	"math"
	"time"

	"github.com/daybook-es/daybook"
)

// MostGap is how far the last position of a frame may lie behind the first.
const MostGap = math.MaxUint16

// EncodeRecorded appends to b a frame of events as another log recorded them, at least
// one, with their versions; stubs become stubs. [daybook.PrepareRestored] must have passed
// them. It returns an error if the positions are too far apart for one frame. What is
// missing is filled in by [Frame.Seal], with the position of the first event.
func EncodeRecorded(b []byte, events []daybook.Recorded) (Frame, error) {
	start := len(b)
	b = append(b, make([]byte, HeaderBytes)...)
	first, flags := events[0].Position, uint32(0)
	for i := range events {
		gap := events[i].Position - first
		if gap > MostGap {
			return nil, fmt.Errorf("lies %d positions behind the first of its append, and %d are allowed", gap, MostGap)
		}
		if int(gap) != i {
			flags = gapsFlag
		}
		b = appendRecorded(b, events[i], len(b)-start, int(gap))
	}
	f := finish(b[start:], len(events))
	le.PutUint32(f[44:], flags)
	return f, nil
}

// appendRecorded appends an event of a frame, or a stub.
func appendRecorded(b []byte, r daybook.Recorded, fromFrame, place int) []byte {
	start := len(b)
	if r.Stub == nil {
		b = appendEvent(b, &r.Event, fromFrame, place)
	} else {
		b = appendEvent(b, hashed(r), fromFrame, place)
		b[start+10] |= stubFlag
	}
	Event(b[start:]).SetVersion(r.Version)
	return b
}

// hashed returns the event as which a stub is laid out.
func hashed(r daybook.Recorded) *daybook.Event {
	e := &daybook.Event{ID: r.ID, Stream: r.Stream, Data: r.Stub.Digest[:]}
	e.Type = string(le.AppendUint64(nil, r.Stub.TypeHash))
	for _, hash := range r.Stub.TagHashes {
		e.Tags = append(e.Tags, string(le.AppendUint64(nil, hash)))
	}
	return e
}

// recordedStub returns a stub of the frame as the vocabulary has it.
func (f Frame) recordedStub(e Event) daybook.Recorded {
	stub := &daybook.Stub{TypeHash: Hash(e.Type())}
	for tag := range e.Tags() {
		stub.TagHashes = append(stub.TagHashes, Hash(tag))
	}
	copy(stub.Digest[:], e[e.tagsAt()+int(le.Uint32(e[28:])):])
	return daybook.Recorded{
		Event:      daybook.Event{ID: e.ID(), Stream: string(e.Stream())},
		Position:   f.First() + daybook.Position(e.Place()),
		Version:    e.Version(),
		RecordedAt: time.Unix(0, f.Stamp()).UTC(),
		Forgotten:  true,
		Stub:       stub,
	}
}

// Rewrite appends to b the frame with stubs in place of the events that forgotten
// reports, by their offsets in it, and with another frame before it. Events that are
// stubs already stay so.
func (f Frame) Rewrite(b []byte, salt, before uint32, forgotten func(offset int) bool) []byte {
	start := len(b)
	b = append(b, f[:HeaderBytes]...)
	for offset, e := range f.Events() {
		at := len(b)
		if !e.IsStub() && forgotten(offset) {
			b = appendRecorded(b, f.Recorded(e).AsStub(), at-start, e.Place())
			continue
		}
		b = append(b, e[:e.length()]...)
		le.PutUint32(b[at+4:], uint32(at-start))
	}
	rewritten := finish(b[start:], f.Len())
	rewritten.Seal(salt, Seal{Before: before, First: f.First(), Durable: f.Durable(), Stamp: f.Stamp()})
	return b
}

// StubBytes returns how many bytes a stub of the event takes.
func (e Event) StubBytes() int {
	n := eventHeaderBytes + int(le.Uint16(e[12:])) + hashBytes + int(le.Uint16(e[18:]))*(2+hashBytes) + digestBytes
	return (n + Align - 1) / Align * Align
}

// Bytes returns how many bytes the event takes.
func (e Event) Bytes() int { return e.length() }
