package command

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An ID identifies a command. Everything sent under one id is the same command, which
// is decided and recorded once.
type ID uuid.UUID

// NewID returns an id of version 7 that no other command has. It panics if the
// system has no randomness to give.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// KeyID returns the id of the command that a principal sends under a key, such as
// an Idempotency-Key. Two principals, and two types of command, may use the same key
// for different commands.
func KeyID(principal, commandType, key string) ID {
	var seed []byte
	for _, part := range []string{principal, commandType, key} {
		seed = binary.BigEndian.AppendUint64(seed, uint64(len(part)))
		seed = append(seed, part...)
	}
	return ID(daybook.DeriveID(keys, string(seed)))
}

// keys is the namespace of ids derived from keys: a UUID made up once, for ever.
var keys = uuid.MustParse("6f0d2e9a-4f6b-4c7e-9d0b-3a5b1c8e7f42")

// Derive returns an id for something that the command creates, such as the order
// that PlaceOrder places. The part tells several apart. A retry of the command
// derives the same id.
func (id ID) Derive(part string) string {
	return daybook.DeriveID(uuid.UUID(id), part).String()
}

// EventID returns the id of the command's n-th event, counted from zero.
func (id ID) EventID(n int) uuid.UUID { return daybook.EventID(uuid.UUID(id), n) }

// String returns the id as UUIDs are written.
func (id ID) String() string { return uuid.UUID(id).String() }

// MarshalText returns what [ID.String] does.
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText reads what [ID.MarshalText] wrote.
func (id *ID) UnmarshalText(text []byte) error { return (*uuid.UUID)(id).UnmarshalText(text) }
