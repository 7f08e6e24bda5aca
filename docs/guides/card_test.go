// Package guides has the code that the guides beside it show: gift cards, from
// their first fact to a fact whose shape has changed.
package guides

import (
	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/decider"
)

// Facts: what can happen to a gift card, in the past tense.
type (
	Issued struct{ Cents int }
	Spent  struct{ Cents int }
)

// Card is what a decision about a card needs to know of its past, and no more.
type Card struct {
	Issued bool
	Left   int
}

// Cards says what each fact is called, for ever, and how it changes a card.
var Cards = decider.For("card",
	decider.On("CardIssued", func(c *Card, e Issued) { c.Issued, c.Left = true, e.Cents }),
	decider.On("CardSpent", func(c *Card, e Spent) { c.Left -= e.Cents }),
)

// The reasons for which the shop says no.
var (
	ErrNoCard    = daybook.NewRule("card-exists", "there is no such card")
	ErrTooLittle = daybook.NewRule("card-covers", "there is not enough left on the card")
)

// Issue puts money on a new card.
func Issue(cents int) decider.Decision[Card] {
	return func(c Card) ([]any, error) {
		if c.Issued {
			return nil, nil // it is issued already: nothing to add
		}
		return []any{Issued{cents}}, nil
	}
}

// Spend pays with a card.
func Spend(cents int) decider.Decision[Card] {
	return func(c Card) ([]any, error) {
		switch {
		case !c.Issued:
			return nil, ErrNoCard
		case cents > c.Left:
			return nil, ErrTooLittle
		}
		return []any{Spent{cents}}, nil
	}
}
