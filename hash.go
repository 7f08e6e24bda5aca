package daybook

import "math/bits"

// A NameKind says what a name is the name of, so that a type and a tag that are
// written alike have different hashes. These numbers are on people's disks.
type NameKind byte

// The kinds of name that are hashed.
const (
	StreamName   NameKind = 1
	CategoryName NameKind = 2
	TypeName     NameKind = 3
	TagName      NameKind = 4
	IDName       NameKind = 5 // the 16 bytes of an id
)

// The odd constants of wyhash, whose mixing this is.
const (
	hash0 = 0xa0761d6478bd642f
	hash1 = 0xe7037ed1a0b428db
	hash2 = 0x8ebc6af09c88c6e3
)

// HashName returns the 64-bit hash of a name of a kind, which stands for it where the
// name itself is gone (see [Stub]) and in indexes. It is never zero. Two names may
// share one, and whoever wants that can find such names: it says where to look, not who
// somebody is.
//
// With mix(a, b) the exclusive or of the two halves of the 128-bit product of a and b,
// the hash begins as mix(kind ^ hash0, length ^ hash1), becomes mix(hash ^ word, hash2)
// with each eight bytes of the name read as a little-endian number, and
// mix(hash ^ word, hash1) with the rest of them, which may be none.
func HashName[Name string | []byte](kind NameKind, name Name) uint64 {
	h := mix(uint64(kind)^hash0, uint64(len(name))^hash1)
	rest := name
	for len(rest) >= 8 {
		word := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		h = mix(h^word, hash2)
		rest = rest[8:]
	}
	var word uint64
	for i := range len(rest) {
		word |= uint64(rest[i]) << (8 * i)
	}
	h = mix(h^word, hash1)
	if h == 0 {
		return 1
	}
	return h
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
