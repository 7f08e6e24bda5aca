package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// receiveAny takes POST /stock: pieces of an article that the body names, which may be a
// new one.
func (s *Site) receiveAny(w http.ResponseWriter, r *http.Request) error {
	var c orders.ReceiveStock
	sent, err := s.receive(w, r, &c, func(f *httpapi.Fields) {
		c.SKU = f.Text("sku")
		receiptForm(f, &c)
		if c.SKU == "" {
			f.Wrong("say which article came in")
		}
	})
	if err == nil {
		err = validSKU(c.SKU)
	}
	if err != nil {
		return s.refuse(w, r, sent, err)
	}
	sent.about = anArticle(c.SKU)
	return s.send(w, r, sent, c)
}

func (s *Site) receiveStock(w http.ResponseWriter, r *http.Request) error {
	var c orders.ReceiveStock
	return actOnArticle(s, w, r, &c, &c.SKU, func(f *httpapi.Fields) { receiptForm(f, &c) })
}

// receiptForm reads what the forms for receiving goods share.
func receiptForm(f *httpapi.Fields, c *orders.ReceiveStock) {
	c.Quantity, c.Supplier = f.Number("quantity"), f.Text("supplier")
	if f.Text("quantity") == "" {
		f.Wrong("say how many pieces came in")
	}
}

func (s *Site) countStock(w http.ResponseWriter, r *http.Request) error {
	var c orders.CountStock
	return actOnArticle(s, w, r, &c, &c.SKU, func(f *httpapi.Fields) {
		c.Counted, c.Reason = pieces(f, "counted", "say how many pieces were counted"), f.Text("reason")
	})
}

func (s *Site) setLevel(w http.ResponseWriter, r *http.Request) error {
	var c orders.SetReorderLevel
	return actOnArticle(s, w, r, &c, &c.SKU, func(f *httpapi.Fields) {
		c.Level = pieces(f, "level", "say at how many pieces it is low")
	})
}

// actOnArticle takes a command about the article in the address: c, which names it in
// *sku.
func actOnArticle[C any](s *Site, w http.ResponseWriter, r *http.Request, c *C, sku *string, fill func(*httpapi.Fields)) error {
	about, err := articleOf(r)
	if err != nil {
		return err
	}
	return act(s, w, r, c, anArticle(about), sku, fill)
}

// articleOf returns the SKU that the address names.
func articleOf(r *http.Request) (string, error) {
	sku := r.PathValue("sku")
	if validSKU(sku) != nil {
		return "", httpapi.NotFound.Problem("no article can have this SKU")
	}
	return sku, nil
}

// validSKU returns what is wrong with a SKU, if it can be part of no address or stream.
func validSKU(sku string) error {
	if err := daybook.Stream(orders.Stock.Stream(sku)).Validate(); err != nil {
		return httpapi.Invalid.Problem("sku: no article can be called that")
	}
	if sku == "" || sku == "." || sku == ".." {
		return httpapi.Invalid.Problem("sku: no article can be called %q", sku)
	}
	return nil
}

// pieces reads a number of pieces that may be 0, and so has to be said.
func pieces(f *httpapi.Fields, name, otherwise string) *int64 {
	if f.Text(name) == "" {
		f.Wrong("%s", otherwise)
		return nil
	}
	return new(f.Number(name))
}

// stock answers GET /stock.
func (s *Site) stock(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	filter, err := stockFilterOf(r)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.stockPage(w, r, http.StatusOK, filter, nil)
	}
	page, shown, err := s.shop.Stock(r.Context(), filter)
	if err != nil {
		return err
	}
	httpapi.LinkNext(w, r, "cursor", page.Next)
	return show(w, r, shown, page)
}

// stockFilterOf returns the filter that the address has.
func stockFilterOf(r *http.Request) (orders.StockFilter, error) {
	asked, err := httpapi.Ask(r, "low", "search", "cursor", "limit")
	if err != nil {
		return orders.StockFilter{}, err
	}
	filter := orders.StockFilter{Search: strings.TrimSpace(asked.Get("search")), Cursor: asked.Get("cursor")}
	switch asked.Get("low") {
	case "", "false":
	case "true":
		filter.Low = true
	default:
		return filter, httpapi.Malformed.Problem("low is %q, and can be true or false", asked.Get("low"))
	}
	limit, err := httpapi.Number(asked, "limit", 1, orders.MaxLimit, 0)
	filter.Limit = int(limit)
	return filter, err
}

// article answers GET /stock/{sku}, now or at a moment of the past.
func (s *Site) article(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	moment, err := momentOf(r)
	if err != nil {
		return err
	}
	sku, err := articleOf(r)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.articlePage(w, r, http.StatusOK, sku, moment, nil)
	}
	details, shown, err := s.articleDetails(r, sku, moment)
	if err != nil {
		return err
	}
	return show(w, r, shown, details)
}

// articleDetails returns an article as it is, or as it was.
func (s *Site) articleDetails(r *http.Request, sku string, moment orders.Moment) (details orders.ArticleDetails, shown orders.Shown, err error) {
	if moment == (orders.Moment{}) {
		details, shown, err = s.shop.Article(r.Context(), sku)
	} else {
		details, shown, err = s.shop.ArticleAsOf(r.Context(), sku, moment)
	}
	if errors.Is(err, orders.ErrNoSuchArticle) {
		problem := httpapi.NotFound.Problem("nothing of article %q was ever received: it is made to order", sku)
		if moment != (orders.Moment{}) {
			problem = httpapi.NotFound.Problem("nothing of article %q had been received then", sku)
		}
		if moment.Version != 0 {
			problem = httpapi.NotFound.Problem("article %q has no event %d", sku, moment.Version)
		}
		problem.Rule, problem.Err = orders.ErrNoSuchArticle.Name(), err
		err = problem
	}
	return details, shown, err
}

// An articleHistoryAnswer is every event of an article.
type articleHistoryAnswer struct {
	SKU    string              `json:"sku"`
	Events []orders.Occurrence `json:"events"`
}

// articleHistory answers GET /stock/{sku}/history.
func (s *Site) articleHistory(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Asked(w, r, s.shop); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	sku, err := articleOf(r)
	if err != nil {
		return err
	}
	events, shown, err := s.shop.ArticleHistory(r.Context(), sku)
	if errors.Is(err, orders.ErrNoSuchArticle) {
		return httpapi.NotFound.Problem("nothing of article %q was ever received", sku)
	}
	if err != nil {
		return err
	}
	return show(w, r, shown, articleHistoryAnswer{sku, events})
}

// A stockView is the list of articles.
type stockView struct {
	Filter   orders.StockFilter
	Filtered bool
	Page     orders.StockPage
	First    string // leads to the first page, unless this is it
	Next     string // leads to the page after
	Refused  *httpapi.RefusedForm
}

func (s *Site) stockPage(w http.ResponseWriter, r *http.Request, status int, filter orders.StockFilter, refused *httpapi.RefusedForm) error {
	page, shown, err := s.shop.Stock(r.Context(), filter)
	if err != nil {
		return err
	}
	body := stockView{Filter: filter, Filtered: filter.Low || filter.Search != "", Page: page, Refused: refused}
	body.First, body.Next = httpapi.Paging("/stock", r.URL.Query(), "cursor", page.Next)
	s.render(w, r, status, "stock", view{Title: "Stock", Nav: "stock", Live: httpapi.LiveAddress(shown.At), Shown: shown, Body: body})
	return nil
}

// An articleView is the page of an article.
type articleView struct {
	orders.ArticleDetails
	// Moment is the past that is shown; Past reports whether it is one.
	Moment orders.Moment
	Past   bool
	// Events are its newest, the newest first; Earlier counts those before them.
	Events  []orders.Occurrence
	Earlier int
	Newest  daybook.Version
	Refused *httpapi.RefusedForm
}

// newestEvents is how many events an article's page shows. Its history has all of them,
// which are as many as the pieces that were ever sold.
const newestEvents = 50

func (s *Site) articlePage(w http.ResponseWriter, r *http.Request, status int, sku string, moment orders.Moment, refused *httpapi.RefusedForm) error {
	details, shown, err := s.articleDetails(r, sku, moment)
	if err != nil {
		return err
	}
	events, _, err := s.shop.ArticleHistory(r.Context(), sku)
	if err != nil && !errors.Is(err, orders.ErrNoSuchArticle) { // the view remembers what the store has forgotten
		return err
	}
	body := articleView{ArticleDetails: details, Moment: moment, Newest: details.Version, Refused: refused}
	if n := len(events); n > 0 {
		body.Newest = events[n-1].Version
	}
	body.Past = moment != (orders.Moment{}) && (details.Version < body.Newest || !moment.AsOf.IsZero() || !moment.KnownAt.IsZero())
	body.Earlier = max(0, len(events)-newestEvents)
	for _, e := range events[body.Earlier:] {
		body.Events = append([]orders.Occurrence{e}, body.Events...)
	}
	s.render(w, r, status, "article", view{Title: "Article " + sku, Nav: "stock", Live: httpapi.LiveAddress(shown.At, "sku", sku), Shown: shown, Body: body})
	return nil
}
