package readmodel

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/daybook-es/daybook"
)

// A Cursor stands right after one entry of a list: the next page goes on there, so an entry
// that comes or changes in between is neither repeated nor does it push another one out.
type Cursor struct {
	// Value or Text, and ID, are what that entry has in the column the list is sorted by,
	// and its id, which orders those that are equal in it.
	Value int64  `json:"v"`
	Text  string `json:"t,omitempty"`
	ID    string `json:"id"`
	// Life and View name the log and the version of the read model, and Question the list,
	// that it is of.
	Life     daybook.Point `json:"life"`
	View     int           `json:"view"`
	Question string        `json:"q"`
}

// Encode returns the cursor as clients send it back.
func (c Cursor) Encode() string {
	encoded, _ := json.Marshal(c) // numbers and text always marshal
	return base64.RawURLEncoding.EncodeToString(encoded)
}

// ParseCursor returns what a cursor says, if it is one of the list that answers this
// question, from this version of the read model. Otherwise it is a
// [*daybook.InvalidError] or, if it is from before the log was restored, a
// [*daybook.LifeError].
func ParseCursor(given, question string, view int, at daybook.Point) (c Cursor, err error) {
	encoded, err := base64.RawURLEncoding.DecodeString(given)
	if err == nil {
		err = json.Unmarshal(encoded, &c)
	}
	switch {
	case err != nil:
		return c, &daybook.InvalidError{What: "cursor", Value: given, Reason: "is none that a list gave"}
	case c.Question != question || c.View != view:
		return c, &daybook.InvalidError{What: "cursor", Value: given, Reason: "is of another list; begin at its first page"}
	case !c.Life.SameLife(at):
		return c, &daybook.LifeError{Given: c.Life, Log: at}
	}
	return c, nil
}

// Question identifies what a filter asks, as cursors do.
func Question(filter any) string {
	encoded, _ := json.Marshal(filter) // a filter is of numbers and text
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}
