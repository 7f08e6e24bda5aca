//go:build !race

package logstore

import (
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// Goal: whichever call fails and however, every answer is right: what was acknowledged is there,
// what was unavailable never is, what is unknown is there whole or not at all, conditions held, conflicts name
// events that exist. Method: one workload, with the fault at every call in turn, until it meets none.
func TestEveryAnswerIsRightWhicheverCallFails(t *testing.T) {
	faults := errorfs.Faults()
	for _, forever := range []bool{false, true} {
		for _, effect := range []errorfs.Effect{errorfs.Nothing, errorfs.Part, errorfs.PartCounted} {
			faults = append(faults, errorfs.Fault{Kinds: errorfs.Reads, Forever: forever, Effect: effect})
		}
		// What a full disk refuses, and no more than that.
		faults = append(faults, errorfs.Fault{Kinds: errorfs.WriteAt | errorfs.Create | errorfs.Preallocate, Err: syscall.ENOSPC, Effect: errorfs.Part, Forever: forever})
	}
	soak := soaking(t)
	every, seed := soak.choose(11, 1, 1), soak.base(usualSeed)
	for _, fault := range faults {
		fault.Call = 1
		t.Run(fault.String(), func(t *testing.T) { // the name of the first of its runs
			t.Parallel()
			for ; ; fault.Call += every {
				if !runWith(t, seed, fault) || t.Failed() {
					tried(t, (fault.Call-1)/every+1)
					t.Logf("%d runs with %v", (fault.Call-1)/every+1, fault)
					return
				}
			}
		})
	}
}

// With this seed the workload does things in the order in which they are written down.
const usualSeed = 7

// The same workload where nothing fails must give right answers, too.
func TestEveryAnswerIsRightWhereNothingFails(t *testing.T) {
	for range 20 {
		runWith(t, usualSeed, errorfs.Fault{})
	}
}

// faultActs are what a run does while each of its calls fails in turn, in this order or, but for the first two, which make
// what others repeat, in another one.
var faultActs = []func(*run){
	func(r *run) { r.append(daybook.New("order-1"), r.event("order-1", 60)) },
	func(r *run) { r.append(nil, r.event("order-2", 60), r.event("order-1", 700), r.event("", 30)) },
	func(r *run) { r.group(7, nil) },
	func(r *run) { r.append(daybook.At("order-1", 1), r.event("order-1", 60)) },
	func(r *run) { r.append(nil, r.ledger.made[0].events...) },
	func(r *run) { r.append(nil, r.event("order-3", 1300)) },
	func(r *run) { r.append(daybook.At("order-3", r.version("order-3")), r.event("order-3", 1300)) },
	func(r *run) { r.group(5, nil) },
	func(r *run) { r.endAndReopen(r.close) },
	func(r *run) { r.append(nil, r.event("order-1", 60)) },
	func(r *run) { r.append(nil, r.ledger.made[1].events...) },
	func(r *run) { r.group(5, nil) },
	func(r *run) { r.endAndReopen(func() error { r.kill(); return nil }) },
	func(r *run) { r.append(nil, r.event("order-2", 900)) },
	func(r *run) { r.group(6, nil) },
}

// runWith runs a workload with a fault and judges it. It returns false if the fault was not met. Which workload it is,
// a seed decides.
func runWith(t *testing.T, seed uint64, fault errorfs.Fault) (met bool) {
	t.Helper()
	r := newRun(t, seed)
	r.unreadable = fault.Kinds&errorfs.Reads != 0
	r.faults.Arm(fault)
	r.reopen()
	acts := slices.Clone(faultActs)
	if seed != usualSeed {
		rand.New(rand.NewPCG(seed, 2)).Shuffle(len(acts)-2, func(i, j int) { acts[2+i], acts[2+j] = acts[2+j], acts[2+i] })
	}
	for _, act := range acts {
		act(r)
		r.look(r.store)
		r.find()
		if health := r.store.health.Load(); health != nil && health.ReadOnly {
			r.close() // it has failed: what it answers does not matter
			r.reopen()
		}
	}

	met = r.disarmed || r.faults.Met() > 0
	where := r.where + r.faults.Where()
	r.faults.Arm(errorfs.Fault{})
	if health := r.store.health.Load(); health == nil || !health.ReadOnly {
		if err := r.append(nil, r.event("order-1", 60)); err != nil {
			t.Errorf("%v, at %s: now that nothing fails any more an append answers %v", fault, where, err)
		}
		if err := r.store.Health(); err != nil {
			t.Errorf("%v, at %s: now that nothing fails any more health is %v", fault, where, err)
		}
	}
	r.close()
	r.unreadable = false
	if err := r.open(); err != nil {
		t.Fatalf("%v, at %s: opened again: %v", fault, where, err)
	}
	log, err := everything(r.store)
	if err != nil {
		t.Fatalf("%v, at %s: %v", fault, where, err)
	}
	if err := errors.Join(r.ledger.broken, r.ledger.check(r.disk.Calls(), log), findsAll(r.store, log, fault.Call)); err != nil {
		t.Errorf("%v, at %s: %v", fault, where, err)
	}
	if err := r.history.History().Check(log); err != nil {
		t.Errorf("%v, at %s: %v", fault, where, err)
	}
	cut := crashfs.Cut{Call: r.disk.Calls(), Disk: r.disk.CutNow(crashfs.None, 1)}
	if _, err := r.afterCut(cut); err != nil {
		t.Errorf("%v, at %s, and the power is cut in the end: %v", fault, where, err)
	}
	r.close()
	return met
}

// reopen opens the store. If the disk does not let it twice, nothing fails any more.
func (r *run) reopen() {
	for range 2 {
		err := r.open()
		if err == nil {
			return
		}
		var corrupt *daybook.CorruptError
		if errors.As(err, &corrupt) || r.faults.Met() == 0 {
			r.t.Errorf("at %s: opening answers %v", r.faults.Where(), err)
		}
	}
	r.disarmed, r.where = true, r.faults.Where()
	r.faults.Arm(errorfs.Fault{})
	if err := r.open(); err != nil {
		r.t.Fatalf("nothing fails any more, and opening answers %v", err)
	}
}

// endAndReopen ends the store in some way and opens it again.
func (r *run) endAndReopen(end func() error) {
	if err := end(); err != nil && r.faults.Met() == 0 && !r.disarmed {
		r.t.Errorf("nothing fails, and ending answers %v", err)
	}
	r.reopen()
}

// Goal: when there is room again, appends go on by themselves. Method: the disk is full from
// every call on, for as long as some appends take.
func TestAFullDiskRefusesDefinitelyAndOnlyWhileItIsFull(t *testing.T) {
	soak := soaking(t)
	every := soak.choose(7, 1, 1)
	for runs := range soak.choose(1, 1, 100) {
		tried(t, fullDisks(t, soak.base(9)+uint64(runs), every))
	}
}

// fullDisks runs a workload with the disk full from every call on in turn, until a run does not come so far. It returns
// how many runs there were.
func fullDisks(t *testing.T, seed uint64, every int) (runs int) {
	t.Helper()
	for call := 1; ; call += every {
		runs++
		r := newRun(t, seed)
		r.reopen()
		r.append(nil, r.event("order-1", 60))
		r.faults.Arm(errorfs.Fault{
			Call: call, Forever: true, Err: syscall.ENOSPC, Effect: errorfs.Part,
			Kinds: errorfs.WriteAt | errorfs.Create | errorfs.Preallocate | errorfs.Rename | errorfs.MkdirAll,
		})
		for i := range 12 {
			err := r.append(nil, r.event("order-1", 60+100*i))
			var unavailable *daybook.UnavailableError
			if err != nil && (!errors.As(err, &unavailable) || !vfs.IsNoSpace(err)) {
				t.Fatalf("the disk is full at %s, and an append answers %v", r.faults.Where(), err)
			}
			r.look(r.store)
		}
		met, where := r.faults.Met(), r.faults.Where()
		r.faults.Arm(errorfs.Fault{})
		for range 12 {
			if err := r.append(nil, r.event("order-1", 300)); err != nil {
				t.Fatalf("the disk was full at %s and has room again, and an append answers %v", where, err)
			}
		}
		log, err := everything(r.store)
		if err := errors.Join(err, r.ledger.broken, r.ledger.check(r.disk.Calls(), log)); err != nil {
			t.Fatalf("the disk was full at %s: %v", where, err)
		}
		if err := r.close(); err != nil {
			t.Errorf("the disk was full at %s and has room again, and closing answers %v", where, err)
		}
		if met == 0 {
			return runs
		}
	}
}

// Goal: what was said to be unavailable never turns up. Method: a write fails though all or half of it was
// done; the store is killed at once and opened again, with and without a power cut.
func TestWhatWasUnavailableIsAbsentForEver(t *testing.T) {
	for _, effect := range []errorfs.Effect{errorfs.Nothing, errorfs.Part, errorfs.PartCounted, errorfs.Whole} {
		for _, failing := range []error{syscall.EIO, syscall.ENOSPC, syscall.EINTR} {
			r := newRun(t, 11)
			r.reopen()
			r.append(nil, r.event("order-1", 60))
			r.faults.Arm(errorfs.Fault{Call: 1, Kinds: errorfs.WriteAt, Err: failing, Effect: effect})
			err := r.append(nil, r.event("order-1", 60))
			var unavailable *daybook.UnavailableError
			if !errors.As(err, &unavailable) || !errors.Is(err, failing) {
				t.Errorf("a write fails with %v, and the append answers %v", failing, err)
			}
			r.kill()
			for survivors := crashfs.None; survivors <= crashfs.Torn; survivors++ {
				cut := crashfs.Cut{Call: r.disk.Calls(), Survivors: survivors, Disk: r.disk.CutNow(survivors, 1)}
				if _, err := r.afterCut(cut); err != nil {
					t.Errorf("%v, %v is done, and the power is cut, survivors %v: %v", failing, effect, survivors, err)
				}
			}
			r.reopen()
			log, err := everything(r.store)
			if err := errors.Join(err, r.ledger.broken, r.ledger.check(r.disk.Calls(), log)); err != nil {
				t.Errorf("%v, %v is done, and the store is opened again: %v", failing, effect, err)
			}
			r.close()
		}
	}
}
