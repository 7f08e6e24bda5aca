package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A PriceHistory is every price that a product ever had, the oldest first.
type PriceHistory struct {
	Product string    `json:"product"`
	Prices  []PriceAt `json:"prices"`
}

// A PriceAt is a price, and how long it was so.
type PriceAt struct {
	Price Price `json:"price"`
	// Version is that of the event that set it.
	Version daybook.Version `json:"version"`
	// From is since when, and Until is until when; zero if it is so still.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
	// Change is how much more it is than the one before.
	Change Price `json:"change"`
}

// Prices returns every price that a product ever had, or [ErrNoSuchProduct].
func (s *Showcase) Prices(ctx context.Context, id string) (Answer[PriceHistory], error) {
	return ask(ctx, s, fmt.Sprintf("prices %q", id), func(rows *sqlview.Reader, at readmodel.Standing) (found[PriceHistory], error) {
		h := PriceHistory{Product: id}
		var version daybook.Version
		if err := missing(rows.QueryRow(`select version from products where id = ?`, id).Scan(&version), id); err != nil {
			return found[PriceHistory]{}, err
		}
		for row, err := range rows.Query(`select price, version, coalesce(happened_at, recorded_at) from prices where product = ? order by version`, id) {
			if err != nil {
				return found[PriceHistory]{}, err
			}
			var p PriceAt
			if err := row.Scan((*int64)(&p.Price), &p.Version, &p.From); err != nil {
				return found[PriceHistory]{}, err
			}
			if n := len(h.Prices); n > 0 {
				h.Prices[n-1].Until = p.From
				p.Change = p.Price - h.Prices[n-1].Price
			}
			h.Prices = append(h.Prices, p)
		}
		return found[PriceHistory]{h, productShown(at.Point, version), h}, nil
	})
}
