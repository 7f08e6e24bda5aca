package orders

import (
	"testing"

	"github.com/daybook-es/daybook/daybooktest"
)

// What most stories of an article begin with: ten lamps, two of which are kept.
var (
	received = StockReceived{SKU: "lamp", Quantity: 10, Supplier: "Lux"}
	reserved = StockReserved{SKU: "lamp", Order: "7", Quantity: 2}
)

func TestReceive(t *testing.T) {
	t.Run("pieces come on top of those there are", func(t *testing.T) {
		s := daybooktest.Given(t, Stock, received)
		s.When(Receive(StockReceived{SKU: "lamp", Quantity: 5})).Then(StockReceived{SKU: "lamp", Quantity: 5})
		if got, want := s.State(), (Article{Kept: true, OnHand: 15}); got != want {
			t.Errorf("the article is %+v, want %+v", got, want)
		}
	})
}

func TestCount(t *testing.T) {
	t.Run("what was counted is so", func(t *testing.T) {
		s := daybooktest.Given(t, Stock, received, reserved)
		s.When(Count(StockCounted{SKU: "lamp", Counted: 7, Reason: "yearly"})).
			Then(StockCounted{SKU: "lamp", Counted: 7, Difference: -3, Reason: "yearly"})
		if got, want := s.State(), (Article{Kept: true, OnHand: 7, Reserved: 2}); got != want {
			t.Errorf("the article is %+v, want %+v", got, want)
		}
	})
	t.Run("a count that finds what was expected is a fact as well", func(t *testing.T) {
		daybooktest.Given(t, Stock, received).When(Count(StockCounted{SKU: "lamp", Counted: 10})).Then(StockCounted{SKU: "lamp", Counted: 10})
	})
	t.Run("no fewer than are reserved", func(t *testing.T) {
		daybooktest.Given(t, Stock, received, reserved).When(Count(StockCounted{SKU: "lamp", Counted: 1})).ThenRefused(ErrCountedTooFew)
		daybooktest.Given(t, Stock, received, reserved).When(Count(StockCounted{SKU: "lamp", Counted: 2})).Then(StockCounted{SKU: "lamp", Counted: 2, Difference: -8})
	})
	t.Run("what was never received is not counted", func(t *testing.T) {
		daybooktest.Given(t, Stock).When(Count(StockCounted{SKU: "lamp", Counted: 1})).ThenRefused(ErrNoSuchArticle)
	})
}

func TestSetLevel(t *testing.T) {
	level := ReorderLevelSet{SKU: "lamp", Level: 3}
	daybooktest.Given(t, Stock, received).When(SetLevel(level)).Then(level)
	daybooktest.Given(t, Stock, received, level).When(SetLevel(level)).ThenNothing()
	daybooktest.Given(t, Stock).When(SetLevel(level)).ThenRefused(ErrNoSuchArticle)
}

// shelf returns what happened to an article, in its stream.
func shelf(sku string, facts ...any) []any { return daybooktest.In(Stock.Stream(sku), facts...) }

// shelves returns a log of ten lamps and a bulb.
func shelves(t *testing.T, more ...[]any) *daybooktest.Log {
	t.Helper()
	facts := append(shelf("lamp", received), shelf("bulb", StockReceived{SKU: "bulb", Quantity: 1})...)
	for _, m := range more {
		facts = append(facts, m...)
	}
	return daybooktest.GivenLog(t, Stock.Codec(), facts...)
}

func TestReserve(t *testing.T) {
	want := func(wanted ...Wanted) []Wanted { return wanted }
	t.Run("all that an order wants", func(t *testing.T) {
		facts := append(shelf("bulb", StockReserved{"bulb", "1", 1}), shelf("lamp", StockReserved{"lamp", "1", 3})...)
		shelves(t).When(Reserve("1", want(Wanted{"lamp", 3}, Wanted{"bulb", 1}), clock)).Then(facts...)
	})
	t.Run("all or nothing", func(t *testing.T) {
		shelves(t).When(Reserve("1", want(Wanted{"lamp", 3}, Wanted{"bulb", 2}), clock)).ThenRefused(ErrOutOfStock)
	})
	t.Run("two lines of one article want their sum", func(t *testing.T) {
		shelves(t).When(Reserve("1", want(Wanted{"lamp", 6}, Wanted{"lamp", 5}), clock)).ThenRefused(ErrOutOfStock)
		shelves(t).When(Reserve("1", want(Wanted{"lamp", 6}, Wanted{"lamp", 4}), clock)).Then(shelf("lamp", StockReserved{"lamp", "1", 10})...)
	})
	t.Run("what is kept for others is not free", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved)).When(Reserve("1", want(Wanted{"lamp", 9}), clock)).ThenRefused(ErrOutOfStock)
	})
	t.Run("what was released is free", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved, StockReleased{SKU: "lamp", Order: "7", Quantity: 2})).
			When(Reserve("1", want(Wanted{"lamp", 10}), clock)).Then(shelf("lamp", StockReserved{"lamp", "1", 10})...)
	})
	t.Run("what left the shelf is gone", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved, StockPicked{"lamp", "7", 2})).When(Reserve("1", want(Wanted{"lamp", 9}), clock)).ThenRefused(ErrOutOfStock)
		shelves(t, shelf("lamp", reserved, StockPicked{"lamp", "7", 2})).
			When(Reserve("1", want(Wanted{"lamp", 8}), clock)).Then(shelf("lamp", StockReserved{"lamp", "1", 8})...)
	})
	t.Run("a count changes what is free", func(t *testing.T) {
		shelves(t, shelf("lamp", StockCounted{SKU: "lamp", Counted: 4, Difference: -6})).When(Reserve("1", want(Wanted{"lamp", 5}), clock)).ThenRefused(ErrOutOfStock)
	})
	t.Run("what is made to order is in nobody's way", func(t *testing.T) {
		shelves(t).When(Reserve("1", want(Wanted{"portrait", 1}), clock)).ThenNothing()
		shelves(t).When(Reserve("1", want(Wanted{"portrait", 1}, Wanted{"lamp", 1}), clock)).Then(shelf("lamp", StockReserved{"lamp", "1", 1})...)
		shelves(t).When(Reserve("1", nil, clock)).ThenNothing()
	})
	t.Run("again adds nothing", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved)).When(Reserve("7", want(Wanted{"lamp", 2}), clock)).ThenNothing()
		shelves(t, shelf("lamp", reserved, StockPicked{"lamp", "7", 2})).When(Reserve("7", want(Wanted{"lamp", 2}), clock)).ThenNothing()
	})
	t.Run("again adds nothing, whatever is wanted now", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved)).When(Reserve("7", want(Wanted{"bulb", 1}), clock)).ThenNothing()
	})
	t.Run("an order whose reservation was released does not get another", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved, StockReleased{SKU: "lamp", Order: "7", Quantity: 2})).
			When(Reserve("7", want(Wanted{"lamp", 2}), clock)).ThenRefused(ErrReleased)
	})
}

func TestReleaseAndPick(t *testing.T) {
	bulb := shelf("bulb", StockReserved{"bulb", "7", 1})
	other := shelf("lamp", StockReserved{"lamp", "8", 4})
	t.Run("all that is kept for the order, and nothing else", func(t *testing.T) {
		shelves(t, shelf("lamp", reserved), bulb, other).When(Release("7", "no", clock)).
			Then(append(shelf("bulb", StockReleased{"bulb", "7", 1, "no"}), shelf("lamp", StockReleased{"lamp", "7", 2, "no"})...)...)
		shelves(t, shelf("lamp", reserved), bulb, other).When(Pick("7", clock)).
			Then(append(shelf("bulb", StockPicked{"bulb", "7", 1}), shelf("lamp", StockPicked{"lamp", "7", 2})...)...)
	})
	t.Run("once", func(t *testing.T) {
		l := shelves(t, shelf("lamp", reserved))
		l.When(Release("7", "no", clock)).Then(shelf("lamp", StockReleased{"lamp", "7", 2, "no"})...)
		l.When(Release("7", "no", clock)).ThenNothing()
		l.When(Pick("7", clock)).ThenRefused(ErrReleased)
		l = shelves(t, shelf("lamp", reserved))
		l.When(Pick("7", clock)).Then(shelf("lamp", StockPicked{"lamp", "7", 2})...)
		l.When(Pick("7", clock)).ThenNothing()
		l.When(Release("7", "no", clock)).ThenRefused(ErrPicked)
	})
	t.Run("where nothing is kept there is nothing to add", func(t *testing.T) {
		shelves(t).When(Release("7", "no", clock)).ThenNothing()
		shelves(t).When(Pick("7", clock)).ThenNothing()
	})
}
