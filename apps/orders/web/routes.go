package web

import (
	"net/http"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/process"
)

// routes are all there is. The OpenAPI document describes the same.
func (s *Site) routes() []httpapi.Route {
	return slices.Concat([]httpapi.Route{
		{Method: "GET", Path: "/{$}", Right: httpapi.Open, Handle: s.home},

		{Method: "POST", Path: "/orders", Right: httpapi.ToSend("PlaceOrder"), Handle: s.place},
		{Method: "POST", Path: "/orders/{id}/pay", Right: httpapi.ToSend("PayOrder").About(aboutOrder), Handle: s.pay},
		{Method: "POST", Path: "/orders/{id}/ship", Right: httpapi.ToSend("ShipOrder").About(aboutOrder), Handle: s.ship},
		{Method: "POST", Path: "/orders/{id}/deliver", Right: httpapi.ToSend("DeliverOrder").About(aboutOrder), Handle: s.deliver},
		{Method: "POST", Path: "/orders/{id}/cancel", Right: httpapi.ToSend("CancelOrder").About(aboutOrder), Handle: s.cancel},
		{Method: "POST", Path: "/orders/{id}/return", Right: httpapi.ToSend("ReturnOrder").About(aboutOrder), Handle: s.takeBack},
		{Method: "POST", Path: "/orders/{id}/refund", Right: httpapi.ToSend("RefundOrder").About(aboutOrder), Handle: s.refund},
		{Method: "POST", Path: "/import", Right: httpapi.ToAdminister("Import"), Handle: s.importFacts, Long: true},

		{Method: "POST", Path: "/stock", Right: httpapi.ToSend("ReceiveStock"), Handle: s.receiveAny},
		{Method: "POST", Path: "/stock/{sku}/receive", Right: httpapi.ToSend("ReceiveStock").About(aboutArticle), Handle: s.receiveStock},
		{Method: "POST", Path: "/stock/{sku}/count", Right: httpapi.ToSend("CountStock").About(aboutArticle), Handle: s.countStock},
		{Method: "POST", Path: "/stock/{sku}/level", Right: httpapi.ToSend("SetReorderLevel").About(aboutArticle), Handle: s.setLevel},

		{Method: "POST", Path: "/processes/{name}/{id}/retry", Right: httpapi.ToAdminister("RetryInstance"), Handle: s.retryInstance},
		{Method: "POST", Path: "/processes/{name}/{id}/skip", Right: httpapi.ToAdminister("SkipInstance"), Handle: s.skipInstance},
		{Method: "POST", Path: "/processes/{name}/retry", Right: httpapi.ToAdminister("RetryInstance"), Handle: s.retryInstance},
		{Method: "POST", Path: "/processes/{name}/skip", Right: httpapi.ToAdminister("SkipInstance"), Handle: s.skipInstance},
		{Method: "POST", Path: "/providers/{name}", Right: httpapi.ToAdminister("TellProvider"), Handle: s.tellProvider},

		{Method: "POST", Path: "/readmodels", Right: httpapi.ToAdminister("Rebuild"), Handle: s.rebuild},
		{Method: "POST", Path: "/readmodels/{edition}/compare", Right: httpapi.ToAdminister("CompareEdition"), Handle: s.compare},
		{Method: "POST", Path: "/readmodels/{edition}/switch", Right: httpapi.ToAdminister("SwitchEdition"), Handle: s.onEdition("SwitchEdition", s.switchEdition)},
		{Method: "POST", Path: "/readmodels/{edition}/remove", Right: httpapi.ToAdminister("RemoveEdition"), Handle: s.onEdition("RemoveEdition", s.removeEdition)},
		{Method: "POST", Path: "/readmodels/{edition}/retry", Right: httpapi.ToAdminister("RetrySetAside"), Handle: s.onEdition("RetrySetAside", s.retryAside)},
		{Method: "POST", Path: "/readmodels/{edition}/skip", Right: httpapi.ToAdminister("SkipSetAside"), Handle: s.onEdition("SkipSetAside", s.skipAside)},

		{Method: "GET", Path: "/orders", Right: httpapi.ToAsk("Orders"), Handle: s.list},
		{Method: "GET", Path: "/orders/{id}", Right: httpapi.ToAsk("Order").About(aboutOrder), Handle: s.order},
		{Method: "GET", Path: "/orders/{id}/history", Right: httpapi.ToAsk("OrderHistory").About(aboutOrder), Handle: s.history},
		{Method: "GET", Path: "/stock", Right: httpapi.ToAsk("Stock"), Handle: s.stock},
		{Method: "GET", Path: "/stock/{sku}", Right: httpapi.ToAsk("Article").About(aboutArticle), Handle: s.article},
		{Method: "GET", Path: "/stock/{sku}/history", Right: httpapi.ToAsk("ArticleHistory").About(aboutArticle), Handle: s.articleHistory},
		{Method: "GET", Path: "/customers/{id}", Right: httpapi.ToAsk("Customer"), Handle: s.customer},
		{Method: "GET", Path: "/processes", Right: httpapi.ToAsk("Processes"), Handle: s.processes},
		{Method: "GET", Path: "/processes/{name}/{id}/history", Right: httpapi.ToAsk("InstanceHistory"), Handle: s.instanceHistory},
		{Method: "GET", Path: "/processes/{name}/{id}/history.svg", Right: httpapi.ToAsk("InstanceHistory"), Handle: s.drawn("image/svg+xml", (*process.History).SVG)},
		{Method: "GET", Path: "/processes/{name}/{id}/history.txt", Right: httpapi.ToAsk("InstanceHistory"), Handle: s.drawn("text/plain; charset=utf-8", (*process.History).Text)},
		{Method: "GET", Path: "/readmodels", Right: httpapi.ToAsk("ReadModels"), Handle: s.readModels},
		{Method: "GET", Path: "/providers", Right: httpapi.ToAsk("Providers"), Handle: s.providers},
		{Method: "GET", Path: "/dashboard", Right: httpapi.ToAsk("Dashboard"), Handle: s.dashboard},
		{Method: "GET", Path: "/report", Right: httpapi.ToAsk("Report"), Handle: s.report},
		{Method: "GET", Path: "/events/live", Right: httpapi.ToAsk("LiveEvents"), Handle: s.live, Long: true},

		{Method: "GET", Path: "/healthz", Right: httpapi.Open, Handle: httpapi.Healthz},
		{Method: "GET", Path: "/readyz", Right: httpapi.Known, Handle: s.readyz},
		{Method: "GET", Path: "/metrics", Right: httpapi.ToAsk("Metrics"), Handle: s.Metrics.Serve},
		{Method: "GET", Path: "/openapi.json", Right: httpapi.Open, Handle: pages.OpenAPI},
		{Method: "GET", Path: "/problems", Right: httpapi.Open, Handle: s.problems},
		{Method: "GET", Path: "/static/{file}", Right: httpapi.Open, Handle: pages.Static},
	}, s.SessionRoutes(func(w http.ResponseWriter, r *http.Request, status int, is httpapi.Session) {
		s.render(w, r, status, "session", view{Title: "Who you are", Body: is})
	}), s.AccessRoutes())
}

// aboutOrder and aboutArticle return what requests are about that name one in their address.
func aboutOrder(r *http.Request) daybook.Query {
	return daybook.Stream(anOrder(r.PathValue("id")).stream())
}
func aboutArticle(r *http.Request) daybook.Query {
	return daybook.Stream(anArticle(r.PathValue("sku")).stream())
}

// home leads to the list of orders.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
	return nil
}
