package orders

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
)

// What the list, the page and the past of an article show is what happened to it, and
// the dashboard's figures now and then are their sums.
func TestStockIsShownNowAndThen(t *testing.T) {
	now := clock
	s := openShopAt(t, func() time.Time { return now })
	do(t, s, ReceiveStock{SKU: "lamp", Quantity: 10, Supplier: "Lux"})
	do(t, s, ReceiveStock{SKU: "bulb", Quantity: 4})
	do(t, s, SetReorderLevel{SKU: "lamp", Level: new(int64(5))})
	now = clock.Add(time.Hour)
	do(t, s, ReserveStock{Order: "1", Wanted: []Wanted{{"lamp", 2}, {"bulb", 1}}})
	do(t, s, ReserveStock{Order: "2", Wanted: []Wanted{{"lamp", 3}}})
	do(t, s, ReserveStock{Order: "3", Wanted: []Wanted{{"bulb", 3}}})
	now = clock.Add(2 * time.Hour)
	do(t, s, PickStock{Order: "1"})
	do(t, s, ReleaseStock{Order: "3", Reason: "cancelled"})
	do(t, s, CountStock{SKU: "lamp", Counted: new(int64(7)), Reason: "yearly"})

	lamp := ArticleDetails{
		ArticleSummary: ArticleSummary{SKU: "lamp", Version: 6, OnHand: 7, Reserved: 3, Free: 4, Level: 5, Low: true},
		Received:       10, Picked: 2, Found: -1, Reservations: []Reservation{{"2", 3, clock.Add(time.Hour)}},
	}
	page, _, err := s.Article(t.Context(), "lamp")
	if err != nil {
		t.Fatal(err)
	}
	lamp.UpdatedAt = page.UpdatedAt
	if diff := cmp.Diff(lamp, page); diff != "" {
		t.Errorf("the page (-want +got):\n%s", diff)
	}
	past, _, err := s.ArticleAsOf(t.Context(), "lamp", Moment{AsOf: now})
	if diff := cmp.Diff(lamp, past); diff != "" || err != nil {
		t.Errorf("the past that is now: %v (-want +got):\n%s", err, diff)
	}
	for m, want := range map[Moment][3]int64{
		{Version: 1}:                        {10, 0, 0},
		{Version: 3}:                        {10, 2, 5},
		{AsOf: clock}:                       {10, 0, 5},
		{AsOf: clock.Add(90 * time.Minute)}: {10, 5, 5},
	} {
		was, _, err := s.ArticleAsOf(t.Context(), "lamp", m)
		if got := [3]int64{was.OnHand, was.Reserved, was.Level}; got != want || err != nil {
			t.Errorf("at %+v there are %v, %v; want %v", m, got, err, want)
		}
	}
	for _, m := range []Moment{{AsOf: clock.Add(-time.Hour)}, {Version: 7}} {
		if _, _, err := s.ArticleAsOf(t.Context(), "lamp", m); !errors.Is(err, ErrNoSuchArticle) {
			t.Errorf("at %+v: %v", m, err)
		}
	}
	if _, _, err := s.Article(t.Context(), "portrait"); !errors.Is(err, ErrNoSuchArticle) {
		t.Errorf("an article that is made to order: %v", err)
	}
	history, _, err := s.ArticleHistory(t.Context(), "bulb")
	if err != nil || len(history) != 5 || history[4].Type != "StockReleased" {
		t.Errorf("its history is %+v, %v", history, err)
	}

	for at, want := range map[time.Time]StockFigures{
		{}:                      {2, 10, 3, 1, []LowStock{{"lamp", 4, 5}}},
		clock:                   {2, 14, 0, 0, []LowStock{}},
		clock.Add(time.Hour):    {2, 14, 9, 2, []LowStock{{"bulb", 0, 0}, {"lamp", 5, 5}}},
		clock.Add(-time.Hour):   {0, 0, 0, 0, []LowStock{}},
		clock.Add(3 * 1e9 * 60): {2, 14, 0, 0, []LowStock{}},
	} {
		d, _, err := s.Dashboard(t.Context(), at)
		if diff := cmp.Diff(want, d.Stock); diff != "" || err != nil {
			t.Errorf("at %s: %v (-want +got):\n%s", at, err, diff)
		}
	}
}

func TestTheListOfArticlesGoesOnWhereAPageEnded(t *testing.T) {
	s := openShop(t)
	for i := range 7 {
		do(t, s, ReceiveStock{SKU: "lamp " + strconv.Itoa(i), Quantity: int64(i + 1)})
	}
	do(t, s, SetReorderLevel{SKU: "lamp 4", Level: new(int64(9))})
	do(t, s, ReceiveStock{SKU: "Bulb", Quantity: 1})
	filter := StockFilter{Search: "LAMP", Limit: 3}
	var got []string
	for {
		page, _, err := s.Stock(t.Context(), filter)
		if err != nil || page.Matching != 7 {
			t.Fatalf("%+v, %v; want 7 that match", page, err)
		}
		for _, a := range page.Articles {
			got = append(got, a.SKU)
		}
		if filter.Cursor = page.Next; filter.Cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"lamp 0", "lamp 1", "lamp 2", "lamp 3", "lamp 4", "lamp 5", "lamp 6"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	first, _, err := s.Stock(t.Context(), StockFilter{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []StockFilter{{Limit: -1}, {Limit: MaxLimit + 1}, {Cursor: "x"}, {Cursor: first.Next, Low: true}} {
		wrong := (*daybook.InvalidError)(nil)
		if _, _, err := s.Stock(t.Context(), f); !errors.As(err, &wrong) {
			t.Errorf("%+v: %v, want that it is invalid", f, err)
		}
	}
	low, _, err := s.Stock(t.Context(), StockFilter{Low: true})
	if err != nil || len(low.Articles) != 1 || low.Articles[0].SKU != "lamp 4" || !low.Articles[0].Low {
		t.Errorf("low in stock are %+v, %v", low, err)
	}
}

func TestCommandsAboutStockNameTheField(t *testing.T) {
	for _, c := range []struct {
		command interface{ Validate() error }
		field   string
	}{
		{ReceiveStock{SKU: "lamp"}, "quantity: "},
		{ReceiveStock{SKU: "lamp", Quantity: MaxQuantity + 1}, "quantity: "},
		{ReceiveStock{Quantity: 1}, "sku: "},
		{CountStock{SKU: "lamp"}, "counted: "},
		{CountStock{SKU: "lamp", Counted: new(int64(-1))}, "counted: "},
		{SetReorderLevel{SKU: "lamp"}, "level: "},
		{SetReorderLevel{Level: new(int64(1))}, "sku: "},
		{ReserveStock{Wanted: []Wanted{{"lamp", 1}}}, "order: "},
		{ReserveStock{Order: "1", Wanted: []Wanted{{"lamp", 0}}}, "wanted[0].quantity: "},
		{ReserveStock{Order: "1", Wanted: make([]Wanted, MaxLines+1)}, "wanted: "},
		{ReleaseStock{}, "order: "},
		{PickStock{}, "order: "},
	} {
		if err := c.command.Validate(); err == nil || len(err.Error()) < len(c.field) || err.Error()[:len(c.field)] != c.field {
			t.Errorf("%T %+v: %v; want an error that begins with %q", c.command, c.command, err, c.field)
		}
	}
	s := openShop(t)
	_, err := s.Bus().Do(t.Context(), command.Envelope{}, CountStock{SKU: "lamp", Counted: new(int64(0))})
	if !errors.Is(err, ErrNoSuchArticle) {
		t.Errorf("counting what was never received: %v", err)
	}
}
