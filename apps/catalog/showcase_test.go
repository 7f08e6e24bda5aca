package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/memstore"
)

var quiet = slog.New(slog.DiscardHandler)

// A stall is a catalogue of a test, with both its sides.
type stall struct {
	t        *testing.T
	store    daybook.Store
	bus      *command.Bus
	now      time.Time
	showcase *Showcase
	newest   daybook.Point
}

// open opens a catalogue whose showcase is in a place.
func open(t *testing.T, place readmodel.Place) *stall {
	s := &stall{t: t, store: memstore.New(), now: at}
	s.bus = NewBus(s.store, func() time.Time { return s.now }, nil)
	s.showcase = OpenShowcase(s.store, place, &ShowcaseOptions{Logger: quiet})
	t.Cleanup(func() {
		if err := s.showcase.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// onEach runs a test on a showcase in each kind of database.
func onEach(t *testing.T, test func(*testing.T, *stall)) {
	t.Run("SQLite", func(t *testing.T) { test(t, open(t, readmodel.Place{Dir: t.TempDir()})) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, open(t, readmodel.Place{URL: pgtest.Database(t)})) })
}

// do runs commands, a minute apart, and returns the id of the product that the last one
// created.
func (s *stall) do(commands ...any) (id string) {
	s.t.Helper()
	for _, c := range commands {
		cid := command.NewID()
		receipt, err := s.bus.Do(s.t.Context(), command.Envelope{ID: cid}, c)
		if err != nil {
			s.t.Fatalf("%T: %v", c, err)
		}
		s.newest, id, s.now = receipt.Point, CreatedID(cid), s.now.Add(time.Minute)
	}
	return id
}

// shown waits until the showcase shows what was done.
func (s *stall) shown() *Showcase {
	s.t.Helper()
	until(s.t, "the showcase answers", func() bool { return s.showcase.ReadModel().Away() == nil })
	if err := s.showcase.Wait(s.t.Context(), s.newest); err != nil {
		s.t.Fatal(err)
	}
	return s.showcase
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after half a minute it is still not so that %s", what)
		}
	}
}

func priceOfCents(cents Price) *Price { return &cents }

// create returns the command to create a product.
func create(name string, cents Price, more ...string) CreateProduct {
	c := CreateProduct{Name: name, Price: &cents}
	for i, text := range more {
		switch i {
		case 0:
			c.Category = text
		case 1:
			c.Description = text
		case 2:
			c.SKU = SKU(text)
		}
	}
	return c
}

// names returns those of a page's products.
func names(page Page) (all []string) {
	for _, p := range page.Products {
		all = append(all, p.Name)
	}
	return all
}

// stocked does what the tests below look at.
func (s *stall) stocked() {
	s.do(create("Red lamp", 35_90, "light", "It shines.", "LUX-1"))
	bulb := s.do(create("Bulb", 2_50, "light", "For the red lamp, and any other lamp."))
	s.do(create("Ladder", 89_00, "tools", "Red, of wood."))
	s.do(create("lamp oil", 12_00, "fuel"))
	rope := s.do(create("Rope", 9_99, "tools"))
	s.do(RestockProduct{bulb, 40}, ChangePrice{rope, priceOfCents(11_00)}, DiscontinueProduct{bulb, "LED"})
}

func TestProductsAreFoundNowAndThen(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		s.stocked()
		then := s.now.Add(-time.Second) // when all of it has happened
		for _, c := range []struct {
			f    Filter
			want []string
		}{
			{Filter{Status: Offered, Sort: ByName}, []string{"Ladder", "lamp oil", "Red lamp", "Rope"}},
			{Filter{Category: "light"}, []string{"Bulb", "Red lamp"}},
			{Filter{Category: "light", Sort: ByOldest}, []string{"Red lamp", "Bulb"}},
			{Filter{MinPrice: priceOfCents(9_99), MaxPrice: priceOfCents(35_90), Sort: ByCheapest}, []string{"Rope", "lamp oil", "Red lamp"}},
			{Filter{MinPrice: priceOfCents(9_99), MaxPrice: priceOfCents(35_90), Sort: ByDearest}, []string{"Red lamp", "lamp oil", "Rope"}},
			{Filter{InStock: true}, []string{"Bulb"}},
			{Filter{SKU: "lux-1"}, []string{"Red lamp"}},
			{Filter{Search: "lamp red"}, []string{"Red lamp", "Bulb"}},
			{Filter{Search: "LAMP", Sort: ByName}, []string{"Bulb", "lamp oil", "Red lamp"}},
			{Filter{Search: "lad"}, []string{"Ladder"}},
			{Filter{Search: "red", Sort: ByName}, []string{"Bulb", "Ladder", "Red lamp"}},
			{Filter{Search: "lux"}, []string{"Red lamp"}},
			{Filter{Search: "nothing"}, nil},
			{Filter{Sort: ByUpdated, Limit: 2, MaxPrice: priceOfCents(11_00), MinPrice: priceOfCents(2)}, []string{"Bulb", "Rope"}},
		} {
			for m, what := range map[Moment]string{{}: "now", {AsOf: then}: "then"} {
				got, err := s.shown().Products(t.Context(), c.f, m)
				if err != nil || !slices.Equal(names(got.Value), c.want) {
					t.Errorf("%s %+v finds %q, %v; want %q", what, c.f, names(got.Value), err, c.want)
				}
			}
		}
		s.do(create("Torch", 1, "fuel"))
		if got, err := s.shown().Products(t.Context(), Filter{}, Moment{AsOf: then}); err != nil || got.Value.Matching != 5 {
			t.Errorf("then there are %q, %v", names(got.Value), err)
		}
		if got, err := s.shown().Products(t.Context(), Filter{}, Moment{AsOf: at.Add(-time.Second)}); err != nil || got.Value.Matching != 0 {
			t.Errorf("before anything had happened there are %q, %v", names(got.Value), err)
		}
	})
}

// Every filter finds the same in the database and in what is folded from the history, page
// by page, and its facets count the same.
func TestThePastThatIsNowIsFoundAsNowIs(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		s.stocked()
		for i := range 30 {
			s.do(create(fmt.Sprintf("Nail %d", i%7), Price(i%5)*10_00, []string{"tools", "", "iron"}[i%3], "Of lamp iron."))
		}
		now := Moment{AsOf: s.now}
		for _, sort := range Sorts() {
			for _, f := range []Filter{{}, {Category: "tools"}, {Search: "na la"}, {Status: Discontinued}, {MaxPrice: priceOfCents(20_00)}, {Search: "la"}} {
				f.Sort, f.Limit = sort, 7
				var lists [2][]Product
				for i, m := range []Moment{{}, now} {
					for cursor, more := "", true; more; more = cursor != "" {
						f.Cursor = cursor
						got, err := s.shown().Products(t.Context(), f, m)
						if err != nil {
							t.Fatal(err)
						}
						lists[i] = append(lists[i], got.Value.Products...)
						cursor = got.Value.Next
						if len(lists[i]) > got.Value.Matching || cursor == "" && len(lists[i]) != got.Value.Matching {
							t.Fatalf("%d products on all pages, and %d match", len(lists[i]), got.Value.Matching)
						}
					}
				}
				if diff := cmp.Diff(lists[0], lists[1]); diff != "" {
					t.Errorf("%+v now and then (-, +):\n%s", f, diff)
				}
				one, err := s.shown().Facets(t.Context(), f, Moment{})
				two, err2 := s.shown().Facets(t.Context(), f, now)
				if diff := cmp.Diff(one.Value, two.Value); diff != "" || err != nil || err2 != nil {
					t.Errorf("facets of %+v now and then, %v, %v (-, +):\n%s", f, err, err2, diff)
				}
			}
		}
	})
}

func TestFacetsCountByAllButTheirOwnPart(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		s.stocked()
		got, err := s.shown().Facets(t.Context(), Filter{Category: "light", Status: Offered}, Moment{})
		if err != nil {
			t.Fatal(err)
		}
		prices := priceCounts(map[Price]int{25_00: 1})
		want := Facets{1, []CategoryCount{{"tools", 2}, {"fuel", 1}, {"light", 1}}, []StatusCount{{Offered, 1}, {Discontinued, 1}}, prices}
		if diff := cmp.Diff(want, got.Value); diff != "" {
			t.Errorf("facets (-want +got):\n%s", diff)
		}
	})
}

func TestAProductIsToldAsItWas(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		id := s.do(CreateProduct{Name: "Lamp", Price: priceOfCents(35_90), SKU: "LUX-1", Stock: 3})
		created := s.now.Add(-time.Minute)
		s.do(RenameProduct{id, "Light"}, ChangePrice{id, priceOfCents(29_90)}, ChangePrice{id, priceOfCents(39_90)},
			DescribeProduct{id, "It glows."}, CategoriseProduct{id, "home"}, DiscontinueProduct{id, "old"})
		for m, want := range map[Moment]Product{
			{Version: 1}:                         {Name: "Lamp", Price: 35_90, Status: Offered},
			{Version: 2}:                         {Name: "Lamp", Price: 35_90, Stock: 3, Status: Offered},
			{AsOf: created.Add(time.Second)}:     {Name: "Lamp", Price: 35_90, Stock: 3, Status: Offered},
			{AsOf: created.Add(2 * time.Minute)}: {Name: "Light", Price: 29_90, Stock: 3, Status: Offered},
			{}:                                   {Name: "Light", Price: 39_90, Stock: 3, Description: "It glows.", Category: "home", Status: Discontinued, Reason: "old"},
			{AsOf: created.Add(2 * time.Minute), Version: 2}: {Name: "Lamp", Price: 35_90, Stock: 3, Status: Offered},
		} {
			got, err := s.shown().Product(t.Context(), id, m)
			p := got.Value
			if p.ID != id || p.SKU != "LUX-1" || !p.CreatedAt.Equal(created) {
				t.Errorf("at %+v it is %+v, %v", m, p, err)
			}
			want.ID, want.SKU, want.CreatedAt, want.Version, want.UpdatedAt, want.DiscontinuedAt = p.ID, p.SKU, p.CreatedAt, p.Version, p.UpdatedAt, p.DiscontinuedAt
			if diff := cmp.Diff(want, p); diff != "" || err != nil {
				t.Errorf("at %+v, %v (-want +got):\n%s", m, err, diff)
			}
		}
		for _, m := range []Moment{{AsOf: created.Add(-time.Second)}, {Version: 9}, {KnownAt: time.Unix(1, 0)}} {
			if _, err := s.shown().Product(t.Context(), id, m); !errors.Is(err, ErrNoSuchProduct) {
				t.Errorf("at %+v it is told %v", m, err)
			}
		}
		if _, err := s.shown().Product(t.Context(), "another", Moment{}); !errors.Is(err, ErrNoSuchProduct) {
			t.Errorf("of another it is told %v", err)
		}

		// What a command is answered with, from its own side, is what is shown.
		now, err := s.shown().Product(t.Context(), id, Moment{})
		left, shown, err2 := LeftBy(t.Context(), s.store, id, now.Value.Version)
		if diff := cmp.Diff(left, now.Value); diff != "" || shown.Tag != now.Shown.Tag || err != nil || err2 != nil {
			t.Errorf("as the command left it, and as it is shown: %s, %s, %v, %v\n%s", shown.Tag, now.Shown.Tag, err, err2, diff)
		}

		prices, err := s.shown().Prices(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := []PriceAt{
			{Price: 35_90, Version: 1, From: created, Until: created.Add(2 * time.Minute)},
			{Price: 29_90, Version: 4, From: created.Add(2 * time.Minute), Until: created.Add(3 * time.Minute), Change: -6_00},
			{Price: 39_90, Version: 5, From: created.Add(3 * time.Minute), Change: 10_00},
		}
		if diff := cmp.Diff(want, prices.Value.Prices); diff != "" {
			t.Errorf("prices (-want +got):\n%s", diff)
		}

		history, err := s.shown().History(t.Context(), id)
		var types []string
		for _, e := range history.Value.Events {
			types = append(types, e.Type)
		}
		if want := []string{"ProductCreated", "ProductRestocked", "ProductRenamed", "PriceChanged", "PriceChanged", "ProductDescribed", "ProductCategorised", "ProductDiscontinued"}; !reflect.DeepEqual(types, want) || err != nil {
			t.Errorf("its history is %q, %v", types, err)
		}
	})
}

func TestAnAnswerIsKeptUntilSomethingChanges(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		s.stocked()
		from := func() From {
			got, err := s.shown().Products(t.Context(), Filter{Search: "lamp"}, Moment{})
			if err != nil {
				t.Fatal(err)
			}
			return got.From
		}
		if one, two := from(), from(); one != FromDatabase || two != FromCache {
			t.Errorf("it is answered from %s, then from %s", one, two)
		}
		s.do(create("Lampshade", 1))
		if again := from(); again != FromDatabase {
			t.Errorf("after a change it is answered from %s", again)
		}
	})
}

// What is watched is what happens, in order, each once.
func TestWhoWatchesHearsOfEveryChange(t *testing.T) {
	onEach(t, func(t *testing.T, s *stall) {
		s.do(create("Lamp", 1))
		from, err := s.shown().Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id := s.do(create("Rope", 2))
		s.do(RenameProduct{id, "Cord"})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var heard []string
		for c, err := range s.showcase.Changes(ctx, from) {
			if err != nil {
				break
			}
			heard = append(heard, c.Type)
			if c.Product != id {
				t.Errorf("it is about %s", c.Product)
			}
			if len(heard) == 2 {
				s.do(ChangePrice{id, priceOfCents(3)})
			}
			if len(heard) == 3 {
				stop()
			}
		}
		if want := []string{"ProductCreated", "ProductRenamed", "PriceChanged"}; !slices.Equal(heard, want) {
			t.Errorf("it is heard of %q; want %q", heard, want)
		}
	})
}
