package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

type customer struct {
	ID    string `json:"id"`
	City  string `json:"city"`
	State string `json:"state"`
}

type line struct {
	Product   string `json:"product"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	Freight   int64  `json:"freight"`
}

type order struct {
	ID       string    `json:"id"`
	Number   int64     `json:"number"`
	Customer customer  `json:"customer"`
	Lines    []line    `json:"lines"`
	Total    int64     `json:"total"`
	Status   string    `json:"status"`
	PaidWith string    `json:"paid_with,omitempty"`
	Placed   time.Time `json:"placed"`
	Changed  time.Time `json:"changed"`
}

func (o order) address() string { return "/orders/" + o.ID }

func (d *database) placeOrder(r *http.Request) (int, any, error) {
	var o struct {
		Customer customer `json:"customer"`
		Lines    []line   `json:"lines"`
		Total    int64    `json:"total"`
	}
	if err := read(r, &o); err != nil {
		return 0, nil, err
	}
	sum := int64(0)
	for _, l := range o.Lines {
		if l.Product == "" || l.Quantity <= 0 || l.UnitPrice < 0 || l.Freight < 0 {
			return 0, nil, failure{http.StatusUnprocessableEntity, "a line has a product, a quantity and a price"}
		}
		sum += l.Quantity*l.UnitPrice + l.Freight
	}
	switch {
	case o.Total == 0:
		o.Total = sum
	case len(o.Lines) > 0 && o.Total != sum:
		return 0, nil, failure{http.StatusUnprocessableEntity, "the total is not the sum of the lines"}
	}
	if o.Total <= 0 {
		return 0, nil, failure{http.StatusUnprocessableEntity, "an order has a total"}
	}
	lines, err := json.Marshal(o.Lines)
	if err != nil {
		return 0, nil, err
	}
	now := time.Now().UTC()
	placed := order{ID: uuid.NewString(), Customer: o.Customer, Lines: o.Lines, Total: o.Total, Status: "placed", Placed: now, Changed: now}
	err = d.insertOrder.QueryRowContext(r.Context(), placed.ID, o.Customer.ID, o.Customer.City, o.Customer.State, lines, o.Total, now.UnixNano(), now.UnixNano()).Scan(&placed.Number)
	return http.StatusCreated, placed, err
}

func (d *database) payOrder(r *http.Request) (int, any, error) {
	var p struct {
		Amount int64  `json:"amount"`
		Method string `json:"method"`
	}
	if err := read(r, &p); err != nil {
		return 0, nil, err
	}
	paid, err := changed(r.Context(), d.pay, p.Method, time.Now().UnixNano(), r.PathValue("id"), p.Amount)
	if err != nil {
		return 0, nil, err
	}
	if !paid {
		return 0, nil, failure{http.StatusUnprocessableEntity, "there is nothing of this amount to pay"}
	}
	return d.getOrder(r)
}

const orderColumns = `id, number, customer, city, state, lines, total, status, coalesce(paid_with, ''), placed_at, changed_at`

func scanOrder(row interface{ Scan(...any) error }) (o order, err error) {
	var lines []byte
	var placed, changed int64
	err = row.Scan(&o.ID, &o.Number, &o.Customer.ID, &o.Customer.City, &o.Customer.State, &lines, &o.Total, &o.Status, &o.PaidWith, &placed, &changed)
	if err != nil {
		return o, err
	}
	o.Placed, o.Changed = time.Unix(0, placed).UTC(), time.Unix(0, changed).UTC()
	return o, json.Unmarshal(lines, &o.Lines)
}

func (d *database) getOrder(r *http.Request) (int, any, error) {
	o, err := scanOrder(d.oneOrder.QueryRowContext(r.Context(), r.PathValue("id")))
	if errors.Is(err, sql.ErrNoRows) {
		err = failure{http.StatusNotFound, "there is no such order"}
	}
	return http.StatusOK, o, err
}

func (d *database) listOrders(r *http.Request) (int, any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return 0, nil, err
	}
	found, err := all(r.Context(), d.newestOrders, scanOrder, limit)
	return http.StatusOK, map[string]any{"orders": found}, err
}

// limitOf returns how much of a list is wanted.
func limitOf(r *http.Request) (int, error) {
	given := r.URL.Query().Get("limit")
	if given == "" {
		return 50, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 || n > 1000 {
		return 0, failure{http.StatusBadRequest, "limit is a number from 1 to 1000"}
	}
	return n, nil
}
