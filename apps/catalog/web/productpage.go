package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/plot"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// A productView is the page of a product.
type productView struct {
	catalog.Product
	Moment catalog.Moment
	Past   *httpapi.Past
	// Events are the newest of its history, and Earlier counts the others; Newest is the
	// version of the last.
	Events  []telling
	Earlier int
	Newest  daybook.Version
	// AskPrices and AskHistory say whether the visitor may ask for them at all.
	AskPrices, AskHistory bool
	// Prices are the newest of what it ever cost.
	Prices        plot.Steps
	Costs         []catalog.PriceAt
	EarlierPrices int
	// May says what can be done by the visitor; nil in the past.
	May     *mayDo
	Refused *httpapi.RefusedForm
}

// mayDo says which commands a product's page offers: those that the rules and the policy
// allow. Both are asked again when one is sent; this only spares the visitor a no.
type mayDo struct{ Rename, Describe, Reprice, Categorise, Restock, Discontinue bool }

// Anything reports whether there is something to be done.
func (m *mayDo) Anything() bool { return m != nil && *m != mayDo{} }

// Words reports whether something can be said of the product otherwise.
func (m *mayDo) Words() bool { return m.Rename || m.Describe || m.Categorise }

func (s *Site) may(r *http.Request, p catalog.Product) *mayDo {
	if p.Status != catalog.Offered {
		return new(mayDo)
	}
	send := func(command string) bool {
		return s.May(r, access.Send(command).About(catalog.AboutProduct(p.ID)))
	}
	return &mayDo{send("RenameProduct"), send("DescribeProduct"), send("ChangePrice"), send("CategoriseProduct"), send("RestockProduct"), send("DiscontinueProduct")}
}

const (
	// fewEvents is how many events of a history a page shows, and fewPrices how many prices:
	// the newest.
	fewEvents = 20
	fewPrices = 200
)

// productPage shows a product, now or at a moment. Of a form that came to nothing it shows
// what was wrong.
func (s *Site) productPage(w http.ResponseWriter, r *http.Request, status int, id string, m catalog.Moment, refused *httpapi.RefusedForm) error {
	ctx := r.Context()
	answer, err := s.showcase.Product(ctx, id, m)
	if err != nil {
		return missing(err, id, m)
	}
	if refused == nil {
		if err := mark(w, r, answer); err != nil {
			return err
		}
	}
	p := answer.Value
	body := productView{Product: p, Moment: m, Newest: p.Version, Refused: refused}
	// While the database is away, a part of the page is better than none of it.
	// The past is for those who may read the events.
	var history catalog.Answer[catalog.History]
	body.AskHistory = s.May(r, access.Ask("ProductHistory").About(aboutProduct(r))) && s.May(r, access.Read(aboutProduct(r)))
	if body.AskHistory {
		history, err = s.showcase.History(ctx, id)
	}
	if err != nil && !isAway(err) {
		return missing(err, id, m)
	}
	if n := len(history.Value.Events); n > 0 {
		body.Newest = history.Value.Events[n-1].Version
	}
	body.Events, body.Earlier = newest(told(history.Value.Events), fewEvents)
	if m.Version == body.Newest && m.AsOf.IsZero() && m.KnownAt.IsZero() {
		m = catalog.Moment{} // after the newest event is now
	}
	body.Past = httpapi.PastOf("the product", addressOf(id), m)
	if body.Past == nil {
		body.May = s.may(r, p)
	}
	if body.AskPrices = s.May(r, access.Ask("ProductPrices").About(aboutProduct(r))); body.AskPrices {
		if err := s.pricesOf(ctx, id, &body); err != nil && !isAway(err) {
			return missing(err, id, m)
		}
	}
	return s.render(w, r, status, "product", view{
		Title: p.Name, Nav: "products", Live: httpapi.LiveAddress(answer.Shown.At, "product", id), Shown: answer.Shown, Stale: staleOf(answer, m), Body: body,
	})
}

// isAway reports whether an error is that what is shown cannot be asked.
func isAway(err error) bool {
	away := (*readmodel.AwayError)(nil)
	return errors.As(err, &away)
}

// pricesOf fills in what a product ever cost.
func (s *Site) pricesOf(ctx context.Context, id string, body *productView) error {
	prices, err := s.showcase.Prices(ctx, id)
	if err != nil {
		return err
	}
	body.Costs, body.EarlierPrices = newest(prices.Value.Prices, fewPrices)
	body.Prices = priceSteps(body.Product, body.Costs, body.Past != nil, s.now())
	return nil
}

// priceSteps returns the plot of what a product cost, until now or until it was offered no
// more. In the past that which it cost then is marked.
func priceSteps(p catalog.Product, costs []catalog.PriceAt, past bool, now time.Time) plot.Steps {
	steps := plot.Steps{
		ID: "prices", Title: "What " + p.Name + " cost over time", End: now,
		Format: func(v int64) string { return priceWords(catalog.Price(v)) }, Tick: priceTick,
	}
	if !p.DiscontinuedAt.IsZero() && p.DiscontinuedAt.Before(now) {
		steps.End = p.DiscontinuedAt
	}
	for i, c := range costs {
		steps.Steps = append(steps.Steps, plot.Step{
			From: c.From, Value: int64(c.Price), Name: sinceWords(c), Link: versionLink(p.ID, c.Version),
			Current: past && c.Version <= p.Version && (i+1 == len(costs) || costs[i+1].Version > p.Version), Later: c.Version > p.Version,
		})
		if c.From.After(steps.End) {
			steps.End = c.From
		}
	}
	return steps
}

// sinceWords says how long a price was so.
func sinceWords(c catalog.PriceAt) string {
	if c.Until.IsZero() {
		return "since " + httpapi.When(c.From)
	}
	return "from " + httpapi.When(c.From) + " to " + httpapi.When(c.Until)
}

// priceTick writes a price on an axis, without hundredths where there are none, and in
// thousands where it is large.
func priceTick(v int64) string {
	switch {
	case v >= 10_000_00 && v%1_000_00 == 0:
		return httpapi.Thousands(v/1_000_00) + "k"
	case v%100 == 0:
		return httpapi.Thousands(v / 100)
	}
	return priceWords(catalog.Price(v))
}
