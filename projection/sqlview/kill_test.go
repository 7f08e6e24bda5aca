package sqlview_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// kills is how many processes these tests kill on each database: a few, or as many as
// the environment says.
func kills(t *testing.T, few int) int {
	text := os.Getenv("DAYBOOK_KILLS")
	if text == "" && testing.Short() {
		return 1
	}
	if text == "" {
		return few
	}
	many, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return many
}

// lasting is what a process of these tests does until it is killed: it keeps versions of
// the ledger in step with an endless log, or with one that grows.
func (do orders) lasting() error {
	options := projection.VersionsOptions{Runner: projection.Options{
		BatchEvents: do.Batch, Lease: do.Lease, RetryAfter: time.Millisecond, RetryAtMost: 20 * time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
	}}
	var views []*sqlview.View
	for _, version := range do.Versions {
		view, err := do.Where.open(context.Background(), ledgerVersion(version, never).WithParts(do.Parts).WithKeys(func(e daybook.Recorded) []string {
			time.Sleep(do.Slow)
			return projection.ByStream(e)
		}))
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	fmt.Println("at work")
	return projection.NewVersions(endless{events: everything, since: do.Since}, &options, views...).Run(context.Background())
}

// whole fails the test unless a ledger of some parts shows every event up to where each
// part stands once, and no other. It returns how many that are.
func whole(t testing.TB, view *sqlview.View) uint64 {
	t.Helper()
	var events uint64
	err := view.Read(t.Context(), func(rows *sqlview.Reader, at projection.Checkpoint) error {
		var entries, different, cents, balance int64
		if err := rows.QueryRow(`select count(*), count(distinct position), coalesce(sum(cents), 0) from entries`).Scan(&entries, &different, &cents); err != nil {
			return err
		}
		if err := rows.QueryRow(`select cents from balance`).Scan(&balance); err != nil {
			return err
		}
		events = at.Events
		if uint64(entries) != at.Events || different != entries || balance != cents {
			t.Errorf("%d events were applied: %d entries, of %d different events, of %d cents, and a balance of %d", at.Events, entries, different, cents, balance)
		}
		// Which events those are is known where all parts have been.
		var below int64
		if err := rows.QueryRow(`select count(*) from entries where position <= ?`, at.Position).Scan(&below); err != nil {
			return err
		}
		if below != int64(at.Position) {
			t.Errorf("up to position %d there are %d entries", at.Position, below)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// A process is killed at any moment, while it applies, opens or ends, again and again.
func TestProcessesThatAreKilledAtAnyMomentApplyEachEventOnce(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		killing(t, where, orders{Parts: 1, Versions: []int{1}, Batch: 20, Lease: -1}, 1, 1, kills(t, 5))
	})
}

// The same with three processes, of which one at a time owns a part by a lease.
func TestProcessesThatTradeOwnershipApplyEachEventOnce(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		killing(t, where, orders{Parts: 2, Versions: []int{1}, Batch: 20, Lease: 60 * time.Millisecond}, 3, 4, kills(t, 5))
	})
}

// A process falls asleep, at any moment, also in the middle of a transaction; another takes
// its part over; and what it goes on with when it wakes is refused. In SQLite whoever
// sleeps in a transaction holds all others up, so this is about PostgreSQL.
func TestAProcessThatWasAsleepAppliesNothingTwice(t *testing.T) {
	where := place{URL: pgtest.Database(t) + "&idle_in_transaction_session_timeout=200ms"}
	view := open(t, ledgerVersion(1, never).WithParts(2), where)
	// An event of two parts is asked for its keys: so a process is between the claim
	// and the transaction that it is for, most of the time.
	do := orders{Lasting: true, Parts: 2, Versions: []int{1}, Batch: 20, Lease: 100 * time.Millisecond, Slow: time.Millisecond}
	processes := []*killable{start(t, where, do), start(t, where, do)}
	for round := range kills(t, 3) {
		for i, asleep := range processes {
			if err := asleep.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			before := whole(t, view)
			wait(t, func() bool { return whole(t, view) > before+uint64(2*do.Batch) }) // the other goes on; one batch may have been its
			if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("in round %d, with process %d asleep", round, i)
			}
		}
	}
	for _, process := range processes {
		process.kill(t)
	}
	whole(t, view)
}

// Killed processes build a new version beside the old one.
func TestProcessesThatAreKilledBuildVersionsThatDoNotDiffer(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		killing(t, where, orders{Parts: 1, Versions: []int{1, 2}, Batch: 20, Lease: 60 * time.Millisecond}, 2, 2, kills(t, 5))
		old, now := open(t, ledgerVersion(1, never), where), open(t, ledgerVersion(2, never), where)
		all := max(whole(t, old), whole(t, now))
		for _, view := range []*sqlview.View{old, now} {
			if err := projection.NewRunner(endless{events: daybook.Position(all)}, view, nil).CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		c, err := sqlview.Diff(t.Context(), old, now, func(d sqlview.Difference) error { return fmt.Errorf("%+v", d) })
		if err != nil || c.Tables[1].Rows != int(all) {
			t.Errorf("%+v, %v; want versions that do not differ in %d entries", c, err, all)
		}
	})
}

// The same across a whole rolling deploy: processes with the old version are replaced by
// processes with both, readers are switched to the new one, and the old one is removed.
func TestProcessesThatAreKilledAcrossASwitchApplyEachEventOnce(t *testing.T) {
	onEach(t, func(t *testing.T, where place) {
		do := orders{Parts: 1, Versions: []int{1}, Batch: 20, Lease: 60 * time.Millisecond, Since: time.Now().Add(-time.Second)}
		killing(t, where, do, 2, 2, kills(t, 4))
		do.Versions = []int{1, 2}
		killing(t, where, do, 2, 2, kills(t, 4))

		now := open(t, ledgerVersion(2, never), where)
		running := start(t, where, orders{Lasting: true, Parts: 1, Versions: do.Versions, Batch: 20, Lease: do.Lease, Since: do.Since})
		wait(t, func() bool {
			stand, err := now.Stand(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			return stand.Mark == projection.Answering
		})
		old, err := where.open(t.Context(), ledgerVersion(1, never))
		if err != nil {
			t.Fatal(err)
		}
		whole(t, old)
		if err := old.Remove(t.Context()); err != nil { // while it is kept in step
			t.Fatal(err)
		}
		before := whole(t, now)
		wait(t, func() bool { return whole(t, now) > before })
		running.kill(t)
		do.Versions = []int{2}
		killing(t, where, do, 2, 2, kills(t, 4))
	})
}

// killing keeps processes at work, kills one after the other until so many were killed and
// so many have owned a part, and looks at what they leave.
func killing(t *testing.T, where place, do orders, processes, owners, kills int) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	var views []*sqlview.View
	for _, version := range do.Versions {
		views = append(views, open(t, ledgerVersion(version, never).WithParts(do.Parts), where))
	}
	do.Lasting = true
	var running []*killable
	for range processes {
		running = append(running, start(t, where, do))
	}
	seen := make(map[uuid.UUID]bool)
	var before uint64
	n := 0
	for ; (n < kills || len(seen) < owners) && !t.Failed(); n++ {
		// A process takes some tens of milliseconds to begin; a batch takes one or two. Most
		// are killed at work.
		i := random.IntN(len(running))
		if random.IntN(4) > 0 {
			if _, err := running[i].out.Read(make([]byte, 1)); err != nil {
				t.Fatalf("a process that should be at work: %v: %s", err, &running[i].said)
			}
		}
		time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
		running[i].kill(t)
		running[i] = start(t, where, do)
		for _, view := range views {
			for part := range do.Parts {
				stand, err := view.Stand(t.Context(), part)
				if err != nil {
					t.Fatal(err)
				}
				if stand.Events > 0 {
					seen[stand.Owner] = true
				}
			}
		}
		if n%50 == 0 { // it goes through all rows
			before = whole(t, views[0])
		}
	}
	wait(t, func() bool { return whole(t, views[0]) > before }) // something was done
	for _, process := range running {
		process.kill(t)
	}
	for _, view := range views {
		t.Logf("version %d: %d events after %d kills, by %d owners", view.Version(), whole(t, view), n, len(seen))
	}
}
