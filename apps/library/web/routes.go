package web

import (
	"net/http"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// routes are what a write service answers. The OpenAPI document describes these and those
// of the read service.
func (s *WriteSite) routes() []httpapi.Route {
	return append([]httpapi.Route{
		{Method: "POST", Path: "/books", Handle: s.add},
		{Method: "POST", Path: "/books/{isbn}/copies", Handle: s.addCopies},
		{Method: "POST", Path: "/books/{isbn}/remove", Handle: s.remove},
		{Method: "POST", Path: "/loans", Handle: s.borrow},
		{Method: "POST", Path: "/returns", Handle: s.takeBack},

		{Method: "GET", Path: "/readyz", Handle: s.readyz},
		{Method: "GET", Path: "/problems", Handle: s.problems},
	}, common(s.Server)...)
}

// routes are what a read service answers.
func (s *ReadSite) routes() []httpapi.Route {
	routes := append([]httpapi.Route{
		{Method: "GET", Path: "/{$}", Handle: s.home},
		{Method: "GET", Path: "/desk", Handle: s.desk},
		{Method: "GET", Path: "/books", Handle: s.books},
		{Method: "GET", Path: "/books/{isbn}", Handle: s.book},
		{Method: "GET", Path: "/books/{isbn}/history", Handle: s.history},
		{Method: "GET", Path: "/loans", Handle: s.loans},
		{Method: "GET", Path: "/readers/{reader}", Handle: s.reader},
		{Method: "GET", Path: "/readers/{reader}/history", Handle: s.readerHistory},
		{Method: "GET", Path: "/events/live", Handle: s.live, Long: true},

		{Method: "GET", Path: "/readyz", Handle: s.readyz},
		{Method: "GET", Path: "/problems", Handle: s.problems},
	}, common(s.Server)...)
	if s.write != nil {
		for _, path := range []string{"/books", "/books/{isbn}/copies", "/books/{isbn}/remove", "/loans", "/returns"} {
			routes = append(routes, httpapi.Route{Method: "POST", Path: path, Handle: s.handOn})
		}
	}
	return routes
}

// common are what both answer.
func common(s *httpapi.Server) []httpapi.Route {
	return []httpapi.Route{
		{Method: "GET", Path: "/healthz", Handle: httpapi.Healthz},
		{Method: "GET", Path: "/metrics", Handle: s.Metrics.Serve},
		{Method: "GET", Path: "/openapi.json", Handle: pages.OpenAPI},
		{Method: "GET", Path: "/static/{file}", Handle: pages.Static},
	}
}

// home leads to the desk.
func (s *ReadSite) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/desk", http.StatusSeeOther)
	return nil
}
