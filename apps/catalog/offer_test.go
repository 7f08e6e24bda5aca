package catalog

import (
	"testing"
	"time"

	"github.com/daybook-es/daybook/daybooktest"
)

// What the stories below are about.
var (
	at   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	lamp = ProductCreated{ID: "lamp", Name: "Lamp", Price: 3_590, SKU: "LUX-1", Description: "It shines.", Category: "light"}
	bulb = ProductCreated{ID: "bulb", Name: "Bulb", Price: 100}
	gone = ProductDiscontinued{Reason: "nobody wants it"}
)

// given is a log with the facts of the lamp, in its stream, and other facts of others.
func given(t *testing.T, facts ...any) *daybooktest.Log {
	t.Helper()
	var all []any
	for _, fact := range facts {
		stream := StreamOf(lamp.ID)
		if created, is := fact.(ProductCreated); is {
			stream = StreamOf(created.ID)
		}
		all = append(all, daybooktest.In(stream, fact)...)
	}
	return daybooktest.GivenLog(t, Products.Codec(), all...)
}

func TestCreate(t *testing.T) {
	t.Run("a product of a name and a price", func(t *testing.T) {
		given(t).When(Create(NewProduct{bulb, 0}, at)).Then(bulb)
	})
	t.Run("what there is to begin with has arrived", func(t *testing.T) {
		given(t).When(Create(NewProduct{lamp, 12}, at)).Then(NewProduct{lamp, 12}.creation(), ProductRestocked{12})
	})
	t.Run("a product is created once", func(t *testing.T) {
		given(t, lamp).When(Create(NewProduct{lamp, 0}, at)).ThenRefused(ErrThereIs)
	})
	t.Run("two products never share a SKU", func(t *testing.T) {
		other := bulb
		other.SKU = lamp.SKU
		given(t, lamp).When(Create(NewProduct{other, 0}, at)).ThenRefused(ErrSKUTaken)
		other.SKU = "lux-1"
		given(t, lamp).When(Create(NewProduct{other, 0}, at)).ThenRefused(ErrSKUTaken)
		given(t, lamp, gone).When(Create(NewProduct{other, 0}, at)).ThenRefused(ErrSKUTaken)
		other.SKU = "LUX-2"
		given(t, lamp).When(Create(NewProduct{other, 0}, at)).Then(other)
	})
	t.Run("any number of products have none", func(t *testing.T) {
		given(t, ProductCreated{ID: "nail", Name: "Nail", Price: 1}).When(Create(NewProduct{bulb, 0}, at)).Then(bulb)
	})
	t.Run("a price may be nothing, and is never negative", func(t *testing.T) {
		free := bulb
		free.Price = 0
		given(t).When(Create(NewProduct{free, 0}, at)).Then(free)
		free.Price = -1
		given(t).When(Create(NewProduct{free, 0}, at)).ThenRefused(ErrNegative)
	})
}

func TestChange(t *testing.T) {
	t.Run("a name", func(t *testing.T) {
		given(t, lamp).When(Rename("lamp", ProductRenamed{"Light"}, at)).Then(ProductRenamed{"Light"})
		given(t, lamp).When(Rename("lamp", ProductRenamed{"Lamp"}, at)).ThenNothing()
	})
	t.Run("a description", func(t *testing.T) {
		given(t, lamp).When(Describe("lamp", ProductDescribed{"It glows."}, at)).Then(ProductDescribed{"It glows."})
		given(t, lamp).When(Describe("lamp", ProductDescribed{"It shines."}, at)).ThenNothing()
		given(t, lamp).When(Describe("lamp", ProductDescribed{}, at)).Then(ProductDescribed{})
	})
	t.Run("a category", func(t *testing.T) {
		given(t, lamp).When(Categorise("lamp", ProductCategorised{"home"}, at)).Then(ProductCategorised{"home"})
		given(t, lamp).When(Categorise("lamp", ProductCategorised{"light"}, at)).ThenNothing()
	})
	t.Run("a price, which is never negative", func(t *testing.T) {
		given(t, lamp).When(Reprice("lamp", PriceChanged{2_990}, at)).Then(PriceChanged{2_990})
		given(t, lamp, PriceChanged{2_990}).When(Reprice("lamp", PriceChanged{3_590}, at)).Then(PriceChanged{3_590})
		given(t, lamp).When(Reprice("lamp", PriceChanged{3_590}, at)).ThenNothing()
		given(t, lamp).When(Reprice("lamp", PriceChanged{0}, at)).Then(PriceChanged{0})
		given(t, lamp).When(Reprice("lamp", PriceChanged{-1}, at)).ThenRefused(ErrNegative)
	})
	t.Run("what is in stock, each time that something arrives", func(t *testing.T) {
		given(t, lamp, ProductRestocked{3}).When(Restock("lamp", ProductRestocked{3}, at)).Then(ProductRestocked{3})
	})
	t.Run("what is offered", func(t *testing.T) {
		given(t, lamp).When(Discontinue("lamp", gone, at)).Then(gone)
		given(t, lamp, gone).When(Discontinue("lamp", gone, at)).ThenNothing()
		given(t, lamp, gone).When(Discontinue("lamp", ProductDiscontinued{"other"}, at)).ThenRefused(ErrDiscontinued)
	})
	t.Run("nothing that is not offered", func(t *testing.T) {
		for history, rule := range map[*daybooktest.Log]error{given(t): ErrNoSuchProduct, given(t, lamp, gone): ErrDiscontinued} {
			history.When(Rename("lamp", ProductRenamed{"Light"}, at)).ThenRefused(rule)
			history.When(Describe("lamp", ProductDescribed{"It glows."}, at)).ThenRefused(rule)
			history.When(Categorise("lamp", ProductCategorised{"home"}, at)).ThenRefused(rule)
			history.When(Reprice("lamp", PriceChanged{1}, at)).ThenRefused(rule)
			history.When(Restock("lamp", ProductRestocked{1}, at)).ThenRefused(rule)
			history.When(Discontinue("lamp", ProductDiscontinued{}, at)).ThenRefused(rule)
		}
	})
}

func TestCreateAll(t *testing.T) {
	nail := ProductCreated{ID: "nail", Name: "Nail", Price: 1, SKU: "lux-1"}
	debt := ProductCreated{ID: "debt", Name: "Debt", Price: -1}
	// together runs a plan and returns what it tells of each.
	together := func(log *daybooktest.Log, products ...NewProduct) (*daybooktest.Outcome, []Outcome) {
		var told []Outcome
		return log.When(CreateAll(products, at, func(o []Outcome) { told = o })), told
	}
	t.Run("what is refused is in nobody's way", func(t *testing.T) {
		outcome, told := together(given(t), NewProduct{lamp, 2}, NewProduct{nail, 0}, NewProduct{debt, 0}, NewProduct{bulb, 0})
		outcome.Then(NewProduct{lamp, 2}.creation(), ProductRestocked{2}, bulb)
		for i, rule := range []error{nil, ErrSKUTaken, ErrNegative, nil} {
			is(t, told[i].Refused, rule)
		}
	})
	t.Run("what is there already stays as it is", func(t *testing.T) {
		outcome, told := together(given(t, NewProduct{lamp, 2}.creation()), NewProduct{lamp, 2}, NewProduct{bulb, 0})
		outcome.Then(bulb)
		if !told[0].Before || told[1].Before {
			t.Errorf("it tells %v", told)
		}
		outcome, told = together(given(t, NewProduct{lamp, 2}.creation(), gone), NewProduct{lamp, 2})
		outcome.ThenNothing()
		if !told[0].Before {
			t.Errorf("it tells %v", told)
		}
	})
	t.Run("what is there otherwise is not it", func(t *testing.T) {
		other := lamp
		other.Price++
		for _, p := range []NewProduct{{other, 0}, {lamp, 2}} {
			outcome, told := together(given(t, lamp), p)
			outcome.ThenNothing()
			if !told[0].Other {
				t.Errorf("of %+v it tells %v", p, told)
			}
		}
	})
}

// What is kept of a product's past, and what happened since, come to the same as all of it.
func TestWhatIsKeptOfAProduct(t *testing.T) {
	daybooktest.Snapshots(t, Products, lamp, ProductRestocked{3}, ProductRenamed{"Light"}, PriceChanged{1}, ProductDescribed{"It glows."}, ProductCategorised{"home"}, gone)
}
