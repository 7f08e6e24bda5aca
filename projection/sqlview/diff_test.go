package sqlview_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// newCatalog returns a read model whose tables are changed by statements, at its one
// event.
func newCatalog(version int, sqlite, postgres string, statements ...string) *sqlview.Definition {
	return sqlview.New("catalog", version, codec, sqlite,
		sqlview.On(func(tx *sqlview.Tx, _ Earned, _ daybook.Recorded) error {
			for _, statement := range statements {
				if err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		})).WithPostgres(postgres)
}

func build(t *testing.T, d *sqlview.Definition, where place) *sqlview.View {
	t.Helper()
	view := open(t, d, where)
	if err := projection.NewRunner(log(t, 1), view, quiet).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return view
}

func oldCatalog(t *testing.T, where place) *sqlview.View {
	return build(t, newCatalog(1, `
create table books (title text, copy integer, lent integer, note text, primary key (title, copy)) strict;
create table gone (id integer primary key) strict;
create table keyless (id integer) strict;
create table rekeyed (a integer primary key, b integer) strict;
create table same (id text primary key, weight real, cover blob) strict;
`, `
create table books (title text, copy bigint, lent boolean, note text, primary key (title, copy));
create table gone (id bigint primary key);
create table keyless (id bigint);
create table rekeyed (a bigint primary key, b bigint);
create table same (id text primary key, weight double precision, cover bytea);
`,
		`insert into books values ('Emma', 1, false, ''), ('Emma', 2, false, ''), ('Emma', 10, true, ''), ('a', 1, false, ''), ('Ä', 1, false, null), ('b', 1, false, 'x')`,
		`insert into same values ('B', 1.5, null), ('a', 2, null), ('Ä', null, null)`), where)
}

func newCatalogView(t *testing.T, where place) *sqlview.View {
	return build(t, newCatalog(2, `
create table books (title text, copy integer, lent integer, note text, shelf integer, primary key (title, copy)) strict;
create table keyless (id integer) strict;
create table fresh (id integer primary key) strict;
create table rekeyed (a integer, b integer primary key) strict;
create table same (id text primary key, weight real, cover blob) strict;
`, `
create table books (title text, copy bigint, lent boolean, note text, shelf bigint, primary key (title, copy));
create table keyless (id bigint);
create table fresh (id bigint primary key);
create table rekeyed (a bigint, b bigint primary key);
create table same (id text primary key, weight double precision, cover bytea);
`,
		`insert into books values ('Emma', 2, false, '', 7), ('Emma', 3, false, '', 7), ('Emma', 10, false, '', 7), ('a', 1, false, '', 7), ('Ä', 1, false, '', 7), ('ß', 1, false, '', 7)`,
		`insert into same values ('B', 1.5, null), ('a', 2, null), ('Ä', null, null)`), where)
}

func TestADiffTellsEveryRowThatDiffers(t *testing.T) {
	type pair struct {
		name        string
		old, after  func(testing.TB) place
		sameAddress bool
	}
	pairs := []pair{
		{"SQLite", databases[0].make, nil, true},
		{"PostgreSQL", databases[1].make, nil, true},
		{"SQLite and PostgreSQL", databases[0].make, databases[1].make, false},
	}
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			where := pair.old(t)
			other := where
			if !pair.sameAddress {
				other = pair.after(t)
			}
			before, after := oldCatalog(t, where), newCatalogView(t, other)
			var said []string
			c, err := sqlview.Diff(t.Context(), before, after, func(d sqlview.Difference) error {
				if want := []string{"title", "copy", "lent", "note"}; !slices.Equal(d.Columns, want) {
					t.Errorf("columns %q; want %q", d.Columns, want)
				}
				said = append(said, fmt.Sprint(d.Table, " ", d.Key, ": ", d.Old, " to ", d.New))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{
				"books [Emma 1]: [Emma 1 0 ] to []",
				"books [Emma 3]: [] to [Emma 3 0 ]",
				"books [Emma 10]: [Emma 10 1 ] to [Emma 10 0 ]",
				"books [b 1]: [b 1 0 x] to []",
				"books [Ä 1]: [Ä 1 0 <nil>] to [Ä 1 0 ]",
				"books [ß 1]: [] to [ß 1 0 ]",
			}
			if diff := cmp.Diff(want, said); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			tables := []sqlview.TableComparison{
				{Name: "books", Columns: []string{"shelf"}, Rows: 6, Added: 2, Gone: 2, Changed: 2},
				{Name: "fresh", Skipped: "only the new version has it"},
				{Name: "gone", Skipped: "only the old version has it"},
				{Name: "keyless", Skipped: "it has no primary key"},
				{Name: "rekeyed", Skipped: "its primary key is another"},
				{Name: "same", Rows: 3},
			}
			if diff := cmp.Diff(tables, c.Tables); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
			if c.Old.Events != 1 || c.New.Events != 1 || c.Same() {
				t.Errorf("%+v", c)
			}
			mine := errors.New("mine")
			if _, err := sqlview.Diff(t.Context(), before, after, func(sqlview.Difference) error { return mine }); err != mine {
				t.Errorf("compared: %v; want what the function returned", err)
			}
		})
	}
}

func TestAVersionOfTheSameHandlersDoesNotDiffer(t *testing.T) {
	onEach(t, testAVersionOfTheSameHandlersDoesNotDiffer)
}

func testAVersionOfTheSameHandlersDoesNotDiffer(t *testing.T, where place) {
	store := log(t, 30)
	var views []*sqlview.View
	for version := range 2 {
		tables := strings.ReplaceAll(ledgerSchema, "cents integer not null) strict;\ninsert", "cents integer primary key) strict;\ninsert")
		postgres := strings.ReplaceAll(ledgerPostgres, "cents bigint not null);\ninsert", "cents bigint primary key);\ninsert")
		view := open(t, sqlview.New("ledger", version+1, codec, tables,
			sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
				return tx.Exec(`insert into entries (position, cents) values (?, ?)`, at.Position, e.Cents)
			})).WithPostgres(postgres), where)
		if err := projection.NewRunner(store, view, quiet).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		views = append(views, view)
	}
	c, err := sqlview.Diff(t.Context(), views[0], views[1], nil)
	if err != nil || !c.Same() || c.Tables[1].Rows != 30 {
		t.Errorf("%+v, %v; want no difference in 30 rows", c, err)
	}
}

// The log grows by an event each millisecond, and neither version is ever where the other
// is unless it is kept there.
func TestVersionsAreComparedAtOnePointWhileTheyGoOn(t *testing.T) {
	onEach(t, testVersionsAreComparedAtOnePointWhileTheyGoOn)
}

func testVersionsAreComparedAtOnePointWhileTheyGoOn(t *testing.T, where place) {
	tills := func(version int) *sqlview.View {
		return open(t, sqlview.New("tills", version, codec, benchSchema,
			sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
				return tx.Exec(`insert into entries values (?, ?, ?)`, at.Position, at.Stream, e.Cents)
			})), where)
	}
	old, now := tills(1), tills(2)
	store := endless{events: everything, since: time.Now().Add(-200 * time.Millisecond)}
	versions := projection.NewVersions(store, &projection.VersionsOptions{Runner: projection.Options{BatchEvents: 3, Logger: slog.New(slog.DiscardHandler)}}, old, now)
	stop := runVersions(t, versions)
	defer stop()
	var last projection.Checkpoint
	for range 3 {
		wait(t, func() bool {
			stand, err := now.Stand(t.Context(), 0)
			return err == nil && stand.Position > last.Position
		})
		c, err := sqlview.DiffStill(t.Context(), versions, old, now, nil)
		if err != nil || !c.Same() || c.Old.Point != c.New.Point || c.New.Position <= last.Position {
			t.Fatalf("%+v, %v; want versions that do not differ, after %d", c, err, last.Position)
		}
		last = c.New
	}
	other := open(t, newCatalog(3, `create table entries (position bigint primary key)`, `create table entries (position bigint primary key)`), where)
	if _, err := sqlview.DiffStill(t.Context(), versions, old, other, nil); err == nil {
		t.Error("compared what is none of the versions")
	}
}
