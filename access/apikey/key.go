package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
)

// A Key is what is known of a key: everything but its secret.
type Key struct {
	// ID is its name, which is no secret: 16 hexadecimal digits.
	ID string `json:"id"`
	// Name and Roles are those of the principal whom it was issued to.
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	// Scope bounds what may be done with it; nil does not.
	Scope *access.Scope `json:"scope,omitempty"`
	// Log is the log that it is for; the zero UUID is any.
	Log uuid.UUID `json:"log,omitzero"`
	// Until is when it ends; the zero time is never.
	Until time.Time `json:"until,omitzero"`
	// IssuedAt and IssuedBy say when it was issued, and by whom.
	IssuedAt time.Time `json:"issued_at"`
	IssuedBy string    `json:"issued_by,omitempty"`
	// RevokedAt is when it was revoked, zero if it was not; with by whom, and why.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	Reason    string    `json:"reason,omitempty"`

	digest [sha256.Size]byte
}

// Prefix is what every key begins with, so that one which was left lying about is known for
// what it is.
const Prefix = "dbk_"

const (
	idBytes     = 8
	secretBytes = 32
)

// secrets writes secrets in letters and digits that are hard to confuse.
var secrets = base32.StdEncoding.WithPadding(base32.NoPadding)

var shape = regexp.MustCompile(`^dbk_([0-9a-f]{16})_([a-z2-7]{52})$`)

// invent returns the id of a new key, and all of it.
func invent() (id, key string) {
	var random [idBytes + secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	id = hex.EncodeToString(random[:idBytes])
	return id, Prefix + id + "_" + strings.ToLower(secrets.EncodeToString(random[idBytes:]))
}

// taken returns the id and the digest of the secret of a key as it was sent, and whether it
// has the form of one.
func taken(key string) (id string, digest [sha256.Size]byte, well bool) {
	parts := shape.FindStringSubmatch(key)
	if parts == nil {
		return "", digest, false
	}
	return parts[1], sha256.Sum256([]byte(parts[2])), true
}
