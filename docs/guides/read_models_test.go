package guides

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/pgstore"
)

// Balances is a read model: what is left on each card.
var Balances = sqlview.New("balances", 1, Cards.Codec(),
	`create table cards (card text primary key, cents bigint not null)`,
	sqlview.On(func(tx *sqlview.Tx, e Issued, at daybook.Recorded) error {
		return tx.Exec(`insert into cards values (?, ?)`, at.Stream, e.Cents)
	}),
	sqlview.On(func(tx *sqlview.Tx, e Spent, at daybook.Recorded) error {
		return tx.Exec(`update cards set cents = cents - ? where card = ?`, e.Cents, at.Stream)
	}),
).WithParts(2).WithLineage()

// Used is its next version, which knows how often a card was used.
var Used = sqlview.New("balances", 2, Cards.Codec(),
	`create table cards (card text primary key, cents bigint not null, used bigint not null)`,
	sqlview.On(func(tx *sqlview.Tx, e Issued, at daybook.Recorded) error {
		return tx.Exec(`insert into cards values (?, ?, 0)`, at.Stream, e.Cents)
	}),
	sqlview.On(func(tx *sqlview.Tx, e Spent, at daybook.Recorded) error {
		if e.Cents < 100 {
			return nil // a mistake
		}
		return tx.Exec(`update cards set cents = cents - ?, used = used + 1 where card = ?`, e.Cents, at.Stream)
	}),
)

func Example_readModels() {
	ctx, store := context.Background(), memstore.New()
	dir, err := os.MkdirTemp("", "balances")
	fmt.Println("directory:", err)
	defer os.RemoveAll(dir)
	sell(ctx, store)

	view, err := Balances.Open(ctx, dir) // or Balances.OpenIn(ctx, "postgres://…")
	fmt.Println("open:", err)
	defer view.Close()
	fmt.Println("caught up:", projection.NewRunner(store, view, nil).CatchUp(ctx))

	err = view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
		for row, err := range rows.Query(`select card, cents from cards where cents > ? order by card`, 0) {
			var card string
			var cents int
			if err == nil {
				err = row.Scan(&card, &cents)
			}
			if err != nil {
				return err
			}
			fmt.Println(card, "has", cents, "at position", at.Position)
		}
		return nil
	})
	fmt.Println("read:", err)

	touches, err := view.Lineage(ctx, "cards", "card-7")
	fmt.Println("lineage:", err)
	for _, touch := range touches {
		fmt.Println(touch.Did, "by the event at position", touch.Position)
	}

	next, err := Used.Open(ctx, dir)
	fmt.Println("open:", err)
	defer next.Close()
	fmt.Println("caught up:", projection.NewRunner(store, next, nil).CatchUp(ctx))
	compared, err := sqlview.Diff(ctx, view, next, func(d sqlview.Difference) error {
		fmt.Println(d.Table, d.Key, "had", d.Old, "and has", d.New)
		return nil
	})
	fmt.Println("the same:", compared.Same(), err)
	fmt.Println("removed:", view.Remove(ctx))
	// Output:
	// directory: <nil>
	// open: <nil>
	// caught up: <nil>
	// card-7 has 3750 at position 4
	// card-8 has 2000 at position 4
	// read: <nil>
	// lineage: <nil>
	// inserted by the event at position 1
	// updated by the event at position 3
	// updated by the event at position 4
	// open: <nil>
	// caught up: <nil>
	// cards [card-7] had [card-7 3750] and has [card-7 3800]
	// the same: false <nil>
	// removed: <nil>
}

// One event cannot be read, and holds up its card alone.
func Example_setAside() {
	ctx, store := context.Background(), memstore.New()
	dir, err := os.MkdirTemp("", "balances")
	fmt.Println("directory:", err)
	defer os.RemoveAll(dir)
	sell(ctx, store)
	store.Append(ctx, []daybook.Event{
		{Stream: "card-9", Type: "CardIssued", Data: []byte(`{"Cents": "a lot"}`)},
		{Stream: "card-9", Type: "CardSpent", Data: []byte(`{"Cents": 100}`)},
	}, nil)
	view, err := Balances.Open(ctx, dir)
	fmt.Println("open:", err)
	defer view.Close()

	runner := projection.NewRunner(store, view, &projection.Options{Logger: slog.New(slog.DiscardHandler)})
	fmt.Println("all is applied:", runner.CatchUp(ctx) == nil)
	aside, err := runner.SetAside(ctx)
	fmt.Println("set aside:", len(aside), err)
	for _, a := range aside {
		fmt.Println(a.Keys, "at position", a.Position, "follows another:", a.Follows())
	}
	fmt.Println("skipped:", runner.Skip(ctx, aside[0].EventID, "typed by hand, and told to the customer"))
	fmt.Println("all is applied:", runner.CatchUp(ctx) == nil)
	// Output:
	// directory: <nil>
	// open: <nil>
	// all is applied: false
	// set aside: 2 <nil>
	// [card-9] at position 5 follows another: false
	// [card-9] at position 6 follows another: true
	// skipped: <nil>
	// all is applied: true
}

// sell sells two cards, of which one is used twice.
func sell(ctx context.Context, store daybook.Store) {
	Cards.Decide(ctx, store, "7", Issue(5000))
	Cards.Decide(ctx, store, "8", Issue(2000))
	Cards.Decide(ctx, store, "7", Spend(1200))
	Cards.Decide(ctx, store, "7", Spend(50))
}

func TestTheReadModelIsTheSameInPostgreSQL(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	sell(ctx, store)
	here, err := Balances.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	there, err := Balances.OpenIn(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for _, view := range []*sqlview.View{here, there} {
		if err := projection.NewRunner(store, view, nil).CatchUp(ctx); err != nil {
			t.Fatal(err)
		}
	}
	compared, err := sqlview.Diff(ctx, here, there, nil)
	if err != nil || !compared.Same() || compared.Tables[0].Rows != 2 {
		t.Errorf("%+v, %v; want two rows that are the same", compared, err)
	}
}

// Worth is what was put on each card, of which there may not be too much.
var Worth = sqlview.New("worth", 1, Cards.Codec(),
	`create table cards (card text primary key, cents bigint not null check (cents <= 100000))`,
	sqlview.On(func(tx *sqlview.Tx, e Issued, at daybook.Recorded) error {
		return tx.Exec(`insert into cards values (?, ?)`, at.Stream, e.Cents)
	}),
).Synchronous()

func TestWhatASynchronousReadModelRefusesIsNotRecorded(t *testing.T) {
	ctx, url := t.Context(), pgtest.Database(t)
	store, err := pgstore.Open(ctx, url, &pgstore.Options{Synchronous: []pgstore.Synchronous{Worth}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	view, err := Worth.OpenIn(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()

	sell(ctx, store)
	_, err = Cards.Decide(ctx, store, "9", Issue(100_001))
	if no := (*daybook.RefusedError)(nil); !errors.As(err, &no) || !strings.Contains(no.Rule, "check constraint") {
		t.Errorf("more than a card may have was answered %v", err)
	}
	err = view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
		var cards int
		if err := rows.QueryRow(`select count(*) from cards`).Scan(&cards); err != nil || cards != 2 || at.Position != 4 {
			t.Errorf("the tables have %d cards, %v, at %d; want 2 at 4", cards, err, at.Position)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
