package web

import (
	"net/http"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// routes are all there is. The OpenAPI document describes the same.
func (s *Site) routes() []httpapi.Route {
	return slices.Concat([]httpapi.Route{
		{Method: "GET", Path: "/{$}", Right: httpapi.Open, Handle: s.home},

		{Method: "POST", Path: "/products", Right: httpapi.ToSend("CreateProduct"), Handle: s.create},
		{Method: "POST", Path: "/products/bulk", Right: httpapi.ToSend("CreateProducts"), Handle: s.createMany, Long: true},
		{Method: "POST", Path: "/products/{id}/rename", Right: httpapi.ToSend("RenameProduct").About(aboutProduct), Handle: s.rename},
		{Method: "POST", Path: "/products/{id}/describe", Right: httpapi.ToSend("DescribeProduct").About(aboutProduct), Handle: s.describe},
		{Method: "POST", Path: "/products/{id}/price", Right: httpapi.ToSend("ChangePrice").About(aboutProduct), Handle: s.reprice},
		{Method: "POST", Path: "/products/{id}/categorise", Right: httpapi.ToSend("CategoriseProduct").About(aboutProduct), Handle: s.categorise},
		{Method: "POST", Path: "/products/{id}/restock", Right: httpapi.ToSend("RestockProduct").About(aboutProduct), Handle: s.restock},
		{Method: "POST", Path: "/products/{id}/discontinue", Right: httpapi.ToSend("DiscontinueProduct").About(aboutProduct), Handle: s.discontinue},

		{Method: "GET", Path: "/products", Right: httpapi.ToAsk("Products"), Handle: s.products},
		{Method: "GET", Path: "/products/facets", Right: httpapi.ToAsk("Facets"), Handle: s.facets},
		{Method: "GET", Path: "/products/bulk", Right: httpapi.ToSend("CreateProducts"), Handle: s.bulkForm},
		{Method: "GET", Path: "/products/{id}", Right: httpapi.ToAsk("Product").About(aboutProduct), Handle: s.product},
		{Method: "GET", Path: "/products/{id}/history", Right: httpapi.ToAsk("ProductHistory").About(aboutProduct), Handle: s.history},
		{Method: "GET", Path: "/products/{id}/prices", Right: httpapi.ToAsk("ProductPrices").About(aboutProduct), Handle: s.prices},
		{Method: "GET", Path: "/events/live", Right: httpapi.ToAsk("LiveEvents"), Handle: s.live, Long: true},

		{Method: "GET", Path: "/readmodels", Right: httpapi.ToAsk("ReadModels"), Handle: s.readModels},
		{Method: "POST", Path: "/readmodels", Right: httpapi.ToAdminister("Rebuild"), Handle: s.rebuild},
		{Method: "POST", Path: "/readmodels/drop", Right: httpapi.ToAdminister("Drop"), Handle: s.drop},

		{Method: "GET", Path: "/healthz", Right: httpapi.Open, Handle: httpapi.Healthz},
		{Method: "GET", Path: "/readyz", Right: httpapi.Known, Handle: s.readyz},
		{Method: "GET", Path: "/metrics", Right: httpapi.ToAsk("Metrics"), Handle: s.Metrics.Serve},
		{Method: "GET", Path: "/openapi.json", Right: httpapi.Open, Handle: pages.OpenAPI},
		{Method: "GET", Path: "/problems", Right: httpapi.Open, Handle: s.problems},
		{Method: "GET", Path: "/static/{file}", Right: httpapi.Open, Handle: pages.Static},
	}, s.SessionRoutes(s.sessionPage), s.AccessRoutes())
}

// aboutProduct returns what requests are about that name a product in their address.
func aboutProduct(r *http.Request) daybook.Query { return catalog.AboutProduct(r.PathValue("id")) }

// home leads to the list of products.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/products", http.StatusSeeOther)
	return nil
}
