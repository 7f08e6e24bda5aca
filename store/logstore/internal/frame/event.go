package frame

import (
	"fmt"
	"iter"
	"math"
	"time"
	"unsafe"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An event in a frame. Its position and its time are the frame's. These bytes are on
// people's disks; numbers are little-endian.
//
//	offset  size  what
//	     0     4  length with header and padding, a multiple of 8
//	     4     4  bytes from the beginning of the frame to here
//	     8     2  the event's place in the frame: its position less that of the first
//	    10     2  flags: 1 is a stub
//	    12     2  s: bytes of the stream's name
//	    14     2  t: bytes of the type
//	    16     2  c: bytes of the content type; zero for application/json
//	    18     2  g: number of tags
//	    20     4  m: bytes of the metadata
//	    24     4  d: bytes of the data
//	    28     4  n: bytes of all the tags with their lengths
//	    32    16  id
//	    48     8  version in the stream
//	    56     8  happened at, nanoseconds since 1970 in UTC; the lowest value where
//	              nobody said
//	    64     s  stream, then t type, c content type, the g tags (each two bytes of
//	              length and its bytes, n in all), m metadata, d data, zeros up to
//	              the next multiple of 8
//
// A stub has the eight bytes of a hash in place of its type and of each tag, the 32
// bytes of the digest in place of its data, and neither content type nor metadata nor
// the time at which it happened.
const (
	eventHeaderBytes = 64
	stubFlag         = 1
	hashBytes        = 8
	digestBytes      = 32
	noTime           = math.MinInt64
)

// EventHeaderBytes is the number of bytes from which [Event.FrameStart] can be told.
const EventHeaderBytes = eventHeaderBytes

// An Event is the bytes of one event, from its header to its end or past it. It lies in
// a [Frame] that is sound.
type Event []byte

// Encode appends a frame of these events to b, as far as it is known before the frame's
// turn has come: positions, versions, time and checksums are missing. There must be an
// event, and [daybook.Prepare] must have passed them. Nothing of the result refers to
// the events' bytes.
func Encode(b []byte, events []daybook.Event) Frame {
	start := len(b)
	b = append(b, make([]byte, HeaderBytes)...)
	for i := range events {
		b = appendEvent(b, &events[i], len(b)-start, i)
	}
	return finish(b[start:], len(events))
}

// finish fills in what is known of a frame when its events are laid out.
func finish(b []byte, events int) Frame {
	f := Frame(b)
	le.PutUint32(f[4:], uint32(len(f)))
	le.PutUint32(f[8:], magic)
	le.PutUint32(f[40:], uint32(events))
	return f
}

func appendEvent(b []byte, e *daybook.Event, fromFrame, place int) []byte {
	contentType := e.ContentType
	if contentType == daybook.JSON {
		contentType = ""
	}
	tagBytes := 0
	for _, tag := range e.Tags {
		tagBytes += 2 + len(tag)
	}
	happened := int64(noTime)
	if !e.HappenedAt.IsZero() {
		happened = e.HappenedAt.UnixNano()
	}

	start := len(b)
	b = le.AppendUint32(b, 0) // the length, when it is known
	b = le.AppendUint32(b, uint32(fromFrame))
	b = le.AppendUint16(b, uint16(place))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, uint16(len(e.Stream)))
	b = le.AppendUint16(b, uint16(len(e.Type)))
	b = le.AppendUint16(b, uint16(len(contentType)))
	b = le.AppendUint16(b, uint16(len(e.Tags)))
	b = le.AppendUint32(b, uint32(len(e.Metadata)))
	b = le.AppendUint32(b, uint32(len(e.Data)))
	b = le.AppendUint32(b, uint32(tagBytes))
	b = append(b, e.ID[:]...)
	b = le.AppendUint64(b, 0) // the version, when it is known
	b = le.AppendUint64(b, uint64(happened))
	b = append(b, e.Stream...)
	b = append(b, e.Type...)
	b = append(b, contentType...)
	for _, tag := range e.Tags {
		b = le.AppendUint16(b, uint16(len(tag)))
		b = append(b, tag...)
	}
	b = append(b, e.Metadata...)
	b = append(b, e.Data...)
	for (len(b)-start)%Align != 0 {
		b = append(b, 0)
	}
	le.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// Events yields the events of a frame with their offsets in it, in order.
func (f Frame) Events() iter.Seq2[int, Event] {
	return func(yield func(int, Event) bool) {
		for at := HeaderBytes; at < len(f); {
			e := Event(f[at:])
			if !yield(at, e) {
				return
			}
			at += e.length()
		}
	}
}

// At returns the event at an offset, which must be one that [Frame.Events] yields.
func (f Frame) At(offset int) Event { return Event(f[offset:]) }

func (e Event) length() int { return int(le.Uint32(e)) }

// FrameStart returns how many bytes before the event its frame begins, as far as the
// header of an event that was not checked can be believed.
func (e Event) FrameStart() int64 { return int64(le.Uint32(e[4:])) }

// Place returns the event's place in its frame, from zero.
func (e Event) Place() int { return int(le.Uint16(e[8:])) }

// ID returns the event's id.
func (e Event) ID() uuid.UUID { return uuid.UUID(e[32:48]) }

// Version returns the event's version in its stream.
func (e Event) Version() daybook.Version { return daybook.Version(le.Uint64(e[48:])) }

// SetVersion sets it, in a frame that is not yet sealed.
func (e Event) SetVersion(v daybook.Version) { le.PutUint64(e[48:], uint64(v)) }

// Stream returns the name of the event's stream, as bytes of the frame.
func (e Event) Stream() []byte { return e[eventHeaderBytes : eventHeaderBytes+int(le.Uint16(e[12:]))] }

// Type returns the event's type, as bytes of the frame.
func (e Event) Type() []byte {
	at := eventHeaderBytes + int(le.Uint16(e[12:]))
	return e[at : at+int(le.Uint16(e[14:]))]
}

func (e Event) contentTypeAt() int {
	return eventHeaderBytes + int(le.Uint16(e[12:])) + int(le.Uint16(e[14:]))
}

func (e Event) tagsAt() int { return e.contentTypeAt() + int(le.Uint16(e[16:])) }

// Tags yields the event's tags in their order, as bytes of the frame.
func (e Event) Tags() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		at := e.tagsAt()
		for range int(le.Uint16(e[18:])) {
			n := int(le.Uint16(e[at:]))
			if !yield(e[at+2 : at+2+n]) {
				return
			}
			at += 2 + n
		}
	}
}

// IsStub reports whether only a stub is left of the event. Its type and its tags are
// then hashes of eight bytes, which [Hash] reads.
func (e Event) IsStub() bool { return e[10]&stubFlag != 0 }

// Hash reads a hash that stands for a name in a stub.
func Hash(b []byte) uint64 { return le.Uint64(b) }

// HasType reports whether the event, which is no stub or is one, is of a type.
func (e Event) HasType(name string) bool {
	if e.IsStub() {
		return Hash(e.Type()) == daybook.HashName(daybook.TypeName, name)
	}
	return string(e.Type()) == name
}

// HasTag reports whether the event, which is no stub or is one, carries a tag.
func (e Event) HasTag(tag string) bool {
	if e.IsStub() {
		hash := daybook.HashName(daybook.TagName, tag)
		for t := range e.Tags() {
			if Hash(t) == hash {
				return true
			}
		}
		return false
	}
	for t := range e.Tags() {
		if string(t) == tag {
			return true
		}
	}
	return false
}

// check makes sure that nothing that is read of the event goes past its end. The event
// begins at an offset of its frame and has a place in it.
func (e Event) check(at, place int) error {
	if len(e) < eventHeaderBytes {
		return fmt.Errorf("event %d of a frame is cut off at %d of its bytes", place+1, len(e))
	}
	n := e.length()
	if n > len(e) || n%Align != 0 {
		return fmt.Errorf("event %d of a frame says that it has %d bytes where %d are left", place+1, n, len(e))
	}
	if e.FrameStart() != int64(at) {
		return fmt.Errorf("event %d of a frame is not where it says that it is", place+1)
	}
	flags := le.Uint16(e[10:])
	if flags&^stubFlag != 0 {
		return fmt.Errorf("event %d of a frame has flags %#x, which this program does not know", place+1, flags)
	}
	tagsAt, tagBytes := e.tagsAt(), int(le.Uint32(e[28:]))
	metadata, data := int(le.Uint32(e[20:])), int(le.Uint32(e[24:]))
	end := tagsAt + tagBytes + metadata + data
	if (end+Align-1)/Align*Align != n {
		return fmt.Errorf("event %d of a frame has %d bytes, and its parts %d", place+1, n, end)
	}
	for range int(le.Uint16(e[18:])) {
		if tagBytes < 2 || tagBytes < 2+int(le.Uint16(e[tagsAt:])) {
			return fmt.Errorf("the tags of event %d of a frame are longer than they say", place+1)
		}
		size := 2 + int(le.Uint16(e[tagsAt:]))
		tagsAt += size
		tagBytes -= size
	}
	if tagBytes != 0 {
		return fmt.Errorf("the tags of event %d of a frame are shorter than they say", place+1)
	}
	if flags&stubFlag != 0 && !e.soundStub() {
		return fmt.Errorf("event %d of a frame is a stub with other parts than a stub has", place+1)
	}
	return nil
}

// soundStub reports whether the parts of a stub are as long as those of a stub are.
func (e Event) soundStub() bool {
	for tag := range e.Tags() {
		if len(tag) != hashBytes {
			return false
		}
	}
	return le.Uint16(e[14:]) == hashBytes && le.Uint16(e[16:]) == 0 && le.Uint32(e[20:]) == 0 &&
		le.Uint32(e[24:]) == digestBytes && int64(le.Uint64(e[56:])) == noTime
}

// Recorded returns an event of the frame as the vocabulary has it. It shares no bytes
// with the frame.
func (f Frame) Recorded(e Event) (r daybook.Recorded) {
	if e.IsStub() {
		return f.recordedStub(e)
	}
	// One copy for all that has a length of its own, so an event that is kept keeps
	// nothing else alive: two pieces of memory with the tags, half the time of four.
	f.record(&r, e, append([]byte(nil), e.body()...), nil)
	return r
}

// Borrow makes r what [Frame.Recorded] returns, but its names, bytes and tags are those
// of the frame, and may be looked at for as long as the frame's bytes do not change. The
// tags are appended to some, of which the caller makes use again. A stub shares nothing.
func (f Frame) Borrow(r *daybook.Recorded, e Event, tags []string) {
	if e.IsStub() {
		*r = f.recordedStub(e)
		return
	}
	f.record(r, e, e.body(), tags)
}

// body returns what stands behind the header: names, metadata and data, without padding.
func (e Event) body() []byte {
	end := e.tagsAt() + int(le.Uint32(e[28:])) + int(le.Uint32(e[20:])) + int(le.Uint32(e[24:]))
	return e[eventHeaderBytes:end]
}

// record makes r the event that has a body, whose bytes it shares.
func (f Frame) record(r *daybook.Recorded, e Event, body []byte, tags []string) {
	stream, kind, contentType := int(le.Uint16(e[12:])), int(le.Uint16(e[14:])), int(le.Uint16(e[16:]))
	tagBytes, metadata := int(le.Uint32(e[28:])), int(le.Uint32(e[20:]))
	tagsAt := stream + kind + contentType
	// Strings are made of the bytes where they lie: either the body was copied for this
	// event and nobody can change it but the caller who has been told not to, or the
	// caller has been told that it is borrowed.
	// #nosec G103 -- the bytes were checked with the frame, and are as many
	names := unsafe.String(unsafe.SliceData(body), tagsAt+tagBytes)

	// The event is filled in where it is: it has 300 bytes, and each time it is copied
	// is a tenth of what it costs to borrow one.
	*r = daybook.Recorded{}
	r.ID, r.Stream, r.Type, r.ContentType = e.ID(), names[:stream], names[stream:stream+kind], daybook.JSON
	r.HappenedAt = Time(int64(le.Uint64(e[56:])))
	r.Position, r.Version = f.First()+daybook.Position(e.Place()), e.Version()
	r.RecordedAt = time.Unix(0, f.Stamp()).UTC()
	if contentType > 0 {
		r.ContentType = names[stream+kind : tagsAt]
	}
	payload := body[tagsAt+tagBytes:]
	if metadata > 0 {
		r.Metadata = payload[:metadata:metadata]
	}
	if data := payload[metadata:]; len(data) > 0 {
		r.Data = data[:len(data):len(data)]
	}
	if n := int(le.Uint16(e[18:])); n > 0 {
		if cap(tags) < n {
			tags = make([]string, 0, n)
		}
		rest := names[tagsAt:]
		for range n {
			size := int(rest[0]) | int(rest[1])<<8
			tags = append(tags, rest[2:2+size])
			rest = rest[2+size:]
		}
		r.Tags = tags
	}
}

// Time returns the time that a number of nanoseconds stands for; the lowest one stands
// for the zero time.
func Time(nanoseconds int64) time.Time {
	if nanoseconds == noTime {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}

// IsAbout reports whether the event is about a stream: whether it says what of that
// stream is forgotten.
func (e Event) IsAbout() bool {
	return le.Uint16(e[12:]) > 2 && e[eventHeaderBytes] == '$' && e[eventHeaderBytes+1] == '$'
}
