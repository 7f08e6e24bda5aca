package catalog

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Page is a part of a list.
type Page struct {
	Products []Product
	// Matching is how many products the filter selects, on all pages.
	Matching int
	// Next is the cursor of the page after this; empty if this is the last.
	Next string
}

// Products returns a page of the products that a filter selects, now or as of a moment. A
// filter that cannot be is a [*daybook.InvalidError], and a cursor from before the log was
// restored a [*daybook.LifeError].
func (s *Showcase) Products(ctx context.Context, f Filter, m Moment) (Answer[Page], error) {
	if err := f.settle(); err != nil {
		return Answer[Page]{}, err
	}
	question := fmt.Sprintf("products %s %s %d %s", readmodel.Question(f), f.Cursor, f.Limit, momentKey(m))
	return ask(ctx, s, question, func(rows *sqlview.Reader, at readmodel.Standing) (found[Page], error) {
		var page Page
		all, err := s.pastly(ctx, rows, m)
		switch {
		case err != nil:
		case m != (Moment{}):
			page, err = f.pageOf(all, at.Point)
		default:
			page, err = f.page(rows, at.Point)
		}
		return found[Page]{page, listShown(at), page.Products}, err
	})
}

// listShown says what an answer shows that every event may change.
func listShown(at readmodel.Standing) Shown {
	return Shown{At: at.Point, Tag: at.Tag(displayVersion)}
}

// productColumns are those of a product, and productFields where they go.
const productColumns = `p.id, p.version, p.updated_at, p.created_at, p.name, p.sku, p.description, p.category, p.price, p.stock, p.status, p.reason, p.discontinued_at`

func productFields(p *Product) []any {
	return []any{&p.ID, &p.Version, &p.UpdatedAt, &p.CreatedAt, &p.Name, (*string)(&p.SKU), &p.Description, &p.Category,
		(*int64)(&p.Price), &p.Stock, (*string)(&p.Status), &p.Reason, &p.DiscontinuedAt}
}

// page reads one page of the list.
func (f Filter) page(rows *sqlview.Reader, at daybook.Point) (page Page, err error) {
	from, args := f.from()
	where, more := f.where()
	args = append(args, more...)
	if err := rows.QueryRow(`select count(*)`+from+where, args...).Scan(&page.Matching); err != nil {
		return Page{}, err
	}
	order := sorts[f.Sort]
	if f.Cursor != "" {
		c, err := readmodel.ParseCursor(f.Cursor, f.question(), displayVersion, at)
		if err != nil {
			return Page{}, readmodel.Answer(err)
		}
		where += fmt.Sprintf(" and (%s, p.id) %s (?, ?)", order.column, order.next)
		if f.Sort == ByName {
			args = append(args, c.Text, c.ID)
		} else {
			args = append(args, c.Value, c.ID)
		}
	}
	query := fmt.Sprintf("select %s, %s%s%s order by %[2]s %[5]s, p.id %[5]s limit ?", productColumns, order.column, from, where, order.direction)
	page.Products = make([]Product, 0, min(f.Limit, page.Matching))
	var last readmodel.Cursor
	for row, err := range rows.Query(query, append(args, f.Limit+1)...) {
		if err != nil {
			return Page{}, err
		}
		if len(page.Products) == f.Limit {
			page.Next = f.cursor(last, at)
			break
		}
		var p Product
		into := any(&last.Value)
		if f.Sort == ByName {
			into = &last.Text
		}
		if err := row.Scan(append(productFields(&p), into)...); err != nil {
			return Page{}, err
		}
		page.Products = append(page.Products, p)
		last.ID = p.ID
	}
	return page, nil
}

// cursor returns the one that stands after an entry.
func (f Filter) cursor(last readmodel.Cursor, at daybook.Point) string {
	last.Life, last.View, last.Question = at.At(0), displayVersion, f.question()
	return last.Encode()
}
