package daybook

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// DeriveID returns a UUID of version 8 computed from seed and part alone: the same
// two always give the same id. The events of a command, and what the command
// creates, get their ids this way, so that a retry finds them again.
//
// If seed is a UUID of version 7, its first 48 bits, the time at which it was
// made, stand in front of the derived one too, so that ids made at about the same
// time stay near each other in an index. The rest is the head of the SHA-256 of
// seed, a zero byte and part.
func DeriveID(seed uuid.UUID, part string) uuid.UUID {
	id := uuid.UUID(hash16(seed[:], []byte{0}, []byte(part)))
	if seed.Version() == 7 {
		copy(id[:6], seed[:6])
	}
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// EventID returns the id of the n-th event, counted from zero, of the command with
// this id: [DeriveID] of the command's id and n as eight big-endian bytes.
func EventID(command uuid.UUID, n int) uuid.UUID {
	var part [8]byte
	binary.BigEndian.PutUint64(part[:], uint64(n))
	return DeriveID(command, string(part[:]))
}

// hash16 returns the first 16 bytes of the SHA-256 of parts laid end to end.
func hash16(parts ...[]byte) (head [16]byte) {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	copy(head[:], h.Sum(nil))
	return head
}

// parseUUID reads a UUID in the one form that String writes. uuid.Parse alone would
// take braces, URNs and capitals as well, and one point would have several names.
func parseUUID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err == nil && id.String() != s {
		err = fmt.Errorf("%q is not written as UUIDs are", s)
	}
	return id, err
}
