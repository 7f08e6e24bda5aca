package orders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Order returns all that an order's page shows, as the views have it, or
// [ErrNoSuchOrder].
func (s *Shop) Order(ctx context.Context, id string) (d Details, shown Shown, err error) {
	err = s.read(ctx, func(rows *sqlview.Reader, at standing) error {
		if d, err = readDetails(rows, id); err != nil {
			return err
		}
		shown = past.ShownOf(at.Point, uint64(d.Version), overviewVersion)
		return nil
	})
	return d, shown, err
}

func readDetails(rows *sqlview.Reader, id string) (Details, error) {
	d := Details{Lines: []Line{}, Payments: []Payment{}, Refunds: []RefundPaid{}, Stages: []StageChange{}}
	var reached int64
	times := make([]time.Time, len(Statuses()))
	var fulfil bool
	var asked FulfilmentAsked
	fields := append(summaryFields(&d.Summary), &d.Carrier, &d.Tracking, &d.Reason, &d.PromisedFor, &reached, &fulfil, &asked.Method, &asked.PayBy)
	for i := range times {
		fields = append(fields, &times[i])
	}
	err := rows.QueryRow(`select `+summaryColumns+`, carrier, tracking, reason, promised_for, reached, fulfil, pay_method, pay_by,
			placed_at, paid_at, invoiced_at, processing_at, shipped_at, delivered_at, unavailable_at, cancelled_at, returned_at, refunded_at
		from orders where id = ?`, id).Scan(fields...)
	if errors.Is(err, sqlview.ErrNoRow) {
		return d, ErrNoSuchOrder
	}
	if err != nil {
		return d, err
	}
	if fulfil {
		d.Fulfilment = &asked
	}
	for i, status := range Statuses() {
		if reached&(1<<status) != 0 {
			d.Stages = append(d.Stages, StageChange{status, times[i]})
		}
	}
	for row, err := range rows.Query(`select product, category, seller, quantity, unit_price, freight from lines where order_id = ? order by n`, id) {
		var l Line
		if err == nil {
			err = row.Scan(&l.Product, &l.Category, &l.Seller, &l.Quantity, &l.UnitPrice, &l.Freight)
		}
		if err != nil {
			return d, err
		}
		d.Lines = append(d.Lines, l)
	}
	for row, err := range rows.Query(`select method, amount, installments, at from payments where order_id = ? order by version`, id) {
		var p Payment
		if err == nil {
			err = row.Scan(&p.Method, &p.Amount, &p.Installments, &p.At)
		}
		if err != nil {
			return d, err
		}
		d.Payments = append(d.Payments, p)
	}
	for row, err := range rows.Query(`select amount, reason, at from refunds where order_id = ? order by version`, id) {
		var r RefundPaid
		if err == nil {
			err = row.Scan(&r.Amount, &r.Reason, &r.At)
		}
		if err != nil {
			return d, err
		}
		d.Refunds = append(d.Refunds, r)
	}
	return d, nil
}

// OrderAsOf returns what an order's page would have shown at a moment of the past,
// folded from the order's events. Its token names the position that a KnownAt means.
// Where there was no such order yet, that is [ErrNoSuchOrder].
func (s *Shop) OrderAsOf(ctx context.Context, id string, m Moment) (Details, Shown, error) {
	d := Details{Lines: []Line{}, Payments: []Payment{}, Refunds: []RefundPaid{}, Stages: []StageChange{}}
	d.ID = id
	read, at, err := past.Show(ctx, s.store, daybook.Stream(Orders.Stream(id)), Orders.Codec(), m, d.add)
	switch {
	case err != nil:
		return Details{}, Shown{}, err
	case read < m.Version:
		return Details{}, Shown{}, fmt.Errorf("%w at version %d; it has come to version %d", ErrNoSuchOrder, m.Version, read)
	case d.Version == 0:
		return Details{}, Shown{}, ErrNoSuchOrder
	}
	return d, past.ShownOf(at, uint64(read), overviewVersion), nil
}

// add shows one fact more.
func (d *Details) add(fact any, at daybook.Recorded) {
	d.Version, d.UpdatedAt = at.Version, at.RecordedAt
	switch e := fact.(type) {
	case OrderPlaced:
		d.Customer, d.Currency, d.Total, d.PromisedFor = e.Customer, e.Currency, e.Total, e.PromisedFor
		d.Lines = append(d.Lines, e.Lines...)
		for _, l := range e.Lines {
			d.Units += l.Quantity
		}
		d.PlacedAt = at.HappenedAt
	case FulfilmentRequested:
		d.Fulfilment = &FulfilmentAsked{e.Method, e.PayBy}
	case PaymentReceived:
		d.Paid += e.Amount
		d.Payments = append(d.Payments, Payment{e, at.HappenedAt})
	case OrderShipped:
		d.Carrier, d.Tracking = e.Carrier, e.Tracking
	case OrderCancelled:
		d.Reason = e.Reason
	case OrderReturned:
		d.Reason = e.Reason
	case PaymentRefunded:
		d.Refunded += e.Amount
		d.Refunds = append(d.Refunds, RefundPaid{e, at.HappenedAt})
		if d.Refunded >= d.Paid {
			d.reach(Refunded, at)
		}
	}
	if status := reachedBy(fact); status != NotPlaced {
		d.reach(status, at)
	}
}

// reach shows that the order came to a status. Stages stay in the order of statuses.
func (d *Details) reach(to Status, at daybook.Recorded) {
	d.Status.reach(to)
	i, reached := slices.BinarySearchFunc(d.Stages, to, func(s StageChange, to Status) int { return int(s.Status - to) })
	switch {
	case !reached:
		d.Stages = slices.Insert(d.Stages, i, StageChange{to, at.HappenedAt})
	case d.Stages[i].At.IsZero():
		d.Stages[i].At = at.HappenedAt
	}
}

// History returns every event of an order, the oldest first, or [ErrNoSuchOrder].
func (s *Shop) History(ctx context.Context, id string) ([]Occurrence, Shown, error) {
	history, at, err := past.Events(ctx, s.store, daybook.Stream(Orders.Stream(id)), Orders.Codec())
	if err == nil && len(history) == 0 {
		err = ErrNoSuchOrder
	}
	return history, past.ShownOf(at, past.Version(history), overviewVersion), err
}
