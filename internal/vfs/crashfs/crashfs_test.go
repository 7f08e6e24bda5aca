package crashfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/vfstest"
)

func TestDisk(t *testing.T) {
	vfstest.Run(t, crashfs.New(1), ".")
}

func TestCutDiskIsADisk(t *testing.T) {
	d := crashfs.New(1)
	must(t, vfs.MkdirSync(d, "db"))
	img := now(d, crashfs.None)
	vfstest.Run(t, img, "db")
}

var every = []crashfs.Survivors{
	crashfs.None, crashfs.All, crashfs.Names, crashfs.Data, crashfs.Prefix, crashfs.Torn,
}

// seeds is how often a test asks what chance may leave. What it must never leave is asserted each time; what
// it must leave sometimes has a probability of at least a tenth each.
const seeds = 300

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func now(d *crashfs.Disk, s crashfs.Survivors) *crashfs.Disk {
	return d.Recording().Cut(d.Calls(), s, 1)
}

// create makes a file with content, its name durable, its content not.
func create(t *testing.T, d *crashfs.Disk, name, content string) vfs.File {
	t.Helper()
	f, err := d.Create(name)
	must(t, err)
	must(t, d.SyncDir("."))
	if content != "" {
		write(t, f, content, 0)
	}
	return f
}

func write(t *testing.T, f vfs.File, content string, off int64) {
	t.Helper()
	_, err := f.WriteAt([]byte(content), off)
	must(t, err)
}

// read returns what a file holds, or the error.
func read(d *crashfs.Disk, name string) string {
	f, err := d.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err.Error()
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err.Error()
	}
	return string(b)
}

// list returns the names and contents of the files in the root.
func list(t *testing.T, d *crashfs.Disk) string {
	t.Helper()
	names, err := d.List(".")
	must(t, err)
	for i, name := range names {
		names[i] += "=" + read(d, name)
	}
	return strings.Join(names, " ")
}

// outcomes counts what chance leaves of a disk, as look sees it.
func outcomes(d *crashfs.Disk, s crashfs.Survivors, look func(*crashfs.Disk) string) map[string]int {
	p, k := d.Recording().Play(), d.Calls()
	seen := make(map[string]int)
	for seed := range uint64(seeds) {
		seen[look(p.Cut(k, s, seed))]++
	}
	return seen
}

// wantOutcomes asks that chance leaves all of want, and nothing else.
func wantOutcomes(t *testing.T, seen map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if seen[w] == 0 {
			t.Errorf("never saw %.60q", w)
		}
	}
	for s, n := range seen {
		if !slices.Contains(want, s) {
			t.Errorf("saw %.60q %d times", s, n)
		}
	}
}

func TestUnsyncedDataIsLostUnderNoneAndKeptUnderAll(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "synced")
	must(t, f.Sync())
	write(t, f, "SYNC", 0)
	write(t, f, " and more", 6)

	for s, want := range map[crashfs.Survivors]string{
		crashfs.None:  "synced",
		crashfs.Names: "synced",
		crashfs.All:   "SYNCed and more",
		crashfs.Data:  "SYNCed and more",
	} {
		if got := read(now(d, s), "x"); got != want {
			t.Errorf("survivors %v: %q, want %q", s, got, want)
		}
	}
	if got := read(d, "x"); got != "SYNCed and more" {
		t.Errorf("cuts changed the disk that was recorded: %q", got)
	}
}

func TestSyncedDataSurvivesEveryCut(t *testing.T) {
	d := crashfs.New(1)
	want := strings.Repeat("0123456789", 300)
	f := create(t, d, "x", want)
	must(t, f.Sync())
	must(t, f.Close())
	create(t, d, "y", "unsynced")

	for _, s := range every {
		seen := outcomes(d, s, func(d *crashfs.Disk) string { return read(d, "x") })
		if seen[want] != seeds {
			t.Errorf("survivors %v: synced data was lost in %d cuts of %d", s, seeds-seen[want], seeds)
		}
	}
}

func TestEveryCutIsTheStateAfterItsCall(t *testing.T) {
	d := crashfs.New(1)
	var want []string
	note := func() { want = append(want, list(t, d)) }

	note()
	f, err := d.Create("x")
	must(t, err)
	note()
	write(t, f, "abc", 0)
	note()
	must(t, f.Truncate(1))
	note()
	must(t, f.Preallocate(0, 2))
	note()
	must(t, d.Link("x", "y"))
	note()
	must(t, f.Sync())
	note()
	must(t, d.Rename("y", "z"))
	note()
	must(t, d.SyncDir("."))
	note()
	must(t, d.Remove("x"))
	note()

	rec := d.Recording()
	if rec.Calls() != len(want)-1 || d.Calls() != rec.Calls() {
		t.Fatalf("%d calls recorded, want %d", rec.Calls(), len(want)-1)
	}
	p := rec.Play()
	for k, w := range want {
		if got := list(t, p.Cut(k, crashfs.All, 0)); got != w {
			t.Errorf("after call %d (%s): %q, want %q", k, rec.Describe(k), got, w)
		}
	}
	for k := range want {
		back := len(want) - 1 - k
		if got := list(t, p.Cut(back, crashfs.All, 0)); got != want[back] {
			t.Errorf("going back to call %d (%s): %q, want %q", back, rec.Describe(back), got, want[back])
		}
	}
}

func TestATornWriteIsTornOnSectorBoundaries(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", strings.Repeat("o", 3000))
	must(t, f.Sync())
	write(t, f, strings.Repeat("n", 2000), 300)

	// The write covers the end of sector 0, sectors 1 to 3, and the start of sector 4.
	bounds := []int{300, 512, 1024, 1536, 2048, 2300}
	shapes := outcomes(d, crashfs.Torn, func(d *crashfs.Disk) string {
		got := read(d, "x")
		if len(got) != 3000 || got[:300] != strings.Repeat("o", 300) || got[2300:] != strings.Repeat("o", 700) {
			return "bytes outside the write were changed"
		}
		var shape []byte
		for i := range len(bounds) - 1 {
			sector := got[bounds[i]:bounds[i+1]]
			if strings.Count(sector, sector[:1]) != len(sector) {
				return fmt.Sprintf("sector %d is mixed", i)
			}
			shape = append(shape, sector[0])
		}
		return string(shape)
	})

	for shape := range shapes {
		if strings.Trim(shape, "on") != "" {
			t.Error(shape)
		}
	}
	if shapes["ooooo"] == 0 || shapes["nnnnn"] == 0 {
		t.Errorf("all or nothing of the write should survive sometimes: %v", shapes)
	}
	// Of the 32 shapes the likely ones must have been seen; all of them would take many more seeds.
	if len(shapes) < 16 {
		t.Errorf("only %d shapes of a write over five sectors", len(shapes))
	}
}

func TestASectorHoldsAPrefixOfItsWrites(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "....")
	must(t, f.Sync())
	write(t, f, "a", 0)
	write(t, f, "b", 1)
	write(t, f, "c", 2)
	for _, s := range []crashfs.Survivors{crashfs.Torn, crashfs.Prefix} {
		want := []string{"....", "a...", "ab..", "abc."}
		wantOutcomes(t, outcomes(d, s, func(d *crashfs.Disk) string { return read(d, "x") }), want...)
	}
}

func TestAPrefixEndsInATornWrite(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", strings.Repeat("o", 1024))
	g := create(t, d, "y", "o")
	must(t, f.Sync())
	must(t, g.Sync())
	write(t, f, strings.Repeat("n", 1024), 0)
	write(t, g, "n", 0)

	old, fresh := strings.Repeat("o", 512), strings.Repeat("n", 512)
	wantOutcomes(t, outcomes(d, crashfs.Prefix, func(d *crashfs.Disk) string { return list(t, d) }),
		"x="+old+old+" y=o", "x="+fresh+old+" y=o", "x="+old+fresh+" y=o", "x="+fresh+fresh+" y=o", "x="+fresh+fresh+" y=n")
}

func TestSizesSurviveEitherWay(t *testing.T) {
	look := func(d *crashfs.Disk) string { return read(d, "x") }

	t.Run("a truncation", func(t *testing.T) {
		d := crashfs.New(1)
		f := create(t, d, "x", "abc")
		must(t, f.Sync())
		must(t, f.Truncate(1))
		wantOutcomes(t, outcomes(d, crashfs.Torn, look), "abc", "a")
	})
	t.Run("a truncation and a write after it", func(t *testing.T) {
		d := crashfs.New(1)
		f := create(t, d, "x", "abc")
		must(t, f.Sync())
		must(t, f.Truncate(1))
		write(t, f, "Z", 1)
		wantOutcomes(t, outcomes(d, crashfs.Torn, look), "abc", "a", "a\x00", "aZ", "aZc")
	})
	t.Run("an extending write", func(t *testing.T) {
		d := crashfs.New(1)
		f := create(t, d, "x", "abc")
		must(t, f.Sync())
		write(t, f, "Z", 4)
		wantOutcomes(t, outcomes(d, crashfs.Torn, look), "abc", "abc\x00\x00", "abc\x00Z")
	})
	t.Run("a preallocation, and a write into it", func(t *testing.T) {
		d := crashfs.New(1)
		f := create(t, d, "x", "")
		must(t, f.Preallocate(0, 600))
		write(t, f, strings.Repeat("n", 600), 0)
		zeros, fresh := strings.Repeat("\x00", 600), strings.Repeat("n", 600)
		wantOutcomes(t, outcomes(d, crashfs.Torn, look),
			"", zeros, fresh, fresh[:512]+zeros[512:], zeros[:512]+fresh[512:])
	})
	t.Run("a synced preallocation", func(t *testing.T) {
		d := crashfs.New(1)
		f := create(t, d, "x", "")
		must(t, f.Preallocate(0, 10))
		must(t, f.Sync())
		write(t, f, "n", 0)
		wantOutcomes(t, outcomes(d, crashfs.Torn, look), strings.Repeat("\x00", 10), "n"+strings.Repeat("\x00", 9))
	})
}

func TestACutReleasesLocks(t *testing.T) {
	d := crashfs.New(1)
	_, err := d.Lock("LOCK")
	must(t, err)
	for _, s := range every {
		img := now(d, s)
		_, err := img.Lock("LOCK")
		must(t, err)
		if _, err := img.Lock("LOCK"); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second lock after the cut: %v, want ErrLocked", err)
		}
	}
}

func TestACutDiskCanBeCutAgain(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "one")
	must(t, f.Sync())
	write(t, f, "two", 3)

	img := now(d, crashfs.All)
	if img.Calls() != 0 {
		t.Errorf("a new disk has %d calls, want 0", img.Calls())
	}
	g, err := img.OpenWrite("x")
	must(t, err)
	write(t, g, "three", 6)
	for s, want := range map[crashfs.Survivors]string{crashfs.None: "onetwo", crashfs.All: "onetwothree"} {
		if got := read(now(img, s), "x"); got != want {
			t.Errorf("survivors %v of the second cut: %q, want %q", s, got, want)
		}
	}
	if got := read(img.Recording().Cut(0, crashfs.All, 1), "x"); got != "onetwo" {
		t.Errorf("the second cut before any call: %q, want onetwo", got)
	}
	if got := read(d, "x") + read(now(d, crashfs.All), "x"); got != "onetwoonetwo" {
		t.Errorf("writing to the image changed the disk it was made of: %q", got)
	}
}

func TestImagesOfOnePlayerAreIndependent(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", strings.Repeat("a", 5000))
	must(t, f.Sync())
	p, k := d.Recording().Play(), d.Calls()
	one, two := p.Cut(k, crashfs.None, 0), p.Cut(k, crashfs.None, 0)

	g, err := one.OpenWrite("x")
	must(t, err)
	write(t, g, "b", 2500)
	must(t, g.Truncate(2501))
	must(t, one.Remove("x"))
	for name, img := range map[string]*crashfs.Disk{"other image": two, "next image": p.Cut(k, crashfs.None, 0), "recorded disk": d} {
		if got := read(img, "x"); got != strings.Repeat("a", 5000) {
			t.Errorf("the %s was changed: %.20q", name, got)
		}
	}
}

func TestARecordingDoesNotChange(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "abc")
	rec := d.Recording()
	k := rec.Calls()
	write(t, f, "z", 0)
	if rec.Calls() != k || read(rec.Cut(k, crashfs.All, 0), "x") != "abc" {
		t.Errorf("the recording changed: %d calls, x holds %q", rec.Calls(), read(rec.Cut(k, crashfs.All, 0), "x"))
	}
}

func TestTheSameArgumentsGiveTheSameDisk(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", strings.Repeat("a", 5000))
	must(t, f.Truncate(700))
	rec := d.Recording()
	for seed := range uint64(seeds) {
		one, two := rec.Cut(rec.Calls(), crashfs.Torn, seed), rec.Cut(rec.Calls(), crashfs.Torn, seed)
		if a, b := list(t, one), list(t, two); a != b {
			t.Fatalf("seed %d: %.30q and %.30q", seed, a, b)
		}
		var a, b [8]byte
		one.World().Chance.Read(a[:])
		two.World().Chance.Read(b[:])
		if a != b || !one.World().Clock.Now().Equal(two.World().Clock.Now()) {
			t.Fatalf("seed %d: chance %x and %x, or the clocks, differ", seed, a, b)
		}
	}
}

func TestTheClockAndChanceGoOnAfterACut(t *testing.T) {
	d := crashfs.New(1)
	w := d.World()
	before := w.Clock.Now()
	if next := w.Clock.Now(); !next.After(before) {
		t.Errorf("the clock stands still at %v", next)
	}
	create(t, d, "x", "")
	last := w.Clock.Now()

	img := now(d, crashfs.None).World()
	if after := img.Clock.Now(); !after.After(last) {
		t.Errorf("the clock shows %v after a cut at %v", after, last)
	}
	var a, b, c [16]byte
	w.Chance.Read(a[:])
	d.World().Chance.Read(b[:])
	img.Chance.Read(c[:])
	if a == b || a == c || b == c {
		t.Errorf("chance repeats itself: %x, %x, %x", a, b, c)
	}
}

func TestEveryCallIsDescribed(t *testing.T) {
	d := crashfs.New(1)
	must(t, d.MkdirAll("db"))
	f, err := d.Create("db/x")
	must(t, err)
	write(t, f, "abc", 7)
	must(t, f.Preallocate(0, 20))
	must(t, f.Truncate(10))
	must(t, f.Sync())
	must(t, d.Link("db/x", "db/y"))
	must(t, d.Rename("db/y", "db/z"))
	must(t, d.Remove("db/x"))
	must(t, d.SyncDir("db"))
	d.FailSync(func(string) bool { return true })
	if f.Sync() == nil || d.SyncDir("db") == nil {
		t.Fatal("a sync that should fail did not")
	}

	want := []string{
		"nothing", "make directory db", "create db/x", "write db/x: 3 bytes at 7", "preallocate db/x to 20", "truncate db/x to 10",
		"sync db/x", "link db/y", "rename db/y to z", "remove db/x", "sync directory db",
		"failed sync of db/x", "failed sync of directory db",
	}
	rec := d.Recording()
	for k, w := range want {
		if got := rec.Describe(k); got != w {
			t.Errorf("call %d is %q, want %q", k, got, w)
		}
	}
	if rec.Calls() != len(want)-1 {
		t.Errorf("%d calls, want %d", rec.Calls(), len(want)-1)
	}
}

func TestRenameStaysInItsDirectory(t *testing.T) {
	d := crashfs.New(1)
	must(t, d.MkdirAll("db"))
	create(t, d, "x", "")
	if err := d.Rename("x", "db/x"); !errors.Is(err, syscall.EXDEV) {
		t.Errorf("rename to another directory: %v, want EXDEV", err)
	}
	if err := d.Rename("x", "db"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename over a directory: %v, want ErrExist", err)
	}
}

func TestAFileThatIsGoneForGoodMakesNoMoreCuts(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "never synced")
	must(t, d.Remove("x"))
	must(t, d.SyncDir("."))
	write(t, f, "still never", 0)

	last := make(map[string]int)
	_, err := d.Recording().EveryCut(1, func(c crashfs.Cut) error {
		if c.Call == d.Calls() {
			last[c.Survivors.String()]++
		}
		return nil
	})
	must(t, err)
	if len(last) != 1 || last["none"] != 1 {
		t.Errorf("cuts when all is durable: %v, want one", last)
	}
}

func TestEveryCutReportsTheEarliestFailure(t *testing.T) {
	d := crashfs.New(1)
	f := create(t, d, "x", "")
	for i := range 400 {
		write(t, f, "y", int64(i))
	}
	bad := errors.New("bad")
	n, err := d.Recording().EveryCut(2, func(c crashfs.Cut) error {
		if size, err := c.Disk.Size("x"); err == nil && size >= 200 {
			return bad
		}
		return nil
	})

	var cut *crashfs.CutError
	if !errors.As(err, &cut) || !errors.Is(err, bad) {
		t.Fatalf("got error %v, want a CutError about %v", err, bad)
	}
	if want := "write x: 1 bytes at 199"; cut.After != want || cut.Call != 202 {
		t.Errorf("failed after call %d (%s), want 202 (%s)", cut.Call, cut.After, want)
	}
	again := d.Recording().Cut(cut.Call, cut.Survivors, cut.Seed)
	if size, err := again.Size("x"); err != nil || size != 200 {
		t.Errorf("making the cut again gives a size of %d and error %v, want 200", size, err)
	}
	if n < 200*6 || n > d.Calls()*8 {
		t.Errorf("%d cuts checked before it failed, want at least %d", n, 200*6)
	}
}

func TestEveryCutReportsTheEarliestOfTwoFailures(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	d := crashfs.New(1)
	f := create(t, d, "x", "")
	for range 126 {
		write(t, f, "y", 0)
	}

	// Whoever has the first call waits until a later one has failed, and then fails too.
	failed := make(chan struct{})
	var once sync.Once
	_, err := d.Recording().EveryCut(1, func(c crashfs.Cut) error {
		switch {
		case c.Call == 10:
			<-failed
			return errors.New("early")
		case c.Call >= 100:
			once.Do(func() { close(failed) })
			return errors.New("late")
		}
		return nil
	})
	var cut *crashfs.CutError
	if !errors.As(err, &cut) || cut.Call != 10 {
		t.Errorf("got error %v, want the one after call 10", err)
	}
}

func TestEveryCutMakesEveryCut(t *testing.T) {
	d := crashfs.New(1)
	create(t, d, "x", "abc")
	var mu sync.Mutex
	var seen [4]int
	n, err := d.Recording().EveryCut(3, func(c crashfs.Cut) error {
		mu.Lock()
		defer mu.Unlock()
		seen[c.Call]++
		return nil
	})
	must(t, err)
	// Four fixed choices of survivors and two by chance, three seeds each; one where nothing awaits a sync.
	if want := [4]int{1, 10, 1, 10}; seen != want || n != 22 {
		t.Errorf("%d cuts, per call %v; want 22, %v", n, seen, want)
	}
}
