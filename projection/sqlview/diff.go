package sqlview

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A Difference is a row that two read models do not have in common.
type Difference struct {
	// Table is the table that the row is in, and Key its primary key.
	Table string
	Key   []any
	// Columns are the names of the columns that both tables have, and Old and New what the
	// row has in them. Old is nil if the row was added, New if it is gone. Values are nil,
	// int64, float64, string or []byte: of PostgreSQL's other types, as text.
	Columns  []string
	Old, New []any
}

// A Comparison says how far two read models differ.
type Comparison struct {
	// Old and New are where the read models stood. Where one is behind the other, some
	// differences are what the events in between did.
	Old, New projection.Checkpoint
	// Tables are all tables of both, by name.
	Tables []TableComparison
}

// Same reports whether all tables could be compared and have the same rows.
func (c Comparison) Same() bool {
	return !slices.ContainsFunc(c.Tables, func(t TableComparison) bool {
		return t.Skipped != "" || t.Added+t.Gone+t.Changed > 0
	})
}

// A TableComparison says how far two tables of one name differ.
type TableComparison struct {
	Name string
	// Skipped says why the table was not compared; empty if it was.
	Skipped string
	// Columns are the names of columns that only one of the tables has, which were not
	// compared.
	Columns []string
	// Rows is how many rows the new table has, and the others are how many of them are not
	// in the old one, how many of that are not in the new one, and how many have other
	// values in columns that both have.
	Rows, Added, Gone, Changed int
}

// Diff compares two read models, such as two versions of one before readers are switched
// from the old to the new. Rows are told apart by the primary key, which must have the same
// columns in both; tables without one, or that only one of the read models has, are not
// compared. Each read model is read at one moment. The two may be in different databases.
//
// Diff calls each, if it is not nil, for every difference, table by table in the order of
// keys. It holds one row of each read model in memory. If each returns an error, Diff ends
// and returns it. A view beside itself is a [*daybook.InvalidError].
func Diff(ctx context.Context, before, after *View, each func(Difference) error) (Comparison, error) {
	if before == after {
		return Comparison{}, &daybook.InvalidError{What: "comparison", Reason: "is of a read model with itself"}
	}
	return diff(ctx, before, after, each, func() {})
}

// DiffStill is [Diff] of two versions that are kept in step meanwhile: it brings both to
// the same point, lets them go on as soon as each is being read at that moment, and
// compares them. So every difference is one that their code makes.
func DiffStill(ctx context.Context, versions *projection.Versions[*View], before, after *View, each func(Difference) error) (c Comparison, err error) {
	began, done := make(chan struct{}), make(chan struct{})
	var failed error
	looked := false
	err = versions.Still(ctx, before, after, func() error {
		looked = true
		go func() {
			defer close(done)
			c, failed = diff(ctx, before, after, each, func() { close(began) })
		}()
		select {
		case <-began:
		case <-done:
		}
		return nil
	})
	if looked {
		<-done
	}
	if failed != nil {
		return c, failed // and both go on, or Status says why not
	}
	return c, err
}

// diff calls began when both read models are being read, each at its moment.
func diff(ctx context.Context, before, after *View, each func(Difference) error, began func()) (Comparison, error) {
	var c Comparison
	err := before.Read(ctx, func(old *Reader, at projection.Checkpoint) error {
		c.Old = at
		return after.Read(ctx, func(now *Reader, at projection.Checkpoint) (err error) {
			c.New = at
			began()
			c.Tables, err = compare(side{before.db, old}, side{after.db, now}, each)
			return err
		})
	})
	return c, err
}

// A side is one of two read models that are compared.
type side struct {
	db   database
	rows *Reader
}

// compare compares all tables.
func compare(old, now side, each func(Difference) error) (all []TableComparison, err error) {
	before, err := old.db.tables(old.rows)
	if err != nil {
		return nil, err
	}
	after, err := now.db.tables(now.rows)
	if err != nil {
		return nil, err
	}
	for _, t := range before {
		if find(after, t.name) == nil {
			all = append(all, TableComparison{Name: t.name, Skipped: "only the old version has it"})
		}
	}
	for _, t := range after {
		result := TableComparison{Name: t.name}
		was := find(before, t.name)
		switch {
		case was == nil:
			result.Skipped = "only the new version has it"
		case len(t.key) == 0 || len(was.key) == 0:
			result.Skipped = "it has no primary key"
		case !slices.Equal(namesOf(t.key), namesOf(was.key)):
			result.Skipped = "its primary key is another"
		default:
			if err := result.compare(old, now, *was, t, each); err != nil {
				return nil, err
			}
		}
		all = append(all, result)
	}
	slices.SortFunc(all, func(a, b TableComparison) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

func find(tables []table, name string) *table {
	for i := range tables {
		if tables[i].name == name {
			return &tables[i]
		}
	}
	return nil
}

func namesOf(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return all
}

// compare goes through two tables side by side, in the order of their keys.
func (t *TableComparison) compare(old, now side, was, is table, each func(Difference) error) error {
	common, alone := shared(was, is)
	t.Columns = alone
	key := len(is.key)
	nextOld, stopOld := iter.Pull2(old.all(was, common, key))
	defer stopOld()
	nextNew, stopNew := iter.Pull2(now.all(is, common, key))
	defer stopNew()

	a, err, more := nextOld()
	if err != nil {
		return err
	}
	b, err, moreNew := nextNew()
	if err != nil {
		return err
	}
	for more || moreNew {
		order := 0
		switch {
		case !moreNew:
			order = -1
		case !more:
			order = 1
		default:
			order = slices.CompareFunc(a[:key], b[:key], compareValues)
		}
		if order >= 0 {
			t.Rows++
		}
		d := Difference{Table: t.Name, Columns: common}
		switch {
		case order < 0:
			d.Key, d.Old = a[:key], a
			t.Gone++
		case order > 0:
			d.Key, d.New = b[:key], b
			t.Added++
		case slices.CompareFunc(a, b, compareValues) != 0:
			d.Key, d.Old, d.New = b[:key], a, b
			t.Changed++
		}
		if d.Key != nil && each != nil {
			if err := each(d); err != nil {
				return err
			}
		}
		if order <= 0 {
			if a, err, more = nextOld(); err != nil {
				return err
			}
		}
		if order >= 0 {
			if b, err, moreNew = nextNew(); err != nil {
				return err
			}
		}
	}
	return nil
}

// shared returns the names of the columns that both tables have, those of the key first,
// and of those that one has.
func shared(was, is table) (common, alone []string) {
	common = namesOf(is.key)
	before, after := namesOf(was.columns), namesOf(is.columns)
	for _, name := range after {
		if !slices.Contains(before, name) {
			alone = append(alone, name)
		} else if !slices.Contains(common, name) {
			common = append(common, name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			alone = append(alone, name)
		}
	}
	return common, alone
}

// all yields the rows of a table in the order of its key, whose columns are the first of
// columns.
func (s side) all(t table, columns []string, key int) iter.Seq2[[]any, error] {
	expressions, order := make([]string, len(columns)), make([]string, key)
	for i, name := range columns {
		at := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
		var sorted string
		expressions[i], sorted = s.db.value(t.columns[at])
		if i < key {
			order[i] = sorted
		}
	}
	query := "select " + strings.Join(expressions, ", ") + " from " + quote(t.name) + " order by " + strings.Join(order, ", ")
	return func(yield func([]any, error) bool) {
		for row, err := range s.rows.Query(query) {
			values := make([]any, len(columns))
			if err == nil {
				dest := make([]any, len(columns))
				for i := range values {
					dest[i] = &anything{&values[i]}
				}
				err = row.Scan(dest...)
			}
			if err != nil {
				err = fmt.Errorf("compare the table %s: %w", t.name, err)
			}
			if !yield(values, err) || err != nil {
				return
			}
		}
	}
}

// anything is a value of any type, as [Difference] has it.
type anything struct{ to *any }

// Scan implements the interface of package database/sql.
func (a *anything) Scan(value any) error {
	switch value := value.(type) {
	case nil, int64, float64, string:
		*a.to = value
	case bool: // as SQLite has it
		*a.to = int64(0)
		if value {
			*a.to = int64(1)
		}
	case []byte:
		*a.to = bytes.Clone(value)
	default:
		return errors.New("a value of an unknown type")
	}
	return nil
}

// compareValues orders values as SQLite does: null, numbers, text by its bytes, bytes.
func compareValues(a, b any) int {
	rank := func(value any) int {
		switch value.(type) {
		case nil:
			return 0
		case int64, float64:
			return 1
		case string:
			return 2
		}
		return 3
	}
	if order := cmp.Compare(rank(a), rank(b)); order != 0 {
		return order
	}
	switch a := a.(type) {
	case int64:
		if b, isInt := b.(int64); isInt {
			return cmp.Compare(a, b)
		}
		return cmp.Compare(float64(a), b.(float64))
	case float64:
		if b, isInt := b.(int64); isInt {
			return cmp.Compare(a, float64(b))
		}
		return cmp.Compare(a, b.(float64))
	case string:
		return cmp.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	}
	return 0
}

// value implements database.
func (f *sqliteFile) value(c column) (value, order string) {
	name := quote(c.name)
	return name, name + " collate binary"
}

// value implements database. Keys are put in the order of their bytes, whatever the
// database's own is; numbers in theirs.
func (p *postgresSchema) value(c column) (value, order string) {
	name := quote(c.name)
	switch c.kind {
	case "smallint", "integer", "bigint", "boolean", "real", "double precision", "bytea":
		return name, name
	}
	text := name + "::text"
	return text, text + ` collate "C"`
}
