package orders

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/daybooktest"
	"github.com/daybook-es/daybook/store/memstore"
)

// Many customers order overlapping articles at the same time, over a store that loses
// requests and answers; some change their minds, others get their goods, and the
// warehouse receives and counts in between. At every moment of the log no article has
// fewer pieces than are kept, none is negative, and every piece that ever came is on a
// shelf, was taken by an order, or is missing as a count said. An order has all of what
// it wants or nothing.
func TestNothingIsOversoldHoweverManyOrderAtOnce(t *testing.T) {
	const customers, rounds = 24, 10
	ctx := t.Context()
	skus := []string{"bulb", "cable", "desk", "lamp", "shade"}
	store := &daybooktest.Unreliable{Store: memstore.New(), Fault: func(n int) daybooktest.Fault {
		switch {
		case n%11 == 0:
			return daybooktest.AnswerLost
		case n%13 == 0:
			return daybooktest.RequestLost
		}
		return daybooktest.NoFault
	}}
	bus := command.NewBus(store, warehouse(func() time.Time { return clock }), nil)
	do := func(c any) error {
		// A lost answer is asked for again, as every client would, under the same id.
		envelope := command.Envelope{ID: command.NewID()}
		for {
			_, err := bus.Do(ctx, envelope, c)
			if unknown := (*daybook.UnknownError)(nil); !errors.As(err, &unknown) {
				return err
			}
		}
	}
	for _, sku := range skus {
		if err := do(ReceiveStock{SKU: sku, Quantity: 12}); err != nil {
			t.Fatal(err)
		}
	}
	wants := make(map[string][]Wanted) // by order
	var mu sync.Mutex
	var wg sync.WaitGroup
	for customer := range customers {
		wg.Go(func() {
			chance := rand.New(rand.NewPCG(7, uint64(customer)))
			for round := range rounds {
				order := fmt.Sprintf("%d-%d", customer, round)
				var wanted []Wanted
				for range 1 + chance.IntN(3) {
					wanted = append(wanted, Wanted{skus[chance.IntN(len(skus))], 1 + chance.Int64N(3)})
				}
				mu.Lock()
				wants[order] = together(wanted)
				mu.Unlock()
				err := do(ReserveStock{order, wanted})
				if err == nil && chance.IntN(2) == 0 {
					err = do(PickStock{order})
				} else if err == nil {
					err = do(ReleaseStock{order, "changed their mind"})
				}
				switch sku := skus[chance.IntN(len(skus))]; {
				case chance.IntN(4) == 0:
					err = errors.Join(err, do(ReceiveStock{SKU: sku, Quantity: 2}))
				case chance.IntN(6) == 0:
					err = errors.Join(err, ignore(do(CountStock{SKU: sku, Counted: new(8 + chance.Int64N(8))}), ErrCountedTooFew))
				}
				if ignore(err, ErrOutOfStock) != nil {
					t.Errorf("order %s: %v", order, err)
				}
			}
		})
	}
	wg.Wait()

	articles, came, missing, taken := map[string]Article{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	promised := make(map[string]map[string]int64) // what each order was ever promised
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		facts, err := Stock.Codec().Facts(e)
		if err != nil {
			t.Fatal(err)
		}
		a := articles[SKUOf(e.Stream)]
		switch fact := facts[0].(type) {
		case StockReceived:
			a.OnHand += fact.Quantity
			came[fact.SKU] += fact.Quantity
		case StockReserved:
			a.Reserved += fact.Quantity
			if promised[fact.Order] == nil {
				promised[fact.Order] = make(map[string]int64)
			}
			promised[fact.Order][fact.SKU] += fact.Quantity
		case StockReleased:
			a.Reserved -= fact.Quantity
		case StockPicked:
			a.Reserved -= fact.Quantity
			a.OnHand -= fact.Quantity
			taken[fact.SKU] += fact.Quantity
		case StockCounted:
			missing[fact.SKU] -= fact.Difference
			if a.OnHand += fact.Difference; a.OnHand != fact.Counted {
				t.Fatalf("at position %d %d were counted, and there are %d", e.Position, fact.Counted, a.OnHand)
			}
		}
		if a.OnHand < 0 || a.Reserved < 0 || a.Free() < 0 {
			t.Fatalf("at position %d, %s: %+v", e.Position, e.Stream, a)
		}
		articles[SKUOf(e.Stream)] = a
	}
	sold := 0
	for _, sku := range skus {
		if sum := articles[sku].OnHand + taken[sku] + missing[sku]; sum != came[sku] {
			t.Errorf("%d pieces of %s came, and %d are accounted for", came[sku], sku, sum)
		}
		if articles[sku].Reserved != 0 {
			t.Errorf("%d pieces of %s are kept for nobody", articles[sku].Reserved, sku)
		}
		sold += int(taken[sku])
	}
	for order, got := range promised {
		for _, w := range wants[order] {
			if got[w.SKU] != w.Quantity {
				t.Errorf("order %s wants %v and was promised %v", order, wants[order], got)
			}
		}
	}
	if sold < 40 || len(promised) == len(wants) {
		t.Errorf("%d pieces were sold, and %d of %d orders had what they want; the test tries too little", sold, len(promised), len(wants))
	}
}

// ignore returns err unless it is a refusal by this rule.
func ignore(err error, rule error) error {
	if errors.Is(err, rule) {
		return nil
	}
	return err
}
