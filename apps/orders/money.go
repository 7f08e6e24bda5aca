package orders

import (
	"fmt"
	"strconv"
	"strings"
)

// Currency is what the shop sells in, as ISO 4217 has it. A shop has one: sums over
// several would mean nothing.
const Currency = "BRL"

// Cents is an amount of money in hundredths of the [Currency]. In JSON it is a whole
// number: 100 is one real.
type Cents int64

// MaxCents bounds a single amount, at ten thousand million reais: a thousand lines of
// it still add up in 64 bits.
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
