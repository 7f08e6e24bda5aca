package library

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook"
)

// A Card is the number of a reader's card: 1 to 32 letters, digits, dots, hyphens and
// underscores, in lower case. It says nothing about the reader outside of the library; it
// stands in tags, which stay readable for ever.
type Card string

// maxCard is the greatest length of a card's number.
const maxCard = 32

// Validate returns what is wrong with the number; nil if nothing is.
func (c Card) Validate() error {
	switch {
	case c == "":
		return &daybook.InvalidError{What: "reader's card", Reason: "is missing"}
	case len(c) > maxCard:
		return &daybook.InvalidError{What: "reader's card", Value: string(c), Reason: fmt.Sprintf("has %d signs, and at most %d are allowed", len(c), maxCard)}
	case strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		return &daybook.InvalidError{What: "reader's card", Value: string(c), Reason: "is not made of letters from a to z, digits, dots, hyphens and underscores"}
	}
	return nil
}

// UnmarshalText reads a number; capitals are as good as small letters.
func (c *Card) UnmarshalText(text []byte) error {
	*c = Card(strings.ToLower(strings.TrimSpace(string(text))))
	return nil
}
