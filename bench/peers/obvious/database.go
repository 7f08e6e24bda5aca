package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	_ "modernc.org/sqlite"
)

const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id         TEXT PRIMARY KEY,
	number     INTEGER NOT NULL UNIQUE,
	customer   TEXT NOT NULL,
	city       TEXT NOT NULL,
	state      TEXT NOT NULL,
	lines      TEXT NOT NULL,
	total      INTEGER NOT NULL,
	status     TEXT NOT NULL,
	paid_with  TEXT,
	placed_at  INTEGER NOT NULL,
	changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer, number);
CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status, number);

CREATE TABLE IF NOT EXISTS products (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	price      INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS products_by_name ON products (name, id);
`

// readers is how many connections read at once.
const readers = 4

// A database has one connection that writes, as SQLite does, and some that read.
type database struct {
	write, read                                        *sql.DB
	insertOrder, pay, oneOrder, newestOrders           *sql.Stmt
	insertProduct, setPrice, oneProduct, firstProducts *sql.Stmt
}

func openDatabase(path string) (*database, error) {
	const settings = "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)&_pragma=cache_size(-65536)&_txlock=immediate"
	write, err := sql.Open("sqlite", "file:"+path+settings)
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if _, err := write.Exec(schema); err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", "file:"+path+settings)
	if err != nil {
		return nil, err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	d := &database{write: write, read: read}
	for _, s := range []struct {
		into *(*sql.Stmt)
		on   *sql.DB
		text string
	}{
		{&d.insertOrder, write, `INSERT INTO orders (id, number, customer, city, state, lines, total, status, placed_at, changed_at)
			VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM orders), ?, ?, ?, ?, ?, 'placed', ?, ?) RETURNING number`},
		{&d.pay, write, `UPDATE orders SET status = 'paid', paid_with = ?, changed_at = ? WHERE id = ? AND status = 'placed' AND total = ?`},
		{&d.oneOrder, read, `SELECT ` + orderColumns + ` FROM orders WHERE id = ?`},
		{&d.newestOrders, read, `SELECT ` + orderColumns + ` FROM orders ORDER BY number DESC LIMIT ?`},
		{&d.insertProduct, write, `INSERT INTO products (id, name, price, created_at, changed_at) VALUES (?, ?, ?, ?, ?)`},
		{&d.setPrice, write, `UPDATE products SET price = ?, changed_at = ? WHERE id = ?`},
		{&d.oneProduct, read, `SELECT id, name, price, created_at, changed_at FROM products WHERE id = ?`},
		{&d.firstProducts, read, `SELECT id, name, price, created_at, changed_at FROM products ORDER BY name, id LIMIT ?`},
	} {
		if *s.into, err = s.on.Prepare(s.text); err != nil {
			return nil, fmt.Errorf("%w in %s", err, s.text)
		}
	}
	return d, nil
}

func (d *database) close() { _ = errors.Join(d.read.Close(), d.write.Close()) }

// changed runs a statement that changes one row, and reports whether it found it.
func changed(ctx context.Context, s *sql.Stmt, args ...any) (bool, error) {
	result, err := s.ExecContext(ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// all returns what a query finds, each read by scan.
func all[T any](ctx context.Context, s *sql.Stmt, scan func(interface{ Scan(...any) error }) (T, error), args ...any) ([]T, error) {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, rows.Err()
}
