package logstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// backedUp returns the directory of a log and of a backup of it.
func backedUp(t *testing.T, make func(*testing.T, int, *Options) string) (dir, target string, log []daybook.Recorded) {
	t.Helper()
	dir, target = make(t, 40, &Options{SegmentBytes: 1200, Logger: quiet}), t.TempDir()
	if _, err := Backup(t.Context(), dir, target, &BackupOptions{Copy: true}); err != nil {
		t.Fatal(err)
	}
	return dir, target, readAll(t, dir)
}

// Goal: whatever happens to one place of a log, its backup mends it. Method: each file is
// damaged in many places, and cut short, and removed.
func TestADamagedLogIsMendedFromItsBackup(t *testing.T) {
	dir, target, log := backedUp(t, closed)
	step := 37
	if testing.Short() {
		step = 211
	}
	mended, remade := 0, 0
	for _, name := range list(t, dir) {
		whole := content(t, dir, name)
		if len(whole) == 0 || name == headName {
			continue
		}
		damages := [][]byte{nil, whole[:len(whole)/2], whole[:len(whole)-1]}
		for at := 0; at < len(whole); at += step {
			b := append([]byte(nil), whole...)
			b[at] ^= 1 << (at % 8)
			damages = append(damages, b)
		}
		for n, b := range damages {
			if strings.HasSuffix(name, ".idx") && n > 3 {
				break // an index is made anew by whoever needs it
			}
			victim := t.TempDir()
			copyDir(t, victim, dir)
			err := os.Remove(filepath.Join(victim, name))
			if b != nil {
				err = os.WriteFile(filepath.Join(victim, name), b, 0o640)
			}
			if err != nil {
				t.Fatal(err)
			}
			report, err := Repair(t.Context(), victim, &RepairOptions{From: target})
			if err != nil {
				t.Fatalf("%s, damage %d: %v\n%v", name, n, err, report.Found)
			}
			if !report.Now.Sound() {
				t.Fatalf("%s, damage %d: %v", name, n, report)
			}
			if diff := cmp.Diff(log, readAll(t, victim)); diff != "" {
				t.Fatalf("%s, damage %d: %s", name, n, diff)
			}
			s, err := Open(victim, quietly)
			if err != nil {
				t.Fatalf("%s, damage %d: %v", name, n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			mended += len(report.Restored)
			remade += len(report.Remade)
			if b != nil && (len(report.Restored) > 0 || len(report.Remade) > 0) {
				if kept := content(t, victim, report.Aside[0]); string(kept) != string(b) {
					t.Fatalf("%s, damage %d: what was damaged is not kept as it was", name, n)
				}
			}
		}
	}
	if mended == 0 || remade == 0 {
		t.Errorf("%d damages were mended from the backup and %d without it", mended, remade)
	}
	t.Logf("%d damages mended from the backup, %d without it", mended, remade)
}

// lastSegment returns the name of a log's active segment.
func lastSegment(t *testing.T, dir string) (name string) {
	t.Helper()
	for _, file := range list(t, dir) {
		if strings.HasSuffix(file, ".seg") {
			name = file
		}
	}
	return name
}

func TestACrashedLogIsMendedFromItsBackup(t *testing.T) {
	dir, target, log := backedUp(t, crashed)
	name := lastSegment(t, dir)
	flip(t, dir, name, placesOf(t, dir, name)[0]+80)
	if _, err := Open(dir, quietly); !errors.As(err, new(*daybook.CorruptError)) {
		t.Fatalf("it opens: %v", err)
	}
	report, err := Repair(t.Context(), dir, &RepairOptions{From: target})
	if err != nil || len(report.Restored) != 1 {
		t.Fatalf("%v: %v", err, report)
	}
	if diff := cmp.Diff(log, readAll(t, dir)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatNoBackupHasIsNamedAndLeftAsItIs(t *testing.T) {
	dir, target, _ := backedUp(t, closed)
	s, err := Open(dir, &Options{SegmentBytes: 1200, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 41, 80)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := "00000008.seg"
	places := placesOf(t, dir, name)
	flip(t, dir, name, places[2]+80)
	before := directoryOf(t, dir)
	for _, from := range []string{target, ""} {
		report, err := Repair(t.Context(), dir, &RepairOptions{From: from})
		corrupt := (*daybook.CorruptError)(nil)
		if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Where, fmt.Sprintf("%s at %d", name, places[2])) {
			t.Errorf("error %v", err)
		}
		if len(report.Restored) > 0 || len(report.Remade) > 0 || directoryOf(t, dir) != before {
			t.Errorf("it did something: %v", report)
		}
	}
}

func TestALogThatIsOpenIsNotRepaired(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, quietly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Repair(t.Context(), dir, nil); !errors.As(err, new(*LockedError)) {
		t.Errorf("error %v", err)
	}
	if _, err := Repair(t.Context(), closed(t, 3, nil), &RepairOptions{From: closed(t, 3, nil)}); !errors.As(err, new(*daybook.InvalidError)) {
		t.Errorf("a backup of another log: %v", err)
	}
}

// Goal: a repair that is interrupted leaves what it found or has mended, and can be done
// again. Method: the power is cut after every call.
func TestAPowerCutDuringARepairLosesNothing(t *testing.T) {
	r := newBackupRun(t)
	if _, err := backup(t.Context(), r.world, "log", "copy", &BackupOptions{Copy: true}); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]int64{"log/00000002.seg": 200, "log/00000001.seg": 150, "log/" + manifestName: 60} {
		f, err := r.world.FS.OpenWrite(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xa5}, at); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	begin := r.disk.Calls()
	if report, err := repair(t.Context(), r.world, "log", RepairOptions{From: "copy"}); err != nil {
		t.Fatalf("%v, found %v, did %v", err, report.Found, report)
	}
	whole := func(world vfs.World) error {
		// Without its manifest the log is not known to have been closed: opening it settles
		// what was last.
		s, err := open(world, "log", quietly)
		if err != nil {
			return err
		}
		log, err := everything(s)
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
		if diff := cmp.Diff(r.log, log); diff != "" {
			return errors.New(diff)
		}
		return nil
	}
	recording := r.disk.Recording()
	if err := whole(r.world); err != nil {
		t.Fatal(err)
	}
	if _, err := recording.EveryCut(2, func(cut crashfs.Cut) error {
		if cut.Call < begin {
			return nil
		}
		world := cut.Disk.World()
		report, err := repair(context.Background(), world, "log", RepairOptions{From: "copy"})
		if err != nil {
			return fmt.Errorf("repairing again: %w, which did %v", err, report)
		}
		return whole(world)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestTheManifestOfACompressedLogIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 2000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed", Data: make([]byte, 300)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := s.Compress(t.Context()); err != nil || done.Rewritten == 0 {
		t.Fatalf("%v, %v", done, err)
	}
	log, err := everything(s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	flip(t, dir, manifestName, 60)
	if report, err := Repair(t.Context(), dir, nil); err != nil || len(report.Remade) != 1 {
		t.Fatalf("%v: %v", err, report)
	}
	if diff := cmp.Diff(log, readAll(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Goal: where nothing but a later append proves that one is damaged, a repair mends it from
// the backup, or says that it did not. Method: the log crashed, and its file HEAD is lost.
func TestALossIsNotSaidToBeMendedWhereOnlyLaterAppendsProveIt(t *testing.T) {
	dir, target, log := backedUp(t, crashed)
	name := lastSegment(t, dir)
	flip(t, dir, name, placesOf(t, dir, name)[0]+80)
	if err := os.Remove(filepath.Join(dir, headName)); err != nil {
		t.Fatal(err)
	}
	report, err := Repair(t.Context(), dir, nil)
	if !errors.As(err, new(*daybook.CorruptError)) || len(report.Remade)+len(report.Restored)+len(report.Aside) > 0 {
		t.Fatalf("without a backup: %v: %v", err, report)
	}
	report, err = Repair(t.Context(), dir, &RepairOptions{From: target})
	if err != nil || len(report.Restored) != 1 {
		t.Fatalf("%v: %v", err, report)
	}
	s, err := Open(dir, quietly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(log, contentsOf(t, s)); diff != "" {
		t.Error(diff)
	}
}
