package sqlview_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook/projection"
)

// drop takes a ledger away under whoever has it open.
func (p place) drop(t *testing.T) {
	t.Helper()
	if p.URL == "" {
		if err := os.Remove(filepath.Join(p.Dir, p.name("ledger", 1))); err != nil {
			t.Fatal(err)
		}
		return
	}
	conn, err := pgx.Connect(t.Context(), p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `drop schema `+p.name("ledger", 1)+` cascade`); err != nil {
		t.Fatal(err)
	}
}

func TestAReadModelThatIsGoneIsMadeAnewAndBuiltFromTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		store := log(t, 20)
		view := open(t, newLedger(nil), where)
		quiet := &projection.Options{Logger: slog.New(slog.DiscardHandler)}
		runner := projection.NewRunner(store, view, quiet)
		if err := runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone, err := view.Gone(t.Context()); gone || err != nil {
			t.Errorf("it is gone %t, %v, before somebody drops it", gone, err)
		}
		where.drop(t)
		if gone, err := view.Gone(t.Context()); !gone || err != nil {
			t.Errorf("it is gone %t, %v, after somebody has dropped it", gone, err)
		}
		if err := store.grow(20, 25); err != nil {
			t.Fatal(err)
		}
		// No event is to blame for that there are no tables.
		if err := runner.CatchUp(t.Context()); (err == nil) != (where.URL == "") {
			t.Errorf("the view that was open is told %v", err)
		}
		if stand, err := view.Stand(t.Context(), 0); err == nil && len(stand.Aside) > 0 {
			t.Errorf("%d events are set aside", len(stand.Aside))
		}
		again := open(t, newLedger(nil), where)
		if gone, err := again.Gone(t.Context()); gone || err != nil {
			t.Errorf("it is gone %t, %v, after it was opened again", gone, err)
		}
		if err := projection.NewRunner(store, again, quiet).CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if at := consistent(t, again); at.Position != 25 {
			t.Errorf("it is at %d; want 25", at.Position)
		}
	})
}
