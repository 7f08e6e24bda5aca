package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A FulfilmentSummary is an order that the shop was asked to fulfil, in the list of them.
type FulfilmentSummary struct {
	Order  string `json:"order"`
	Status Status `json:"status"`
	Total  Cents  `json:"total"`
	FulfilmentAsked
	// Kept counts the pieces that are kept for it.
	Kept int64 `json:"kept,omitempty"`
	// Reason is why it was cancelled.
	Reason string `json:"reason,omitempty"`
	// UpdatedAt is when the newest fact about the order was recorded.
	UpdatedAt time.Time `json:"updated_at"`
}

// A FulfilmentPage is a part of the list of fulfilments.
type FulfilmentPage struct {
	Fulfilments []FulfilmentSummary `json:"fulfilments"`
	// Next is the cursor of the page after this; empty if this is the last.
	Next string `json:"next,omitempty"`
	// Matching counts all that the filter selects.
	Matching int64 `json:"matching"`
}

// A FulfilmentFilter says which fulfilments a list shows, those first whose order changed
// last.
type FulfilmentFilter struct {
	// Ended selects those whose order was shipped or cancelled; otherwise it is those
	// under way.
	Ended  bool
	Cursor string
	Limit  int
}

// Fulfilments returns a page of the orders that the shop was asked to fulfil. A filter
// that cannot be is a [*daybook.InvalidError], and a cursor from before the log was
// restored a [*daybook.LifeError].
func (s *Shop) Fulfilments(ctx context.Context, f FulfilmentFilter) (page FulfilmentPage, shown Shown, err error) {
	if err := checkPage(&f.Limit, ""); err != nil {
		return FulfilmentPage{}, Shown{}, err
	}
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		shown = listShown(at)
		page, err = f.page(rows, at.Point)
		return err
	})
	return page, shown, err
}

func (f FulfilmentFilter) page(rows *sqlview.Reader, at daybook.Point) (FulfilmentPage, error) {
	where := fmt.Sprintf(" where fulfil = 1 and status < %d", Shipped)
	if f.Ended {
		where = fmt.Sprintf(" where fulfil = 1 and status >= %d", Shipped)
	}
	page := FulfilmentPage{Fulfilments: make([]FulfilmentSummary, 0, f.Limit)}
	if err := rows.QueryRow(`select count(*) from orders` + where).Scan(&page.Matching); err != nil {
		return page, err
	}
	var args []any
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor, f.question(), at)
		if err != nil {
			return page, err
		}
		where += " and position < ?"
		args = append(args, c.Value)
	}
	var position int64
	for row, err := range rows.Query(`select id, status, total, pay_method, pay_by, reason, updated_at, position,
			(select coalesce(sum(quantity), 0) from reservations where order_id = orders.id and fate = 1)
		from orders`+where+` order by position desc limit ?`, append(args, f.Limit+1)...) {
		if err != nil {
			return page, err
		}
		if len(page.Fulfilments) == f.Limit {
			page.Next = cursor{Value: position, Life: at.At(0), View: overviewVersion, Question: f.question()}.Encode()
			break
		}
		var o FulfilmentSummary
		if err := row.Scan(&o.Order, &o.Status, &o.Total, &o.Method, &o.PayBy, &o.Reason, &o.UpdatedAt, &position, &o.Kept); err != nil {
			return page, err
		}
		page.Fulfilments = append(page.Fulfilments, o)
	}
	return page, nil
}

// question identifies what the filter asks, whichever page.
func (f FulfilmentFilter) question() string {
	f.Cursor, f.Limit = "", 0
	return readmodel.Question(f)
}

// ErrFulfilsNothing is returned by a shop without providers.
var ErrFulfilsNothing = errors.New("this shop has no providers, and fulfils nothing")

// FulfilmentOf returns the fulfilment of an order, as it is in the log. Its Version is
// zero if the shop was not asked to fulfil the order, or has not begun. A shop without
// providers returns [ErrFulfilsNothing].
func (s *Shop) FulfilmentOf(ctx context.Context, order string) (process.Loaded[Fulfilment], error) {
	if s.fulfilment == nil {
		return process.Loaded[Fulfilment]{}, ErrFulfilsNothing
	}
	return s.fulfilment.Load(ctx, s.store, order)
}
