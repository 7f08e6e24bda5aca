package publish

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Mark is what a bookmark keeps: how far the log was published. Everything that the
// query selects up to Point was sent, except for what is set aside and what was skipped.
// The zero Mark is that of a bookmark that was never moved.
type Mark struct {
	// ID identifies this mark: each one that is saved has another.
	ID uuid.UUID `json:"id"`
	// Point is the point up to which the log was published.
	Point daybook.Point `json:"point"`
	// Last is the position of the last event at or below Point that was dealt with, and
	// LastID its id. After the log was restored the bookmark is good if that event is still
	// there. They are zero if there was none.
	Last   daybook.Position `json:"last"`
	LastID uuid.UUID        `json:"last_id"`
	// Aside are the keys that are set aside, in order of position. A position may be above
	// that of Point.
	Aside []Aside `json:"aside,omitempty"`
	// Skipped are the newest events that were skipped, oldest first, a hundred at most.
	Skipped []Skip `json:"skipped,omitempty"`
}

// IsZero reports whether m is the mark of a bookmark that was never moved.
func (m Mark) IsZero() bool { return m.ID == uuid.Nil }

// clone returns a copy that shares nothing.
func (m Mark) clone() Mark {
	m.Aside, m.Skipped = slices.Clone(m.Aside), slices.Clone(m.Skipped)
	return m
}

// Aside is a key that is set aside: an event of it could not be sent, and those of the key
// that come after it, its followers, wait. It refers to events of the log, and holds none.
type Aside struct {
	// Key is the key.
	Key string `json:"key"`
	// Position and ID are those of the first event of the key that is to be sent.
	Position daybook.Position `json:"position"`
	ID       uuid.UUID        `json:"id"`
	// Cause is why it could not be sent: the text of an error, a thousand bytes at most.
	Cause string `json:"cause"`
	// Attempts is how often that was tried.
	Attempts int `json:"attempts"`
	// Since is when the key was set aside.
	Since time.Time `json:"since"`
	// Followers is how many events up to the mark's point wait behind it, and Newest the
	// position of the last of them.
	Followers uint64           `json:"followers"`
	Newest    daybook.Position `json:"newest,omitempty"`
}

// A Skip is an event that somebody decided not to send.
type Skip struct {
	Key      string           `json:"key"`
	Position daybook.Position `json:"position"`
	ID       uuid.UUID        `json:"id"`
	// Reason is what was given as the reason, and At when that was.
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// How much a mark may hold, so that a bookmark stays small.
const (
	maxSkips = 100
	maxCause = 1000 // bytes
)

// shorten returns at most n bytes of a text, cut between runes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
