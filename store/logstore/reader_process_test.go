package logstore

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/daybook-es/daybook"
)

// An owner is a process that appends to a log until it is killed.
func startOwner(t *testing.T, dir string) (kill func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.Command(program)
	owner.Env = append(os.Environ(), victimOf+"="+dir)
	owner.Stderr = os.Stderr
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			owner.Process.Kill()
			owner.Wait() // it was killed: that is no news
		}
	}
	t.Cleanup(kill)
	return kill
}

// Goal: another process follows a log completely and in order while its owner appends,
// begins segments, is killed, and is started again. Method: that, and every event is
// looked at.
func TestAnotherProcessFollowsTheLogThroughRollsAndCrashes(t *testing.T) {
	dir := t.TempDir()
	kill := startOwner(t, dir)
	r := waitForLog(t, dir)
	defer r.Close()
	versions := make(map[string]daybook.Version)
	last := daybook.Position(0)
	follow := func(until daybook.Position) {
		for last < until {
			if _, err := r.Wait(t.Context(), daybook.All(), last); err != nil {
				t.Fatal(err)
			}
			reading, err := r.Read(t.Context(), daybook.All(), daybook.Span{After: last})
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range reading.Events() {
				if err != nil {
					t.Fatal(err)
				}
				versions[e.Stream]++
				if e.Position != last+1 || e.Version != versions[e.Stream] || string(e.Data) != string(victimEvent(e.Stream, e.Version).Data) {
					t.Fatalf("behind position %d comes position %d, version %d of %s with %s", last, e.Position, e.Version, e.Stream, e.Data)
				}
				last = e.Position
			}
		}
	}
	follow(1500)
	for range 3 {
		kill()
		kill = startOwner(t, dir)
		follow(last + 500)
	}
	kill()
	segments := len(r.store.view.Load().segments)
	if segments < 3 {
		t.Errorf("%d segments were followed, want some", segments)
	}

	// What it saw was durable.
	s, err := Open(dir, victimOptions)
	if err != nil {
		t.Fatal(err)
	}
	log, err := everything(s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if daybook.Position(len(log)) < last {
		t.Errorf("position %d was seen, and the log ends at %d", last, len(log))
	}
	t.Logf("%d events in %d segments followed", last, segments)
}

func TestAReaderRecordsNothing(t *testing.T) {
	dir := closed(t, 3, nil)
	before := directoryOf(t, dir)
	r, err := OpenReader(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	unavailable := (*daybook.UnavailableError)(nil)
	if _, err := r.Append(t.Context(), []daybook.Event{{Type: "Placed"}}, nil); !errors.As(err, &unavailable) || !errors.Is(err, daybook.ErrReadOnly) {
		t.Errorf("error %v", err)
	}
	if log, err := everything(r); err != nil || len(log) != 3 {
		t.Errorf("%d events, %v", len(log), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Info(t.Context()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("a closed reader: %v", err)
	}
	if after := directoryOf(t, dir); after != before {
		t.Errorf("reading changed the directory from\n%s\nto\n%s", before, after)
	}
}

func TestAReaderNoticesAnotherLifeOfTheLog(t *testing.T) {
	dir, backup := closed(t, 5, nil), t.TempDir()
	if _, err := Backup(t.Context(), dir, backup, nil); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := RestoreBackup(t.Context(), backup, dir); err != nil {
		t.Fatal(err)
	}
	life := (*daybook.LifeError)(nil)
	if _, err := r.Info(t.Context()); !errors.As(err, &life) {
		t.Errorf("info: %v", err)
	}
	if _, err := r.Wait(t.Context(), daybook.All(), 5); !errors.As(err, &life) {
		t.Errorf("wait: %v", err)
	}
}
