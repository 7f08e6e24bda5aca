package sqlview_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// What only PostgreSQL has can be used there, in statements and as types of columns.
func TestPostgreSQLsOwnTypesAndOperatorsCanBeUsed(t *testing.T) {
	where := place{URL: pgtest.Database(t)}
	loan := uuid.MustParse("01980000-0000-7000-8000-00000000000a")
	view, err := handle(t, where, "", `create table loans (id uuid primary key, said jsonb, more json, amount numeric(10, 2), few smallint, tags text[])`,
		func(tx *sqlview.Tx) error {
			err := tx.Exec(`insert into loans values (?, ?, ?, ?, ?, array[?, 'b?']::text[])`, loan, []byte(`{"a": 1}`), json.RawMessage(`{"b": [2]}`), "12.50", 7, "a")
			if err != nil {
				return err
			}
			return tx.Exec(`update loans set said = said || ?1 where said ?? ?2 and said ??| array['x', ?2] and id = ?3 -- or is it?`, `{"c": 3}`, "a", loan)
		})
	if err != nil {
		t.Fatal(err)
	}
	err = view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		var id uuid.UUID
		var said, amount, tags string
		var more []byte
		var few int
		if err := rows.QueryRow(`select id, said::text, more, amount::text, few, tags::text from loans where id = ?`, loan).Scan(&id, &said, &more, &amount, &few, &tags); err != nil {
			return err
		}
		if id != loan || said != `{"a": 1, "c": 3}` || string(more) != `{"b": [2]}` || amount != "12.50" || few != 7 || tags != "{a,b?}" {
			t.Errorf("%v %s %s %s %d %s", id, said, more, amount, few, tags)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Roles and databases have settings of their own, and none of them changes a text.
func TestNoSettingOfADatabaseChangesAText(t *testing.T) {
	url := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `do $$ begin execute format('alter database %I set client_encoding = LATIN1', current_database()); end $$`); err != nil {
		t.Fatal(err)
	}
	view, err := handle(t, place{URL: url}, "", `create table words (word text)`, func(tx *sqlview.Tx) error {
		return tx.Exec(`insert into words values (?)`, "café")
	})
	if err != nil {
		t.Fatal(err)
	}
	err = view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		var word string
		var letters int
		if err := rows.QueryRow(`select word, length(word) from words`).Scan(&word, &letters); err != nil || word != "café" || letters != 4 {
			t.Errorf("the word is %q of %d letters, %v", word, letters, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A program need not be allowed to create schemas, if somebody has done it.
func TestAReadModelThatIsThereNeedsNoRightToCreateIt(t *testing.T) {
	url := pgtest.Database(t)
	made, err := newLedger(nil).OpenIn(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range []string{
		`create role clerk login`,
		`grant usage on schema daybook_projections, daybook_ledger_v1 to clerk`,
		`grant select, insert, update, delete on all tables in schema daybook_projections, daybook_ledger_v1 to clerk`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	defer conn.Exec(context.Background(), `drop owned by clerk; drop role clerk`)
	clerk := strings.Replace(url, "postgres@", "clerk@", 1)
	view := open(t, newLedger(nil), place{URL: clerk})
	if err := projection.NewRunner(log(t, 7), view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, view); at.Position != 7 {
		t.Errorf("the view is at %d; want 7", at.Position)
	}
	if _, err := ledgerVersion(2, never).OpenIn(t.Context(), clerk); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("made what it may not: %v", err)
	}
}
