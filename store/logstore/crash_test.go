//go:build !race

package logstore

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// Goal: whatever a power cut leaves of that which was not synced, the store opens, and what
// was promised by then is there. Method: workloads of appends, groups, rolls, closings, killings and
// reopenings are recorded, and cut after every call, with all survivors and several seeds.
func TestNoPowerCutTakesBackAPromise(t *testing.T) {
	soak := soaking(t)
	cuts, steps, seeds := soak.choose(2000, 100_000, 250_000), soak.choose(40, 60, 60), soak.choose(2, 8, 8)
	cutEvery(t, cuts, seeds, func(seed uint64) *run {
		r := newRun(t, soak.base(0)+seed)
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		for range steps {
			r.step()
		}
		return r
	})
}

// The same, and in between the disk fails: the store is opened again while the power stays on, so that it
// finds in its files what a failed sync has not made durable.
func TestNoPowerCutAfterAFailingDiskTakesBackAPromise(t *testing.T) {
	soak := soaking(t)
	cuts, steps, seeds := soak.choose(5000, 40_000, 150_000), soak.choose(10, 12, 12), soak.choose(2, 4, 4)
	cutEvery(t, cuts, seeds, func(seed uint64) *run {
		r := newRun(t, soak.base(1000)+seed)
		if err := r.open(); err != nil {
			t.Fatal(err)
		}
		for range steps {
			r.trouble()
			for range 3 {
				r.step()
			}
		}
		return r
	})
}

// Goal: frames that were written and cut off again, where the cut did not reach the disk, do not
// come back behind what was appended in their place. Method: half of a group is written, and the cut is
// lost in a failing sync; the store is opened again and appends a frame of the same length; then the power is
// cut. What stands behind the new frame may be a frame of the old group: sound, of this log, at its place and
// with the next position.
func TestNoPowerCutBringsBackWhatAFailedCutLeft(t *testing.T) {
	soak := soaking(t)
	groups, seeds := soak.choose(6, 6, 200), uint64(200)
	stale := 0
	for n := range groups {
		r := newRun(t, soak.base(0)+uint64(n))
		r.opts = &Options{Logger: quiet}
		r.reopen()
		r.append(nil, r.event("order-1", 40))
		meanwhile := func() { // the sync of the first is on its way
			r.faults.Arm(errorfs.Fault{Kinds: errorfs.WriteAt | errorfs.Sync, Call: 2, Forever: true, Effect: errorfs.Part})
		}
		r.groupOf(8, meanwhile)
		r.faults.Arm(errorfs.Fault{})
		r.close() // it has failed: what it answers does not matter
		r.reopen()
		r.append(nil, r.event("order-2", 40))
		r.kill()

		end := r.store.view.Load().end
		player := r.disk.Recording().Play()
		for seed := range seeds {
			cut := crashfs.Cut{Call: r.disk.Calls(), Survivors: crashfs.Torn, Seed: seed, Disk: player.Cut(r.disk.Calls(), crashfs.Torn, seed)}
			if frameAt(cut.Disk, "db/00000001.seg", end) {
				stale++
			}
			if _, err := r.afterCut(cut); err != nil {
				t.Fatalf("group %d, seed %d: %v", n, seed, err)
			}
		}
	}
	if stale == 0 {
		t.Error("no cut left a stale frame, so this test has tested nothing")
	}
	tried(t, groups*int(seeds))
	t.Logf("%d cuts, of which %d left a stale frame behind the last one", groups*int(seeds), stale)
}

// frameAt reports whether something like a frame begins at an offset of a file.
func frameAt(disk *crashfs.Disk, name string, offset int64) bool {
	f, err := disk.Open(name)
	if err != nil {
		return false
	}
	header := make([]byte, frame.HeaderBytes)
	f.ReadAt(header, offset)
	return frame.Length(header) > 0
}

// cutEvery records runs and checks what every cut leaves of them, until there were so many.
func cutEvery(t *testing.T, atLeast, seeds int, record func(seed uint64) *run) {
	// A hundred thousand small stores are mostly garbage, which need not be collected after each few of them.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var cuts, calls int
	var inRecovery atomic.Int64
	seed := uint64(0)
	for ; cuts < atLeast; seed++ {
		r := record(seed)
		r.kill()
		if r.ledger.broken != nil {
			t.Fatalf("run %d: %v", seed, r.ledger.broken)
		}
		recording := r.disk.Recording()
		n, err := recording.EveryCut(seeds, func(cut crashfs.Cut) error {
			n, err := r.afterCut(cut)
			inRecovery.Add(int64(n))
			return err
		})
		if err != nil {
			t.Fatalf("run %d: %v", seed, err)
		}
		cuts, calls = cuts+n, calls+recording.Calls()
	}
	tried(t, cuts+int(inRecovery.Load()))
	t.Logf("%d cuts after %d calls of %d runs, and %d cuts of recoveries", cuts, calls, seed, inRecovery.Load())
}

// A stoppedClock shows a time that is long past when the machine starts again: somebody has set the
// clock.
type stoppedClock struct{}

func (stoppedClock) Now() time.Time      { return time.Unix(0, 0) }
func (stoppedClock) Boot() time.Duration { return 0 }

// afterCut opens the store that a cut left, holds it against the ledger, and uses it. It returns how many
// more cuts it made on the way.
func (r *run) afterCut(cut crashfs.Cut) (cuts int, err error) {
	world := cut.Disk.World()
	if cut.Call%2 == 0 {
		world.Clock = stoppedClock{}
	}
	s, err := open(world, "db", r.opts)
	if err != nil {
		return 0, fmt.Errorf("the store does not open: %w", err)
	}
	opened := cut.Disk.Calls()
	defer func() {
		if err != nil {
			abandonStore(s)
		}
	}()
	log, err := everything(s)
	if err != nil {
		return 0, err
	}
	if err := r.ledger.check(cut.Call, log); err != nil {
		return 0, err
	}
	if err := errors.Join(findsAll(s, log, cut.Call), r.checkScavenged(cut.Call, log)); err != nil {
		return 0, err
	}
	if (cut.Call+int(cut.Seed)+int(cut.Survivors))%199 == 0 {
		if cuts, err = r.cutRecovery(cut, opened, log); err != nil {
			return cuts, err
		}
	}
	if log, err = r.goOn(s, cut.Call, log); err != nil {
		return cuts, err
	}
	if len(r.stubs) > 0 && (cut.Call+int(cut.Seed))%3 == 0 {
		if err := scavengeAgain(s, log); err != nil {
			return cuts, err
		}
	}
	return cuts, r.again(s, world, cut, log)
}

// findsAll asks the index for what the log holds.
func findsAll(s *Store, log []daybook.Recorded, pick int) error {
	if len(log) == 0 {
		return nil
	}
	e := log[pick%len(log)].Event
	if log[pick%len(log)].Stub != nil {
		e.Type, e.Tags = "Placed", []string{"tag:1"}
	} else if len(e.Tags) == 0 {
		e.Tags = []string{"tag:1"}
	}
	for _, q := range []daybook.Query{{{Streams: []string{e.Stream}}}, {{Tags: e.Tags[:1], Types: []string{e.Type}}}} {
		if e.Stream == "" && len(q[0].Streams) > 0 {
			continue
		}
		found, err := selected(s, q)
		if err != nil {
			return err
		}
		var want []daybook.Recorded
		for _, e := range log {
			if q.SelectsRecorded(e) {
				want = append(want, e)
			}
		}
		if !slices.EqualFunc(found, want, same) {
			return fmt.Errorf("%v selects %d events, and the log has %d of them", q, len(found), len(want))
		}
	}
	return nil
}

// goOn uses a store: ids are still known, and appends go behind what is there. It returns the log as
// it is then.
func (r *run) goOn(s *Store, call int, log []daybook.Recorded) ([]daybook.Recorded, error) {
	head := len(log)
	var retry [][]daybook.Event
	if n := len(r.ledger.made); n > 0 {
		retry = append(retry, r.ledger.made[call%n].events)
	}
	if head > 0 {
		for _, in := range r.ledger.made { // the last one is the likeliest to be forgotten
			if in.events[len(in.events)-1].ID == log[head-1].ID {
				retry = append(retry, in.events)
			}
		}
	}
	e := daybook.Event{ID: daybook.DeriveID(r.store.life.Log, "new"), Stream: "order-1", Type: "New", Tags: []string{"tag:1"}}
	retry = append(retry, []daybook.Event{e}, []daybook.Event{{ID: daybook.DeriveID(e.ID, "newer"), Type: "New"}})
	for _, events := range retry {
		at := slices.IndexFunc(log, func(e daybook.Recorded) bool { return e.ID == events[0].ID })
		receipt, err := s.Append(r.t.Context(), events, nil)
		if err != nil {
			return nil, fmt.Errorf("append after the cut: %w", err)
		}
		if receipt.Repeated != (at >= 0) {
			return nil, fmt.Errorf("%s was there: %t; appended again it is a repeat: %t", events[0].ID, at >= 0, receipt.Repeated)
		}
		first := int(receipt.Position) - len(events)
		if at >= 0 {
			if first != at || !receipt.RecordedAt.Equal(log[at].RecordedAt) {
				return nil, fmt.Errorf("%s is at position %d, and a repeat answers %d", events[0].ID, at+1, first+1)
			}
			continue
		}
		if first != len(log) {
			return nil, fmt.Errorf("the log ended at %d, and the next append begins at %d", len(log), first+1)
		}
		if len(log) > 0 && !receipt.RecordedAt.After(log[len(log)-1].RecordedAt) {
			return nil, fmt.Errorf("the last event was recorded at %v, and after the cut one at %v", log[len(log)-1].RecordedAt, receipt.RecordedAt)
		}
		if log, err = everything(s); err != nil {
			return nil, err
		}
		if len(log) != first+len(events) {
			return nil, fmt.Errorf("after the append of %d events behind position %d the log ends at %d", len(events), first, len(log))
		}
	}
	return log, sound(log)
}

// again ends the store in one of three ways, opens it again, and looks whether anything has changed.
func (r *run) again(s *Store, world vfs.World, cut crashfs.Cut, log []daybook.Recorded) error {
	how := cut.Call % 3
	switch how {
	case 0:
		if err := s.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	case 1:
		abandonStore(s)
	default:
		abandonStore(s)
		world.FS = cut.Disk.CutNow(crashfs.None, 1)
	}
	s, err := open(world, "db", r.opts)
	if err != nil {
		return fmt.Errorf("the store does not open a second time (%d): %w", how, err)
	}
	defer abandonStore(s)
	after, err := everything(s)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(log, after, same) {
		return fmt.Errorf("after the second opening (%d) the log has %d events, and it had %d", how, len(after), len(log))
	}
	return nil
}

// cutRecovery cuts the power once more, after every call of the recovery itself.
func (r *run) cutRecovery(cut crashfs.Cut, opened int, log []daybook.Recorded) (int, error) {
	recovery := cut.Disk.Recording()
	player := recovery.Play()
	n := 0
	for call := 0; call <= opened; call++ {
		for survivors := crashfs.None; survivors <= crashfs.Torn; survivors++ {
			n++
			s, err := open(player.Cut(call, survivors, uint64(call)+1).World(), "db", r.opts)
			if err != nil {
				return n, fmt.Errorf("a second cut, after call %d of recovery (%s), survivors %v: the store does not open: %w", call, recovery.Describe(call), survivors, err)
			}
			found, err := everything(s)
			err = errors.Join(err, r.ledger.check(cut.Call, found))
			if call == opened && len(found) != len(log) {
				err = errors.Join(err, fmt.Errorf("%d events were served after recovery, and %d are there", len(log), len(found)))
			}
			abandonStore(s)
			if err != nil {
				return n, fmt.Errorf("a second cut, after call %d of recovery (%s), survivors %v: %w", call, recovery.Describe(call), survivors, err)
			}
		}
	}
	return n, nil
}
