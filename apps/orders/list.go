package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Orders returns a page of the orders that a filter selects. A filter that cannot
// be is a [*daybook.InvalidError], and a cursor from before the log was restored a
// [*daybook.LifeError].
//
// Pages go on where the last one ended, so an order that is placed or changes in
// between is neither repeated nor does it push another one out.
func (s *Shop) Orders(ctx context.Context, f Filter) (page Page, shown Shown, err error) {
	if err := f.settle(); err != nil {
		return Page{}, Shown{}, err
	}
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		shown = listShown(at)
		where, args := f.where()
		if err := rows.QueryRow(`select count(*) from orders`+where, args...).Scan(&page.Matching); err != nil {
			return err
		}
		page.Orders, page.Next, err = f.page(rows, at.Point)
		return err
	})
	return page, shown, err
}

// listShown says what an answer shows that every event may change.
//
// The last event applied would do, but for events that had been set aside: these are
// applied later than others after them.
func listShown(at standing) Shown {
	return Shown{At: at.Point, Tag: at.Tag(overviewVersion)}
}

// settle checks the filter, and fills in what it leaves out.
func (f *Filter) settle() error {
	if f.Sort == "" {
		f.Sort = ByNewest
	}
	if _, known := sorts[f.Sort]; !known {
		return &daybook.InvalidError{What: "sort", Value: string(f.Sort), Reason: fmt.Sprintf("is none of %v", Sorts())}
	}
	return checkPage(&f.Limit, f.Search)
}

// checkPage checks what the filters of all lists have, and fills in the limit.
func checkPage(limit *int, search string) error {
	if *limit == 0 {
		*limit = DefaultLimit
	}
	if *limit < 1 || *limit > MaxLimit {
		return &daybook.InvalidError{What: "limit", Value: fmt.Sprint(*limit), Reason: fmt.Sprintf("is not from 1 to %d", MaxLimit)}
	}
	if len(search) > check.MaxText {
		return &daybook.InvalidError{What: "search", Reason: fmt.Sprintf("is %d bytes long, and %d are allowed", len(search), check.MaxText)}
	}
	return nil
}

// sorts says which column each order of a list goes by, and in which direction. Ids
// order those that are equal in it.
var sorts = map[Sort]struct{ column, direction, next string }{
	ByNewest:   {"listed_at", "desc", "<"},
	ByOldest:   {"listed_at", "asc", ">"},
	ByDearest:  {"total", "desc", "<"},
	ByCheapest: {"total", "asc", ">"},
	ByUpdated:  {"position", "desc", "<"},
}

// where returns the condition that the filter is in SQL, with its arguments.
func (f Filter) where() (string, []any) {
	var clauses []string
	var args []any
	add := func(clause string, values ...any) {
		clauses = append(clauses, clause)
		args = append(args, values...)
	}
	if len(f.Statuses) > 0 {
		values := make([]any, len(f.Statuses))
		for i, s := range f.Statuses {
			values[i] = int(s)
		}
		add("status in (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
	if f.Customer != "" {
		add("customer = ?", f.Customer)
	}
	if !f.From.IsZero() {
		add("listed_at >= ?", f.From)
	}
	if !f.To.IsZero() {
		add("listed_at < ?", f.To)
	}
	for _, word := range strings.Fields(strings.ToLower(f.Search)) {
		add("instr(search, ?) > 0", word)
	}
	if len(clauses) == 0 {
		return " where 1", nil
	}
	return " where " + strings.Join(clauses, " and "), args
}

// page reads one page of the list, and returns it with the cursor of the next.
func (f Filter) page(rows *sqlview.Reader, at daybook.Point) ([]Summary, string, error) {
	order := sorts[f.Sort]
	where, args := f.where()
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor, f.question(), at)
		if err != nil {
			return nil, "", err
		}
		where += fmt.Sprintf(" and (%s, id) %s (?, ?)", order.column, order.next)
		args = append(args, c.Value, c.ID)
	}
	query := fmt.Sprintf("select %s, %s from orders%s order by %[2]s %[4]s, id %[4]s limit ?", summaryColumns, order.column, where, order.direction)
	list := make([]Summary, 0, f.Limit)
	var last cursor
	more := false
	for row, err := range rows.Query(query, append(args, f.Limit+1)...) {
		if err != nil {
			return nil, "", err
		}
		if len(list) == f.Limit {
			more = true
			break
		}
		var o Summary
		var value int64
		if err := row.Scan(append(summaryFields(&o), &value)...); err != nil {
			return nil, "", err
		}
		list = append(list, o)
		last.Value, last.ID = value, o.ID
	}
	if !more {
		return list, "", nil
	}
	last.Life, last.View, last.Question = at.At(0), overviewVersion, f.question()
	return list, last.Encode(), nil
}

const summaryColumns = "id, version, status, customer, city, state, currency, total, paid, refunded, units, placed_at, updated_at"

// summaryFields returns where the columns of a summary go.
func summaryFields(o *Summary) []any {
	return []any{&o.ID, &o.Version, &o.Status, &o.Customer.ID, &o.Customer.City, &o.Customer.State, &o.Currency,
		&o.Total, &o.Paid, &o.Refunded, &o.Units, &o.PlacedAt, &o.UpdatedAt}
}

// A cursor stands right after one entry of a list.
type cursor = readmodel.Cursor

func parseCursor(given, question string, at daybook.Point) (cursor, error) {
	return readmodel.ParseCursor(given, question, overviewVersion, at)
}

// question identifies what the filter asks, whichever page.
func (f Filter) question() string {
	f.Cursor, f.Limit = "", 0
	f.Statuses = slices.Sorted(slices.Values(f.Statuses))
	return readmodel.Question(f)
}

// Customer returns what the shop knows of a customer, or [ErrNoSuchCustomer].
func (s *Shop) Customer(ctx context.Context, id string) (buyer Buyer, shown Shown, err error) {
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		var changed daybook.Position
		row := rows.QueryRow(`select count(*), coalesce(sum(paid), 0), min(listed_at), max(listed_at), coalesce(max(position), 0)
			from orders where customer = ? and customer <> ''`, id)
		if err := row.Scan(&buyer.Orders, &buyer.Paid, &buyer.FirstPlaced, &buyer.LastPlaced, &changed); err != nil {
			return err
		}
		if buyer.Orders == 0 {
			return ErrNoSuchCustomer
		}
		newest := Filter{Customer: id, Sort: ByNewest, Limit: DefaultLimit}
		if buyer.Recent, _, err = newest.page(rows, at.Point); err != nil {
			return err
		}
		buyer.Customer = buyer.Recent[0].Customer
		shown = past.ShownOf(at.Point, uint64(changed), overviewVersion)
		return nil
	})
	return buyer, shown, err
}
