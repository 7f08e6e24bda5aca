package sqlview

import (
	"slices"
	"strings"
)

// A table is one of a read model's tables.
type table struct {
	name    string
	columns []column
	key     []column // those of the primary key, in its order; none if there is none
}

// A column is one of a table's columns.
type column struct {
	name string
	kind string // its type, as the database writes it
	key  int    // its place in the primary key, from 1; zero if it is not of it
}

// tablesOf reads tables from an answer with a row for each column, table by table: the
// names of the table and of the column, its type, and its place in the key.
func tablesOf(rows asker, query string) (tables []table, err error) {
	for row, err := range rows.Query(query) {
		var name string
		var c column
		if err == nil {
			err = row.Scan(&name, &c.name, &c.kind, &c.key)
		}
		if err != nil {
			return nil, err
		}
		if n := len(tables); n == 0 || tables[n-1].name != name {
			tables = append(tables, table{name: name})
		}
		t := &tables[len(tables)-1]
		t.columns = append(t.columns, c)
		if c.key > 0 {
			t.key = append(t.key, c)
		}
	}
	for i := range tables {
		slices.SortFunc(tables[i].key, func(a, b column) int { return a.key - b.key })
	}
	return tables, nil
}

// quote returns a name as it stands in a statement.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal returns text as it stands in a statement.
func literal(text string) string { return `'` + strings.ReplaceAll(text, `'`, `''`) + `'` }

// tables implements database.
func (f *sqliteFile) tables(rows asker) ([]table, error) {
	return tablesOf(rows, `select t.name, c.name, c.type, c.pk
from sqlite_schema t join pragma_table_info(t.name) c
where t.type = 'table' and t.name not like 'sqlite!_%' escape '!' and t.name not like 'daybook!_%' escape '!'
order by t.name, c.cid`)
}

// tables implements database.
func (p *postgresSchema) tables(rows asker) ([]table, error) {
	return tablesOf(rows, `select t.relname::text, c.attname::text, format_type(c.atttypid, c.atttypmod), coalesce(array_position(k.indkey::int2[], c.attnum), -1) + 1
from pg_class t
join pg_attribute c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
left join pg_index k on k.indrelid = t.oid and k.indisprimary
where t.relnamespace = current_schema()::regnamespace and t.relkind in ('r', 'p') and t.relname not like 'daybook!_%' escape '!'
order by t.relname collate "C", c.attnum`)
}
