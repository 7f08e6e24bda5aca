package sqlview_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestMain(m *testing.M) {
	if os.Getenv("LEDGER_ORDERS") != "" {
		other()
		return
	}
	goleak.VerifyTestMain(m)
}

// The facts of these tests: money comes in.
type Earned struct{ Cents int }

var codec = daybook.NewCodec(daybook.KindOf[Earned]("Earned", nil))

// An entry is found twice if its event was applied twice: nothing in the tables would
// forbid it.
const (
	ledgerSchema = `
create table entries (n integer primary key, position integer not null, cents integer not null) strict;
create table balance (cents integer not null) strict;
insert into balance values (0);
`
	ledgerPostgres = `
create table entries (n bigint generated always as identity primary key, position bigint not null, cents bigint not null);
create table balance (cents bigint not null);
insert into balance values (0);
`
)

// newLedger returns a ledger, which calls before for every event, if it is not nil.
func newLedger(before func(at daybook.Recorded) error) *sqlview.Definition {
	return sqlview.New("ledger", 1, codec, ledgerSchema,
		sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
			if err := tx.Exec(`insert into entries (position, cents) values (?, ?)`, at.Position, e.Cents); err != nil {
				return err
			}
			// In the middle: one table has the event, the other has not.
			if before != nil {
				if err := before(at); err != nil {
					return err
				}
			}
			return tx.Exec(`update balance set cents = cents + ?`, e.Cents)
		}),
	).WithPostgres(ledgerPostgres)
}

// positions returns what a query of positions finds.
func positions(rows *sqlview.Reader, query string, args ...any) (found []daybook.Position, err error) {
	for row, err := range rows.Query(query, args...) {
		var position daybook.Position
		if err == nil {
			err = row.Scan(&position)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, position)
	}
	return found, nil
}

// consistent fails the test unless the tables show every event up to the checkpoint
// that is not set aside once, and nothing else. It returns the checkpoint. The n-th
// event earns n cents.
func consistent(t testing.TB, view *sqlview.View) (at projection.Checkpoint) {
	t.Helper()
	err := view.Read(t.Context(), func(rows *sqlview.Reader, checkpoint projection.Checkpoint) error {
		at = checkpoint
		seen, err := positions(rows, `select position from entries order by position`)
		if err != nil {
			return err
		}
		aside, err := positions(rows, `select position from daybook_aside where name = ? and version = ? order by position`, view.Name(), view.Version())
		if err != nil {
			return err
		}
		var want []daybook.Position
		earned := 0
		for position := daybook.Position(1); position <= at.Position; position++ {
			if !slices.Contains(aside, position) {
				want, earned = append(want, position), earned+int(position)
			}
		}
		var balance int
		if err := rows.QueryRow(`select cents from balance`).Scan(&balance); err != nil {
			return err
		}
		if !slices.Equal(seen, want) || balance != earned || at.Events != uint64(len(want)) {
			t.Errorf("at position %d, after %d events and with %v set aside, the tables show %v, and a balance of %d", at.Position, at.Events, aside, seen, balance)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A fixed store is a log that is the same in every process.
type fixed struct{ *memstore.Store }

var fixedLife = daybook.Point{
	Log:         uuid.MustParse("01980000-0000-7000-8000-000000000001"),
	Incarnation: uuid.MustParse("01980000-0000-7000-8000-000000000002"),
}

// newLog returns a log of n events, of which the n-th earns n cents.
func newLog(n int) (fixed, error) {
	store := fixed{memstore.New()}
	return store, store.grow(0, n)
}

// grow records the events after from up to to.
func (f fixed) grow(from, to int) error {
	for i := from + 1; i <= to; i++ {
		event, err := codec.Event(Earned{i})
		if err != nil {
			return err
		}
		event.ID = daybook.DeriveID(fixedLife.Log, strconv.Itoa(i))
		if _, err := f.Append(context.Background(), []daybook.Event{event}, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f fixed) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	reading, err := f.Store.Read(ctx, q, span)
	return daybook.NewReading(q, span, fixedLife.At(reading.Snapshot().Position), reading.Events()), err
}

func (f fixed) Info(ctx context.Context) (daybook.Info, error) {
	info, err := f.Store.Info(ctx)
	info.Head = fixedLife.At(info.Head.Position)
	return info, err
}

func log(t testing.TB, n int) fixed {
	t.Helper()
	store, err := newLog(n)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// What another process is told to do.
type orders struct {
	Where         place
	Events, Batch int
	// KillAt is the position of the event in whose handler the process kills itself.
	KillAt daybook.Position
	// Lasting processes go on until they are killed, with these parts, versions and
	// leases.
	Lasting  bool
	Parts    int
	Versions []int
	Lease    time.Duration
	// Slow is how long a process takes to look at an event before it begins a batch.
	Slow time.Duration
	// Since is when the log began that grows; zero means that it is endless.
	Since time.Time
}

// other is the main function of another process, which keeps the ledger in step.
func other() {
	var do orders
	err := json.Unmarshal([]byte(os.Getenv("LEDGER_ORDERS")), &do)
	if err == nil {
		if do.Lasting {
			err = do.lasting()
		} else {
			err = do.run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (do orders) run() error {
	ctx := context.Background()
	store, err := newLog(do.Events)
	if err != nil {
		return err
	}
	view, err := do.Where.open(ctx, newLedger(func(at daybook.Recorded) error {
		if at.Position != do.KillAt {
			return nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err == nil {
			select {} // it comes
		}
		return err
	}))
	if err != nil {
		return err
	}
	if err := projection.NewRunner(store, view, &projection.Options{BatchEvents: do.Batch}).CatchUp(ctx); err != nil {
		return err
	}
	return view.Close()
}
