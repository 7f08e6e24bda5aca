package sqlview_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// ledgerVersion returns a ledger of another version, whose handler fails for what fail
// says.
func ledgerVersion(version int, fail func(at daybook.Recorded) bool) *sqlview.Definition {
	return sqlview.New("ledger", version, codec, ledgerSchema,
		sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
			if fail(at) {
				return errors.New("poison")
			}
			if err := tx.Exec(`insert into entries (position, cents) values (?, ?)`, at.Position, e.Cents); err != nil {
				return err
			}
			return tx.Exec(`update balance set cents = cents + ?`, e.Cents)
		})).WithPostgres(ledgerPostgres)
}

func never(daybook.Recorded) bool { return false }

var quiet = &projection.Options{Logger: slog.New(slog.DiscardHandler)}

func TestWhatAStandSaysComesBack(t *testing.T) { onEach(t, testWhatAStandSaysComesBack) }

func testWhatAStandSaysComesBack(t *testing.T, where place) {
	view := open(t, newLedger(nil).WithParts(3), where)
	then := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	a := projection.Aside{
		Part: 1, Position: 7, EventID: uuid.New(), Type: "Earned", RecordedAt: then, Keys: []string{"a", `"b"`, "ç"},
		Cause: "no \xff such \x00 thing", Attempts: 2, Since: then.Add(time.Hour), Next: then.Add(2 * time.Hour),
	}
	b := projection.Aside{Part: 1, Position: 9, EventID: uuid.New(), Type: "Earned", RecordedAt: then, Keys: []string{"a"}, Since: then}
	skip := projection.Skip{EventID: uuid.New(), Position: 3, Reason: "never happened", At: then}
	var at projection.Stand
	step := func(c projection.Change) {
		t.Helper()
		c.Part, c.From = 1, at.Checkpoint
		if err := view.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		at = at.After(c)
		for i := range at.Aside {
			at.Aside[i].Cause = strings.NewReplacer("\xff", "\uFFFD", "\x00", "\uFFFD").Replace(at.Aside[i].Cause)
		}
		got, err := view.Stand(t.Context(), 1)
		if diff := cmp.Diff(at, got); diff != "" || err != nil {
			t.Fatalf("%v; where the part stands (-want +got):\n%s", err, diff)
		}
	}
	to := projection.Checkpoint{Point: fixedLife.At(9), Applied: 8, EventID: uuid.New(), Events: 6, Owner: uuid.New()}
	step(projection.Change{To: to, SetAside: []projection.Aside{a, b}, Skipped: []projection.Skip{skip}, Paused: "lunch"})
	a.Attempts, a.Next = 3, time.Time{}
	to.Owner = uuid.New()
	step(projection.Change{To: to, SetAside: []projection.Aside{a}})
	to.Owner = uuid.New()
	step(projection.Change{To: to, TakenUp: []daybook.Position{7}})
	for _, other := range []int{0, 2} {
		stand, err := view.Stand(t.Context(), other)
		stand.Skips = nil // known to all parts
		if diff := cmp.Diff(projection.Stand{}, stand); diff != "" || err != nil {
			t.Errorf("%v; where part %d stands (-want +got):\n%s", err, other, diff)
		}
	}
	if _, err := view.Stand(t.Context(), 3); err == nil {
		t.Error("a part that is not there has a stand")
	}
}

func TestPartsAreAppliedOnceEachAndReadTogether(t *testing.T) {
	onEach(t, testPartsAreAppliedOnceEachAndReadTogether)
}

func testPartsAreAppliedOnceEachAndReadTogether(t *testing.T, where place) {
	const events = 400
	store := endless{events: events}
	ledger := newLedger(nil).WithParts(4)
	view := open(t, ledger, where)
	if err := projection.NewRunner(store, view, &projection.Options{BatchEvents: 7}).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	at, cents := shown(t, view)
	seen, sum := make(map[int]bool), 0
	for _, n := range cents {
		seen[n] = true
		sum += n
	}
	if at.Position != events || at.Events != events || len(cents) != events || len(seen) != events || sum != events*(events+1)/2 {
		t.Errorf("at %d after %d events, the view shows %d entries, %d of them different, of %d in all", at.Position, at.Events, len(cents), len(seen), sum)
	}
	moved := 0
	for part := range 4 {
		stand, err := view.Stand(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		if stand.Events > 0 && stand.Position == events {
			moved++
		}
	}
	// Whatever the order of the parts, that of each till is the log's.
	err := view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		var swapped int
		if err := rows.QueryRow(`select count(*) from entries a join entries b on a.n < b.n and a.position > b.position and a.position % 50 = b.position % 50`).Scan(&swapped); err != nil {
			return err
		}
		if swapped > 0 {
			t.Errorf("%d pairs of entries of one till are in the wrong order", swapped)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if moved != 4 {
		t.Errorf("%d parts have moved; want 4", moved)
	}
	if _, err := where.open(t.Context(), newLedger(nil)); err == nil || !strings.Contains(err.Error(), "4 parts") {
		t.Errorf("opened with another number of parts: %v", err)
	}
}

func TestALeaseIsOneOwnersUntilItEnds(t *testing.T) { onEach(t, testALeaseIsOneOwnersUntilItEnds) }

func testALeaseIsOneOwnersUntilItEnds(t *testing.T, where place) {
	first, second := open(t, newLedger(nil).WithParts(2), where), open(t, newLedger(nil).WithParts(2), where)
	ada, bob := uuid.New(), uuid.New()
	claim := func(view *sqlview.View, owner uuid.UUID, lease time.Duration, want bool) {
		t.Helper()
		if held, err := view.Claim(t.Context(), 1, owner, lease); held != want || err != nil {
			t.Fatalf("claimed: %v, %v; want %v", held, err, want)
		}
	}
	at := projection.Checkpoint{Point: fixedLife.At(1), Owner: ada}
	if err := first.Apply(t.Context(), projection.Change{Part: 1, To: at}); err != nil {
		t.Fatal(err)
	}
	claim(first, ada, time.Hour, true)
	claim(second, bob, time.Hour, false)
	claim(first, ada, -time.Second, true) // held for longer, and as it happens until a second ago
	claim(second, bob, time.Hour, true)
	claim(first, ada, time.Hour, false)

	// She has not noticed.
	to := at
	to.Position = 2
	if err := first.Apply(t.Context(), projection.Change{Part: 1, From: at, To: to}); !errors.Is(err, projection.ErrMoved) {
		t.Errorf("a runner that was deposed has applied: %v", err)
	}
	stand, err := second.Stand(t.Context(), 1)
	if err != nil || stand.Owner != bob || stand.Position != 1 {
		t.Errorf("the part stands at %+v, %v", stand.Checkpoint, err)
	}

	if err := first.Release(t.Context(), 1, ada); err != nil { // it is not hers
		t.Fatal(err)
	}
	claim(first, ada, time.Hour, false)
	if err := second.Release(t.Context(), 1, bob); err != nil {
		t.Fatal(err)
	}
	claim(first, ada, time.Hour, true)
}

func TestAViewThatWasResetIsBuiltAgain(t *testing.T) { onEach(t, testAViewThatWasResetIsBuiltAgain) }

func testAViewThatWasResetIsBuiltAgain(t *testing.T, where place) {
	const events = 20
	view, other := open(t, newLedger(nil).WithLineage(), where), open(t, newLedger(nil).WithLineage(), where)
	store := log(t, events)
	for round := range 4 {
		runner := projection.NewRunner(store, []*sqlview.View{view, other}[round/2], nil) // one has statements for tables that are gone
		if err := runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		stand, err := view.Stand(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if at := consistent(t, view); at.Position != events {
			t.Errorf("the view is at %d; want %d", at.Position, events)
		}
		if err := runner.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := consistent(t, view); !at.IsZero() {
			t.Errorf("a view that was reset is at %+v", at)
		}
		if err := view.Apply(t.Context(), projection.Change{From: stand.Checkpoint}); !errors.Is(err, projection.ErrMoved) {
			t.Errorf("whoever was moving it is told %v; want ErrMoved", err)
		}
	}
	open(t, newLedger(nil).WithLineage(), where) // by the same definition
}

// What was decided about an event in one version is known in later ones, and stays known
// when the version is removed.
func TestSkipsAreKnownToLaterVersions(t *testing.T) { onEach(t, testSkipsAreKnownToLaterVersions) }

func testSkipsAreKnownToLaterVersions(t *testing.T, where place) {
	const bad, worse = 3, 4
	store := log(t, 5)
	poison := func(at daybook.Recorded) bool { return at.Position == bad || at.Position == worse }
	first, err := where.open(t.Context(), ledgerVersion(9, poison))
	if err != nil {
		t.Fatal(err)
	}
	runner := projection.NewRunner(store, first, quiet)
	if err := runner.CatchUp(t.Context()); err == nil {
		t.Fatal("nothing was set aside")
	}
	skip := func(position daybook.Position) {
		t.Helper()
		if err := runner.Skip(t.Context(), daybook.DeriveID(fixedLife.Log, fmt.Sprint(position)), "never happened"); err != nil {
			t.Fatal(err)
		}
	}
	skip(bad)

	second := open(t, ledgerVersion(10, poison), where)
	older := open(t, ledgerVersion(2, poison), where)
	skip(worse)
	later := projection.NewRunner(store, second, quiet)
	wait(t, func() bool {
		if err := later.Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		return later.CatchUp(t.Context()) == nil
	})
	if _, cents := shown(t, second); !cmp.Equal(cents, []int{1, 2, 5}) {
		t.Errorf("the later version shows %v", cents)
	}
	if stand, err := older.Stand(t.Context(), 0); err != nil || len(stand.Skips) != 0 {
		t.Errorf("an earlier version skips %+v, %v", stand.Skips, err)
	}

	if err := first.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	third := open(t, ledgerVersion(11, poison), where)
	if err := projection.NewRunner(store, third, quiet).CatchUp(t.Context()); err != nil {
		t.Errorf("when the version of the skips was removed: %v", err)
	}
}

// wait waits for a condition.
func wait(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("after a minute it still does not hold")
		}
	}
}

func TestARemovedVersionIsGone(t *testing.T) { onEach(t, testARemovedVersionIsGone) }

func testARemovedVersionIsGone(t *testing.T, where place) {
	store := log(t, 3)
	view, err := where.open(t.Context(), newLedger(nil))
	if err != nil {
		t.Fatal(err)
	}
	other := open(t, ledgerVersion(2, never), where)
	for _, v := range []*sqlview.View{view, other} {
		if err := projection.NewRunner(store, v, nil).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := view.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := view.Read(t.Context(), nil); err == nil {
		t.Error("a version that was removed answers")
	}
	if where.Dir != "" {
		left, err := filepath.Glob(filepath.Join(where.Dir, "ledger-v1*"))
		if err != nil || len(left) > 0 {
			t.Errorf("there are still %q, %v", left, err)
		}
	}
	consistent(t, other)
	again := open(t, newLedger(nil), where)
	if at := consistent(t, again); !at.IsZero() {
		t.Errorf("what was removed is at %+v", at)
	}
}

// The file was made by the program of this package as it was before there were parts.
func TestAFileOfTheTimeBeforeThereWerePartsIsTakenOver(t *testing.T) {
	const events = 4
	dir := t.TempDir()
	old, err := os.ReadFile("testdata/ledger-before-parts.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "ledger-v1.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(context.Background(), string(old)); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`update daybook_projection set tables = ?`, ledgerSchema); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to do
		view, err := newLedger(nil).Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if at, cents := shown(t, view); at.Log != fixedLife.Log || int(at.Position) != len(cents) || at.Position < events {
			t.Errorf("the file is at %+v with %v; want %d", at, cents, events)
		}
		if err := projection.NewRunner(log(t, events+2), view, nil).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at, cents := shown(t, view); at.Position != events+2 || !cmp.Equal(cents, []int{1, 2, 3, 4, 5, 6}) {
			t.Errorf("the view is at %d with %v; want %d", at.Position, cents, events+2)
		}
		if err := view.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTablesOfANewerProgramAreRefused(t *testing.T) {
	dir := t.TempDir()
	view, err := newLedger(nil).Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "ledger-v1.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`pragma user_version = 99`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := newLedger(nil).Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "newer version of Daybook") {
		t.Errorf("opened: %v", err)
	}
}

func TestAnAddressThatCannotBeUsedIsToldWithoutItsPassword(t *testing.T) {
	for address, want := range map[string]string{
		"":          "begins with postgres://",
		"/tmp/x.db": "begins with postgres://",
		"postgres://ada:secret@localhost:port/books":       "port",
		"postgres://ada:secret@127.0.0.1:1/books":          "127.0.0.1",
		"postgres://ada:secret@[::1/books":                 "address",
		"postgres://ada:secret@127.0.0.1:1/b?sslmode=what": "sslmode",
	} {
		_, err := newLedger(nil).OpenIn(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("opened %q: %v; want an error that says %s, and no secret", address, err, want)
		}
	}
	long := sqlview.New(strings.Repeat("a", 48), 1_000_000, codec, "", sqlview.On(func(*sqlview.Tx, Earned, daybook.Recorded) error { return nil }))
	if _, err := long.OpenIn(t.Context(), "postgres://127.0.0.1:1/books"); err == nil || !strings.Contains(err.Error(), "63 bytes") {
		t.Errorf("opened under a name that PostgreSQL would cut off: %v", err)
	}
}
