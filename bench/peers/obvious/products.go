package main

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
)

type product struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Price   int64     `json:"price"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
}

func (p product) address() string { return "/products/" + p.ID }

func (d *database) createProduct(r *http.Request) (int, any, error) {
	var p struct {
		Name  string `json:"name"`
		Price int64  `json:"price"`
	}
	if err := read(r, &p); err != nil {
		return 0, nil, err
	}
	if p.Name == "" || p.Price < 0 {
		return 0, nil, failure{http.StatusUnprocessableEntity, "a product has a name and a price"}
	}
	now := time.Now().UTC()
	created := product{ID: uuid.NewString(), Name: p.Name, Price: p.Price, Created: now, Changed: now}
	_, err := d.insertProduct.ExecContext(r.Context(), created.ID, p.Name, p.Price, now.UnixNano(), now.UnixNano())
	return http.StatusCreated, created, err
}

func (d *database) changePrice(r *http.Request) (int, any, error) {
	var p struct {
		Price int64 `json:"price"`
	}
	if err := read(r, &p); err != nil {
		return 0, nil, err
	}
	if p.Price < 0 {
		return 0, nil, failure{http.StatusUnprocessableEntity, "a price is not negative"}
	}
	found, err := changed(r.Context(), d.setPrice, p.Price, time.Now().UnixNano(), r.PathValue("id"))
	if err == nil && !found {
		err = failure{http.StatusNotFound, "there is no such product"}
	}
	if err != nil {
		return 0, nil, err
	}
	return d.getProduct(r)
}

func scanProduct(row interface{ Scan(...any) error }) (p product, err error) {
	var created, changed int64
	err = row.Scan(&p.ID, &p.Name, &p.Price, &created, &changed)
	p.Created, p.Changed = time.Unix(0, created).UTC(), time.Unix(0, changed).UTC()
	return p, err
}

func (d *database) getProduct(r *http.Request) (int, any, error) {
	p, err := scanProduct(d.oneProduct.QueryRowContext(r.Context(), r.PathValue("id")))
	if errors.Is(err, sql.ErrNoRows) {
		err = failure{http.StatusNotFound, "there is no such product"}
	}
	return http.StatusOK, p, err
}

func (d *database) listProducts(r *http.Request) (int, any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return 0, nil, err
	}
	found, err := all(r.Context(), d.firstProducts, scanProduct, limit)
	return http.StatusOK, found, err
}
