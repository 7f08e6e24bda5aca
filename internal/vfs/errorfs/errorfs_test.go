package errorfs_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
	"github.com/daybook-es/daybook/internal/vfs/vfstest"
)

func TestWithoutAFaultNothingFails(t *testing.T) {
	fsys := errorfs.New(vfs.OS().FS)
	vfstest.Run(t, fsys, t.TempDir())
	if fsys.Met() != 0 || fsys.Where() != "" {
		t.Errorf("%d calls failed, the first at %q", fsys.Met(), fsys.Where())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// calls makes one call of each kind, on a disk that has the files x, old and gone, and the directory db.
var calls = []struct {
	kind errorfs.Kinds
	name string // of the file that the error must name
	call func(fsys vfs.FS, f vfs.File) error
}{
	{errorfs.Open, "x", func(fsys vfs.FS, _ vfs.File) error { return closing(fsys.Open("x")) }},
	{errorfs.OpenWrite, "x", func(fsys vfs.FS, _ vfs.File) error { return closing(fsys.OpenWrite("x")) }},
	{errorfs.List, ".", func(fsys vfs.FS, _ vfs.File) error { _, err := fsys.List("."); return err }},
	{errorfs.Size, "x", func(fsys vfs.FS, _ vfs.File) error { _, err := fsys.Size("x"); return err }},
	{errorfs.Size, "x", func(_ vfs.FS, f vfs.File) error { _, err := f.Size(); return err }},
	{errorfs.ReadAt, "x", func(_ vfs.FS, f vfs.File) error { _, err := f.ReadAt(make([]byte, 4), 0); return err }},
	{errorfs.Create, "new", func(fsys vfs.FS, _ vfs.File) error { return closing(fsys.Create("new")) }},
	{errorfs.Remove, "gone", func(fsys vfs.FS, _ vfs.File) error { return fsys.Remove("gone") }},
	{errorfs.Rename, "old", func(fsys vfs.FS, _ vfs.File) error { return fsys.Rename("old", "renamed") }},
	{errorfs.Link, "x", func(fsys vfs.FS, _ vfs.File) error { return fsys.Link("x", "linked") }},
	{errorfs.MkdirAll, "dir", func(fsys vfs.FS, _ vfs.File) error { return fsys.MkdirAll("dir") }},
	{errorfs.SyncDir, "db", func(fsys vfs.FS, _ vfs.File) error { return fsys.SyncDir("db") }},
	{errorfs.Lock, "LOCK", func(fsys vfs.FS, _ vfs.File) error { return closing(fsys.Lock("LOCK")) }},
	{errorfs.WriteAt, "x", func(_ vfs.FS, f vfs.File) error { _, err := f.WriteAt([]byte("WXYZ"), 0); return err }},
	{errorfs.Truncate, "x", func(_ vfs.FS, f vfs.File) error { return f.Truncate(3) }},
	{errorfs.Sync, "x", func(_ vfs.FS, f vfs.File) error { return f.Sync() }},
	{errorfs.Preallocate, "x", func(_ vfs.FS, f vfs.File) error { return f.Preallocate(0, 16) }},
	{errorfs.Close, "x", func(_ vfs.FS, f vfs.File) error { return f.Close() }},
}

func closing[C io.Closer](c C, err error) error {
	if err != nil {
		return err
	}
	return c.Close()
}

// prepare returns a disk that those calls can be made on, and the file x, opened.
func prepare(t *testing.T) (*crashfs.Disk, *errorfs.FS, vfs.File) {
	t.Helper()
	disk := crashfs.New(1)
	must(t, vfs.MkdirSync(disk, "db"))
	for _, name := range []string{"x", "old", "gone"} {
		f, err := disk.Create(name)
		must(t, err)
		_, err = f.WriteAt([]byte("abcd"), 0)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
	}
	must(t, disk.SyncDir("."))

	fsys := errorfs.New(disk)
	f, err := fsys.OpenWrite("x")
	must(t, err)
	return disk, fsys, f
}

// state is all that the disk shows, to compare.
func state(t *testing.T, disk *crashfs.Disk) string {
	t.Helper()
	names, err := disk.List(".")
	must(t, err)
	var all strings.Builder
	for _, name := range names {
		fmt.Fprintf(&all, "%s=", name)
		f, err := disk.Open(name)
		if err != nil {
			continue
		}
		b := make([]byte, 100)
		n, _ := f.ReadAt(b, 0)
		fmt.Fprintf(&all, "%q ", b[:n])
		must(t, f.Close())
	}
	return all.String()
}

func TestEveryKindOfCallFails(t *testing.T) {
	for _, c := range calls {
		for _, effect := range []errorfs.Effect{errorfs.Nothing, errorfs.Whole} {
			t.Run(fmt.Sprintf("%v of %s, %v done", c.kind, c.name, effect), func(t *testing.T) {
				reference, inner, f := prepare(t)
				must(t, c.call(inner, f))
				done := state(t, reference)

				disk, fsys, f := prepare(t)
				want := state(t, disk)
				if effect == errorfs.Whole {
					want = done
				}
				fsys.Arm(errorfs.Fault{Call: 1, Kinds: c.kind, Err: syscall.ENOSPC, Effect: effect})
				err := c.call(fsys, f)
				if !vfs.IsNoSpace(err) {
					t.Fatalf("got error %v, want ENOSPC", err)
				}
				if !strings.Contains(err.Error(), c.name) || fsys.Where() != c.kind.String()+" "+c.name {
					t.Errorf("the error %q, at %q, does not name %s", err, fsys.Where(), c.name)
				}
				if got := state(t, disk); got != want {
					t.Errorf("the disk holds %s, want %s", got, want)
				}
				if fsys.Met() != 1 || fsys.Calls(c.kind) == 0 {
					t.Errorf("met %d faults in %d calls, want 1", fsys.Met(), fsys.Calls(c.kind))
				}
			})
		}
	}
}

func TestAFaultedLockIsFree(t *testing.T) {
	_, fsys, _ := prepare(t)
	fsys.Arm(errorfs.Fault{Call: 1, Effect: errorfs.Whole})
	if _, err := fsys.Lock("LOCK"); !errors.Is(err, syscall.EIO) {
		t.Fatalf("lock: %v, want EIO", err)
	}
	l, err := fsys.Lock("LOCK")
	must(t, err)
	must(t, l.Close())
}

func TestAShortWriteWritesAPart(t *testing.T) {
	for effect, count := range map[errorfs.Effect]int{errorfs.Part: 0, errorfs.PartCounted: 2, errorfs.Nothing: 0, errorfs.Whole: 0} {
		t.Run(effect.String(), func(t *testing.T) {
			disk, fsys, f := prepare(t)
			fsys.Arm(errorfs.Fault{Call: 1, Kinds: errorfs.WriteAt, Err: syscall.ENOSPC, Effect: effect})
			n, err := f.WriteAt([]byte("WXYZ"), 2)
			if n != count || !vfs.IsNoSpace(err) {
				t.Errorf("the write returned %d and %v, want %d and ENOSPC", n, err, count)
			}
			want := map[errorfs.Effect]string{
				errorfs.Nothing: "abcd", errorfs.Part: "abWX", errorfs.PartCounted: "abWX", errorfs.Whole: "abWXYZ",
			}[effect]
			if got := state(t, disk); !strings.Contains(got, fmt.Sprintf("x=%q", want)) {
				t.Errorf("the disk holds %s, want %q in x", got, want)
			}
		})
	}
}

func TestAShortReadAndAShortPreallocation(t *testing.T) {
	_, fsys, f := prepare(t)
	fsys.Arm(errorfs.Fault{Call: 1, Kinds: errorfs.ReadAt | errorfs.Preallocate, Forever: true, Effect: errorfs.PartCounted})
	b := []byte("....")
	if n, err := f.ReadAt(b, 0); n != 2 || !errors.Is(err, syscall.EIO) || string(b) != "ab.." {
		t.Errorf("read %d bytes (%s) with error %v, want 2 (ab..) and EIO", n, b, err)
	}
	if err := f.Preallocate(0, 16); !errors.Is(err, syscall.EIO) {
		t.Errorf("preallocate: %v, want EIO", err)
	}
	if n, err := f.Size(); n != 8 || err != nil {
		t.Errorf("the size is %d (error %v), want 8", n, err)
	}
}

func TestAFaultComesOnceOrForEver(t *testing.T) {
	for _, forever := range []bool{false, true} {
		_, fsys, f := prepare(t)
		fsys.Arm(errorfs.Fault{Call: 3, Forever: forever, Err: syscall.EINTR})
		var failed []int
		for i := range 5 {
			if _, err := f.WriteAt([]byte("z"), 0); errors.Is(err, syscall.EINTR) {
				failed = append(failed, i+1)
			} else if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Size(); err != nil {
				t.Fatalf("a call of another kind failed: %v", err)
			}
		}
		want := []int{3}
		if forever {
			want = []int{3, 4, 5}
		}
		if !slices.Equal(failed, want) || fsys.Met() != len(want) {
			t.Errorf("for ever is %v: writes %v failed and %d were counted, want %v", forever, failed, fsys.Met(), want)
		}

		fsys.Arm(errorfs.Fault{})
		if _, err := f.WriteAt([]byte("z"), 0); err != nil || fsys.Met() != 0 {
			t.Errorf("for ever is %v: the write after the trouble: %v, %d faults met", forever, err, fsys.Met())
		}
	}
}

func TestAFaultCountsOnlyWhatItMatches(t *testing.T) {
	_, fsys, f := prepare(t)
	g, err := fsys.OpenWrite("old")
	must(t, err)
	fsys.Arm(errorfs.Fault{Call: 2, Match: func(name string) bool { return name == "old" }})
	for range 3 {
		must(t, f.Sync())
	}
	must(t, g.Sync())
	if err := g.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("second sync of old: %v, want EIO", err)
	}
	if got := fsys.Calls(errorfs.Sync); got != 5 {
		t.Errorf("%d syncs counted, want 5", got)
	}
}

func TestAFailedSyncLosesData(t *testing.T) {
	disk, fsys, f := prepare(t)
	fsys.Arm(errorfs.Fault{Call: 2, Kinds: errorfs.WriteAt | errorfs.Sync})
	_, err := f.WriteAt([]byte("LOST"), 0)
	must(t, err)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v, want EIO", err)
	}
	must(t, f.Sync())
	if got := state(t, disk.Recording().Cut(disk.Calls(), crashfs.None, 1)); !strings.Contains(got, `x="abcd"`) {
		t.Errorf("after a failed sync, a good one and a cut the disk holds %s, want abcd in x", got)
	}

	fsys.Arm(errorfs.Fault{Call: 2, Kinds: errorfs.Create | errorfs.SyncDir})
	_, err = fsys.Create("new")
	must(t, err)
	if err := fsys.SyncDir("."); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync of the directory: %v, want EIO", err)
	}
	must(t, fsys.SyncDir("."))
	if got := state(t, disk.Recording().Cut(disk.Calls(), crashfs.None, 1)); strings.Contains(got, "new") {
		t.Errorf("after a failed sync, a good one and a cut the disk holds %s, want no new", got)
	}
}

func TestTheInnerErrorIsKept(t *testing.T) {
	disk := crashfs.New(1)
	fsys := errorfs.New(disk)
	fsys.Arm(errorfs.Fault{Call: 1, Effect: errorfs.Whole, Kinds: errorfs.Reads | errorfs.Writes, Err: syscall.ENOSPC, Forever: true})
	for act, err := range map[string]error{
		"open":     closing(fsys.Open("missing")),
		"sync":     fsys.SyncDir("missing"),
		"remove":   fsys.Remove("missing"),
		"lock":     closing(fsys.Lock("missing/LOCK")),
		"lose":     disk.LoseSyncDir("missing"),
		"rename":   fsys.Rename("missing", "x"),
		"open two": closing(fsys.OpenWrite("missing")),
	} {
		if !errors.Is(err, syscall.ENOENT) && !strings.Contains(err.Error(), "not exist") {
			t.Errorf("%s: %v, want that the file does not exist", act, err)
		}
	}
}

func TestFaultsSayWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		fault errorfs.Fault
		want  string
	}{
		{errorfs.Fault{}, "no fault"},
		{errorfs.Fault{Call: 2}, "writes at call 2: input/output error, nothing is done"},
		{errorfs.Fault{Call: 3, Forever: true, Err: syscall.ENOSPC, Effect: errorfs.Part}, "writes from call 3 on: no space left on device, part is done"},
		{errorfs.Fault{Call: 1, Kinds: errorfs.Sync | errorfs.SyncDir, Effect: errorfs.Whole}, "sync directory, sync at call 1: input/output error, the whole is done"},
		{errorfs.Fault{Call: 1, Kinds: errorfs.Reads}, "reads at call 1: input/output error, nothing is done"},
		{errorfs.Fault{Call: 1, Kinds: errorfs.Reads | errorfs.Writes}, "all calls at call 1: input/output error, nothing is done"},
	} {
		if got := c.fault.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// save replaces the file x by one that holds content, as every store replaces its manifest. With the bug it does not
// look at the error of the sync.
func save(fsys vfs.FS, content string, bug bool) error {
	f, err := fsys.Create("tmp")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(content), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil && !bug {
		return err
	}
	if err := fsys.Rename("tmp", "x"); err != nil {
		return err
	}
	return fsys.SyncDir(".")
}

// walk saves under every standard fault at every call, and returns what went wrong and how many faults were met.
func walk(t *testing.T, bug bool) (wrong []string, met int) {
	t.Helper()
	for _, fault := range errorfs.Faults() {
		for fault.Call = 1; ; fault.Call++ {
			disk, fsys, f := prepare(t)
			must(t, f.Close())
			fsys.Arm(fault)
			err := save(fsys, "efgh", bug)
			if fsys.Met() == 0 {
				must(t, err)
				break
			}
			met++

			got := state(t, disk.Recording().Cut(disk.Calls(), crashfs.None, 1))
			old, fresh := strings.Contains(got, `x="abcd"`), strings.Contains(got, `x="efgh"`)
			if !old && !fresh || err == nil && !fresh {
				wrong = append(wrong, fmt.Sprintf("%v, met at %s: saved with error %v, and the disk holds %s", fault, fsys.Where(), err, got))
			}
		}
	}
	return wrong, met
}

func TestEveryCallOfASaveFailsInTurn(t *testing.T) {
	wrong, met := walk(t, false)
	for _, w := range wrong {
		t.Error(w)
	}
	// Twelve faults, each met at the create, the write, the sync, the rename, the sync of the directory and the close.
	if met != 12*6 {
		t.Errorf("met %d faults, want %d", met, 12*6)
	}
}

func TestAnErrorThatIsNotLookedAtIsCaught(t *testing.T) {
	wrong, _ := walk(t, true)
	if len(wrong) == 0 {
		t.Error("every fault was survived by a save that ignores a failed sync")
	}
}
