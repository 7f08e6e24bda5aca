package crashfs_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

func TestWhatAFailedSyncLostNoLaterSyncSaves(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "abc")
	must(t, f.Sync())

	write(t, f, "LOST", 600)
	d.FailSync(func(name string) bool { return name == "x" })
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v, want EIO", err)
	}
	d.FailSync(nil)
	gap := strings.Repeat("\x00", 597)
	if got := read(d, "x"); got != "abc"+gap+"LOST" {
		t.Errorf("the file reads as %q after a failed sync", got)
	}

	write(t, f, "A", 0)
	must(t, f.Sync())
	if got := read(now(d, crashfs.None), "x"); got != "Abc" {
		t.Errorf("x holds %q, want only what the second sync made durable", got)
	}
	wantOutcomes(t, outcomes(d, crashfs.Torn, func(d *crashfs.Disk) string { return read(d, "x") }),
		"Abc", "Abc"+gap+"\x00\x00\x00\x00", "Abc"+gap+"LOST")

	write(t, f, "LOST", 600)
	must(t, f.Sync())
	for _, s := range every {
		if got := read(now(d, s), "x"); got != "Abc"+gap+"LOST" {
			t.Errorf("survivors %v: x holds %q after the bytes were written and synced again", s, got)
		}
	}
}

func TestALateSurvivorOfAFailedSyncDoesNotUndoWhatWasSyncedAfterIt(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "old")
	must(t, f.Sync())
	write(t, f, "bad", 0)
	d.FailSync(func(string) bool { return true })
	if err := f.Sync(); err == nil {
		t.Fatal("the sync did not fail")
	}
	d.FailSync(nil)
	write(t, f, "new", 0)
	must(t, f.Sync())

	for _, s := range every {
		wantOutcomes(t, outcomes(d, s, func(d *crashfs.Disk) string { return read(d, "x") }), "new")
	}
}

func TestWhatAFailedDirectorySyncLostNoLaterSyncSaves(t *testing.T) {
	d := crashfs.New(1)
	for _, name := range []string{"a", "b"} {
		_, err := d.Create(name)
		must(t, err)
	}
	d.FailSync(func(name string) bool { return name == "." })
	if err := d.SyncDir("."); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync of the directory: %v, want EIO", err)
	}
	d.FailSync(nil)
	must(t, d.Rename("b", "c"))
	must(t, d.SyncDir("."))

	look := func(d *crashfs.Disk) string { return list(t, d) }
	if got := look(now(d, crashfs.None)); got != "c=" {
		t.Errorf("the root holds %q, want c, and a lost", got)
	}
	wantOutcomes(t, outcomes(d, crashfs.Torn, look), "c=", "a= c=")
}
