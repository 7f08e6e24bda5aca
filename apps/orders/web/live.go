package web

import (
	"net/http"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// live is a stream of server-sent events: what is recorded about orders and stock, as it
// is shown; see [httpapi.Live].
//
// ?order=ID selects one order, and what is reserved for it; ?sku=SKU selects one article.
func (s *Site) live(w http.ResponseWriter, r *http.Request) error {
	asked, err := httpapi.Ask(r, "order", "sku", "each", "after")
	if err != nil {
		return err
	}
	order, sku := asked.Get("order"), asked.Get("sku")
	changes := httpapi.Live[orders.Change]{Now: s.shop.Now, Changes: s.shop.Changes, At: func(c orders.Change) daybook.Point { return c.At }}
	return changes.Stream(s.Server, w, r, asked.Get("each"), asked.Get("after"), func(c orders.Change) bool {
		return (order == "" || c.Order == order) && (sku == "" || c.SKU == sku)
	})
}
