package catalog

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/money"
)

// A Price is an amount of money, which JSON has as people write it: 19.90.
type Price = money.Price

// MaxPrice is the highest price.
const MaxPrice = Price(money.MaxCents)

// ParsePrice reads an amount as people write it, such as "541", "35.9" or "35.90".
func ParsePrice(s string) (Price, error) { return money.ParsePrice(s) }

// A SKU is the number of an article in the warehouse: 1 to 64 letters, digits, dots,
// hyphens, underscores and slashes. It is shown as it was written, and is the same in
// capitals.
type SKU string

// maxSKU is the greatest length of a SKU.
const maxSKU = 64

// skuSigns has the capitals, too: there are others whose small letter is one from a to z,
// such as the sign for kelvins, and no database takes them for the same.
const skuSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_/"

// Validate returns what is wrong with the SKU; nil if nothing is. None at all is fine.
func (s SKU) Validate() error {
	switch {
	case len(s) > maxSKU:
		return &daybook.InvalidError{What: "sku", Value: string(s), Reason: fmt.Sprintf("has %d signs, and at most %d are allowed", len(s), maxSKU)}
	case strings.Trim(string(s), skuSigns) != "":
		return &daybook.InvalidError{What: "sku", Value: string(s), Reason: "is not made of letters from a to z, digits, dots, hyphens, underscores and slashes"}
	}
	return nil
}

// folded returns what all ways of writing the SKU have in common.
func (s SKU) folded() SKU { return SKU(strings.ToLower(string(s))) }

// UnmarshalText reads a SKU, without the white space around it.
func (s *SKU) UnmarshalText(text []byte) error {
	*s = SKU(strings.TrimSpace(string(text)))
	return nil
}
