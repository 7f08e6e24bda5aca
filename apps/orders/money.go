package orders

import "github.com/daybook-es/daybook/apps/internal/money"

// Currency is what the shop sells in, as ISO 4217 has it. A shop has one: sums over
// several would mean nothing.
const Currency = "BRL"

// Cents is an amount of money in hundredths of the [Currency]. In JSON it is a whole
// number: 100 is one real.
type Cents = money.Cents

// MaxCents bounds a single amount, at ten thousand million reais.
const MaxCents = money.MaxCents

// ParseCents reads an amount as people write it, such as "541", "35.9" or "-12.34".
func ParseCents(s string) (Cents, error) { return money.ParseCents(s) }
