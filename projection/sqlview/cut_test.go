package sqlview_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// The connection is cut after the server has kept a transaction, and before it could say
// so: nobody knows whether it did, until the checkpoint is read again.
func TestAnAnswerToACommitThatIsLostAppliesNothingTwice(t *testing.T) {
	const events, batch = 200, 10
	c, address := pgtest.Lay(t, pgtest.Database(t))
	view := open(t, ledgerVersion(1, never), place{URL: address})
	runner := projection.NewRunner(endless{events: events}, view, &projection.Options{BatchEvents: batch})
	lost := 0
	var odd atomic.Bool
	cut := func(said []byte) bool { return bytes.Contains(said, pgtest.Committed) && odd.Load() }
	c.ToClient.Store(&cut)
	for tries := 0; ; tries++ {
		odd.Store(tries%2 == 0)
		before := whole(t, view)
		err := runner.CatchUp(t.Context())
		if err == nil {
			break
		}
		if errors.As(err, new(*projection.EventError)) || errors.As(err, new(*projection.SetAsideError)) {
			t.Fatalf("an event was blamed for a lost answer: %v", err)
		}
		if tries%2 == 0 {
			if lost++; whole(t, view) != before+batch {
				t.Errorf("%d events are shown; want %d: the transaction was kept", whole(t, view), before+batch)
			}
		}
	}
	if lost == 0 || whole(t, view) != events {
		t.Errorf("%d answers were lost, and %d events are shown", lost, whole(t, view))
	}
}

// The connection is cut in the middle of a transaction, after ever more messages.
func TestAConnectionThatIsCutInATransactionUndoesIt(t *testing.T) {
	const batch = 10
	c, address := pgtest.Lay(t, pgtest.Database(t))
	// It waits for answers, so that handlers are told of the cut.
	curious := sqlview.New("ledger", 1, codec, "", sqlview.On(func(tx *sqlview.Tx, e Earned, at daybook.Recorded) error {
		var cents int
		if err := tx.QueryRow(`select cents from balance`).Scan(&cents); err != nil {
			return err
		}
		if err := tx.Exec(`insert into entries (position, cents) values (?, ?)`, at.Position, e.Cents); err != nil {
			return err
		}
		_, err := tx.ExecCount(`update balance set cents = ?`, cents+e.Cents)
		return err
	})).WithPostgres(ledgerPostgres)
	view := open(t, curious, place{URL: address})
	cuts := 0
	for round := range 40 { // a batch is some thirty messages
		left := atomic.Int64{}
		left.Store(int64(round))
		cut := func([]byte) bool { return left.Add(-1) == -1 } // whoever connects again can go on
		runner := projection.NewRunner(endless{events: daybook.Position(batch * (round + 1))}, view, &projection.Options{BatchEvents: batch})
		c.ToServer.Store(&cut)
		err := runner.CatchUp(t.Context())
		c.ToServer.Store(nil)
		if errors.As(err, new(*projection.EventError)) || errors.As(err, new(*projection.SetAsideError)) {
			t.Fatalf("an event was blamed for a cut connection: %v", err)
		}
		if err != nil {
			cuts++
		}
		if shown := whole(t, view); shown != uint64(batch*round) && shown != uint64(batch*(round+1)) {
			t.Errorf("cut after %d messages, the view shows %d events", round, shown)
		}
		wait(t, func() bool { return runner.CatchUp(t.Context()) == nil }) // some connections are yet to be found cut
		if shown := whole(t, view); shown != uint64(batch*(round+1)) {
			t.Errorf("after all the view shows %d events; want %d", shown, batch*(round+1))
		}
	}
	if cuts < 10 {
		t.Errorf("%d cuts were felt; want most of them to be", cuts)
	}
}

// A server is stopped and killed under load, and started again. It may then have forgotten
// the newest transactions, which the runner had seen.
func TestAServerThatIsRestartedUnderLoadLosesNoEvent(t *testing.T) {
	server := pgtest.Own(t)
	view := open(t, ledgerVersion(1, never).WithParts(2), place{URL: server.Database(t)})
	ctx, stop := context.WithCancel(t.Context())
	runner := projection.NewRunner(endless{events: everything}, view, &projection.Options{
		BatchEvents: 20, RetryAfter: time.Millisecond, RetryAtMost: 10 * time.Millisecond, Lease: time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	ran := make(chan error)
	go func() { ran <- runner.Run(ctx) }()
	for n, end := range []func() error{server.Kill, server.Halt, server.Kill} {
		before := whole(t, view)
		wait(t, func() bool { return whole(t, view) > before+100 })
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		wait(t, func() bool { // the readers' connections are gone, too
			_, err := view.Stand(t.Context(), 0)
			return err == nil
		})
		t.Logf("after end %d: %d events", n+1, whole(t, view))
	}
	before := whole(t, view)
	wait(t, func() bool { return whole(t, view) > before })
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	whole(t, view)
	if aside, err := runner.SetAside(t.Context()); err != nil || len(aside) > 0 {
		t.Errorf("set aside: %+v, %v", aside, err)
	}
}
