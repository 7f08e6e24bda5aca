//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// Goal: a backup that is interrupted leaves the earlier one whole, and the next one goes
// on. Method: the power is cut after every call of bringing a backup up to date.
func TestAPowerCutDuringABackupLeavesTheEarlierOne(t *testing.T) {
	for _, options := range []*BackupOptions{nil, {Copy: true}} {
		r := newBackupRun(t)
		begin := r.disk.Calls()
		if _, err := backup(t.Context(), r.world, "log", "backup", options); err != nil {
			t.Fatal(err)
		}
		cuts, err := r.disk.Recording().EveryCut(2, func(cut crashfs.Cut) error {
			if cut.Call < begin {
				return nil
			}
			world := cut.Disk.World()
			if err := r.holds(world, r.first); err != nil {
				return fmt.Errorf("after the cut: %w", err)
			}
			if _, err := backup(context.Background(), world, "log", "backup", options); err != nil {
				return fmt.Errorf("the backup after the cut: %w", err)
			}
			return r.holds(world, len(r.log))
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d cuts over the whole run, of which %d calls are the backup's", cuts, r.disk.Calls()-begin)
	}
}

func TestAFailingDiskDuringABackupLeavesTheEarlierOne(t *testing.T) {
	faults := append(errorfs.Faults(), errorfs.Fault{Kinds: errorfs.Reads})
	for _, fault := range faults {
		for call := 1; ; call++ {
			r := newBackupRun(t)
			disk := errorfs.New(r.disk)
			world := r.world
			world.FS = disk
			fault.Call = call
			disk.Arm(fault)
			_, err := backup(t.Context(), world, "log", "backup", nil)
			met := disk.Met()
			where := disk.Where()
			disk.Arm(errorfs.Fault{})
			if held := r.holds(world, r.first); held != nil {
				t.Fatalf("%v (%s, answered with %v): %v", fault, where, err, held)
			}
			if err == nil {
				if held := r.holds(world, len(r.log)); held != nil {
					t.Fatalf("%v (%s): it said that the backup is there: %v", fault, where, held)
				}
			}
			if _, err := backup(t.Context(), world, "log", "backup", nil); err != nil {
				t.Fatalf("%v (%s): the next backup: %v", fault, where, err)
			}
			if held := r.holds(world, len(r.log)); held != nil {
				t.Fatalf("%v (%s): after the next backup: %v", fault, where, held)
			}
			if met == 0 {
				break
			}
		}
	}
}

func TestAPowerCutDuringARestoreLeavesNoLogOrAllOfIt(t *testing.T) {
	r := newBackupRun(t)
	if _, err := backup(t.Context(), r.world, "log", "backup", nil); err != nil {
		t.Fatal(err)
	}
	begin := r.disk.Calls()
	if err := restoreBackup(t.Context(), r.world, "backup", "restored"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.disk.Recording().EveryCut(2, func(cut crashfs.Cut) error {
		if cut.Call < begin {
			return nil
		}
		world := cut.Disk.World()
		log, err := readIn(world, "restored")
		if errors.Is(err, fs.ErrNotExist) {
			if err := restoreBackup(context.Background(), world, "backup", "restored"); err != nil {
				return fmt.Errorf("restoring again: %w", err)
			}
			log, err = readIn(world, "restored")
		}
		if err != nil {
			return err
		}
		if diff := cmp.Diff(r.log, log); diff != "" {
			return errors.New(diff)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
