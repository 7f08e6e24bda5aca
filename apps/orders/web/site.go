package web

import (
	"net/http"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
)

// Options adjust a site. The zero value, and nil, are right for a shop that only this machine
// uses.
type Options struct {
	httpapi.Options
	// Providers are simulated ones that visitors may tell to fail. Nil means that there are
	// none.
	Providers []*simulated.Desk
}

// A Site is a shop over HTTP. Make it with [New]. It is safe for use by many
// goroutines. Its server runs it, with timeouts and a clean end.
type Site struct {
	*httpapi.Server
	shop  *orders.Shop
	desks []*simulated.Desk
}

// New returns a site for a shop, which must stay open for as long as the site is used.
func New(shop *orders.Shop, options *Options) *Site {
	var o Options
	if options != nil {
		o = *options
	}
	if o.Guard == nil {
		o.Guard = access.NewGuard(Policy(), nil)
	}
	s := &Site{Server: httpapi.NewServer("orders", o.Options), shop: shop, desks: o.Providers}
	s.Page = func(w http.ResponseWriter, r *http.Request, p *httpapi.Problem) {
		s.render(w, r, p.Status, "problem", view{Title: p.Title, Body: p})
	}
	s.Metrics.Daybook.Projections(viewsOf(shop))
	if runner := shop.Processes(); runner != nil {
		s.Metrics.Daybook.Processes(runner.Status)
	}
	s.Route(s.routes())
	return s
}
