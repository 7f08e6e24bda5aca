package catalog

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection/sqlview"
)

var (
	//go:embed sql/display.sql
	displaySchema string
	//go:embed sql/display_postgres.sql
	displayPostgres string
)

// displayVersion is raised whenever a handler or a table changes: the read model is then
// built anew from the log.
const displayVersion = 1

// Display is the read model behind every question, in a database of its own: SQLite or
// PostgreSQL.
var Display = sqlview.New("display", displayVersion, Products.Codec(), displaySchema,
	on(func(tx *sqlview.Tx, e ProductCreated, at daybook.Recorded) error {
		err := tx.Exec(`update products set name = ?, sorted_name = ?, sku = ?, description = ?, category = ?, price = ?, stock = 0,
				status = ?, reason = '', discontinued_at = null, created_at = ?
			where id = ?`,
			e.Name, sortedName(e.Name), e.SKU, e.Description, e.Category, e.Price, Offered, at.Happened(), ProductID(at.Stream))
		if err != nil {
			return err
		}
		for _, f := range (Product{Name: e.Name, SKU: e.SKU, Category: e.Category, Description: e.Description}).fields() {
			if err := index(tx, ProductID(at.Stream), f.name, wordsIn(f.text), f.weight); err != nil {
				return err
			}
		}
		return priceOf(tx, e.Price, at)
	}),
	on(func(tx *sqlview.Tx, e ProductRenamed, at daybook.Recorded) error {
		if err := tx.Exec(`update products set sorted_name = ? where id = ?`, sortedName(e.Name), ProductID(at.Stream)); err != nil {
			return err
		}
		return rewrite(tx, at, "name", e.Name, inName)
	}),
	on(func(tx *sqlview.Tx, e ProductDescribed, at daybook.Recorded) error {
		return rewrite(tx, at, "description", e.Description, inDescription)
	}),
	on(func(tx *sqlview.Tx, e ProductCategorised, at daybook.Recorded) error {
		return rewrite(tx, at, "category", e.Category, inCategory)
	}),
	on(func(tx *sqlview.Tx, e PriceChanged, at daybook.Recorded) error {
		if err := tx.Exec(`update products set price = ? where id = ?`, e.Price, ProductID(at.Stream)); err != nil {
			return err
		}
		return priceOf(tx, e.Price, at)
	}),
	on(func(tx *sqlview.Tx, e ProductRestocked, at daybook.Recorded) error {
		return tx.Exec(`update products set stock = stock + ? where id = ?`, e.Quantity, ProductID(at.Stream))
	}),
	on(func(tx *sqlview.Tx, e ProductDiscontinued, at daybook.Recorded) error {
		return tx.Exec(`update products set status = ?, reason = ?, discontinued_at = ? where id = ?`, Discontinued, e.Reason, at.Happened(), ProductID(at.Stream))
	}),
).WithPostgres(displayPostgres)

// on returns what applies a kind of fact, once the event is in the history of its product.
func on[E any](apply func(tx *sqlview.Tx, e E, at daybook.Recorded) error) sqlview.Handler {
	return sqlview.On(func(tx *sqlview.Tx, e E, at daybook.Recorded) error {
		if err := touch(tx, at); err != nil {
			return err
		}
		return apply(tx, e, at)
	})
}

// touch notes an event in the history of its product, which it may be the first to speak
// of.
func touch(tx *sqlview.Tx, at daybook.Recorded) error {
	id := ProductID(at.Stream)
	err := tx.Exec(`insert into history (product, version, position, event_id, type, happened_at, recorded_at, data, metadata)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, at.Version, at.Position, at.ID.String(), at.Type, at.HappenedAt, at.RecordedAt, string(at.Data), string(at.Metadata))
	if err != nil {
		return err
	}
	return tx.Exec(`insert into products (id, version, updated_at, position, created) values (?1, ?2, ?3, ?4, ?4)
		on conflict (id) do update set version = ?2, updated_at = ?3, position = ?4`, id, at.Version, at.RecordedAt, at.Position)
}

// priceOf notes a price.
func priceOf(tx *sqlview.Tx, price Price, at daybook.Recorded) error {
	return tx.Exec(`insert into prices (product, version, price, happened_at, recorded_at) values (?, ?, ?, ?, ?)`,
		ProductID(at.Stream), at.Version, price, at.HappenedAt, at.RecordedAt)
}

// rewrite has a product found by the words of a field as it now is, and no more by those that
// it had.
func rewrite(tx *sqlview.Tx, at daybook.Recorded, field, text string, weight int) error {
	id := ProductID(at.Stream)
	var before string
	if err := tx.QueryRow(`select `+field+` from products where id = ?`, id).Scan(&before); err != nil {
		return err
	}
	if err := tx.Exec(`update products set `+field+` = ? where id = ?`, text, id); err != nil {
		return err
	}
	had, has := wordsIn(before), wordsIn(text)
	for _, word := range had {
		if slices.Contains(has, word) {
			continue
		}
		if err := tx.Exec(`delete from words where word = ? and product = ? and field = ?`, word, id, field); err != nil {
			return err
		}
	}
	return index(tx, id, field, slices.DeleteFunc(has, func(word string) bool { return slices.Contains(had, word) }), weight)
}

// index has a product found by words of a field.
func index(tx *sqlview.Tx, id, field string, words []string, weight int) error {
	for _, word := range words {
		if err := tx.Exec(`insert into words (word, product, field, weight) values (?, ?, ?, ?)`, word, id, field, weight); err != nil {
			return fmt.Errorf("the word %q: %w", word, err)
		}
	}
	return nil
}
