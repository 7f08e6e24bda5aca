package library

import (
	"errors"
	"fmt"
	"strings"
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
		return errors.New("reader: is missing")
	case len(c) > maxCard:
		return fmt.Errorf("reader: a card's number has at most %d characters", maxCard)
	case strings.Trim(string(c), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "":
		return fmt.Errorf("reader: %q is no card's number; it is made of letters from a to z, digits, dots, hyphens and underscores", string(c))
	}
	return nil
}

// UnmarshalText reads a number; capitals are as good as small letters.
func (c *Card) UnmarshalText(text []byte) error {
	*c = Card(strings.ToLower(strings.TrimSpace(string(text))))
	return nil
}
