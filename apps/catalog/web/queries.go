package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// asked begins to answer a query: it waits for the client's token, if what is shown can be
// asked at all.
func (s *Site) asked(w http.ResponseWriter, r *http.Request) (httpapi.Form, error) {
	s.awaitOwn(r)
	form, err := s.Asked(w, r, s.showcase)
	return form, awayProblem(err)
}

// awayProblem says which problem it is that what is shown cannot be reached, and that
// nobody asked this before; any other error as it is.
func awayProblem(err error) error {
	away := (*readmodel.AwayError)(nil)
	if !errors.As(err, &away) {
		return err
	}
	problem := httpapi.Unavailable.Problem("what is shown cannot be reached, and this was not asked lately")
	if away.Building {
		problem = httpapi.Unavailable.Problem("what is shown is being built, %d %% of it is there, and this was not asked lately", int(away.Progress*100))
	}
	problem.Advice = "Commands are taken meanwhile. Ask again in a moment."
	problem.Err = err
	return problem
}

// StaleHeader says that an answer is the last that is known, and may not be so any more.
const StaleHeader = "Daybook-Stale"

// reply answers a query with JSON, or with 304 if the client has it already.
//
// Cache-Status says where the answer comes from, as RFC 9211 writes it. One that is stale
// has an Age and says so in a header of ours too, since few know Cache-Status. It is no
// error, and the Warning that once said such things is one no more (RFC 9111).
func reply[T any](w http.ResponseWriter, r *http.Request, a catalog.Answer[T]) error {
	if err := mark(w, r, a); err != nil {
		return err
	}
	w.Header().Set(httpapi.TokenHeader, a.Shown.At.String())
	if httpapi.Unchanged(w, r, a.Shown.Tag) {
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.JSON)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.JSON) // a client that is gone is nobody to tell
	return nil
}

// mark says where an answer comes from. It is a problem if the client will not have one
// that is stale.
func mark[T any](w http.ResponseWriter, r *http.Request, a catalog.Answer[T]) error {
	switch a.From {
	case catalog.FromDatabase:
		w.Header().Set("Cache-Status", "catalog; fwd=miss; stored")
	case catalog.FromCache:
		w.Header().Set("Cache-Status", "catalog; hit")
	}
	if !a.Stale() {
		return nil
	}
	if most, bounded := staleIfError(r); bounded && a.Age > most {
		problem := awayProblem(a.Away).(*httpapi.Problem)
		problem.Detail = fmt.Sprintf("What is shown cannot be reached, and the answer of %d seconds ago is older than is wanted.", seconds(a.Age))
		return problem
	}
	w.Header().Set("Cache-Status", fmt.Sprintf("catalog; hit; ttl=-%d; detail=%q", seconds(a.Age), awayWords(a.Away)))
	w.Header().Set("Age", strconv.Itoa(seconds(a.Age)))
	w.Header().Set(StaleHeader, "true")
	return nil
}

// awayWords says why nobody knows any better.
func awayWords(away *readmodel.AwayError) string {
	if away.Building {
		return "read model is being built"
	}
	return "read database is away"
}

// seconds returns whole seconds, at least one.
func seconds(d time.Duration) int { return max(1, int(d.Seconds())) }

// staleIfError returns how old an answer may be that the client takes while nobody knows any
// better, as RFC 5861 has it say so.
func staleIfError(r *http.Request) (most time.Duration, bounded bool) {
	for _, header := range r.Header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			if !strings.EqualFold(name, "stale-if-error") {
				continue
			}
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				return time.Duration(n) * time.Second, true
			}
		}
	}
	return 0, false
}

// filterNames are the parts of a filter, as they stand in an address.
var filterNames = []string{"search", "category", "status", "sku", "min_price", "max_price", "in_stock", "as_of", "known_at"}

// filterIn reads a filter, and the moment that it is asked about.
func filterIn(asked url.Values) (f catalog.Filter, m catalog.Moment, err error) {
	f.Search, f.Category = strings.TrimSpace(asked.Get("search")), strings.TrimSpace(asked.Get("category"))
	f.Status, f.Sort, f.Cursor = catalog.Status(asked.Get("status")), catalog.Sort(asked.Get("sort")), asked.Get("cursor")
	_ = f.SKU.UnmarshalText([]byte(asked.Get("sku")))
	for name, into := range map[string]**catalog.Price{"min_price": &f.MinPrice, "max_price": &f.MaxPrice} {
		given := asked.Get(name)
		if given == "" {
			continue
		}
		price, err := catalog.ParsePrice(given)
		if err != nil {
			return f, m, httpapi.Malformed.Problem("%s: %v", name, err)
		}
		*into = &price
	}
	switch given := asked.Get("in_stock"); given {
	case "", "false":
	case "true":
		f.InStock = true
	default:
		return f, m, httpapi.Malformed.Problem("in_stock is %q, and can be true or false", given)
	}
	limit, err := httpapi.Number(asked, "limit", 1, catalog.MaxLimit, 0)
	if err != nil {
		return f, m, err
	}
	f.Limit = int(limit)
	m, err = httpapi.MomentIn(asked)
	return f, m, err
}

// everyProduct is what is about any product.
var everyProduct = daybook.Query{{Categories: []string{daybook.CategoryOf(catalog.StreamOf(""))}}}

// mayLookBack returns an error if whoever asks may not read the events which say how
// something was at a moment. What is shown of the past is in the read database, and kept for
// whoever asks the same, so that no store asks for it.
func (s *Site) mayLookBack(r *http.Request, m catalog.Moment, about daybook.Query) error {
	if m == (catalog.Moment{}) {
		return nil
	}
	return s.Options.Guard.Check(r.Context(), access.Read(about))
}

// filterOf returns what a request asks, in which these names may stand: a filter, and a moment
// to which whoever asks may look back.
func (s *Site) filterOf(r *http.Request, names ...string) (asked url.Values, f catalog.Filter, m catalog.Moment, err error) {
	if asked, err = httpapi.Ask(r, names...); err != nil {
		return asked, f, m, err
	}
	if f, m, err = filterIn(asked); err != nil {
		return asked, f, m, err
	}
	return asked, f, m, s.mayLookBack(r, m, everyProduct)
}

// products answers GET /products: an array. How many there are on all pages is in a header,
// and where the next page is in a link.
func (s *Site) products(w http.ResponseWriter, r *http.Request) error {
	form, err := s.asked(w, r)
	if err != nil {
		return err
	}
	asked, filter, moment, err := s.filterOf(r, append([]string{"sort", "cursor", "limit"}, filterNames...)...)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.listPage(w, r, http.StatusOK, asked, filter, moment, nil)
	}
	answer, err := s.showcase.Products(r.Context(), filter, moment)
	if err != nil {
		return awayProblem(err)
	}
	w.Header().Set(MatchingHeader, strconv.Itoa(answer.Value.Matching))
	httpapi.LinkNext(w, r, "cursor", answer.Value.Next)
	return reply(w, r, answer)
}

// MatchingHeader says how many products a list has on all its pages.
const MatchingHeader = "Daybook-Matching"

// facets answers GET /products/facets.
func (s *Site) facets(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.asked(w, r); err != nil {
		return err
	}
	_, filter, moment, err := s.filterOf(r, filterNames...)
	if err != nil {
		return err
	}
	answer, err := s.showcase.Facets(r.Context(), filter, moment)
	if err != nil {
		return awayProblem(err)
	}
	return reply(w, r, answer)
}

// product answers GET /products/{id}, now or at a moment of the past.
func (s *Site) product(w http.ResponseWriter, r *http.Request) error {
	form, err := s.asked(w, r)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "version", "as_of", "known_at")
	if err != nil {
		return err
	}
	moment, err := httpapi.MomentIn(asked)
	if err != nil {
		return err
	}
	if err := s.mayLookBack(r, moment, aboutProduct(r)); err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.productPage(w, r, http.StatusOK, r.PathValue("id"), moment, nil)
	}
	answer, err := s.showcase.Product(r.Context(), r.PathValue("id"), moment)
	if err != nil {
		return missing(err, r.PathValue("id"), moment)
	}
	return reply(w, r, answer)
}

// missing says what an error means where something was asked for by its name.
func missing(err error, id string, m catalog.Moment) error {
	if !errors.Is(err, catalog.ErrNoSuchProduct) {
		return awayProblem(err)
	}
	problem := httpapi.NotFound.Problem("there is no product %q", id)
	if m != (catalog.Moment{}) {
		problem = httpapi.NotFound.Problem("there was no product %q then", id)
	}
	problem.Rule, problem.Err = catalog.ErrNoSuchProduct.Name(), err
	return problem
}

// history answers GET /products/{id}/history.
func (s *Site) history(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.asked(w, r); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	if err := s.Options.Guard.Check(r.Context(), access.Read(aboutProduct(r))); err != nil {
		return err // it is the events themselves
	}
	answer, err := s.showcase.History(r.Context(), r.PathValue("id"))
	if err != nil {
		return missing(err, r.PathValue("id"), catalog.Moment{})
	}
	return reply(w, r, answer)
}

// prices answers GET /products/{id}/prices.
func (s *Site) prices(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.asked(w, r); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	answer, err := s.showcase.Prices(r.Context(), r.PathValue("id"))
	if err != nil {
		return missing(err, r.PathValue("id"), catalog.Moment{})
	}
	return reply(w, r, answer)
}

// live is a stream of server-sent events: what happens to products, as it is shown; see
// [httpapi.Live]. ?product= selects one.
func (s *Site) live(w http.ResponseWriter, r *http.Request) error {
	asked, err := httpapi.Ask(r, "product", "each", "after")
	if err != nil {
		return err
	}
	product := asked.Get("product")
	changes := httpapi.Live[catalog.Change]{Now: s.showcase.Now, Changes: s.showcase.Changes, At: func(c catalog.Change) daybook.Point { return c.At }}
	err = changes.Stream(s.Server, w, r, asked.Get("each"), asked.Get("after"), func(c catalog.Change) bool {
		return product == "" || c.Product == product
	})
	return awayProblem(err)
}
