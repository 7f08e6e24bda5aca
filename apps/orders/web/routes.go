package web

import (
	"net/http"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/process"
)

// routes are all there is. The OpenAPI document describes the same.
func (s *Site) routes() []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Path: "/{$}", Handle: s.home},

		{Method: "POST", Path: "/orders", Handle: s.place},
		{Method: "POST", Path: "/orders/{id}/pay", Handle: s.pay},
		{Method: "POST", Path: "/orders/{id}/ship", Handle: s.ship},
		{Method: "POST", Path: "/orders/{id}/deliver", Handle: s.deliver},
		{Method: "POST", Path: "/orders/{id}/cancel", Handle: s.cancel},
		{Method: "POST", Path: "/orders/{id}/return", Handle: s.takeBack},
		{Method: "POST", Path: "/orders/{id}/refund", Handle: s.refund},
		{Method: "POST", Path: "/import", Handle: s.importFacts, Long: true},

		{Method: "POST", Path: "/stock", Handle: s.receiveAny},
		{Method: "POST", Path: "/stock/{sku}/receive", Handle: s.receiveStock},
		{Method: "POST", Path: "/stock/{sku}/count", Handle: s.countStock},
		{Method: "POST", Path: "/stock/{sku}/level", Handle: s.setLevel},

		{Method: "POST", Path: "/processes/{name}/{id}/retry", Handle: s.retryInstance},
		{Method: "POST", Path: "/processes/{name}/{id}/skip", Handle: s.skipInstance},
		{Method: "POST", Path: "/processes/{name}/retry", Handle: s.retryInstance},
		{Method: "POST", Path: "/processes/{name}/skip", Handle: s.skipInstance},
		{Method: "POST", Path: "/providers/{name}", Handle: s.tellProvider},

		{Method: "POST", Path: "/readmodels", Handle: s.rebuild},
		{Method: "POST", Path: "/readmodels/{edition}/compare", Handle: s.compare},
		{Method: "POST", Path: "/readmodels/{edition}/switch", Handle: s.onEdition("SwitchEdition", s.switchEdition)},
		{Method: "POST", Path: "/readmodels/{edition}/remove", Handle: s.onEdition("RemoveEdition", s.removeEdition)},
		{Method: "POST", Path: "/readmodels/{edition}/retry", Handle: s.onEdition("RetrySetAside", s.retryAside)},
		{Method: "POST", Path: "/readmodels/{edition}/skip", Handle: s.onEdition("SkipSetAside", s.skipAside)},

		{Method: "GET", Path: "/orders", Handle: s.list},
		{Method: "GET", Path: "/orders/{id}", Handle: s.order},
		{Method: "GET", Path: "/orders/{id}/history", Handle: s.history},
		{Method: "GET", Path: "/stock", Handle: s.stock},
		{Method: "GET", Path: "/stock/{sku}", Handle: s.article},
		{Method: "GET", Path: "/stock/{sku}/history", Handle: s.articleHistory},
		{Method: "GET", Path: "/customers/{id}", Handle: s.customer},
		{Method: "GET", Path: "/processes", Handle: s.processes},
		{Method: "GET", Path: "/processes/{name}/{id}/history", Handle: s.instanceHistory},
		{Method: "GET", Path: "/processes/{name}/{id}/history.svg", Handle: s.drawn("image/svg+xml", (*process.History).SVG)},
		{Method: "GET", Path: "/processes/{name}/{id}/history.txt", Handle: s.drawn("text/plain; charset=utf-8", (*process.History).Text)},
		{Method: "GET", Path: "/readmodels", Handle: s.readModels},
		{Method: "GET", Path: "/providers", Handle: s.providers},
		{Method: "GET", Path: "/dashboard", Handle: s.dashboard},
		{Method: "GET", Path: "/report", Handle: s.report},
		{Method: "GET", Path: "/events/live", Handle: s.live, Long: true},

		{Method: "GET", Path: "/healthz", Handle: httpapi.Healthz},
		{Method: "GET", Path: "/readyz", Handle: s.readyz},
		{Method: "GET", Path: "/metrics", Handle: s.Metrics.Serve},
		{Method: "GET", Path: "/openapi.json", Handle: pages.OpenAPI},
		{Method: "GET", Path: "/problems", Handle: s.problems},
		{Method: "GET", Path: "/static/{file}", Handle: pages.Static},
	}
}

// home leads to the list of orders.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
	return nil
}
