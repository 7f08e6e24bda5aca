//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// Goal: whatever a power cut leaves of a segment that is being rewritten and of the one
// that it replaces, the log is what it was, and what was scavenged by then stays so.
// Method: as for appends, over histories that forget and scavenge.
func TestNoPowerCutWhileScavengingTakesBackAPromise(t *testing.T) {
	soak := soaking(t)
	cuts, steps, seeds := soak.choose(2000, 2000, 150_000), soak.choose(30, 50, 50), soak.choose(2, 6, 6)
	rewritten, packed := 0, 0
	cutEvery(t, cuts, seeds, func(seed uint64) *run {
		r := newRun(t, soak.base(3000)+seed)
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		for range steps {
			r.forgetfulStep()
		}
		rewritten, packed = rewritten+r.rewritten, packed+r.packed
		return r
	})
	if rewritten < 3 || packed < 2 {
		t.Errorf("%d segments were rewritten and %d compressed, so this test has tested little", rewritten, packed)
	}
}

// The same where calls of a scavenging fail, and the store is opened again while the power
// stays on: what it finds in the directory need not be on the disk.
func TestNoPowerCutAfterAFailingScavengeTakesBackAPromise(t *testing.T) {
	soak := soaking(t)
	cuts, seeds := soak.choose(2500, 2500, 150_000), soak.choose(2, 4, 4)
	call := 0
	cutEvery(t, cuts, seeds, func(seed uint64) *run {
		r := newRun(t, soak.base(4000)+seed)
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		for range 12 {
			r.append(nil, r.event("gone-1", 300))
		}
		r.forget(daybook.Deleted("gone-1"))
		for range 3 {
			fault := errorfs.Fault{Kinds: errorfs.SyncDir, Call: 1 + call%6}
			if call++; call%3 == 0 {
				fault = errorfs.Fault{Call: 1 + r.rng.IntN(40)}
			}
			r.faults.Arm(fault)
			r.scavenge(true)
			r.faults.Arm(errorfs.Fault{})
			r.kill()
			r.openWhateverFails()
			r.append(nil, r.event("gone-1", 300), r.event("order-1", 40))
			r.forget(daybook.Deleted("gone-1"))
		}
		return r
	})
}

// Goal: whichever call of a scavenging fails and however, the log is what it was, and a
// scavenging begun afterwards does what is left to do. Method: one workload, with the fault
// at every call in turn, until it meets none.
func TestEveryAnswerIsRightWhicheverCallOfAScavengingFails(t *testing.T) {
	soak := soaking(t)
	every := soak.choose(7, 1, 1)
	for _, fault := range errorfs.Faults() {
		fault.Call = 1
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			for ; ; fault.Call += every {
				if !scavengeWith(t, soak.base(usualSeed), fault) || t.Failed() {
					tried(t, (fault.Call-1)/every+1)
					return
				}
			}
		})
	}
}

// scavengeWith runs a workload with a fault and judges it. It returns false if the fault
// was not met.
func scavengeWith(t *testing.T, seed uint64, fault errorfs.Fault) bool {
	t.Helper()
	r := newRun(t, seed)
	r.unreadable = fault.Kinds&errorfs.Reads != 0
	r.reopen()
	for range 25 {
		r.append(nil, r.event(fmt.Sprintf("gone-%d", r.rng.IntN(2)), 200))
	}
	r.forget(daybook.Deleted("gone-1"))
	r.faults.Arm(fault)
	r.scavenge(true)
	r.append(nil, r.event("order-1", 60))
	r.compress()
	r.scavenge(false)
	r.look(r.store)
	met, where := r.faults.Met() > 0, r.faults.Where()
	r.faults.Arm(errorfs.Fault{})
	if health := r.store.health.Load(); health != nil && health.ReadOnly || r.rng.IntN(2) == 0 {
		r.close()
		r.reopen()
	}
	r.unreadable = false
	r.scavenge(true)
	log, err := everything(r.store)
	for _, e := range log {
		if err == nil && e.Forgotten && e.Stub == nil && e.Stream == "gone-1" {
			err = fmt.Errorf("nothing fails any more, the log was scavenged, and position %d is whole", e.Position)
		}
	}
	if err := errors.Join(err, r.ledger.broken, r.ledger.check(r.disk.Calls(), log), r.checkScavenged(r.disk.Calls(), log)); err != nil {
		t.Errorf("%v, at %s: %v", fault, where, err)
	}
	if err := r.close(); err != nil {
		t.Errorf("%v, at %s: nothing fails any more, and closing says: %v", fault, where, err)
	}
	names, _ := r.disk.List("db")
	for _, name := range names {
		if name == rewriteTemp {
			t.Errorf("%v, at %s: %s was left", fault, where, name)
		}
	}
	cut := crashfs.Cut{Call: r.disk.Calls(), Disk: r.disk.CutNow(crashfs.None, 1)}
	if _, err := r.afterCut(cut); err != nil {
		t.Errorf("%v, at %s, and the power is cut in the end: %v", fault, where, err)
	}
	return met
}

// forgetfulStep does one thing out of those that fill segments, forget, and scavenge.
func (r *run) forgetfulStep() {
	gone := func() string { return fmt.Sprintf("gone-%d", r.rng.IntN(3)) }
	switch n := r.rng.IntN(20); {
	case n < 8:
		r.append(nil, r.event(gone(), 30+r.rng.IntN(300)), r.event(gone(), 40))
	case n < 10:
		r.append(nil, r.event(r.stream(), 400))
	case n < 12:
		r.forget(daybook.Deleted(gone()))
	case n < 13:
		r.forget(daybook.Truncated(gone(), daybook.Version(1+r.rng.IntN(20))))
	case n < 14:
		r.repeat()
	case n < 15:
		r.compress()
	case n < 16:
		r.scavenge(r.rng.IntN(2) == 0)
	case n < 18: // beside appends
		var wait sync.WaitGroup
		wait.Go(func() { r.scavenge(n == 16) })
		for range 4 {
			e := r.event("order-1", 500)
			wait.Go(func() { r.append(nil, e) })
		}
		wait.Wait()
	case n < 19:
		r.kill()
		r.mustOpen()
	default:
		if err := r.close(); err != nil {
			r.t.Fatal(err)
		}
		r.mustOpen()
	}
}

// compress compresses what is sealed.
func (r *run) compress() {
	report, err := r.store.Compress(r.t.Context())
	if err != nil && r.faults.Met() == 0 && !r.disarmed {
		r.t.Errorf("nothing fails, and compressing says: %v", err)
	}
	r.packed += report.Rewritten
}

// forget appends an event about a stream.
func (r *run) forget(about daybook.Event) {
	about.ID = r.event("", 1).ID
	r.append(nil, about)
}

// scavenge scavenges the log, and notes what is no longer there.
func (r *run) scavenge(newest bool) {
	report, err := r.store.Scavenge(r.t.Context(), &ScavengeOptions{Newest: newest})
	if err != nil {
		if r.faults.Met() == 0 && !r.disarmed {
			r.t.Errorf("nothing fails, and scavenging says: %v", err)
		}
		return
	}
	r.rewritten += report.Rewritten
	call := r.disk.Calls()
	log, err := everything(r.store)
	if err != nil {
		return
	}
	if r.stubs == nil {
		r.stubs = make(map[daybook.Position]int)
	}
	for _, e := range log {
		if _, noted := r.stubs[e.Position]; e.Stub != nil && !noted {
			r.stubs[e.Position] = call
		}
	}
}

// checkScavenged returns an error if something is whole that had become a stub by a call.
func (r *run) checkScavenged(call int, log []daybook.Recorded) error {
	for _, e := range log {
		if was, noted := r.stubs[e.Position]; noted && was <= call && e.Stub == nil {
			return fmt.Errorf("position %d had become a stub after call %d, and is whole", e.Position, was)
		}
	}
	return nil
}

// scavengeAgain scavenges a log, which must stay what it was.
func scavengeAgain(s *Store, log []daybook.Recorded) error {
	if _, err := s.Scavenge(context.Background(), &ScavengeOptions{Newest: true}); err != nil {
		return fmt.Errorf("scavenge after the cut: %w", err)
	}
	after, err := everything(s)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(log, after, same) {
		return fmt.Errorf("after scavenging the log has %d events, and it had %d", len(after), len(log))
	}
	for _, e := range after {
		if e.Forgotten && e.Stub == nil {
			return fmt.Errorf("position %d is forgotten, and whole after scavenging", e.Position)
		}
	}
	return nil
}

// Goal: a restore that the power ends leaves whole appends of the copied log, as many at
// least as were acknowledged, and goes on from there. Method: every call of one is cut,
// with all survivors.
func TestNoPowerCutTakesBackWhatWasRestored(t *testing.T) {
	soak := soaking(t)
	all := contentsOf(t, forgetful(t))
	r := newRun(t, soak.base(40))
	if err := r.open(); err != nil {
		t.Fatal(err)
	}
	type acknowledgement struct{ call, events int }
	var acknowledged []acknowledgement
	for n := 0; n < len(all); {
		n = min(n+20, len(all))
		n += restOfAppend(all, n)
		if err := r.store.Restore(t.Context(), all[:n]); err != nil {
			t.Fatal(err)
		}
		acknowledged = append(acknowledged, acknowledgement{r.disk.Calls(), n})
	}
	r.kill()
	cuts, err := r.disk.Recording().EveryCut(soak.choose(1, 4, 100), func(cut crashfs.Cut) error {
		s, err := open(cut.Disk.World(), "db", r.opts)
		if err != nil {
			return fmt.Errorf("the store does not open: %w", err)
		}
		defer abandonStore(s)
		log, err := everything(s)
		if err != nil {
			return err
		}
		if len(log) > len(all) || !slices.EqualFunc(log, all[:len(log)], same) || restOfAppend(all, len(log)) > 0 {
			return fmt.Errorf("the log has %d events, which are no whole appends of the copied one", len(log))
		}
		for _, a := range acknowledged {
			if a.call <= cut.Call && a.events > len(log) {
				return fmt.Errorf("%d events were restored after call %d, and %d are there", a.events, a.call, len(log))
			}
		}
		if err := s.Restore(t.Context(), all); err != nil {
			return fmt.Errorf("restore after the cut: %w", err)
		}
		if log, err = everything(s); err == nil {
			if diff := cmp.Diff(all, log); diff != "" {
				err = errors.New(diff)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tried(t, cuts)
}

// restOfAppend returns how many of the events from the n-th on belong to the append of the
// one before.
func restOfAppend(all []daybook.Recorded, n int) int {
	rest := 0
	for n > 0 && n+rest < len(all) && all[n+rest].RecordedAt.Equal(all[n-1].RecordedAt) {
		rest++
	}
	return rest
}
