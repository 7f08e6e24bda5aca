// Package money is amounts of money as the applications write them: whole hundredths in
// [Cents], and the same as people write them, such as 35.90, in [Price]. Neither is ever a
// floating-point number, which has no 35.90.
package money

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Cents is an amount of money in hundredths of its currency. In JSON it is a whole number:
// 100 is one unit.
type Cents int64

// MaxCents bounds a single amount, at ten thousand million: a thousand lines of it still
// add up in 64 bits.
const MaxCents Cents = 1_000_000_000_000

// ParseCents reads an amount as people write it, such as "541", "35.9" or "-12.34":
// digits, and at most two after a point. It is exact, and refuses everything else.
func ParseCents(s string) (Cents, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if !allDigits(whole) || pointed && !allDigits(fraction) {
		return 0, fmt.Errorf("%.40q is not an amount of money, such as 35.90", s)
	}
	if len(fraction) > 2 {
		return 0, fmt.Errorf("%.40q has more than two places after the point", s)
	}
	units, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil || Cents(units) > MaxCents {
		return 0, fmt.Errorf("%.40q is more than %s", s, MaxCents)
	}
	if negative {
		units = -units
	}
	return Cents(units), nil
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// String writes the amount with two places after the point: "541.00". [ParseCents]
// reads it.
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// A Price is an amount of money in hundredths which JSON has as people write it: 35.9, or
// "35.90" as text, is 3590 hundredths. It is written as a number with two places, 35.90.
type Price int64

// ParsePrice reads an amount as [ParseCents] does.
func ParsePrice(s string) (Price, error) {
	cents, err := ParseCents(s)
	return Price(cents), err
}

// String writes the amount with two places after the point: "541.00". [ParsePrice]
// reads it.
func (p Price) String() string { return Cents(p).String() }

// MarshalJSON implements [json.Marshaler].
func (p Price) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON implements [json.Unmarshaler]. A number is read digit by digit, as it
// stands there.
func (p *Price) UnmarshalJSON(data []byte) error {
	text := string(data)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	read, err := ParsePrice(text)
	if err != nil {
		return err
	}
	*p = read
	return nil
}
