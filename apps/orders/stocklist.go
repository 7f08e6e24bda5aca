package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// An ArticleSummary is one article in the list of what is in stock.
type ArticleSummary struct {
	SKU     string          `json:"sku"`
	Version daybook.Version `json:"version"`
	// OnHand counts the pieces on the shelf, Reserved those among them that are kept for
	// orders, and Free the others.
	OnHand   int64 `json:"on_hand"`
	Reserved int64 `json:"reserved"`
	Free     int64 `json:"free"`
	// Level is the reorder level, and Low says that no more than so many are free.
	Level int64 `json:"level"`
	Low   bool  `json:"low"`
	// UpdatedAt is when the newest fact about it was recorded.
	UpdatedAt time.Time `json:"updated_at"`
}

// sum fills in what follows from the rest.
func (a *ArticleSummary) sum() {
	a.Free = a.OnHand - a.Reserved
	a.Low = a.Free <= a.Level
}

// ArticleDetails are all that an article's page shows.
type ArticleDetails struct {
	ArticleSummary
	// Received counts the pieces that ever came, Picked those that left with an order,
	// and Found those that counts found, fewer than none if they missed some. What is
	// left is OnHand.
	Received int64 `json:"received"`
	Picked   int64 `json:"picked"`
	Found    int64 `json:"found"`
	// Reservations are what is kept for orders now, by their ids, at most [MaxLimit].
	Reservations []Reservation `json:"reservations"`
}

// A Reservation is what is kept of an article for an order.
type Reservation struct {
	Order    string    `json:"order"`
	Quantity int64     `json:"quantity"`
	At       time.Time `json:"at,omitzero"`
}

// A StockFilter says which articles a list shows, in the order of their SKUs. Its
// fields combine; the zero StockFilter is the first page of all.
type StockFilter struct {
	// Low selects those that are low in stock.
	Low bool
	// Search finds articles whose SKU contains every one of its words.
	Search string
	// Cursor is the Next of the page before; empty for the first one. The rest of the
	// filter must be the same.
	Cursor string
	Limit  int
}

// A StockPage is a part of the list of articles.
type StockPage struct {
	Articles []ArticleSummary `json:"articles"`
	// Next is the cursor of the page after this; empty if this is the last.
	Next string `json:"next,omitempty"`
	// Matching counts all articles that the filter selects.
	Matching int64 `json:"matching"`
}

const articleColumns = "sku, version, on_hand, reserved, level, updated_at"

func articleFields(a *ArticleSummary) []any {
	return []any{&a.SKU, &a.Version, &a.OnHand, &a.Reserved, &a.Level, &a.UpdatedAt}
}

// Stock returns a page of the articles that a filter selects. A filter that cannot be
// is a [*daybook.InvalidError], and a cursor from before the log was restored a
// [*daybook.LifeError].
func (s *Shop) Stock(ctx context.Context, f StockFilter) (page StockPage, shown Shown, err error) {
	if err := checkPage(&f.Limit, f.Search); err != nil {
		return StockPage{}, Shown{}, err
	}
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		shown = listShown(at)
		page, err = f.page(rows, at.Point)
		return err
	})
	return page, shown, err
}

// page reads one page of the list.
func (f StockFilter) page(rows *sqlview.Reader, at daybook.Point) (StockPage, error) {
	where, args := " where 1", []any(nil)
	if f.Low {
		where += " and on_hand - reserved <= level"
	}
	for _, word := range strings.Fields(strings.ToLower(f.Search)) {
		where += " and instr(search, ?) > 0"
		args = append(args, word)
	}
	page := StockPage{Articles: make([]ArticleSummary, 0, f.Limit)}
	if err := rows.QueryRow(`select count(*) from stock`+where, args...).Scan(&page.Matching); err != nil {
		return page, err
	}
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor, f.question(), at)
		if err != nil {
			return page, err
		}
		where += " and sku > ?"
		args = append(args, c.ID)
	}
	for row, err := range rows.Query(`select `+articleColumns+` from stock`+where+` order by sku limit ?`, append(args, f.Limit+1)...) {
		if err != nil {
			return page, err
		}
		if len(page.Articles) == f.Limit {
			last := page.Articles[f.Limit-1]
			page.Next = cursor{ID: last.SKU, Life: at.At(0), View: overviewVersion, Question: f.question()}.Encode()
			break
		}
		var a ArticleSummary
		if err := row.Scan(articleFields(&a)...); err != nil {
			return page, err
		}
		a.sum()
		page.Articles = append(page.Articles, a)
	}
	return page, nil
}

// question identifies what the filter asks, whichever page.
func (f StockFilter) question() string {
	f.Cursor, f.Limit = "", 0
	return readmodel.Question(f)
}

// Article returns all that an article's page shows, as the views have it, or
// [ErrNoSuchArticle].
func (s *Shop) Article(ctx context.Context, sku string) (d ArticleDetails, shown Shown, err error) {
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		d = ArticleDetails{Reservations: []Reservation{}}
		err := rows.QueryRow(`select `+articleColumns+`, received, picked, found from stock where sku = ?`, sku).
			Scan(append(articleFields(&d.ArticleSummary), &d.Received, &d.Picked, &d.Found)...)
		if errors.Is(err, sqlview.ErrNoRow) {
			return ErrNoSuchArticle
		}
		if err != nil {
			return err
		}
		d.sum()
		for row, err := range rows.Query(`select order_id, quantity, at from reservations where sku = ? and fate = ? order by order_id limit ?`, sku, fateKept, MaxLimit) {
			var r Reservation
			if err == nil {
				err = row.Scan(&r.Order, &r.Quantity, &r.At)
			}
			if err != nil {
				return err
			}
			d.Reservations = append(d.Reservations, r)
		}
		shown = past.ShownOf(at.Point, uint64(d.Version), overviewVersion)
		return nil
	})
	return d, shown, err
}

// ArticleAsOf returns what an article's page would have shown at a moment of the past,
// folded from the article's events. Where there was no such article yet, that is
// [ErrNoSuchArticle].
func (s *Shop) ArticleAsOf(ctx context.Context, sku string, m Moment) (ArticleDetails, Shown, error) {
	d := ArticleDetails{ArticleSummary: ArticleSummary{SKU: sku}, Reservations: []Reservation{}}
	read, at, err := past.Show(ctx, s.store, daybook.Stream(Stock.Stream(sku)), Stock.Codec(), m, func(fact any, at daybook.Recorded) { d.add(fact, at) })
	switch {
	case err != nil:
		return ArticleDetails{}, Shown{}, err
	case read < m.Version:
		return ArticleDetails{}, Shown{}, fmt.Errorf("%w at version %d; it has come to version %d", ErrNoSuchArticle, m.Version, read)
	case d.Version == 0:
		return ArticleDetails{}, Shown{}, ErrNoSuchArticle
	}
	d.sum()
	d.Reservations = d.Reservations[:min(len(d.Reservations), MaxLimit)]
	return d, past.ShownOf(at, uint64(read), overviewVersion), nil
}

// add shows one fact more.
func (d *ArticleDetails) add(fact any, at daybook.Recorded) {
	d.Version, d.UpdatedAt = at.Version, at.RecordedAt
	of := func(order string) (int, bool) {
		return slices.BinarySearchFunc(d.Reservations, order, func(r Reservation, order string) int { return strings.Compare(r.Order, order) })
	}
	switch e := fact.(type) {
	case StockReceived:
		d.OnHand += e.Quantity
		d.Received += e.Quantity
	case StockReserved:
		d.Reserved += e.Quantity
		i, _ := of(e.Order)
		d.Reservations = slices.Insert(d.Reservations, i, Reservation{e.Order, e.Quantity, at.HappenedAt})
	case StockReleased:
		d.Reserved -= e.Quantity
		if i, kept := of(e.Order); kept {
			d.Reservations = slices.Delete(d.Reservations, i, i+1)
		}
	case StockPicked:
		d.OnHand -= e.Quantity
		d.Reserved -= e.Quantity
		d.Picked += e.Quantity
		if i, kept := of(e.Order); kept {
			d.Reservations = slices.Delete(d.Reservations, i, i+1)
		}
	case StockCounted:
		d.OnHand = e.Counted
		d.Found += e.Difference
	case ReorderLevelSet:
		d.Level = e.Level
	}
}

// ArticleHistory returns every event of an article, the oldest first, or
// [ErrNoSuchArticle].
func (s *Shop) ArticleHistory(ctx context.Context, sku string) ([]Occurrence, Shown, error) {
	history, at, err := past.Events(ctx, s.store, daybook.Stream(Stock.Stream(sku)), Stock.Codec())
	if err == nil && len(history) == 0 {
		err = ErrNoSuchArticle
	}
	return history, past.ShownOf(at, past.Version(history), overviewVersion), err
}
