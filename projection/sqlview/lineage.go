package sqlview

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Touch is an event that changed a row.
type Touch struct {
	// Position and EventID say which event.
	Position daybook.Position
	EventID  uuid.UUID
	// Did is "inserted", "updated" or "deleted".
	Did string
}

// Lineage returns the events that made a row what it is, in order of position: those
// that inserted or changed the row of a table that has, or had, this primary key, whose
// columns are given in the key's order. A row that was deleted has a lineage too, which
// ends with the event that did it, and goes on if a row of the same key is inserted
// later. If a key was changed, the lineage of the row goes with it.
//
// What the schema's own statements inserted has no event. The definition must be one
// [Definition.WithLineage].
func (v *View) Lineage(ctx context.Context, table string, key ...any) (touches []Touch, err error) {
	if !v.def.lineage {
		return nil, fmt.Errorf("sqlview: lineage in %s: the definition is one without", v.db)
	}
	err = v.db.read(ctx, func(rows *Reader) error {
		columns, err := v.keyOf(rows, table)
		if err != nil {
			return err
		}
		if len(key) != len(columns) {
			return fmt.Errorf("the primary key of %s has %d columns, and not %d", table, len(columns), len(key))
		}
		texts := make([]string, len(columns))
		for i, c := range columns {
			if err := rows.QueryRow(`select `+v.db.text(c, "?1"), key[i]).Scan(&texts[i]); err != nil {
				return fmt.Errorf("%s of %s: %w", c.name, table, err)
			}
		}
		for row, err := range rows.Query(`select position, event_id, did from daybook_lineage where tab = ? and key = ? order by position`, table, joined(texts)) {
			var touch Touch
			if err == nil {
				err = row.Scan(&touch.Position, (*id)(&touch.EventID), &touch.Did)
			}
			if err != nil {
				return err
			}
			touches = append(touches, touch)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlview: lineage in %s: %w", v.db, err)
	}
	return touches, nil
}

// keyOf returns the columns of a table's primary key.
func (v *View) keyOf(rows asker, name string) ([]column, error) {
	tables, err := v.db.tables(rows)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		if t.name == name {
			if len(t.key) == 0 {
				return nil, fmt.Errorf("the table %s has no primary key", name)
			}
			return t.key, nil
		}
	}
	return nil, fmt.Errorf("there is no table %s", name)
}

// joined returns the values of a key as lineage keeps them: each with its length before
// it, so that no two keys are the same text.
func joined(texts []string) string {
	if len(texts) == 1 {
		return texts[0]
	}
	var all strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&all, "%d:%s", len([]rune(text)), text)
	}
	return all.String()
}

// joinedSQL is the same as an expression over the columns of row, which is old or new.
func joinedSQL(db database, key []column, row string) string {
	if len(key) == 1 {
		return db.text(key[0], row+"."+quote(key[0].name))
	}
	var all []string
	for _, c := range key {
		text := db.text(c, row+"."+quote(c.name))
		all = append(all, fmt.Sprintf("length(%s) || ':' || %s", text, text))
	}
	return strings.Join(all, " || ")
}

// noteSQL notes that the current event did something to the row of a key. What an event
// inserted and then updated it has inserted.
const noteSQL = `insert into daybook_lineage (tab, key, position, event_id, did)
	select %s, %s, position, event_id, '%s' from %s where %s
	on conflict (tab, key, position) do update set did = case
		when daybook_lineage.did = 'inserted' and excluded.did = 'updated' then 'inserted' else excluded.did end;`

// passSQL gives the lineage of one key to another, which is the row's new one.
const passSQL = `insert into daybook_lineage (tab, key, position, event_id, did)
	select tab, %[2]s, position, event_id, did from daybook_lineage where tab = %[1]s and key = %[3]s
	on conflict do nothing;`

// trace implements database: with a table of one row that says which event it is, and
// three triggers for each table.
func (f *sqliteFile) trace(tables []table) string {
	statements := `
create table daybook_lineage (
	tab text not null, key text not null, position integer not null, event_id text not null, did text not null,
	primary key (tab, key, position)
) strict, without rowid;
create table daybook_event (only integer primary key check (only = 1), position integer not null, event_id text not null) strict;
insert into daybook_event values (1, 0, '');
`
	for _, t := range tables {
		if len(t.key) == 0 {
			continue
		}
		old, now, name := joinedSQL(f, t.key, "old"), joinedSQL(f, t.key, "new"), literal(t.name)
		note := func(key, did, where string) string {
			return fmt.Sprintf(noteSQL, name, key, did, "daybook_event", "position > 0"+where)
		}
		changed := fmt.Sprintf(" and %s <> %s", old, now)
		trigger := func(on, body string) string {
			return fmt.Sprintf("create trigger %s after %s on %s begin\n\t%s\nend;\n", quote("daybook_"+on+"_"+t.name), on, quote(t.name), body)
		}
		statements += trigger("insert", note(now, "inserted", "")) +
			trigger("delete", note(old, "deleted", "")) +
			trigger("update", strings.Replace(fmt.Sprintf(passSQL, name, now, old), "\n\ton", changed+"\n\ton", 1)+"\n\t"+note(old, "deleted", changed)+"\n\t"+note(now, "updated", ""))
	}
	return statements
}

// tracing implements database.
func (f *sqliteFile) tracing() string { return `update daybook_event set position = ?1, event_id = ?2` }

// text implements database.
func (f *sqliteFile) text(_ column, value string) string {
	return fmt.Sprintf("case typeof(%[1]s) when 'blob' then hex(%[1]s) else cast(%[1]s as text) end", value)
}

// trace implements database: with a setting of the transaction that says which event it
// is, and a trigger for each table, whose function knows its key.
func (p *postgresSchema) trace(tables []table) string {
	statements := `
create table daybook_lineage (
	tab text not null, key text not null, position bigint not null, event_id text not null, did text not null,
	primary key (tab, key, position)
);
`
	const event = `(select split_part(at, ' ', 1)::bigint as position, split_part(at, ' ', 2) as event_id) e`
	for i, t := range tables {
		if len(t.key) == 0 {
			continue
		}
		old, now, name := joinedSQL(p, t.key, "old"), joinedSQL(p, t.key, "new"), literal(t.name)
		note := func(key, did string) string { return fmt.Sprintf(noteSQL, name, key, did, event, "true") }
		function := fmt.Sprintf("daybook_lineage_%d", i)
		statements += fmt.Sprintf(`create function %[1]s() returns trigger language plpgsql as $daybook$
declare at text := current_setting('daybook.event', true);
begin
	if at is null or at = '' then return null; end if;
	if tg_op = 'INSERT' then
	%[3]s
	elsif tg_op = 'DELETE' then
	%[4]s
	else
		if %[5]s <> %[6]s then
	%[7]s
	%[4]s
		end if;
	%[8]s
	end if;
	return null;
end $daybook$;
create trigger daybook_lineage after insert or update or delete on %[2]s for each row execute function %[1]s();
`, function, quote(t.name), note(now, "inserted"), note(old, "deleted"), old, now, fmt.Sprintf(passSQL, name, now, old), note(now, "updated"))
	}
	return statements
}

// tracing implements database.
func (p *postgresSchema) tracing() string {
	return `select set_config('daybook.event', ?1::bigint || ' ' || ?2::text, true)`
}

// text implements database.
func (p *postgresSchema) text(c column, value string) string {
	return fmt.Sprintf("(%s)::%s::text", value, c.kind)
}
