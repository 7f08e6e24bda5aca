package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/memstore"
)

// large returns a catalogue of so many products in a store.
func large(b *testing.B, products int) (store daybook.Store, id string, newest daybook.Point) {
	b.Helper()
	store = memstore.New()
	bus := NewBus(store, clock, nil)
	for from := 0; from < products; from += MaxTogether {
		var c CreateProducts
		for i := from; i < min(from+MaxTogether, products); i++ {
			id = fmt.Sprint("p", i)
			c.Products = append(c.Products, NewProduct{ProductCreated{
				ID: id, Name: fmt.Sprintf("Product %d of wood", i), Price: Price(i%997) * 10, SKU: SKU(fmt.Sprint("S-", i)),
				Category: fmt.Sprint("category ", i%71), Description: "It is made by hand, and lasts.",
			}, 3})
		}
		receipt, err := bus.Do(b.Context(), command.Envelope{}, c)
		if err != nil {
			b.Fatal(err)
		}
		newest = receipt.Point
	}
	return store, id, newest
}

// BenchmarkAnswers measures how long questions take of 33,000 products: with nothing kept,
// and asked again.
func BenchmarkAnswers(b *testing.B) {
	store, id, newest := large(b, 33_000)
	for name, place := range map[string]readmodel.Place{"SQLite": {Dir: b.TempDir()}, "PostgreSQL": {URL: pgtest.Database(b)}} {
		for kind, bytes := range map[string]int64{"cold": -1, "warm": 0} {
			s := OpenShowcase(store, place, &ShowcaseOptions{CacheBytes: bytes, Logger: quiet})
			began := time.Now()
			for s.keeper.Away() != nil {
				time.Sleep(time.Millisecond)
			}
			if err := s.Wait(b.Context(), newest); err != nil {
				b.Fatal(err)
			}
			if took := time.Since(began); took > time.Second {
				b.Logf("%s shows %d events after %s", name, newest.Position, took)
			}
			for what, ask := range map[string]func() error{
				"list":    func() error { _, err := s.Products(b.Context(), Filter{}, Moment{}); return err },
				"search":  func() error { _, err := s.Products(b.Context(), Filter{Search: "wood 77"}, Moment{}); return err },
				"facets":  func() error { _, err := s.Facets(b.Context(), Filter{Category: "category 7"}, Moment{}); return err },
				"product": func() error { _, err := s.Product(b.Context(), id, Moment{}); return err },
				"past":    func() error { _, err := s.Products(b.Context(), Filter{}, Moment{AsOf: at}); return err },
			} {
				b.Run(name+"/"+kind+"/"+what, func(b *testing.B) {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := ask(); err != nil {
								b.Error(err)
							}
						}
					})
				})
			}
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		}
	}
}
