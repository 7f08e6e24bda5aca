package web

import (
	"embed"
	"fmt"
	"net/http"
	"time"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

//go:embed templates static openapi.json
var files embed.FS

// pages are the templates of the site, with what belongs to them.
var pages = httpapi.NewPages(files, words)

// A view is what a page shows.
type view struct {
	Title string
	// Nav is the part of the site that the page belongs to.
	Nav string
	// Live is the stream that tells when the page has changed; empty if it does not.
	Live string
	// Poll is after how many milliseconds the page is drawn anew, for what no stream tells;
	// zero if it is not.
	Poll int
	// Done is what the visitor has just had done.
	Done string
	// Stale says that the page may not be so any more; nil if it is so.
	Stale *staleView
	// Shown is the moment that the page shows.
	Shown catalog.Shown
	// Who is signed in, and ReadModel reports whether they may look at the read model.
	Who       access.Principal
	ReadModel bool
	Body      any
}

// doneWords say what a command did.
var doneWords = map[string]string{
	"CreateProduct":      "The product is created.",
	"RenameProduct":      "The product has its new name.",
	"DescribeProduct":    "The description is changed.",
	"ChangePrice":        "The price is changed.",
	"CategoriseProduct":  "The category is changed.",
	"RestockProduct":     "The pieces are in stock.",
	"DiscontinueProduct": "The product is offered no more.",

	"Rebuild": "It is being built beside the one that answers, and then takes its place.",
	"Drop":    "It is dropped, and being built again from the log.",
}

// render answers with a page.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, page string, v view) error {
	if status == http.StatusOK || status == http.StatusServiceUnavailable {
		v.Done = doneWords[s.Done(w, r)]
	}
	v.Who, v.ReadModel = access.Of(r.Context()), s.May(r, access.Ask("ReadModels"))
	v.Live = s.LiveFor(r, v.Live)
	if v.Stale != nil && v.Stale.Moving {
		// No stream tells when what is shown can be reached again.
		v.Live, v.Poll = "", int(time.Second.Milliseconds())
	}
	pages.Render(s.Server, w, r, status, page, v)
	return nil
}

// problemPage answers with the page of a problem.
func (s *Site) problemPage(w http.ResponseWriter, r *http.Request, p *httpapi.Problem) {
	_ = s.render(w, r, p.Status, "problem", view{Title: p.Title, Body: p}) // it never fails
}

// problems explains the kinds of problem.
func (s *Site) problems(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	if form, _ := httpapi.Wanted(r); form == httpapi.AsHTML {
		return s.render(w, r, http.StatusOK, "problems", view{Title: "Problems", Body: httpapi.AllProblems()})
	}
	return httpapi.WriteJSON(w, http.StatusOK, httpapi.AllProblems())
}

// sessionPage shows where a browser signs in and out.
func (s *Site) sessionPage(w http.ResponseWriter, r *http.Request, status int, is httpapi.Session) {
	_ = s.render(w, r, status, "session", view{Title: "Who you are", Body: is}) // it never fails
}

// A staleView says why nobody knows whether a page is so still.
type staleView struct {
	// Why is the reason, and Ago how long ago the page was known to be so.
	Why string
	Ago string
	// Moving reports whether the page shows now, which goes on.
	Moving bool
}

// staleOf says of an answer that it may not be so any more; nil if it is so.
func staleOf[T any](a catalog.Answer[T], m catalog.Moment) *staleView {
	if !a.Stale() {
		return nil
	}
	why := "What is shown here cannot be reached just now."
	if a.Away.Building {
		why = fmt.Sprintf("What is shown here is being built again from the log, and %d %% of it is there.", int(100*a.Away.Progress))
	}
	return &staleView{why, ago(a.Age), m == (catalog.Moment{})}
}

// ago says how long ago something was.
func ago(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "a moment ago"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", int(d.Minutes()))
	}
	return fmt.Sprintf("%d hours ago", int(d.Hours()))
}
