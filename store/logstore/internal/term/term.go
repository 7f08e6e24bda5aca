// Package term turns what an event can be found by into 64-bit numbers: its id, its
// stream, the stream's category, its type and each of its tags. The numbers are on
// disk, in the index files; that two names may share one costs a look at an event that
// is not meant, never a wrong answer.
package term

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/google/uuid"
)

// A Kind says what a name is the name of. These numbers are on people's disks.
type Kind byte

// The kinds of term.
const (
	Stream   Kind = 1
	Category Kind = 2
	Type     Kind = 3
	Tag      Kind = 4
	ID       Kind = 5
)

// The odd constants of wyhash, whose mixing this is.
const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
)

// Hash returns the number of a name of a kind. It is never zero.
func Hash[Name string | []byte](kind Kind, name Name) uint64 {
	h := mix(uint64(kind)^k0, uint64(len(name))^k1)
	rest := name
	for len(rest) >= 8 {
		word := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		h = mix(h^word, k2)
		rest = rest[8:]
	}
	var word uint64
	for i := range len(rest) {
		word |= uint64(rest[i]) << (8 * i)
	}
	h = mix(h^word, k1)
	if h == 0 {
		return 1
	}
	return h
}

// OfID returns the number of an event's id.
func OfID(id uuid.UUID) uint64 { return Hash(ID, id[:]) }

// OfCategory returns the number of the category of a stream.
func OfCategory(stream []byte) uint64 {
	category, _, _ := bytes.Cut(stream, []byte("-"))
	return Hash(Category, category)
}

// Made returns the time at which an id was made, in the 48 bits that a UUID of version
// 7 begins with. Other ids, and those of version 8 that borrow such a time, are told
// apart by ok.
func Made(id uuid.UUID) (made uint64, ok bool) {
	return binary.BigEndian.Uint64(id[:8]) >> 16, id.Version() == 7
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
