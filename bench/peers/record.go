package peers

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/daybook-es/daybook"
)

// Terms in one event of the benchmark: its stream, category, type, tag and id.
const termsPerEvent = 5

// terms returns the hashes under which an event is found.
func terms(hashes []uint64, e *daybook.Event) []uint64 {
	hashes = append(hashes, streamTerm(e.Stream), term('c', e.Category()), term('t', e.Type))
	for _, tag := range e.Tags {
		hashes = append(hashes, term('g', tag))
	}
	return append(hashes, xxhash.Sum64(e.ID[:]))
}

func streamTerm(stream string) uint64 { return term('s', stream) }

func term(kind byte, name string) uint64 {
	// A different factor for each kind keeps a tag from being taken for a stream.
	return xxhash.Sum64String(name) * (uint64(kind)<<1 | 1)
}

// encode appends the canonical encoding of an event recorded now.
func encode(b []byte, e *daybook.Event, position uint64, now time.Time) []byte {
	b, _ = daybook.Recorded{Event: *e, Position: daybook.Position(position), RecordedAt: now}.AppendBinary(b) // never fails
	return b
}

// dataOf returns the data of an event in the canonical encoding, which ends with it.
func dataOf(encoded []byte) []byte {
	return encoded[len(encoded)-int(binary.LittleEndian.Uint32(encoded[62:])):]
}

// eventKey is under what an event is kept, in order of position.
func eventKey(b []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 'e'), position)
}

// termKey is under what a term's event is found: by term, then position.
func termKey(b []byte, term, position uint64) []byte {
	b = binary.BigEndian.AppendUint64(append(b, 't'), term)
	return binary.BigEndian.AppendUint64(b, position)
}
