// Package check says what is wrong with what the commands of the applications hold.
package check

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// Required and Optional say whether [Text] takes nothing for an answer.
	Required = true
	Optional = false

	// MaxText is the greatest length of a line of text, in bytes.
	MaxText = 200
)

// Text checks a field that holds a line of text.
func Text(field, value string, needed bool) error {
	switch {
	case needed && strings.TrimSpace(value) == "":
		return fmt.Errorf("%s: is missing", field)
	case len(value) > MaxText:
		return fmt.Errorf("%s: is %d bytes long, and %d are allowed", field, len(value), MaxText)
	case !utf8.ValidString(value):
		return fmt.Errorf("%s: is not UTF-8", field)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%s: has a control character", field)
	}
	return nil
}

// Prose checks a field that holds lines of text, of at most so many bytes, or nothing.
func Prose(field, value string, most int) error {
	switch {
	case len(value) > most:
		return fmt.Errorf("%s: is %d bytes long, and %d are allowed", field, len(value), most)
	case !utf8.ValidString(value):
		return fmt.Errorf("%s: is not UTF-8", field)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }):
		return fmt.Errorf("%s: has a control character", field)
	}
	return nil
}
