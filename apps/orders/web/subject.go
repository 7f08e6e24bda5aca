package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// A subject is what a command is about: an order, or an article in stock.
type subject interface {
	// noun says what it is, and begins with a vowel; id says which one.
	noun() string
	id() string
	// stream is where its events are.
	stream() string
	// address leads to it, and collection to all of its kind.
	address() string
	collection() string
	// missing is the rule that there is such a thing.
	missing() *daybook.Rule
	// asOf returns all of it as it was, or as it is at the zero Moment.
	asOf(context.Context, *orders.Shop, orders.Moment) (any, orders.Shown, error)
	// page answers with its page, with a form that came to nothing.
	page(*Site, http.ResponseWriter, *http.Request, int, *httpapi.RefusedForm) error
}

// anOrder is the order with an id.
type anOrder string

func (o anOrder) noun() string           { return "order" }
func (o anOrder) id() string             { return string(o) }
func (o anOrder) stream() string         { return orders.Orders.Stream(string(o)) }
func (o anOrder) address() string        { return o.collection() + "/" + url.PathEscape(string(o)) }
func (o anOrder) collection() string     { return "/orders" }
func (o anOrder) missing() *daybook.Rule { return orders.ErrNoSuchOrder }

func (o anOrder) asOf(ctx context.Context, shop *orders.Shop, m orders.Moment) (any, orders.Shown, error) {
	return shop.OrderAsOf(ctx, string(o), m)
}

func (o anOrder) page(s *Site, w http.ResponseWriter, r *http.Request, status int, refused *httpapi.RefusedForm) error {
	return s.orderPage(w, r, status, string(o), orders.Moment{}, refused)
}

// anArticle is the article with a SKU.
type anArticle string

func (a anArticle) noun() string           { return "article" }
func (a anArticle) id() string             { return string(a) }
func (a anArticle) stream() string         { return orders.Stock.Stream(string(a)) }
func (a anArticle) address() string        { return a.collection() + "/" + url.PathEscape(string(a)) }
func (a anArticle) collection() string     { return "/stock" }
func (a anArticle) missing() *daybook.Rule { return orders.ErrNoSuchArticle }

func (a anArticle) asOf(ctx context.Context, shop *orders.Shop, m orders.Moment) (any, orders.Shown, error) {
	return shop.ArticleAsOf(ctx, string(a), m)
}

func (a anArticle) page(s *Site, w http.ResponseWriter, r *http.Request, status int, refused *httpapi.RefusedForm) error {
	return s.articlePage(w, r, status, string(a), orders.Moment{}, refused)
}
