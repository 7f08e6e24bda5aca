// Package term turns what an event can be found by into 64-bit numbers: its id, its
// stream, the stream's category, its type and each of its tags. The numbers are on
// disk, in the index files; that two names may share one costs a look at an event that
// is not meant, never a wrong answer.
package term

import (
	"bytes"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Hash returns the number of a name of a kind: its [daybook.HashName].
func Hash[Name string | []byte](kind daybook.NameKind, name Name) uint64 {
	return daybook.HashName(kind, name)
}

// The kinds of term.
const (
	Stream   = daybook.StreamName
	Category = daybook.CategoryName
	Type     = daybook.TypeName
	Tag      = daybook.TagName
	ID       = daybook.IDName
)

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
