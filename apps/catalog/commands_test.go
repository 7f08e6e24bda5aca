package catalog

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

func is(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("it is %v; want %v", err, want)
	}
}

func clock() time.Time { return at }

func TestACommandSaysWhatIsWrongWithIt(t *testing.T) {
	bus := NewBus(memstore.New(), clock, nil)
	long := strings.Repeat("x", 201)
	for _, c := range []struct{ name, command, wrong string }{
		{"CreateProduct", `{"price": 1}`, "name: is missing"},
		{"CreateProduct", `{"name": "Lamp"}`, "price: is missing"},
		{"CreateProduct", `{"name": "Lamp", "price": 1.999}`, "more than two places"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "sku": "a b"}`, "is not made of letters"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "sku": "300\u212a"}`, "is not made of letters"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "sku": "` + long + `"}`, "has 201 signs"},
		{"CreateProduct", `{"name": "` + long + `", "price": 1}`, "name: is 201 bytes long"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "category": "a\nb"}`, "category: has a control character"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "description": "a\u0000b"}`, "description: has a control character"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "description": "` + strings.Repeat(long, 20) + `"}`, "description: is 4020 bytes long"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "stock": -1}`, "stock: is -1"},
		{"CreateProduct", `{"name": "Lamp", "price": 1, "colour": "red"}`, "field that the command does not have"},
		{"CreateProducts", `{"products": []}`, "products: are 0"},
		{"CreateProducts", `{"products": [{"id": "1", "name": "Lamp", "price": 1}, {"id": "2", "name": "", "price": 1}]}`, "products[1].name: is missing"},
		{"RenameProduct", `{"product": "1"}`, "name: is missing"},
		{"ChangePrice", `{"product": "1"}`, "price: is missing"},
		{"RestockProduct", `{"product": "1", "quantity": 0}`, "quantity: is 0"},
		{"DiscontinueProduct", `{"reason": "old"}`, "product: is missing"},
	} {
		_, err := bus.Send(t.Context(), command.Envelope{}, c.name, []byte(c.command))
		if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s %s is told %v; want %q", c.name, c.command, err, c.wrong)
		}
	}
	if _, err := bus.Send(t.Context(), command.Envelope{}, "CreateProduct", []byte(`{"name": "Lamp", "price": "35.90", "description": "It\nshines."}`)); err != nil {
		t.Errorf("nothing is wrong with this one: %v", err)
	}
}

// However many create products at once, of each SKU there is one.
func TestASKUHasOneProductHoweverManyAskForIt(t *testing.T) {
	store := memstore.New()
	bus := NewBus(store, clock, nil)
	const skus, rivals = 8, 16
	var all sync.WaitGroup
	for n := range skus * rivals {
		all.Go(func() {
			price := Price(n)
			_, err := bus.Do(t.Context(), command.Envelope{}, CreateProduct{Name: fmt.Sprint("Rival ", n), Price: &price, SKU: SKU(fmt.Sprint("sku-", n%skus))})
			if err != nil && !errors.Is(err, ErrSKUTaken) {
				t.Errorf("it is told %v", err)
			}
		})
	}
	all.Wait()
	reading, err := store.Read(t.Context(), daybook.Query{{Types: []string{"ProductCreated"}}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	created := 0
	for _, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		created++
	}
	if created != skus {
		t.Errorf("%d products were created; want one of each of %d SKUs", created, skus)
	}
}

// A command that is sent again under its key creates nothing, and a product's id is known
// from it.
func TestAProductIsCreatedOnceUnderAKey(t *testing.T) {
	bus := NewBus(memstore.New(), clock, nil)
	price := Price(100)
	c := CreateProduct{Name: "Bulb", Price: &price}
	sent := command.Envelope{Principal: "ada", Key: "1"}
	first, err := bus.Do(t.Context(), sent, c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := bus.Do(t.Context(), sent, c)
	if err != nil || !again.Repeated || again.Position != first.Position {
		t.Errorf("again it is %+v, %v; want a repeat of %+v", again, err, first)
	}
	if stream := StreamOf(CreatedID(command.KeyID("ada", "CreateProduct", "1"))); first.Versions[stream] != 1 {
		t.Errorf("it is in %v; want %s", first.Versions, stream)
	}
}
