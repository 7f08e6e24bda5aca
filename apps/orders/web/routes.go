package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/daybook-es/daybook/process"
)

// A route says which handler answers at an address. An address may have parts in
// braces, as [http.ServeMux] has it.
type route struct {
	method, path string
	handle       handler
	// long routes are not bound by [Options.Timeout].
	long bool
}

func (r route) pattern() string { return strings.TrimSpace(r.method + " " + r.path) }

// routes are all there is. The OpenAPI document describes the same.
func (s *Site) routes() []route {
	return []route{
		{method: "GET", path: "/{$}", handle: s.home},

		{method: "POST", path: "/orders", handle: s.place},
		{method: "POST", path: "/orders/{id}/pay", handle: s.pay},
		{method: "POST", path: "/orders/{id}/ship", handle: s.ship},
		{method: "POST", path: "/orders/{id}/deliver", handle: s.deliver},
		{method: "POST", path: "/orders/{id}/cancel", handle: s.cancel},
		{method: "POST", path: "/orders/{id}/return", handle: s.takeBack},
		{method: "POST", path: "/orders/{id}/refund", handle: s.refund},
		{method: "POST", path: "/import", handle: s.importFacts, long: true},

		{method: "POST", path: "/stock", handle: s.receiveAny},
		{method: "POST", path: "/stock/{sku}/receive", handle: s.receiveStock},
		{method: "POST", path: "/stock/{sku}/count", handle: s.countStock},
		{method: "POST", path: "/stock/{sku}/level", handle: s.setLevel},

		{method: "POST", path: "/processes/{name}/{id}/retry", handle: s.retryInstance},
		{method: "POST", path: "/processes/{name}/{id}/skip", handle: s.skipInstance},
		{method: "POST", path: "/processes/{name}/retry", handle: s.retryInstance},
		{method: "POST", path: "/processes/{name}/skip", handle: s.skipInstance},
		{method: "POST", path: "/providers/{name}", handle: s.tellProvider},

		{method: "POST", path: "/readmodels", handle: s.rebuild},
		{method: "POST", path: "/readmodels/{edition}/compare", handle: s.compare},
		{method: "POST", path: "/readmodels/{edition}/switch", handle: s.onEdition("SwitchEdition", s.switchEdition)},
		{method: "POST", path: "/readmodels/{edition}/remove", handle: s.onEdition("RemoveEdition", s.removeEdition)},
		{method: "POST", path: "/readmodels/{edition}/retry", handle: s.onEdition("RetrySetAside", s.retryAside)},
		{method: "POST", path: "/readmodels/{edition}/skip", handle: s.onEdition("SkipSetAside", s.skipAside)},

		{method: "GET", path: "/orders", handle: s.list},
		{method: "GET", path: "/orders/{id}", handle: s.order},
		{method: "GET", path: "/orders/{id}/history", handle: s.history},
		{method: "GET", path: "/stock", handle: s.stock},
		{method: "GET", path: "/stock/{sku}", handle: s.article},
		{method: "GET", path: "/stock/{sku}/history", handle: s.articleHistory},
		{method: "GET", path: "/customers/{id}", handle: s.customer},
		{method: "GET", path: "/processes", handle: s.processes},
		{method: "GET", path: "/processes/{name}/{id}/history", handle: s.instanceHistory},
		{method: "GET", path: "/processes/{name}/{id}/history.svg", handle: s.drawn("image/svg+xml", (*process.History).SVG)},
		{method: "GET", path: "/processes/{name}/{id}/history.txt", handle: s.drawn("text/plain; charset=utf-8", (*process.History).Text)},
		{method: "GET", path: "/readmodels", handle: s.readModels},
		{method: "GET", path: "/providers", handle: s.providers},
		{method: "GET", path: "/dashboard", handle: s.dashboard},
		{method: "GET", path: "/report", handle: s.report},
		{method: "GET", path: "/events/live", handle: s.live, long: true},

		{method: "GET", path: "/healthz", handle: s.healthz},
		{method: "GET", path: "/readyz", handle: s.readyz},
		{method: "GET", path: "/metrics", handle: s.metrics.serve},
		{method: "GET", path: "/openapi.json", handle: s.openAPI},
		{method: "GET", path: "/problems", handle: s.problems},
		{method: "GET", path: "/static/{file}", handle: s.static},
	}
}

// routed returns the routes as one handler. An address that has none is a problem
// like any other.
func (s *Site) routed() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.Handle(route.pattern(), s.answered(route))
	}
	const elsewhere = "/"
	mux.Handle(elsewhere, s.answered(route{path: elsewhere, handle: func(_ http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != elsewhere {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 || slices.Contains(allowed, r.Method) {
			return notFound.problem("%s is no address of the shop", r.URL.Path)
		}
		problem := wrongMethod.problem("%s is none of %s", r.Method, strings.Join(allowed, ", "))
		problem.allow = strings.Join(allowed, ", ")
		return problem
	}}))
	return s.guarded(mux)
}

// home leads to the list of orders.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
	return nil
}
