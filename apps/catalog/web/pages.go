package web

import (
	"embed"
	"html/template"
	"net/http"

	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

//go:embed templates static openapi.json
var files embed.FS

// pages are the templates of the site, with what belongs to them.
var pages = httpapi.NewPages(files, template.FuncMap{})

// A view is what a page shows.
type view struct {
	Title string
	// Nav is the part of the site that the page belongs to.
	Nav string
	// Live is the stream that tells when the page has changed; empty if it does not.
	Live string
	// Done is what the visitor has just had done.
	Done string
	// Shown is the moment that the page shows.
	Shown catalog.Shown
	Body  any
}

// problemPage returns what answers with the page of a problem.
func problemPage(s *httpapi.Server) func(http.ResponseWriter, *http.Request, *httpapi.Problem) {
	return func(w http.ResponseWriter, r *http.Request, p *httpapi.Problem) {
		pages.Render(s, w, r, p.Status, "problem", view{Title: p.Title, Body: p})
	}
}

// problems explains the kinds of problem.
func (s *Site) problems(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		pages.Render(s.Server, w, r, http.StatusOK, "problems", view{Title: "Problems", Body: httpapi.AllProblems()})
		return nil
	}
	return httpapi.WriteJSON(w, http.StatusOK, httpapi.AllProblems())
}
