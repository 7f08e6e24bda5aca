package logstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

func TestASecondOpenerIsToldWhoHasTheDirectoryOpen(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{Owner: "orders at http://localhost:8080"})
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := Open(dir, nil); !errors.As(err, &locked) {
		t.Fatalf("a second opening gives %v, want a LockedError", err)
	}
	if *locked != (LockedError{Dir: dir, Owner: "orders at http://localhost:8080"}) {
		t.Errorf("the second opener is told %+v", *locked)
	}
	if !strings.Contains(locked.Error(), dir) || !strings.Contains(locked.Error(), locked.Owner) {
		t.Errorf("%q names neither directory nor owner", locked)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// One that says nothing of itself is not taken for the one before, crashed or not.
	if err := os.WriteFile(filepath.Join(dir, ownerName), []byte("somebody who crashed"), 0o640); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(dir, nil); !errors.As(err, &locked) || locked.Owner != "" {
		t.Errorf("a second opening gives %v, want a LockedError without owner", err)
	}
}

// faulty returns a store on a disk of which calls can be made to fail.
func faulty(t *testing.T, opts *Options) (*Store, *errorfs.FS) {
	t.Helper()
	disk := crashfs.New(1)
	world := disk.World()
	fsys := errorfs.New(disk)
	world.FS = fsys
	s, err := open(world, "db", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, fsys
}

func appendOne(s *Store, n int) error {
	_, err := s.Append(context.Background(), []daybook.Event{{Stream: "order-1", Type: "Placed", Data: fmt.Append(nil, n)}}, nil)
	return err
}

func TestAppendsGoOnByThemselvesWhenWhatLackedIsThereAgain(t *testing.T) {
	for _, c := range []struct {
		kinds errorfs.Kinds
		err   error
	}{
		{errorfs.WriteAt, syscall.ENOSPC}, {errorfs.Create, syscall.ENOSPC}, {errorfs.Preallocate | errorfs.WriteAt, syscall.ENOSPC}, {errorfs.Rename, syscall.ENOSPC},
		{errorfs.Create, syscall.EMFILE}, {errorfs.SyncDir, syscall.EMFILE}, {errorfs.Create | errorfs.SyncDir, syscall.ENFILE},
	} {
		s, disk := faulty(t, &Options{SegmentBytes: 1000, Logger: quiet})
		recorded := 0
		for round := range 6 {
			for range 2 {
				recorded++
				if err := appendOne(s, recorded); err != nil {
					t.Fatal(err)
				}
			}
			disk.Arm(errorfs.Fault{Call: 1, Forever: true, Kinds: c.kinds, Err: c.err, Effect: errorfs.Part})
			var unavailable *daybook.UnavailableError
			failed := 0
			for failed < 2 {
				err := appendOne(s, recorded+1)
				if err == nil { // there was room in the segment yet
					recorded++
					continue
				}
				if failed++; !errors.As(err, &unavailable) || !errors.Is(err, c.err) {
					t.Fatalf("%v, round %d: an append meanwhile answers %v, want it to be unavailable", c, round, err)
				}
				var health *HealthError
				if err := s.Health(); !errors.As(err, &health) || health.ReadOnly || !errors.Is(err, c.err) {
					t.Fatalf("%v, round %d: health is %v, want it to tell why", c, round, err)
				}
			}
			if n := len(read(t, s, daybook.Stream("order-1"), daybook.Span{})); n != recorded {
				t.Fatalf("%v, round %d: meanwhile %d events are read, want %d", c, round, n, recorded)
			}
			disk.Arm(errorfs.Fault{})
		}
		recorded++
		if err := appendOne(s, recorded); err != nil {
			t.Fatal(err)
		}
		if err := s.Health(); err != nil {
			t.Errorf("%v: when there is room again health is %v", c, err)
		}
		if got := numbersIn(t, s); fmt.Sprint(got) != fmt.Sprint(upTo(recorded)) {
			t.Errorf("%v: %v are there, want %v", c, got, upTo(recorded))
		}
	}
}

func TestAFailedSyncMakesTheStoreReadOnly(t *testing.T) {
	s, disk := faulty(t, quietly)
	if err := appendOne(s, 1); err != nil {
		t.Fatal(err)
	}
	disk.Arm(errorfs.Fault{Call: 1, Kinds: errorfs.Sync})
	lost := daybook.Event{ID: uuid.New(), Stream: "order-1", Type: "Placed", Data: []byte("2")}
	var unknown *daybook.UnknownError
	if _, err := s.Append(t.Context(), []daybook.Event{lost}, nil); !errors.As(err, &unknown) {
		t.Fatalf("an append whose sync failed answers %v, want it to be unknown", err)
	}
	syncs := disk.Calls(errorfs.Sync)

	var health *HealthError
	if err := s.Health(); !errors.As(err, &health) || !health.ReadOnly {
		t.Errorf("health is %v, want the store to be read-only", err)
	}
	var unavailable *daybook.UnavailableError
	if err := appendOne(s, 3); !errors.As(err, &unavailable) {
		t.Errorf("another append answers %v, want it to be unavailable", err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{lost}, daybook.New("order-1")); !errors.As(err, &unknown) {
		t.Errorf("the same append again answers %v, want it to be unknown still", err)
	}
	if got := numbersIn(t, s); fmt.Sprint(got) != fmt.Sprint(upTo(1)) {
		t.Errorf("%v are read, want %v", got, upTo(1))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if again := disk.Calls(errorfs.Sync); again != syncs {
		t.Errorf("after the failed sync there were %d more", again-syncs)
	}
	if err := s.Health(); err != daybook.ErrClosed {
		t.Errorf("health of a closed store is %v", err)
	}
}

func TestAWaiterIsWokenOnlyByWhatItMayWaitFor(t *testing.T) {
	var ws waiters
	tag, _ := planQuery(daybook.Query{{Types: []string{"Placed"}, Tags: []string{"book:1"}}})
	all, _ := planQuery(daybook.All())
	waiting := func(p plan, due daybook.Position) *waiter {
		w := &waiter{terms: p.needs(), due: due, woken: make(chan struct{}, 1)}
		ws.add(w)
		return w
	}
	byTag, any, none := waiting(tag, 100), waiting(all, 100), waiting(nil, 50)
	woken := func(w *waiter) bool {
		select {
		case <-w.woken:
			return true
		default:
			return false
		}
	}
	check := func(what string, head daybook.Position, e daybook.Event, want [3]bool) {
		t.Helper()
		ws.wake(head, &group{requests: []*request{new(requests).of([]daybook.Event{e}, nil)}})
		if got := [3]bool{woken(byTag), woken(any), woken(none)}; got != want {
			t.Errorf("%s wakes %v, want %v", what, got, want)
		}
	}
	check("an event with the tag", 1, daybook.Event{Type: "Placed", Tags: []string{"book:1"}}, [3]bool{true, true, false})
	check("an event without it", 2, daybook.Event{Type: "Placed", Tags: []string{"book:2"}}, [3]bool{false, true, false})
	check("the fiftieth event", 50, daybook.Event{Type: "Placed"}, [3]bool{false, true, true})
	check("the hundredth event", 100, daybook.Event{Type: "Placed"}, [3]bool{true, true, true})
	ws.remove(any)
	ws.remove(none)
	check("an event after two went away", 101, daybook.Event{Type: "Placed", Tags: []string{"book:1"}}, [3]bool{true, false, false})
	ws.remove(byTag)
	if len(ws.all)+len(ws.any)+len(ws.byTerm) != 0 || ws.some.Load() != 0 {
		t.Errorf("when all have gone %d are left", ws.some.Load())
	}
}

// What is known at a time that has passed stays so, also when an append that was
// stamped before is made durable after the question, and when the clock is set back.
func TestWhatWasKnownAtATimeNeverChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s stamps
		first := s.next(1000)
		asked := make(chan error, 1)
		go func() {
			closed, err := s.close(t.Context(), 2000, 1500)
			if closed != 1500 {
				t.Errorf("at 1500, what was known up to %d is closed", closed)
			}
			asked <- err
		}()
		synctest.Wait()
		select {
		case err := <-asked:
			t.Fatalf("the question is answered (%v) while an append of before is on its way", err)
		default:
		}
		s.settle(first)
		if err := <-asked; err != nil {
			t.Fatal(err)
		}
		if next := s.next(1200); next <= 1500 {
			t.Errorf("after the question at 1500 an append is recorded at %d", next)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var unavailable *daybook.UnavailableError
		if _, err := s.close(ctx, 3000, 3000); !errors.As(err, &unavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a question whose context ends answers %v", err)
		}
		if _, err := s.close(t.Context(), 1000, 3000); err != nil {
			t.Errorf("a question about what is settled answers %v", err)
		}
	})
}

func TestHeadsOfStreamsAreRightAcrossSegments(t *testing.T) {
	s, _ := faulty(t, &Options{SegmentBytes: 1500, Logger: quiet})
	versions := map[string]daybook.Version{}
	for i := range 300 {
		stream := fmt.Sprintf("order-%d", i*i%37)
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: stream, Type: "Placed"}}, daybook.At(stream, versions[stream])); err != nil {
			t.Fatal(err)
		}
		versions[stream]++
	}
	if n := len(s.view.Load().segments); n < 10 {
		t.Errorf("there are %d segments, too few to tell", n)
	}
	for stream, version := range versions {
		if _, err := s.Append(t.Context(), nil, daybook.At(stream, version)); err != nil {
			t.Error(err)
		}
	}
}

// Goal: a failed sync of the directory while a segment is begun costs nothing that is
// acknowledged after the next opening. Method: each of those syncs fails in turn, and
// the power is cut before the store is closed.
func TestWhatAFailedSyncOfTheDirectoryLeftIsNotBuiltUpon(t *testing.T) {
	opts := &Options{SegmentBytes: 600, Logger: quiet}
	for call := 1; ; call++ {
		disk := crashfs.New(1)
		if err := vfs.MkdirSync(disk, "db"); err != nil {
			t.Fatal(err)
		}
		fsys := errorfs.New(disk)
		world := disk.World()
		world.FS = fsys
		fsys.Arm(errorfs.Fault{Call: call, Kinds: errorfs.SyncDir, Match: func(name string) bool { return name == "db" }})
		recorded := 0
		for _, appends := range []int{6, 1} {
			s, err := open(world, "db", opts)
			if err != nil {
				continue
			}
			for range appends {
				if appendOne(s, recorded+1) != nil {
					break
				}
				recorded++
			}
			if fsys.Met() == 0 {
				return // no sync of the directory was left to fail
			}
			if s.Health() != nil {
				s.Close()
				continue
			}
			defer s.Close()
			break
		}
		after, err := open(disk.CutNow(crashfs.None, 1).World(), "db", opts)
		if err != nil {
			t.Fatalf("sync %d of the directory failed: %v", call, err)
		}
		if got := numbersIn(t, after); fmt.Sprint(got) != fmt.Sprint(upTo(recorded)) {
			t.Errorf("sync %d of the directory failed: %v are there, want %v", call, got, upTo(recorded))
		}
		after.Close()
	}
}
