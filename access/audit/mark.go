package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
)

// A Mark stands for the first entries of an audit log, so many and no more. The zero Mark stands
// for none of them.
type Mark struct {
	// Entries is how many they are.
	Entries uint64
	// Digest is that of the mark before, and of the last entry as it is recorded.
	Digest [sha256.Size]byte
}

// String returns the mark as people keep it: "42:" and 64 hexadecimal digits.
func (m Mark) String() string { return fmt.Sprintf("%d:%x", m.Entries, m.Digest) }

// ParseMark reads what [Mark.String] wrote.
func ParseMark(text string) (Mark, error) {
	wrong := &daybook.InvalidError{What: "mark", Value: text, Reason: "is not written as a number, a colon, and 64 hexadecimal digits"}
	number, digits, _ := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return Mark{}, wrong
	}
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size {
		return Mark{}, wrong
	}
	return Mark{Entries: n, Digest: [sha256.Size]byte(sum)}, nil
}

// start is the mark of a log without entries.
var start = Mark{Digest: sha256.Sum256([]byte("daybook audit log, version 1"))}

// and returns the mark after one more entry. The digest of a recorded event stands for all of
// it: position, version and times too.
func (m Mark) and(e daybook.Recorded) Mark {
	digest := e.Digest()
	return Mark{Entries: m.Entries + 1, Digest: sha256.Sum256(append(m.Digest[:], digest[:]...))}
}
