package sqlview_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// newShelf returns a read model whose n-th event runs the n-th of these statements.
func newShelf(statements ...string) *sqlview.Definition {
	return sqlview.New("shelf", 1, codec, `
create table books (title text, copy integer, place text, primary key (title, copy)) strict;
create table readers (id integer primary key, name text) strict;
create table visits (reader integer) strict;
insert into readers values (1, 'ada');
`,
		sqlview.On(func(tx *sqlview.Tx, _ Earned, at daybook.Recorded) error {
			for statement := range strings.SplitSeq(statements[at.Position-1], ";") {
				if err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		})).WithPostgres(`
create table books (title text, copy bigint, place text, primary key (title, copy));
create table readers (id integer primary key, name text);
create table visits (reader integer);
insert into readers values (1, 'ada');
`).WithLineage()
}

func TestLineageNamesTheEventsThatMadeARow(t *testing.T) {
	onEach(t, testLineageNamesTheEventsThatMadeARow)
}

func testLineageNamesTheEventsThatMadeARow(t *testing.T, where place) {
	view := open(t, newShelf(
		`insert into books values ('Emma', 1, 'shelf'), ('Emma', 2, 'shelf')`,                           // 1
		`update books set place = 'desk' where copy = 1; update books set place = 'bag' where copy = 1`, // 2
		`insert into visits values (1)`, // 3: no primary key
		`insert into books values ('1984', 1, 'shelf'); update books set place = 'desk' where title = '1984'`,   // 4: inserted, after all
		`update books set title = 'Emma!' where copy = 2`,                                                       // 5: another key
		`delete from books where title = 'Emma'`,                                                                // 6
		`insert into books values ('Emma', 1, 'shelf') on conflict (title, copy) do update set place = 'shelf'`, // 7
		`update readers set name = 'Ada'`,                                                                       // 8
	), where)
	if err := projection.NewRunner(log(t, 8), view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	lineage := func(table string, key ...any) string {
		t.Helper()
		touches, err := view.Lineage(t.Context(), table, key...)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, touch := range touches {
			if want := daybook.DeriveID(fixedLife.Log, fmt.Sprint(touch.Position)); touch.EventID != want {
				t.Errorf("the event at %d is %s; want %s", touch.Position, touch.EventID, want)
			}
			said = append(said, fmt.Sprint(touch.Position, " ", touch.Did))
		}
		return strings.Join(said, ", ")
	}
	for _, c := range []struct {
		table string
		key   []any
		want  string
	}{
		{"books", []any{"Emma", 1}, "1 inserted, 2 updated, 6 deleted, 7 inserted"},
		{"books", []any{"Emma", 2}, "1 inserted, 5 deleted"},
		{"books", []any{"Emma!", 2}, "1 inserted, 5 updated"},
		{"books", []any{"1984", 1}, "4 inserted"},
		{"books", []any{"Emma", 12}, ""},
		{"readers", []any{1}, "8 updated"},
	} {
		if got := lineage(c.table, c.key...); got != c.want {
			t.Errorf("%s %v: %s; want %s", c.table, c.key, got, c.want)
		}
	}
	for _, c := range []struct {
		table string
		key   []any
		want  string
	}{
		{"visits", nil, "no primary key"},
		{"books", []any{"Emma"}, "2 columns"},
		{"nowhere", []any{1}, "no table nowhere"},
	} {
		if touches, err := view.Lineage(t.Context(), c.table, c.key...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, %v; want an error that says %s", c.table, c.key, touches, err, c.want)
		}
	}
	if _, err := open(t, newLedger(nil), where).Lineage(t.Context(), "entries", 1); err == nil {
		t.Error("a read model without lineage has some")
	}
}

// What was undone is in nobody's lineage.
func TestLineageIsUndoneWithItsBatch(t *testing.T) { onEach(t, testLineageIsUndoneWithItsBatch) }

func testLineageIsUndoneWithItsBatch(t *testing.T, where place) {
	view := open(t, newShelf(`update readers set name = 'Ada'`, `update readers set name = 'ADA'; insert into nowhere values (1)`), where)
	if err := projection.NewRunner(log(t, 2), view, quiet).CatchUp(t.Context()); err == nil {
		t.Fatal("nothing was set aside")
	}
	touches, err := view.Lineage(t.Context(), "readers", 1)
	want := []sqlview.Touch{{Position: 1, EventID: daybook.DeriveID(fixedLife.Log, "1"), Did: "updated"}}
	if diff := cmp.Diff(want, touches); diff != "" || err != nil {
		t.Errorf("%v; lineage (-want +got):\n%s", err, diff)
	}
}
