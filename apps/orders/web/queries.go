package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/orders"
)

// show answers a query with JSON, or with 304 if the client has it already.
func show(w http.ResponseWriter, r *http.Request, shown orders.Shown, answer any) error {
	return httpapi.Show(w, r, shown.At, shown.Tag, answer)
}

// list answers GET /orders.
func (s *Site) list(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	filter, err := filterOf(r)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.listPage(w, r, http.StatusOK, filter, nil)
	}
	page, shown, err := s.shop.Orders(r.Context(), filter)
	if err != nil {
		return err
	}
	httpapi.LinkNext(w, r, "cursor", page.Next)
	return show(w, r, shown, page)
}

// filterOf returns the filter that the address has.
func filterOf(r *http.Request) (orders.Filter, error) {
	asked, err := httpapi.Ask(r, "status", "customer", "from", "to", "search", "sort", "cursor", "limit")
	if err != nil {
		return orders.Filter{}, err
	}
	filter := orders.Filter{
		Customer: asked.Get("customer"),
		Search:   strings.TrimSpace(asked.Get("search")),
		Sort:     orders.Sort(asked.Get("sort")),
		Cursor:   asked.Get("cursor"),
	}
	if filter.From, err = httpapi.Time(asked, "from"); err != nil {
		return filter, err
	}
	if filter.To, err = httpapi.Time(asked, "to"); err != nil {
		return filter, err
	}
	limit, err := httpapi.Number(asked, "limit", 1, orders.MaxLimit, 0)
	if err != nil {
		return filter, err
	}
	filter.Limit = int(limit)
	if given := asked.Get("status"); given != "" {
		for name := range strings.SplitSeq(given, ",") {
			status, err := orders.ParseStatus(strings.TrimSpace(name))
			if err != nil {
				return filter, httpapi.Malformed.Problem("status: %v", err)
			}
			filter.Statuses = append(filter.Statuses, status)
		}
	}
	return filter, nil
}

// order answers GET /orders/{id}, now or at a moment of the past.
func (s *Site) order(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	moment, err := momentOf(r)
	if err != nil {
		return err
	}
	id, err := orderOf(r)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.orderPage(w, r, http.StatusOK, id, moment, nil)
	}
	details, shown, err := s.details(r, id, moment)
	if err != nil {
		return err
	}
	return show(w, r, shown, details)
}

// details returns an order as it is, or as it was.
func (s *Site) details(r *http.Request, id string, moment orders.Moment) (details orders.Details, shown orders.Shown, err error) {
	if moment == (orders.Moment{}) {
		details, shown, err = s.shop.Order(r.Context(), id)
	} else {
		details, shown, err = s.shop.OrderAsOf(r.Context(), id, moment)
	}
	if errors.Is(err, orders.ErrNoSuchOrder) {
		problem := httpapi.NotFound.Problem("there is no order %q", id)
		if moment != (orders.Moment{}) {
			problem = httpapi.NotFound.Problem("there was no order %q then", id)
		}
		if moment.Version != 0 {
			problem = httpapi.NotFound.Problem("order %q has no event %d", id, moment.Version)
		}
		problem.Rule, problem.Err = orders.ErrNoSuchOrder.Name(), err
		err = problem
	}
	return details, shown, err
}

// momentOf returns the past that the address names.
func momentOf(r *http.Request) (orders.Moment, error) {
	asked, err := httpapi.Ask(r, "version", "as_of", "known_at")
	if err != nil {
		return orders.Moment{}, err
	}
	return httpapi.MomentIn(asked)
}

// A historyAnswer is every event of an order.
type historyAnswer struct {
	Order  string              `json:"order"`
	Events []orders.Occurrence `json:"events"`
}

// history answers GET /orders/{id}/history.
func (s *Site) history(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.Asked(w, r, s.shop); err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	id, err := orderOf(r)
	if err != nil {
		return err
	}
	events, shown, err := s.shop.History(r.Context(), id)
	if errors.Is(err, orders.ErrNoSuchOrder) {
		return httpapi.NotFound.Problem("there is no order %q", id)
	}
	if err != nil {
		return err
	}
	return show(w, r, shown, historyAnswer{id, events})
}

// customer answers GET /customers/{id}.
func (s *Site) customer(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	if _, err := httpapi.Ask(r); err != nil {
		return err
	}
	buyer, shown, err := s.shop.Customer(r.Context(), r.PathValue("id"))
	if errors.Is(err, orders.ErrNoSuchCustomer) {
		return httpapi.NotFound.Problem("nobody called %q has ordered", r.PathValue("id"))
	}
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.customerPage(w, r, buyer, shown)
	}
	return show(w, r, shown, buyer)
}

// dashboard answers GET /dashboard, now or as of some time.
func (s *Site) dashboard(w http.ResponseWriter, r *http.Request) error {
	form, err := s.Asked(w, r, s.shop)
	if err != nil {
		return err
	}
	asked, err := httpapi.Ask(r, "as_of", "month")
	if err != nil {
		return err
	}
	asOf, err := httpapi.Time(asked, "as_of")
	if err != nil {
		return err
	}
	month, err := monthOf(asked)
	if err != nil {
		return err
	}
	figures, shown, err := s.shop.Dashboard(r.Context(), asOf)
	if err != nil {
		return err
	}
	if form == httpapi.AsHTML {
		return s.dashboardPage(w, r, figures, month, shown)
	}
	if month != "" {
		figures.PerDay = slices.DeleteFunc(slices.Clone(figures.PerDay), func(day orders.PeriodFigures) bool {
			return !strings.HasPrefix(day.Period, month)
		})
	}
	return show(w, r, shown, figures)
}

// monthOf returns the month whose days are asked for; empty for all of them.
func monthOf(asked url.Values) (string, error) {
	given := asked.Get("month")
	if given == "" {
		return "", nil
	}
	if _, err := time.Parse("2006-01", given); err != nil {
		return "", httpapi.Malformed.Problem("month is %q, and should be one such as 2017-11", given)
	}
	return given, nil
}
