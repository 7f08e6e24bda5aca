package sqlview_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// Whether a handler hears of it or not, and whatever it makes of it.
func TestAStatementThatFailsIsAFailureOfItsEvent(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		testAStatementThatFailsIsAFailureOfItsEvent(t, where, false)
		testAStatementThatFailsIsAFailureOfItsEvent(t, where, true) // the others wait for their answers
	})
}

func testAStatementThatFailsIsAFailureOfItsEvent(t *testing.T, where place, waits bool) {
	const events, bad = 9, 4
	for what, fail := range map[string]func(tx *sqlview.Tx) error{
		"a table that is not there": func(tx *sqlview.Tx) error { return tx.Exec(`insert into nowhere values (1)`) },
		"a row that is there":       func(tx *sqlview.Tx) error { return tx.Exec(`insert into seen values (?)`, bad-1) },
		"a value of another type":   func(tx *sqlview.Tx) error { return tx.Exec(`insert into seen values (?)`, "four") },
		"a query": func(tx *sqlview.Tx) error {
			for _, err := range tx.Query(`select n from nowhere`) {
				return err
			}
			return nil
		},
		"a count": func(tx *sqlview.Tx) error {
			_, err := tx.ExecCount(`delete from nowhere`)
			return err
		},
	} {
		name := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(what, " ", waits), " ", "_"), "that_is_", "")
		view := open(t, sqlview.New(name, 1, codec, `create table seen (n integer primary key) strict`,
			sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
				if at.Position == bad {
					return fail(tx)
				}
				if waits {
					_, err := tx.ExecCount(`insert into seen values (?)`, at.Position)
					return err
				}
				return tx.Exec(`insert into seen values (?)`, at.Position)
			})).WithPostgres(`create table seen (n bigint primary key)`), where)
		err := projection.NewRunner(log(t, events), view, &projection.Options{Logger: slog.New(slog.DiscardHandler)}).CatchUp(t.Context())
		var failed *projection.EventError
		if !errors.As(err, &failed) || failed.Event.Position != bad {
			t.Errorf("%s: caught up: %v; want an EventError at %d", what, err, bad)
		}
		err = view.Read(t.Context(), func(rows *sqlview.Reader, at projection.Checkpoint) error {
			var n int
			err := rows.QueryRow(`select count(*) from seen`).Scan(&n)
			if n != events-1 || at.Position != events {
				t.Errorf("%s: %d rows at position %d; want all but one", what, n, at.Position)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// PostgreSQL takes no statement after one that failed: a handler that passes over the
// error has changed nothing, and is not believed.
func TestAnErrorThatIsPassedOverUndoesTheBatchInPostgreSQL(t *testing.T) {
	_, err := handle(t, place{URL: pgtest.Database(t)}, "", `create table n (n bigint)`, func(tx *sqlview.Tx) error {
		_ = tx.Exec(`insert into nowhere values (1)`)
		_ = tx.Exec(`insert into n values (1)`)
		return nil
	})
	if !errors.As(err, new(*projection.EventError)) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("caught up: %v; want an EventError that names the table", err)
	}
}

// Deferred constraints are checked when a batch ends, and one event of it is to blame.
func TestADeferredConstraintIsAFailureOfItsEvent(t *testing.T) {
	onEach(t, testADeferredConstraintIsAFailureOfItsEvent)
}

func testADeferredConstraintIsAFailureOfItsEvent(t *testing.T, where place) {
	const events, bad = 9, 4
	view := open(t, sqlview.New("pairs", 1, codec, `
create table a (id bigint primary key);
create table b (id bigint primary key, a bigint references a (id) deferrable initially deferred);`,
		sqlview.On(func(tx *sqlview.Tx, _ Earned, at daybook.Recorded) error {
			if err := tx.Exec(`insert into b values (?, ?)`, at.Position, at.Position); err != nil || at.Position == bad {
				return err
			}
			return tx.Exec(`insert into a values (?)`, at.Position)
		})), where)
	err := projection.NewRunner(log(t, events), view, quiet).CatchUp(t.Context())
	var aside *projection.SetAsideError
	if !errors.As(err, &aside) || aside.Aside.Position != bad {
		t.Fatalf("caught up: %v; want the event at %d set aside", err, bad)
	}
	var a, b int
	err = view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		return rows.QueryRow(`select (select count(*) from a), (select count(*) from b)`).Scan(&a, &b)
	})
	if err != nil || a != events-1 || b != events-1 {
		t.Errorf("%d and %d rows, %v; want those of all events but one", a, b, err)
	}
}
