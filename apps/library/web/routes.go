package web

import (
	"net/http"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
)

// routes are what a write service answers. The OpenAPI document describes these and those
// of the read service.
func (s *WriteSite) routes() []httpapi.Route {
	return slices.Concat(taking(s.add, s.addCopies, s.remove, s.borrow, s.takeBack), []httpapi.Route{
		{Method: "GET", Path: "/readyz", Right: httpapi.Known, Handle: s.readyz},
		{Method: "GET", Path: "/problems", Right: httpapi.Open, Handle: s.problems},
	}, common(s.Server), s.AccessRoutes())
}

// taking are the routes of the commands, with a handler for each.
func taking(add, addCopies, remove, borrow, takeBack httpapi.Handler) []httpapi.Route {
	return []httpapi.Route{
		{Method: "POST", Path: "/books", Right: httpapi.ToSend("AddBook"), Handle: add},
		{Method: "POST", Path: "/books/{isbn}/copies", Right: httpapi.ToSend("AddCopies").About(aboutBook), Handle: addCopies},
		{Method: "POST", Path: "/books/{isbn}/remove", Right: httpapi.ToSend("RemoveBook").About(aboutBook), Handle: remove},
		{Method: "POST", Path: "/loans", Right: httpapi.ToSend("BorrowBook"), Handle: borrow},
		{Method: "POST", Path: "/returns", Right: httpapi.ToSend("ReturnBook"), Handle: takeBack},
	}
}

// routes are what a read service answers.
func (s *ReadSite) routes() []httpapi.Route {
	routes := append([]httpapi.Route{
		{Method: "GET", Path: "/{$}", Right: httpapi.Open, Handle: s.home},
		{Method: "GET", Path: "/desk", Right: httpapi.ToAsk("Desk"), Handle: s.desk},
		{Method: "GET", Path: "/books", Right: httpapi.ToAsk("Books"), Handle: s.books},
		{Method: "GET", Path: "/books/{isbn}", Right: httpapi.ToAsk("Book").About(aboutBook), Handle: s.book},
		{Method: "GET", Path: "/books/{isbn}/history", Right: httpapi.ToAsk("BookHistory").About(aboutBook), Handle: s.history},
		{Method: "GET", Path: "/loans", Right: httpapi.ToAsk("Loans"), Handle: s.loans},
		{Method: "GET", Path: "/readers/{reader}", Right: httpapi.ToAsk("Reader").About(aboutReader), Handle: s.reader},
		{Method: "GET", Path: "/readers/{reader}/history", Right: httpapi.ToAsk("ReaderHistory").About(aboutReader), Handle: s.readerHistory},
		{Method: "GET", Path: "/events/live", Right: httpapi.ToAsk("LiveEvents"), Handle: s.live, Long: true},

		{Method: "GET", Path: "/readyz", Right: httpapi.Known, Handle: s.readyz},
		{Method: "GET", Path: "/problems", Right: httpapi.Open, Handle: s.problems},
	}, common(s.Server)...)
	if s.write != nil {
		routes = append(routes, taking(s.handOn, s.handOn, s.handOn, s.handOn, s.handOn)...)
	}
	return routes
}

// common are what both answer.
func common(s *httpapi.Server) []httpapi.Route {
	return append([]httpapi.Route{
		{Method: "GET", Path: "/healthz", Right: httpapi.Open, Handle: httpapi.Healthz},
		{Method: "GET", Path: "/metrics", Right: httpapi.ToAsk("Metrics"), Handle: s.Metrics.Serve},
		{Method: "GET", Path: "/openapi.json", Right: httpapi.Open, Handle: pages.OpenAPI},
		{Method: "GET", Path: "/static/{file}", Right: httpapi.Open, Handle: pages.Static},
	}, s.SessionRoutes(func(w http.ResponseWriter, r *http.Request, status int, is httpapi.Session) {
		pages.Render(s, w, r, status, "session", view{Title: "Who you are", Body: is})
	})...)
}

// aboutBook and aboutReader return what requests are about that name one in their address.
func aboutBook(r *http.Request) daybook.Query {
	isbn, err := bookOf(r)
	if err != nil {
		return nil // there is no such book
	}
	return library.AboutBook(isbn)
}

func aboutReader(r *http.Request) daybook.Query {
	card, err := readerOf(r)
	if err != nil {
		return nil // nor such a reader
	}
	return library.AboutReader(card)
}

// home leads to the desk.
func (s *ReadSite) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/desk", http.StatusSeeOther)
	return nil
}
