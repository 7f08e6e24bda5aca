package catalog

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// momentKey names a moment, in questions.
func momentKey(m Moment) string {
	if m == (Moment{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", m.Version, m.AsOf.UnixNano(), m.KnownAt.UnixNano())
}

// historyColumns are those of an event in the history of a product.
const historyColumns = `product, version, position, event_id, type, happened_at, recorded_at, data, metadata`

// eventIn returns the event that a row has.
func eventIn(row sqlview.Row) (e daybook.Recorded, err error) {
	var product, id, data, metadata string
	if err := row.Scan(&product, &e.Version, &e.Position, &id, &e.Type, &e.HappenedAt, &e.RecordedAt, &data, &metadata); err != nil {
		return e, err
	}
	e.Stream, e.Data, e.Metadata = StreamOf(product), []byte(data), []byte(metadata)
	e.ID, err = uuid.Parse(id)
	return e, err
}

// eventsIn yields the events that some of the history has, which is said in SQL. It ends with
// the error that came in the way.
func eventsIn(rows *sqlview.Reader, some string, args ...any) iter.Seq2[daybook.Recorded, error] {
	return func(yield func(daybook.Recorded, error) bool) {
		for row, err := range rows.Query(`select `+historyColumns+` from history `+some, args...) {
			var e daybook.Recorded
			if err == nil {
				e, err = eventIn(row)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// counts reports whether an event counts at a moment.
func counts(m Moment, e daybook.Recorded) bool {
	return (m.Version == 0 || e.Version <= m.Version) &&
		(m.KnownAt.IsZero() || !e.RecordedAt.After(m.KnownAt)) &&
		(m.AsOf.IsZero() || !e.HappenedAt.IsZero() && !e.HappenedAt.After(m.AsOf))
}

// Product returns a product, now or as of a moment, or [ErrNoSuchProduct].
func (s *Showcase) Product(ctx context.Context, id string, m Moment) (Answer[Product], error) {
	return ask(ctx, s, fmt.Sprintf("product %q %s", id, momentKey(m)), func(rows *sqlview.Reader, at readmodel.Standing) (found[Product], error) {
		if m != (Moment{}) {
			return productThen(rows, at, id, m)
		}
		var p Product
		row := rows.QueryRow(`select `+productColumns+` from products p where id = ?`, id)
		if err := missing(row.Scan(productFields(&p)...), id); err != nil {
			return found[Product]{}, err
		}
		return found[Product]{p, productShown(at.Point, p.Version), p}, nil
	})
}

// missing says that there is no product where there is no row.
func missing(err error, id string) error {
	if err == sqlview.ErrNoRow {
		return readmodel.Answer(fmt.Errorf("%w: %s", ErrNoSuchProduct, id))
	}
	return err
}

// productThen returns a product as it was at a moment.
func productThen(rows *sqlview.Reader, at readmodel.Standing, id string, m Moment) (found[Product], error) {
	var p Product
	var newest daybook.Version
	for e, err := range eventsIn(rows, `where product = ? order by version`, id) {
		if err != nil {
			return found[Product]{}, err
		}
		if !m.KnownAt.IsZero() && e.RecordedAt.After(m.KnownAt) || m.Version > 0 && e.Version > m.Version {
			break
		}
		newest = e.Version
		if !counts(m, e) {
			continue
		}
		if err := p.applyAll(e); err != nil {
			return found[Product]{}, readmodel.Answer(err)
		}
	}
	if !p.there() || newest < m.Version {
		return found[Product]{}, readmodel.Answer(fmt.Errorf("%w then: %s", ErrNoSuchProduct, id))
	}
	return found[Product]{p, productShown(at.Point, newest), p}, nil
}

// A History is everything that ever happened to a product, the oldest first.
type History struct {
	Product string       `json:"product"`
	Events  []Occurrence `json:"events"`
}

// History returns every event of a product, or [ErrNoSuchProduct].
func (s *Showcase) History(ctx context.Context, id string) (Answer[History], error) {
	return ask(ctx, s, fmt.Sprintf("history %q", id), func(rows *sqlview.Reader, at readmodel.Standing) (found[History], error) {
		h := History{Product: id}
		for e, err := range eventsIn(rows, `where product = ? order by version`, id) {
			if err != nil {
				return found[History]{}, err
			}
			event, err := past.OccurrenceOf(e, Products.Codec())
			if err != nil {
				return found[History]{}, readmodel.Answer(err)
			}
			h.Events = append(h.Events, event)
		}
		if len(h.Events) == 0 {
			return found[History]{}, missing(sqlview.ErrNoRow, id)
		}
		return found[History]{h, productShown(at.Point, daybook.Version(past.Version(h.Events))), h}, nil
	})
}

// A pastProduct is a product as it was, with what it is put in order by.
type pastProduct struct {
	Product
	created, position daybook.Position
}

// pastly returns all products as they were at a moment; nothing for now. They are folded
// from their history, one question at a time: whoever asks about the past takes one
// processor at most from those who ask about now.
func (s *Showcase) pastly(ctx context.Context, rows *sqlview.Reader, m Moment) (all []pastProduct, err error) {
	if m == (Moment{}) {
		return nil, nil
	}
	if m.Version != 0 {
		return nil, readmodel.Answer(&daybook.InvalidError{What: "version", Reason: "is of a product, and the catalogue has none"})
	}
	select {
	case s.past <- struct{}{}:
		defer func() { <-s.past }()
	case <-ctx.Done():
		return nil, readmodel.Answer(ctx.Err())
	}
	for e, err := range eventsIn(rows, `order by product, version`) {
		if err != nil {
			return nil, err
		}
		if !counts(m, e) {
			continue
		}
		id := ProductID(e.Stream)
		if n := len(all); n == 0 || all[n-1].ID != id {
			all = append(all, pastProduct{Product: Product{ID: id}, created: e.Position})
		}
		p := &all[len(all)-1]
		p.position = e.Position
		if err := p.applyAll(e); err != nil {
			return nil, readmodel.Answer(err)
		}
	}
	return slices.DeleteFunc(all, func(p pastProduct) bool { return !p.there() }), nil
}

// pageOf returns one page of the list, as [Filter.page] does, of products that are in
// memory.
func (f Filter) pageOf(all []pastProduct, at daybook.Point) (page Page, err error) {
	type listed struct {
		product Product
		cursor  readmodel.Cursor
	}
	searched := wordsIn(f.Search)
	var list []listed
	for _, p := range all {
		if !f.selects(p.Product) {
			continue
		}
		rank := p.rank(searched)
		if rank == 0 && len(searched) > 0 {
			continue
		}
		entry := readmodel.Cursor{ID: p.ID}
		switch f.Sort {
		case ByName:
			entry.Text = sortedName(p.Name)
		case ByCheapest, ByDearest:
			entry.Value = int64(p.Price)
		case ByUpdated:
			entry.Value = int64(p.position)
		case ByRelevance:
			entry.Value = rank
		default:
			entry.Value = int64(p.created)
		}
		list = append(list, listed{p.Product, entry})
	}
	compare := func(a, b readmodel.Cursor) int {
		c := cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Text, b.Text), cmp.Compare(a.ID, b.ID))
		if sorts[f.Sort].direction == "desc" {
			return -c
		}
		return c
	}
	slices.SortFunc(list, func(a, b listed) int { return compare(a.cursor, b.cursor) })
	page.Matching = len(list)
	if f.Cursor != "" {
		after, err := readmodel.ParseCursor(f.Cursor, f.question(), displayVersion, at)
		if err != nil {
			return Page{}, readmodel.Answer(err)
		}
		list = slices.DeleteFunc(list, func(l listed) bool { return compare(l.cursor, after) <= 0 })
	}
	page.Products = []Product{}
	for i, l := range list {
		if i == f.Limit {
			page.Next = f.cursor(list[i-1].cursor, at)
			break
		}
		page.Products = append(page.Products, l.product)
	}
	return page, nil
}
