package crashfs_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

func TestNamesAreUndoneUntilTheDirectoryIsSynced(t *testing.T) {
	setup := func() *crashfs.Disk {
		d := crashfs.New(1)
		must(t, create(t, d, "a", "A").Sync())
		must(t, create(t, d, "b", "B").Sync())
		return d
	}
	for _, c := range []struct {
		name        string
		act         func(d *crashfs.Disk) error
		undone, now string
	}{
		{"create", func(d *crashfs.Disk) error {
			f, err := d.Create("c")
			if err != nil {
				return err
			}
			if _, err := f.WriteAt([]byte("C"), 0); err != nil {
				return err
			}
			return f.Sync()
		}, "a=A b=B", "a=A b=B c=C"},
		{"rename", func(d *crashfs.Disk) error { return d.Rename("a", "c") }, "a=A b=B", "b=B c=A"},
		{"rename over a file", func(d *crashfs.Disk) error { return d.Rename("a", "b") }, "a=A b=B", "b=A"},
		{"link", func(d *crashfs.Disk) error { return d.Link("a", "c") }, "a=A b=B", "a=A b=B c=A"},
		{"remove", func(d *crashfs.Disk) error { return d.Remove("a") }, "a=A b=B", "b=B"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := setup()
			must(t, c.act(d))
			for s, want := range map[crashfs.Survivors]string{
				crashfs.None: c.undone, crashfs.Data: c.undone, crashfs.All: c.now, crashfs.Names: c.now,
			} {
				if got := list(t, now(d, s)); got != want {
					t.Errorf("survivors %v before the directory is synced: %q, want %q", s, got, want)
				}
			}
			wantOutcomes(t, outcomes(d, crashfs.Torn, func(d *crashfs.Disk) string { return list(t, d) }), c.undone, c.now)

			must(t, d.SyncDir("."))
			for _, s := range every {
				if got := list(t, now(d, s)); got != c.now {
					t.Errorf("survivors %v after it: %q, want %q", s, got, c.now)
				}
			}
		})
	}
}

func TestARenamedFileMayBeEmptyIfItWasNotSynced(t *testing.T) {
	d := crashfs.New(1)
	must(t, create(t, d, "m", "old").Sync())
	f, err := d.Create("tmp")
	must(t, err)
	write(t, f, "new", 0)
	must(t, d.Rename("tmp", "m"))

	if got := list(t, now(d, crashfs.Names)); got != "m=" {
		t.Errorf("names survive and data does not: %q, want an empty m", got)
	}
	wantOutcomes(t, outcomes(d, crashfs.Torn, func(d *crashfs.Disk) string { return list(t, d) }),
		"m=old", "m=old tmp=", "m=old tmp=new", "m=old tmp=\x00\x00\x00", "m=", "m=new", "m=\x00\x00\x00")
}

func TestChangesOfOtherNamesSurviveInAnyOrder(t *testing.T) {
	d := crashfs.New(1)
	_, err := d.Create("a")
	must(t, err)
	_, err = d.Create("b")
	must(t, err)
	must(t, d.Rename("a", "c"))

	// c without a's creation is impossible; b is independent.
	look := func(d *crashfs.Disk) string { return list(t, d) }
	wantOutcomes(t, outcomes(d, crashfs.Torn, look), "", "a=", "b=", "a= b=", "c=", "b= c=")
	wantOutcomes(t, outcomes(d, crashfs.Prefix, look), "a=", "a= b=", "b= c=")
}

func TestChangesOfOneNameSurviveInOrder(t *testing.T) {
	setup := func() *crashfs.Disk {
		d := crashfs.New(1)
		must(t, create(t, d, "a", "A").Sync())
		must(t, create(t, d, "b", "B").Sync())
		must(t, d.Rename("a", "b"))
		return d
	}
	look := func(d *crashfs.Disk) string { return list(t, d) }

	// A new a beside the old b would mean that the old a is lost.
	d := setup()
	_, err := d.Create("a")
	must(t, err)
	wantOutcomes(t, outcomes(d, crashfs.Torn, look), "a=A b=B", "b=A", "a= b=A")

	// The same for a new a that is durable, though the sync of the rename failed.
	d = setup()
	if err := d.LoseSyncDir("."); !errors.Is(err, syscall.EIO) {
		t.Fatalf("a lost sync: %v, want EIO", err)
	}
	_, err = d.Create("a")
	must(t, err)
	must(t, d.SyncDir("."))
	for _, s := range every {
		wantOutcomes(t, outcomes(d, s, look), "a= b=A")
	}
}

func TestNothingIsFoundInADirectoryWhoseOwnNameWasLost(t *testing.T) {
	d := crashfs.New(1)
	must(t, d.MkdirAll("db/deep"))
	f, err := d.Create("db/deep/x")
	must(t, err)
	write(t, f, "abc", 0)
	must(t, f.Sync())
	must(t, d.SyncDir("db/deep"))
	if got := list(t, now(d, crashfs.None)); got != "" {
		t.Errorf("the root holds %q, want nothing", got)
	}

	must(t, vfs.MkdirSync(d, "db/deep"))
	if got := read(now(d, crashfs.None), "db/deep/x"); got != "abc" {
		t.Errorf("x holds %q after its directories were synced, want abc", got)
	}
}
