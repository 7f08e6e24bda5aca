package orders

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// ids returns the ids of a page's orders.
func ids(page Page) []string {
	all := []string{}
	for _, o := range page.Orders {
		all = append(all, o.ID)
	}
	return all
}

func TestListFiltersAndSorts(t *testing.T) {
	s := importAll(t, writeTables(t, smallTables()))
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"c", "b", "a"}},
		{Filter{Sort: ByOldest}, []string{"a", "b", "c"}},
		{Filter{Sort: ByDearest}, []string{"a", "c", "b"}},
		{Filter{Sort: ByCheapest}, []string{"b", "c", "a"}},
		{Filter{Statuses: []Status{Cancelled}}, []string{"b"}},
		{Filter{Statuses: []Status{Cancelled, Delivered}, Sort: ByOldest}, []string{"a", "b"}},
		{Filter{Statuses: []Status{Returned}}, []string{}},
		{Filter{Customer: "ann"}, []string{"a"}},
		{Filter{From: timeOf(t, "2017-11-25 10:00:00")}, []string{"c", "b"}},
		{Filter{To: timeOf(t, "2017-11-25 10:00:00")}, []string{"a"}},
		{Filter{Search: "JANEIRO"}, []string{"b"}},
		{Filter{Search: "toys p2"}, []string{"a"}},
		{Filter{Search: "toys"}, []string{"c", "a"}},
		{Filter{Search: "%"}, []string{}},
		{Filter{Search: "toys", Statuses: []Status{Shipped}, Customer: "ann"}, []string{}},
	} {
		page, _, err := s.Orders(t.Context(), c.filter)
		if err != nil || !slices.Equal(ids(page), c.want) || page.Matching != int64(len(c.want)) || page.Next != "" {
			t.Errorf("%+v: %v of %d, next %q, %v; want %v", c.filter, ids(page), page.Matching, page.Next, err, c.want)
		}
	}
	do(t, s, DeliverOrder{Order: "c"})
	do(t, s, ReturnOrder{Order: "a"})
	if page, _, err := s.Orders(t.Context(), Filter{Sort: ByUpdated, Limit: 2}); err != nil || !slices.Equal(ids(page), []string{"a", "c"}) {
		t.Errorf("the orders updated last are %v, %v; want a and c", ids(page), err)
	}
}

// Pages follow each other without repeating or leaving out an order, also those that
// are equal in what the list is sorted by, and while orders are placed.
func TestPagesFollowEachOther(t *testing.T) {
	for _, sort := range Sorts() {
		t.Run(string(sort), func(t *testing.T) {
			s := openShop(t)
			var want []string
			for i := range 23 {
				want = append(want, place(t, s, PlaceOrder{Total: Cents(100 + i%3)}))
			}
			var got []string
			for filter := (Filter{Sort: sort, Limit: 5}); ; {
				page, _, err := s.Orders(t.Context(), filter)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ids(page)...)
				if page.Next == "" {
					break
				}
				filter.Cursor = page.Next
				if sort == ByUpdated {
					place(t, s, PlaceOrder{Total: 100}) // comes before what was seen
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("the pages have %d orders, want each of %d once", len(got), len(want))
			}
		})
	}
}

func TestListRefusesWhatCannotBe(t *testing.T) {
	s := openShop(t)
	for range 3 {
		place(t, s, PlaceOrder{Total: 100})
	}
	page, _, err := s.Orders(t.Context(), Filter{Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatalf("%+v, %v; want a page with a next", page, err)
	}
	for _, f := range []Filter{
		{Sort: "total"}, {Limit: -1}, {Limit: MaxLimit + 1}, {Cursor: "x"}, {Cursor: "e30"},
		{Cursor: page.Next, Sort: ByOldest}, {Cursor: page.Next, Customer: "ann"},
		{Search: string(make([]byte, 201))},
	} {
		if _, _, err := s.Orders(t.Context(), f); !errors.As(err, new(*daybook.InvalidError)) {
			t.Errorf("%+v: %v; want it to be invalid", f, err)
		}
	}
	other := openShop(t)
	place(t, other, PlaceOrder{Total: 100})
	if _, _, err := other.Orders(t.Context(), Filter{Limit: 1, Cursor: page.Next}); !errors.As(err, new(*daybook.LifeError)) {
		t.Errorf("a cursor of another log: %v; want a LifeError", err)
	}
}

// A list's tag changes with every event that the list shows, and with nothing else.
func TestTagsChangeWithWhatTheyShow(t *testing.T) {
	s := openShop(t)
	one, two := place(t, s, PlaceOrder{Total: 100}), place(t, s, PlaceOrder{Total: 100})
	tags := func() (list, order string) {
		t.Helper()
		_, shownList, err := s.Orders(t.Context(), Filter{})
		if err != nil {
			t.Fatal(err)
		}
		_, shownOrder, err := s.Order(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		return shownList.Tag, shownOrder.Tag
	}
	list, order := tags()
	receipt, err := s.Store().Append(t.Context(), []daybook.Event{{Stream: "weather-1", Type: "RainFell"}}, nil)
	if err == nil {
		err = s.Wait(t.Context(), receipt.Point)
	}
	if err != nil {
		t.Fatal(err)
	}
	if l, o := tags(); l != list || o != order {
		t.Errorf("the weather changed the tags from %s, %s to %s, %s", list, order, l, o)
	}
	do(t, s, PayOrder{Order: two, Amount: 100, Method: "boleto"})
	if l, o := tags(); l == list || o != order {
		t.Errorf("another order changed the tags from %s, %s to %s, %s", list, order, l, o)
	}
	do(t, s, PayOrder{Order: one, Amount: 100, Method: "boleto"})
	if _, o := tags(); o == order {
		t.Errorf("the tag is still %s", o)
	}
}

func TestCustomer(t *testing.T) {
	s := openShop(t)
	var newest string
	for i := range 3 {
		newest = place(t, s, PlaceOrder{Total: 100, Customer: Customer{ID: "ann", City: fmt.Sprint("city ", i)}})
	}
	place(t, s, PlaceOrder{Total: 100})
	do(t, s, PayOrder{Order: newest, Amount: 100, Method: "boleto"})
	b, _, err := s.Customer(t.Context(), "ann")
	if err != nil || b.ID != "ann" || b.Orders != 3 || b.Paid != 100 || len(b.Recent) != 3 || !b.FirstPlaced.Equal(clock) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, id := range []string{"bob", ""} {
		if _, _, err := s.Customer(t.Context(), id); !errors.Is(err, ErrNoSuchCustomer) {
			t.Errorf("customer %q: %v; want none", id, err)
		}
	}
}

func TestOrderOnBothTimeLines(t *testing.T) {
	now := clock
	s := openShopAt(t, func() time.Time { return now })
	order := place(t, s, PlaceOrder{Total: 100})
	now = now.Add(time.Hour)
	knownPlaced := recordedAt(t, s, order)
	do(t, s, PayOrder{Order: order, Amount: 100, Method: "boleto"})
	now = now.Add(time.Hour)
	do(t, s, ShipOrder{Order: order, Carrier: "Correios"})
	for _, c := range []struct {
		moment  Moment
		status  Status
		version daybook.Version
	}{
		{Moment{}, Shipped, 4},
		{Moment{Version: 1}, Placed, 1},
		{Moment{Version: 2}, Placed, 2},
		{Moment{Version: 3}, Paid, 3},
		{Moment{Version: 4}, Shipped, 4},
		{Moment{AsOf: clock}, Placed, 1},
		{Moment{AsOf: clock.Add(time.Hour - 1)}, Placed, 1},
		{Moment{AsOf: clock.Add(time.Hour)}, Paid, 3},
		{Moment{AsOf: clock.Add(24 * time.Hour)}, Shipped, 4},
		{Moment{KnownAt: knownPlaced}, Placed, 1},
		{Moment{KnownAt: knownPlaced, AsOf: clock.Add(24 * time.Hour)}, Placed, 1},
		{Moment{Version: 4, AsOf: clock}, Placed, 1},
	} {
		d, _, err := s.OrderAsOf(t.Context(), order, c.moment)
		if err != nil || d.Status != c.status || d.Version != c.version {
			t.Errorf("%+v: %v at version %d, %v; want %v at %d", c.moment, d.Status, d.Version, err, c.status, c.version)
		}
	}
	for _, m := range []Moment{{Version: 5}, {AsOf: clock.Add(-1)}, {KnownAt: knownPlaced.Add(-time.Hour)}} {
		if _, _, err := s.OrderAsOf(t.Context(), order, m); !errors.Is(err, ErrNoSuchOrder) {
			t.Errorf("%+v: %v; want that there is no such order", m, err)
		}
	}
	if _, shown, err := s.OrderAsOf(t.Context(), order, Moment{KnownAt: knownPlaced}); err != nil || shown.At.Position != 1 {
		t.Errorf("what was known then is shown at position %d, %v; want 1", shown.At.Position, err)
	}
}

// recordedAt returns when the newest event of an order was recorded.
func recordedAt(t *testing.T, s *Shop, order string) time.Time {
	t.Helper()
	history, _, err := s.History(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	return history[len(history)-1].RecordedAt
}

func TestUnknownOrders(t *testing.T) {
	s := openShop(t)
	id := uuid.NewString()
	_, _, order := s.Order(t.Context(), id)
	_, _, asOf := s.OrderAsOf(t.Context(), id, Moment{})
	_, _, history := s.History(t.Context(), id)
	for name, err := range map[string]error{"Order": order, "OrderAsOf": asOf, "History": history} {
		if !errors.Is(err, ErrNoSuchOrder) {
			t.Errorf("%s: %v; want that there is no such order", name, err)
		}
	}
}
