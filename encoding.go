package daybook

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The canonical encoding of a recorded event. These bytes are hashed into digests
// that people keep; numbers are little-endian.
//
//	offset  size  what
//	     0     1  version of this encoding: 1
//	     1     1  flags: 1 is a stub
//	     2    16  id
//	    18     8  position
//	    26     8  version in the stream
//	    34     8  recorded at, nanoseconds since 1970 in UTC
//	    42     8  happened at, likewise; the lowest value where nobody said
//	    50     2  s: bytes of the stream's name
//	    52     2  t: bytes of the type
//	    54     2  g: number of tags
//	    56     2  c: bytes of the content type; zero for application/json
//	    58     4  m: bytes of the metadata
//	    62     4  d: bytes of the data
//	    66     s  stream, then t type, c content type, the g tags (each two bytes of
//	              length and its bytes), m metadata, d data
//
// A stub has the eight bytes of a hash in place of its type and of each tag, the 32
// bytes of the digest in place of the data, and neither content type nor metadata nor
// the time at which it happened.
const (
	encodingVersion = 1
	stubFlag        = 1
	encodedHeader   = 66
	noTime          = math.MinInt64
)

// Size returns the number of bytes that the event takes in the canonical encoding,
// which is what limits and statistics count.
func (e Event) Size() int {
	n := encodedHeader + len(e.Stream) + len(e.Type) + len(e.Metadata) + len(e.Data)
	if e.ContentType != JSON {
		n += len(e.ContentType)
	}
	for _, tag := range e.Tags {
		n += 2 + len(tag)
	}
	return n
}

// AppendBinary appends the canonical encoding of the event, which must be one that a
// store recorded, to b. Two events are the same if and only if their encodings are;
// whether one is forgotten is not part of it. The error is always nil.
func (r Recorded) AppendBinary(b []byte) ([]byte, error) {
	contentType := r.ContentType
	if contentType == JSON {
		contentType = ""
	}
	flags := byte(0)
	if r.Stub != nil {
		flags = stubFlag
		r.Event = r.Stub.encoded(r.Event)
	}
	b = append(b, encodingVersion, flags)
	b = append(b, r.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Position))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Version))
	b = binary.LittleEndian.AppendUint64(b, uint64(nanoseconds(r.RecordedAt)))
	b = binary.LittleEndian.AppendUint64(b, uint64(nanoseconds(r.HappenedAt)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Stream)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Type)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.Tags)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(contentType)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Metadata)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Data)))
	b = append(b, r.Stream...)
	b = append(b, r.Type...)
	b = append(b, contentType...)
	for _, tag := range r.Tags {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(tag)))
		b = append(b, tag...)
	}
	b = append(b, r.Metadata...)
	return append(b, r.Data...), nil
}

// UnmarshalBinary reads what [Recorded.AppendBinary] wrote, which must be all of b.
// The event's bytes are copies. On an error the event is unchanged.
func (r *Recorded) UnmarshalBinary(b []byte) error {
	if len(b) < encodedHeader {
		return fmt.Errorf("daybook: an encoded event has at least %d bytes, and this has %d", encodedHeader, len(b))
	}
	if b[0] != encodingVersion || b[1]&^stubFlag != 0 {
		return fmt.Errorf("daybook: this program reads version %d of encoded events, and this is version %d with flags %#x", encodingVersion, b[0], b[1])
	}
	le := binary.LittleEndian
	decoded := Recorded{
		Position:   Position(le.Uint64(b[18:])),
		Version:    Version(le.Uint64(b[26:])),
		RecordedAt: timeOf(int64(le.Uint64(b[34:]))),
	}
	copy(decoded.ID[:], b[2:18])
	decoded.HappenedAt = timeOf(int64(le.Uint64(b[42:])))
	tags, metadata, data := int(le.Uint16(b[54:])), int(le.Uint32(b[58:])), int(le.Uint32(b[62:]))

	rest := b[encodedHeader:]
	short := false
	take := func(n int) []byte {
		if n > len(rest) {
			short, n = true, len(rest)
		}
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	decoded.Stream = string(take(int(le.Uint16(b[50:]))))
	decoded.Type = string(take(int(le.Uint16(b[52:]))))
	decoded.ContentType = string(take(int(le.Uint16(b[56:]))))
	switch decoded.ContentType {
	case JSON:
		return fmt.Errorf("daybook: an encoded event names its content type %s, which is encoded as nothing", JSON)
	case "":
		decoded.ContentType = JSON
	}
	for i := 0; i < tags && !short; i++ {
		size := take(2)
		if short {
			break
		}
		decoded.Tags = append(decoded.Tags, string(take(int(le.Uint16(size)))))
	}
	decoded.Metadata = append([]byte(nil), take(metadata)...)
	decoded.Data = append([]byte(nil), take(data)...)
	if short {
		return errors.New("daybook: an encoded event ends before its lengths say")
	}
	if len(rest) > 0 {
		return fmt.Errorf("daybook: an encoded event has %d bytes more than its lengths say", len(rest))
	}
	if b[1]&stubFlag != 0 {
		if err := decoded.decodeStub(); err != nil {
			return err
		}
	}
	*r = decoded
	return nil
}

// encoded returns the event of a stub as it is encoded: hashes stand for names.
func (s *Stub) encoded(e Event) Event {
	e = Event{ID: e.ID, Stream: e.Stream, Data: s.Digest[:]}
	e.Type = string(binary.LittleEndian.AppendUint64(nil, s.TypeHash))
	for _, hash := range s.TagHashes {
		e.Tags = append(e.Tags, string(binary.LittleEndian.AppendUint64(nil, hash)))
	}
	return e
}

// decodeStub makes a stub of an event that was encoded as one.
func (r *Recorded) decodeStub() error {
	stub := new(Stub)
	if len(r.Type) != 8 || len(r.Data) != len(stub.Digest) || r.ContentType != JSON || len(r.Metadata) > 0 || !r.HappenedAt.IsZero() {
		return errors.New("daybook: an encoded stub has other parts than a stub has")
	}
	stub.TypeHash = binary.LittleEndian.Uint64([]byte(r.Type))
	for _, tag := range r.Tags {
		if len(tag) != 8 {
			return errors.New("daybook: an encoded stub has a tag that is no hash")
		}
		stub.TagHashes = append(stub.TagHashes, binary.LittleEndian.Uint64([]byte(tag)))
	}
	copy(stub.Digest[:], r.Data)
	r.Event = Event{ID: r.ID, Stream: r.Stream}
	r.Stub, r.Forgotten = stub, true
	return nil
}

// Digest returns the SHA-256 of the event's canonical encoding, by which copies of
// it are compared. That of a stub is the digest of the event that it was.
func (r Recorded) Digest() [sha256.Size]byte {
	if r.Stub != nil {
		return r.Stub.Digest
	}
	encoded, _ := r.AppendBinary(make([]byte, 0, r.Size())) // appending to memory does not fail
	return sha256.Sum256(encoded)
}

func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return t.UnixNano()
}

func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == noTime {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds).UTC()
}
