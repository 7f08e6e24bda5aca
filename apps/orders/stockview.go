package orders

import (
	_ "embed"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection/sqlview"
)

//go:embed sql/stock.sql
var stockSchema string

// A fate is what became of the pieces that an order wanted, as the views keep it.
type fate int

const (
	fateKept     fate = 1 + iota // they are on the shelf for the order
	fateReleased                 // they are free again
	fatePicked                   // they left the shelf with the order
)

// stockHandlers are the part of [Overview] that is about stock.
var stockHandlers = []sqlview.Handler{
	sqlview.On(func(tx *sqlview.Tx, e StockReceived, at daybook.Recorded) error {
		err := tx.Exec(`insert into stock (sku, version, updated_at, position, search) values (?1, ?2, ?3, ?4, ?5)
			on conflict (sku) do nothing`, e.SKU, at.Version, at.RecordedAt, at.Position, strings.ToLower(e.SKU))
		if err != nil {
			return err
		}
		if err := tx.Exec(`update stock set received = received + ? where sku = ?`, e.Quantity, e.SKU); err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{onHand: e.Quantity})
	}),
	sqlview.On(func(tx *sqlview.Tx, e StockReserved, at daybook.Recorded) error {
		err := tx.Exec(`insert or replace into reservations (order_id, sku, quantity, fate, at) values (?, ?, ?, ?, ?)`,
			e.Order, e.SKU, e.Quantity, fateKept, at.HappenedAt)
		if err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{reserved: e.Quantity})
	}),
	sqlview.On(func(tx *sqlview.Tx, e StockReleased, at daybook.Recorded) error {
		if err := settle(tx, e.Order, e.SKU, fateReleased, at); err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{reserved: -e.Quantity})
	}),
	sqlview.On(func(tx *sqlview.Tx, e StockPicked, at daybook.Recorded) error {
		if err := settle(tx, e.Order, e.SKU, fatePicked, at); err != nil {
			return err
		}
		if err := tx.Exec(`update stock set picked = picked + ? where sku = ?`, e.Quantity, e.SKU); err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{onHand: -e.Quantity, reserved: -e.Quantity})
	}),
	sqlview.On(func(tx *sqlview.Tx, e StockCounted, at daybook.Recorded) error {
		if err := tx.Exec(`update stock set found = found + ? where sku = ?`, e.Difference, e.SKU); err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{onHand: e.Difference})
	}),
	sqlview.On(func(tx *sqlview.Tx, e ReorderLevelSet, at daybook.Recorded) error {
		var before int64
		if err := tx.QueryRow(`select level from stock where sku = ?`, e.SKU).Scan(&before); err != nil {
			return err
		}
		return move(tx, e.SKU, at, movement{level: e.Level - before})
	}),
}

// A movement is by how much an event changes an article.
type movement struct{ onHand, reserved, level int64 }

func move(tx *sqlview.Tx, sku string, at daybook.Recorded, m movement) error {
	err := tx.Exec(`insert into movements (sku, version, on_hand, reserved, level, at) values (?, ?, ?, ?, ?, ?)`,
		sku, at.Version, m.onHand, m.reserved, m.level, at.HappenedAt)
	if err != nil {
		return err
	}
	return tx.Exec(`update stock set version = ?, updated_at = ?, position = ?, on_hand = on_hand + ?, reserved = reserved + ?, level = level + ? where sku = ?`,
		at.Version, at.RecordedAt, at.Position, m.onHand, m.reserved, m.level, sku)
}

// settle notes what became of a reservation.
func settle(tx *sqlview.Tx, order, sku string, became fate, at daybook.Recorded) error {
	return tx.Exec(`update reservations set fate = ?, ended_at = ? where order_id = ? and sku = ?`, became, at.HappenedAt, order, sku)
}
