package library

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook"
)

// An ISBN is the number of a book: thirteen digits without hyphens, the last of which
// follows from the others. Make it with [ParseISBN].
//
// What a request has in place of one is read as it is, so that the request can be told
// what is wrong with it: see [ISBN.Validate].
type ISBN string

// ParseISBN returns the number that a text says, of ten or of thirteen digits, with or
// without hyphens and spaces. An ISBN of ten digits is told by its thirteen. The error says
// why a text is none, and is a [*daybook.InvalidError].
func ParseISBN(text string) (ISBN, error) {
	digits := strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\u2010", "", "\u2011", "", "\u2013", "").Replace(text))
	switch len(digits) {
	case 10:
		if !isNumber(digits[:9]) || !isNumber(digits[9:]) && digits[9] != 'X' {
			return "", wrongISBN(text, "is not made of digits")
		}
		if want := checkOf9(digits[:9]); digits[9] != want {
			return "", wrongISBN(text, "is none: after %s comes %c, so a digit is mistyped", digits[:9], want)
		}
		twelve := "978" + digits[:9]
		return ISBN(twelve + string(checkOf12(twelve))), nil
	case 13:
		switch {
		case !isNumber(digits):
			return "", wrongISBN(text, "is not made of digits")
		case !strings.HasPrefix(digits, "978") && !strings.HasPrefix(digits, "979"):
			return "", wrongISBN(text, "has 13 digits, and does not begin with 978 or 979")
		}
		if want := checkOf12(digits[:12]); digits[12] != want {
			return "", wrongISBN(text, "is none: after %s comes %c, so a digit is mistyped", digits[:12], want)
		}
		return ISBN(digits), nil
	}
	return "", wrongISBN(text, "has %d signs that count, and should have 10 or 13", len(digits))
}

func wrongISBN(text, reason string, args ...any) error {
	return &daybook.InvalidError{What: "ISBN", Value: text, Reason: fmt.Sprintf(reason, args...)}
}

// checkOf9 returns the last character of an ISBN of ten that begins with these nine
// digits: weighted by ten, nine and so on they come to a multiple of eleven, and X is ten.
func checkOf9(nine string) byte {
	sum := 0
	for i := range nine {
		sum += (10 - i) * int(nine[i]-'0')
	}
	if check := (11 - sum%11) % 11; check < 10 {
		return byte('0' + check)
	}
	return 'X'
}

// checkOf12 returns the last digit of an ISBN of thirteen that begins with these twelve:
// weighted by one and three in turns they come to a multiple of ten.
func checkOf12(twelve string) byte {
	sum := 0
	for i := range twelve {
		sum += (1 + i%2*2) * int(twelve[i]-'0')
	}
	return byte('0' + (10-sum%10)%10)
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// Ten returns the book's number in ten digits, as older books have it on their backs;
// false if it has none.
func (i ISBN) Ten() (string, bool) {
	if len(i) != 13 || !strings.HasPrefix(string(i), "978") {
		return "", false
	}
	nine := string(i[3:12])
	return nine + string(checkOf9(nine)), true
}

// Validate returns why it is no ISBN; nil if it is one.
func (i ISBN) Validate() error {
	if i == "" {
		return &daybook.InvalidError{What: "ISBN", Reason: "is missing"}
	}
	_, err := ParseISBN(string(i))
	return err
}

// UnmarshalText reads an ISBN in whatever way it is written. What is none is kept as it is,
// for [ISBN.Validate] to complain about.
func (i *ISBN) UnmarshalText(text []byte) error {
	parsed, err := ParseISBN(string(text))
	if err != nil {
		parsed = ISBN(text)
	}
	*i = parsed
	return nil
}
