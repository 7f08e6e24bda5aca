package sqlview_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestAViewGoesOnWhereItWasWhenItIsOpenedAgain(t *testing.T) {
	onEach(t, testAViewGoesOnWhereItWasWhenItIsOpenedAgain)
}

func testAViewGoesOnWhereItWasWhenItIsOpenedAgain(t *testing.T, where place) {
	store := log(t, 0)
	for n := 0; n < 5; n++ {
		if err := store.grow(3*n, 3*n+3); err != nil {
			t.Fatal(err)
		}
		view, err := where.open(t.Context(), newLedger(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		at := consistent(t, view)
		if want := daybook.Position(3*n + 3); at.Position != want || at.Applied != want || at.Log != fixedLife.Log ||
			at.Incarnation != fixedLife.Incarnation || at.EventID != daybook.DeriveID(fixedLife.Log, fmt.Sprint(want)) {
			t.Errorf("checkpoint %+v; want it at %d", at, want)
		}
		if again, err := view.Stand(t.Context(), 0); err != nil || again.Checkpoint != at {
			t.Errorf("the checkpoint is %+v, %v; a reading has %+v", again, err, at)
		}
		if err := view.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAViewThatIsNotWhereItWasReadIsNotChanged(t *testing.T) {
	onEach(t, testAViewThatIsNotWhereItWasReadIsNotChanged)
}

func testAViewThatIsNotWhereItWasReadIsNotChanged(t *testing.T, where place) {
	store, view := log(t, 3), open(t, newLedger(nil), where)
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	event, err := codec.Event(Earned{4})
	if err != nil {
		t.Fatal(err)
	}
	at := consistent(t, view)
	to := at
	to.Position = 4
	for what, change := range map[string]func(*projection.Checkpoint){
		"position":    func(c *projection.Checkpoint) { c.Position = 2 },
		"incarnation": func(c *projection.Checkpoint) { c.Incarnation = c.Log },
		"log":         func(c *projection.Checkpoint) { c.Log = c.Incarnation },
		"event":       func(c *projection.Checkpoint) { c.EventID = c.Log },
		"owner":       func(c *projection.Checkpoint) { c.Owner = c.Log },
		"last event":  func(c *projection.Checkpoint) { c.Applied = 2 },
		"count":       func(c *projection.Checkpoint) { c.Events = 2 },
	} {
		from := at
		change(&from)
		err := view.Apply(t.Context(), projection.Change{From: from, Events: []daybook.Recorded{{Event: event, Position: 4}}, To: to})
		if !errors.Is(err, projection.ErrMoved) {
			t.Errorf("applied from a checkpoint of another %s: %v; want ErrMoved", what, err)
		}
	}
	if now := consistent(t, view); now != at {
		t.Errorf("the view moved from %+v to %+v", at, now)
	}
}

func TestVersionsLieBesideEachOther(t *testing.T) { onEach(t, testVersionsLieBesideEachOther) }

func testVersionsLieBesideEachOther(t *testing.T, where place) {
	store := log(t, 4)
	first := open(t, newLedger(nil), where)
	if err := projection.NewRunner(store, first, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := open(t, sqlview.New("ledger", 2, codec, `create table largest (cents integer not null) strict`,
		sqlview.On(func(tx *sqlview.Tx, e Earned, _ daybook.Recorded) error {
			if err := tx.Exec(`delete from largest`); err != nil {
				return err
			}
			return tx.Exec(`insert into largest values (?)`, e.Cents)
		})).WithPostgres(`create table largest (cents bigint not null)`), where)
	if at, err := second.Stand(t.Context(), 0); err != nil || at.Checkpoint != (projection.Checkpoint{}) {
		t.Errorf("a new version begins at %+v, %v", at, err)
	}
	if second.Name() != "ledger" || second.Version() != 2 {
		t.Errorf("it is called %s version %d", second.Name(), second.Version())
	}
	if err := projection.NewRunner(store, second, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var largest int
	err := second.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		return rows.QueryRow(`select cents from largest`).Scan(&largest)
	})
	if err != nil || largest != 4 {
		t.Errorf("the new version shows %d, %v", largest, err)
	}
	consistent(t, first)
}

func TestAnotherSchemaNeedsAnotherVersion(t *testing.T) {
	onEach(t, testAnotherSchemaNeedsAnotherVersion)
}

func testAnotherSchemaNeedsAnotherVersion(t *testing.T, where place) {
	open(t, newLedger(nil), where)
	changed := sqlview.New("ledger", 1, codec, ledgerSchema+`create index by_position on entries (position);`,
		sqlview.On(func(*sqlview.Tx, Earned, daybook.Recorded) error { return nil }))
	if view, err := where.open(t.Context(), changed); err == nil || !strings.Contains(err.Error(), "raise the version") {
		t.Errorf("opened with another schema: %v, %v", view, err)
	}
	consistent(t, open(t, newLedger(nil), where))
}

func TestASchemaThatFailsLeavesNothing(t *testing.T) { onEach(t, testASchemaThatFailsLeavesNothing) }

func testASchemaThatFailsLeavesNothing(t *testing.T, where place) {
	handler := sqlview.On(func(*sqlview.Tx, Earned, daybook.Recorded) error { return nil })
	broken := sqlview.New("ledger", 1, codec, `create table entries (position integer); create tabel balance;`, handler)
	if _, err := where.open(t.Context(), broken); err == nil || !strings.Contains(err.Error(), where.name("ledger", 1)) {
		t.Errorf("opened with a schema that is no SQL: %v; want an error that says where", err)
	}
	consistent(t, open(t, newLedger(nil), where)) // as if nothing had been
}

func TestWhatIsNoDatabaseIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ledger-v1.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newLedger(nil).Open(t.Context(), dir); err == nil {
		t.Error("opened a file that is no database")
	}
	if _, err := newLedger(nil).Open(t.Context(), filepath.Join(dir, "missing")); err == nil {
		t.Error("opened in a directory that is not there")
	}
	strange := filepath.Join(dir, "50% of? what#ever")
	if err := os.Mkdir(strange, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, newLedger(nil), place{Dir: strange})
	if _, err := os.Stat(filepath.Join(strange, "ledger-v1.db")); err != nil {
		t.Errorf("a directory with a strange name: %v", err)
	}
}

func TestMistakesAreFoundWhenTheProgramStarts(t *testing.T) {
	handler := sqlview.On(func(*sqlview.Tx, Earned, daybook.Recorded) error { return nil })
	for want, define := range map[string]func(){
		`the name "Over View"`:           func() { sqlview.New("Over View", 1, codec, "", handler) },
		`the name "../overview"`:         func() { sqlview.New("../overview", 1, codec, "", handler) },
		"version 0 of overview":          func() { sqlview.New("overview", 0, codec, "", handler) },
		"a projection without handlers":  func() { sqlview.New("overview", 1, codec, "") },
		"two handlers of sqlview_test.E": func() { sqlview.New("overview", 1, codec, "", handler, handler) },
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("panic %q; want it to say %q", said, want)
				}
			}()
			define()
		}()
	}
}

// A reading sees one moment, however long it takes and whatever is written meanwhile.
func TestAReadingSeesOneMoment(t *testing.T) { onEach(t, testAReadingSeesOneMoment) }

func testAReadingSeesOneMoment(t *testing.T, where place) {
	store, view := log(t, 5), open(t, newLedger(nil), where)
	runner := projection.NewRunner(store, view, nil)
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := view.Read(t.Context(), func(rows *sqlview.Reader, at projection.Checkpoint) error {
		if err := store.grow(5, 9); err != nil {
			return err
		}
		if err := runner.CatchUp(t.Context()); err != nil { // does not wait for this reading
			return err
		}
		if now := consistent(t, view); now.Position != 9 {
			t.Errorf("a new reading is of %d; want 9", now.Position)
		}
		var n int
		if err := rows.QueryRow(`select count(*) from entries`).Scan(&n); err != nil {
			return err
		}
		if n != 5 || at.Position != 5 {
			t.Errorf("the older reading shows %d entries at %d; want 5", n, at.Position)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestReadersAndWriterDoNotDisturbEachOther(t *testing.T) {
	onEach(t, testReadersAndWriterDoNotDisturbEachOther)
}

func testReadersAndWriterDoNotDisturbEachOther(t *testing.T, where place) {
	const events = 200
	store, view := log(t, 0), open(t, newLedger(nil), where)
	runner := projection.NewRunner(store, view, nil)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 12 { // more than there are connections
		readers.Go(func() {
			for {
				consistent(t, view)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := range events {
		if err := store.grow(n, n+1); err != nil {
			t.Fatal(err)
		}
		if err := runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	if at := consistent(t, view); at.Position != events {
		t.Errorf("the view is at %d; want %d", at.Position, events)
	}
}

func TestAReaderCannotWrite(t *testing.T) { onEach(t, testAReaderCannotWrite) }

func testAReaderCannotWrite(t *testing.T, where place) {
	view := open(t, newLedger(nil), where)
	err := view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		for _, err := range rows.Query(`insert into entries values (1, 1) returning position`) {
			return err
		}
		return nil
	})
	if err == nil {
		t.Error("a reader has written")
	}
	consistent(t, view)
}

func TestAReadingReturnsWhatItsFunctionDoes(t *testing.T) {
	onEach(t, testAReadingReturnsWhatItsFunctionDoes)
}

func testAReadingReturnsWhatItsFunctionDoes(t *testing.T, where place) {
	view := open(t, newLedger(nil), where)
	mine := errors.New("mine")
	err := view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		for _, err := range rows.Query(`select * from nowhere`) {
			return err
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("asked a table that is not there: %v", err)
	}
	err = view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		var n int
		if err := rows.QueryRow(`select position from entries`).Scan(&n); !errors.Is(err, sqlview.ErrNoRow) {
			t.Errorf("asked for a row that is not there: %v", err)
		}
		if err := rows.QueryRow(`select 'ada'`).Scan(&n); err == nil {
			t.Errorf("scanned a name into a number, as %d", n)
		}
		return mine
	})
	if err != mine {
		t.Errorf("read: %v; want what the function returned", err)
	}
}

func TestContextsEndWaiting(t *testing.T) { onEach(t, testContextsEndWaiting) }

func testContextsEndWaiting(t *testing.T, where place) {
	view := open(t, newLedger(nil), where)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := view.Stand(ended, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("checkpoint: %v", err)
	}
	if err := view.Apply(ended, projection.Change{}); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if err := view.Read(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	if _, err := where.open(ended, newLedger(nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	consistent(t, view)
}

// A context that ends in the middle of a batch undoes it; the next batch can begin.
func TestAContextThatEndsInABatchUndoesIt(t *testing.T) {
	onEach(t, testAContextThatEndsInABatchUndoesIt)
}

func testAContextThatEndsInABatchUndoesIt(t *testing.T, where place) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store := log(t, 6)
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == 3 {
			cancel()
		}
		return nil
	}), where)
	err := view.Apply(ctx, projection.Change{Events: read(t, store)})
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*projection.EventError)) {
		t.Errorf("applied with a context that ended: %v", err)
	}
	if at := consistent(t, view); at.Position != 0 {
		t.Errorf("the view is at %d; want it untouched", at.Position)
	}
	if err := projection.NewRunner(store, view, nil).CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, view); at.Position != 6 {
		t.Errorf("the view is at %d; want 6", at.Position)
	}
}

// A batch that has begun when its context ends is finished, and no other is begun.
func TestAContextThatEndsInABatchLetsItFinish(t *testing.T) {
	onEach(t, testAContextThatEndsInABatchLetsItFinish)
}

func testAContextThatEndsInABatchLetsItFinish(t *testing.T, where place) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store := log(t, 6)
	view := open(t, newLedger(func(at daybook.Recorded) error {
		if at.Position == 3 {
			cancel()
		}
		return nil
	}), where)
	runner := projection.NewRunner(store, view, &projection.Options{BatchEvents: 4})
	if err := runner.CatchUp(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("caught up with a context that ended: %v", err)
	}
	if at := consistent(t, view); at.Position != 4 {
		t.Errorf("the view is at %d; want it at the end of its first batch", at.Position)
	}
	if err := runner.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := consistent(t, view); at.Position != 6 {
		t.Errorf("the view is at %d; want 6", at.Position)
	}
}

func TestAClosedViewAnswersWithErrors(t *testing.T) { onEach(t, testAClosedViewAnswersWithErrors) }

func testAClosedViewAnswersWithErrors(t *testing.T, where place) {
	view, err := where.open(t.Context(), newLedger(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := view.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := view.Stand(t.Context(), 0); err == nil {
		t.Error("a closed view has told its checkpoint")
	}
	if err := view.Apply(t.Context(), projection.Change{}); err == nil {
		t.Error("a closed view was changed")
	}
	if err := view.Read(t.Context(), nil); err == nil {
		t.Error("a closed view was read")
	}
}

// handle runs one handler, and returns what became of it.
func handle(t *testing.T, where place, sqlite, postgres string, do func(tx *sqlview.Tx) error) (*sqlview.View, error) {
	t.Helper()
	view := open(t, sqlview.New("scratch", 1, codec, sqlite,
		sqlview.On(func(tx *sqlview.Tx, _ Earned, _ daybook.Recorded) error { return do(tx) })).WithPostgres(postgres), where)
	store := memstore.New()
	event, err := codec.Event(Earned{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Append(t.Context(), []daybook.Event{event}, nil); err != nil {
		t.Fatal(err)
	}
	return view, projection.NewRunner(store, view, &projection.Options{Logger: slog.New(slog.DiscardHandler)}).CatchUp(t.Context())
}

func TestValuesComeBackAsTheyWere(t *testing.T) { onEach(t, testValuesComeBackAsTheyWere) }

func testValuesComeBackAsTheyWere(t *testing.T, where place) {
	type Name string
	then := time.Date(1815, 12, 10, 4, 5, 6, 789, time.FixedZone("", 3600))
	var view *sqlview.View
	view, err := handle(t, where, `create table v (n integer, f real, s text, b blob, t integer, never integer, yes integer, p integer, absent text) strict`,
		`create table v (n bigint, f double precision, s text, b bytea, t bigint, never bigint, yes boolean, p bigint, absent text)`,
		func(tx *sqlview.Tx) error {
			return tx.Exec(`insert into v values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				math.MinInt64, 1.5, Name("Åda"), []byte{0, 255}, then, time.Time{}, true, daybook.Position(math.MaxInt64), nil)
		})
	if err != nil {
		t.Fatal(err)
	}
	err = view.Read(t.Context(), func(rows *sqlview.Reader, _ projection.Checkpoint) error {
		var (
			n       int
			f       float64
			s       Name
			b       []byte
			at      time.Time
			never   = then
			yes     bool
			p       daybook.Position
			nothing *string
		)
		if err := rows.QueryRow(`select * from v where t = ? and n < ?`, then, 0).Scan(&n, &f, &s, &b, &at, &never, &yes, &p, &nothing); err != nil {
			return err
		}
		if n != math.MinInt64 || f != 1.5 || s != "Åda" || !slices.Equal(b, []byte{0, 255}) || !yes || p != math.MaxInt64 || nothing != nil {
			t.Errorf("%d, %v, %q, %v, %v, %d, %v", n, f, s, b, yes, p, nothing)
		}
		if !at.Equal(then) || at.Location() != time.UTC || !never.IsZero() {
			t.Errorf("%v came back as %v, and no time as %v", then, at, never)
		}
		late := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
		if err := rows.QueryRow(`select t from v where t < ?`, late).Scan(&at); !errors.As(err, new(*daybook.InvalidError)) {
			t.Errorf("a time that cannot be compared with gave %v, %v", at, err)
		}
		if err := rows.QueryRow(`select s from v`).Scan(&at); err == nil {
			t.Errorf("scanned a name into a time, as %v", at)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAHandlerReadsItsOwnWrites(t *testing.T) { onEach(t, testAHandlerReadsItsOwnWrites) }

func testAHandlerReadsItsOwnWrites(t *testing.T, where place) {
	_, err := handle(t, where, `create table n (n integer) strict`, `create table n (n bigint)`, func(tx *sqlview.Tx) error {
		for n := range 5 {
			if err := tx.Exec(`insert into n values (?)`, n); err != nil {
				return err
			}
		}
		changed, err := tx.ExecCount(`update n set n = n + 100 where n >= ?`, 2)
		if err != nil || changed != 3 {
			t.Errorf("%d rows changed, %v; want 3", changed, err)
		}
		// The same question within itself, which breaks off, and changes meanwhile.
		var pairs []string
		for outer, err := range tx.Query(`select n from n where n < ? order by n`, 104) {
			var a, b int
			if err == nil {
				err = outer.Scan(&a)
			}
			if err != nil {
				return err
			}
			for inner, err := range tx.Query(`select n from n where n < ? order by n`, 104) {
				if err == nil {
					err = inner.Scan(&b)
				}
				if err != nil {
					return err
				}
				if b == 102 {
					break
				}
				pairs = append(pairs, fmt.Sprint(a, " ", b))
			}
			var again int
			if err := outer.Scan(&again); err != nil || again != a {
				t.Errorf("the row of %d has become %d, %v", a, again, err)
			}
		}
		if want := []string{"0 0", "0 1", "1 0", "1 1", "102 0", "102 1", "103 0", "103 1"}; !slices.Equal(pairs, want) {
			t.Errorf("pairs %q; want %q", pairs, want)
		}
		var n int
		if err := tx.QueryRow(`select n from n where n > ?`, 1000).Scan(&n); !errors.Is(err, sqlview.ErrNoRow) {
			t.Errorf("asked for a row that is not there: %v", err)
		}
		return tx.QueryRow(`select max(n) from n`).Scan(&n)
	})
	if err != nil {
		t.Error(err)
	}
}
