package logstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// readAll returns all that a reader sees in a directory.
func readAll(t testing.TB, dir string) []daybook.Recorded {
	t.Helper()
	log, err := readIn(vfs.OS(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func readIn(world vfs.World, dir string) (_ []daybook.Recorded, err error) {
	r, err := openReader(world, dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return everything(r)
}

func TestABackupIsBroughtUpToDateByWhatIsNew(t *testing.T) {
	for _, how := range []*BackupOptions{nil, {Copy: true}} {
		dir, target := t.TempDir(), filepath.Join(t.TempDir(), "a", "backup")
		s, err := Open(dir, &Options{SegmentBytes: 1500, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		n := 0
		for round, more := range []int{0, 3, 30, 0, 30, 1} {
			fill(t, s, n+1, n+more)
			n += more
			var done, total int64
			options := &BackupOptions{Progress: func(d, all int64) { done, total = d, all }}
			if how != nil {
				options.Copy = how.Copy
			}
			report, err := Backup(t.Context(), dir, target, options)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if int(report.Head.Position) != n || report.Segments != report.Kept+report.Linked+report.Copied || done != total {
				t.Errorf("round %d: %v, want position %d; progress %d of %d", round, report, n, done, total)
			}
			if how == nil && report.Copied > 1 || how != nil && report.Linked > 0 {
				t.Errorf("round %d: %v", round, report)
			}
			if more == 0 && (report.BytesCopied > 0 || report.Kept != report.Segments) {
				t.Errorf("round %d: nothing is new, and %v", round, report)
			}
			if v := verified(t, target, &VerifyOptions{Indexes: true}); len(v.Damages) > 0 || !v.Closed && n > 0 || int(v.Events) != n || len(v.Notes) > 0 {
				t.Errorf("round %d: %v", round, v)
			}
			want, err := everything(s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, readAll(t, target)); diff != "" {
				t.Errorf("round %d: %s", round, diff)
			}
		}
	}
}

func TestWhatWasScavengedGoesFromTheBackupToo(t *testing.T) {
	dir, target := t.TempDir(), t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 1200, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, 1, 30)
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{daybook.Truncated("order-1", 25)}, nil); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done, err := s.Scavenge(t.Context(), nil)
	if err != nil || done.Rewritten == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	report, err := Backup(t.Context(), dir, target, nil)
	if err != nil || report.Linked < done.Rewritten {
		t.Fatalf("%v, %v", report, err)
	}
	if v := verified(t, target, &VerifyOptions{Indexes: true}); len(v.Damages) > 0 || len(v.Notes) > 0 {
		t.Errorf("%v", v)
	}
	for _, name := range list(t, target) {
		if name == "00000001.seg" || name == "00000001.idx" {
			t.Errorf("%s is still there", name)
		}
	}
	want, err := everything(s)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever reads the backup meanwhile goes on.
	for _, from := range []daybook.Store{r} {
		if log, err := everything(from); err != nil || cmp.Diff(want, log) != "" {
			t.Errorf("%v: %s", err, cmp.Diff(want, log))
		}
	}
}

func TestABackupIsNotMadeOfSomethingElse(t *testing.T) {
	dir, target := closed(t, 5, nil), t.TempDir()
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Fatal(err)
	}
	invalid := (*daybook.InvalidError)(nil)
	if _, err := Backup(t.Context(), closed(t, 9, nil), target, nil); !errors.As(err, &invalid) {
		t.Errorf("another log: %v", err)
	}
	if _, err := Backup(t.Context(), dir, dir, nil); !errors.As(err, &invalid) {
		t.Errorf("a log over itself: %v", err)
	}
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), dir, other, nil); !errors.As(err, &invalid) {
		t.Errorf("a log over itself by another name: %v", err)
	}
	if _, err := Backup(t.Context(), t.TempDir(), target, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
}

func TestNothingIsRecordedInABackup(t *testing.T) {
	dir, target := closed(t, 5, nil), t.TempDir()
	for range 2 { // made, and brought up to date
		if _, err := Backup(t.Context(), dir, target, nil); err != nil {
			t.Fatal(err)
		}
		invalid := (*daybook.InvalidError)(nil)
		if s, err := Open(target, nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "is a backup") {
			t.Errorf("the backup opens for appending: %v", err)
			if err == nil {
				abandonStore(s)
			}
		}
	}
	if err := RestoreBackup(t.Context(), target, filepath.Join(target, "again")); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Join(target, "again"), nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 6, 7)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Goal: bringing a backup up to date takes no event away from it. Method: somebody makes
// a log of it by hand and appends, fewer events than the original got since, as many, or more.
func TestABackupWithEventsOfItsOwnIsLeftAsItIs(t *testing.T) {
	for _, segmentBytes := range []int64{900, 0} {
		dir, target := closed(t, 30, &Options{SegmentBytes: segmentBytes}), t.TempDir()
		if _, err := Backup(t.Context(), dir, target, nil); err != nil {
			t.Fatal(err)
		}
		record := func(dir string, first, last int) {
			s, err := Open(dir, &Options{SegmentBytes: segmentBytes, Logger: quiet})
			if err != nil {
				t.Fatal(err)
			}
			fill(t, s, first, last)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(target, backupName)); err != nil {
			t.Fatal(err)
		}
		record(target, 31, 40)
		own := readAll(t, target)
		for _, more := range []int{32, 40, 60} {
			record(dir, len(readAll(t, dir))+1, more)
			invalid := (*daybook.InvalidError)(nil)
			if _, err := Backup(t.Context(), dir, target, nil); !errors.As(err, &invalid) {
				t.Errorf("the log goes up to position %d: %v", more, err)
			}
			if diff := cmp.Diff(own, readAll(t, target)); diff != "" {
				t.Fatalf("the log goes up to position %d: %s", more, diff)
			}
		}
	}
}

func TestABackupGoesIntoADirectoryOfItsOwn(t *testing.T) {
	dir, target := closed(t, 5, nil), t.TempDir()
	for _, name := range []string{"letters", "00000007.seg"} {
		foreign := filepath.Join(target, name)
		if err := os.WriteFile(foreign, []byte("dear"), 0o666); err != nil {
			t.Fatal(err)
		}
		invalid := (*daybook.InvalidError)(nil)
		if _, err := Backup(t.Context(), dir, target, nil); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "has "+name+" in it") {
			t.Errorf("a directory with %s: %v", name, err)
		}
		if names := list(t, target); len(names) != 1 {
			t.Errorf("it was refused, and there are %q", names)
		}
		if err := os.Remove(foreign); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Fatal(err)
	}
	// What somebody puts there later is in nobody's way.
	if err := os.WriteFile(filepath.Join(target, "letters"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Error(err)
	}
	begun := t.TempDir()
	if err := os.WriteFile(filepath.Join(begun, backupName), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	invalid := (*daybook.InvalidError)(nil)
	if err := RestoreBackup(t.Context(), target, begun); !errors.As(err, &invalid) {
		t.Errorf("restoring to what was going to be a backup: %v", err)
	}
}

func TestADamagedSegmentIsNotBackedUp(t *testing.T) {
	dir := closed(t, 40, &Options{SegmentBytes: 1200})
	flip(t, dir, "00000002.seg", placesOf(t, dir, "00000002.seg")[1]+70)
	target := t.TempDir()
	corrupt := (*daybook.CorruptError)(nil)
	if _, err := Backup(t.Context(), dir, target, nil); !errors.As(err, &corrupt) || !strings.Contains(corrupt.Where, "00000002.seg") {
		t.Errorf("error %v", err)
	}
}

func TestARestoredLogIsTheSameLogInAnotherLife(t *testing.T) {
	dir, target := crashed(t, 40, &Options{SegmentBytes: 1200}), t.TempDir()
	before := readAll(t, dir)
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if err := RestoreBackup(t.Context(), target, restored); err != nil {
		t.Fatal(err)
	}
	if v := verified(t, restored, &VerifyOptions{Indexes: true}); len(v.Damages) > 0 || len(v.Notes) > 0 {
		t.Errorf("%v", v)
	}
	if diff := cmp.Diff(before, readAll(t, restored)); diff != "" {
		t.Error(diff)
	}
	old, err := OpenReader(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	was, err := old.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(restored, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now.Head.Log != was.Head.Log || now.Head.Incarnation == was.Head.Incarnation || int(now.Head.Position) != len(before) {
		t.Errorf("the log was at %v, and is at %v", was.Head, now.Head)
	}
	if life := (*daybook.LifeError)(nil); !errors.As(was.Head.Precedes(now.Head), &life) {
		t.Errorf("a point of the old life is taken")
	}
	fill(t, s, 41, 45)
	invalid := (*daybook.InvalidError)(nil)
	if err := RestoreBackup(t.Context(), target, dir); !errors.As(err, &invalid) {
		t.Errorf("restoring over a log: %v", err)
	}
	if _, err := Backup(t.Context(), restored, target, nil); !errors.As(err, &invalid) {
		t.Errorf("backing up another incarnation over the backup: %v", err)
	}
}

// A backupRun is a log on a simulated disk that is backed up, grows, and is backed up
// again, or restored.
type backupRun struct {
	disk  *crashfs.Disk
	world vfs.World
	log   []daybook.Recorded
	first int // events in the first backup
}

func newBackupRun(t *testing.T) *backupRun {
	t.Helper()
	disk := crashfs.New(7)
	r := &backupRun{disk: disk, world: disk.World(), first: 9}
	s, err := open(r.world, "log", &Options{SegmentBytes: 700, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, r.first)
	s.home.indexer.stop()
	if _, err := backup(t.Context(), r.world, "log", "backup", nil); err != nil {
		t.Fatal(err)
	}
	fill(t, s, r.first+1, 20)
	if r.log, err = everything(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// Goal: a log is backed up while another process appends to it as fast as it can, and the
// backup has whole what was acknowledged before. Method: that, again and again.
func TestALogIsBackedUpWhileAnotherProcessAppends(t *testing.T) {
	dir, target := t.TempDir(), t.TempDir()
	defer startOwner(t, dir)()
	r := waitForLog(t, dir)
	defer r.Close()
	rounds, last := 6, daybook.Position(0)
	for round := range rounds {
		// There is more than the last time.
		if _, err := r.Wait(t.Context(), daybook.All(), last+300); err != nil {
			t.Fatal(err)
		}
		info, err := r.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		report, err := Backup(t.Context(), dir, target, nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if report.Head.Position < info.Head.Position {
			t.Errorf("round %d: the backup ends at %d, and %d was durable before", round, report.Head.Position, info.Head.Position)
		}
		last = report.Head.Position
		v := verified(t, target, nil)
		if !v.Sound() || !v.Closed || v.Head != report.Head {
			t.Fatalf("round %d: %v", round, v)
		}
		log := readAll(t, target)
		if err := sound(log); err != nil || daybook.Position(len(log)) != last {
			t.Fatalf("round %d: %d events up to position %d: %v", round, len(log), last, err)
		}
		for _, e := range log {
			if want := victimEvent(e.Stream, e.Version).Data; string(e.Data) != string(want) {
				t.Fatalf("round %d: position %d holds %s, want %s", round, e.Position, e.Data, want)
			}
		}
	}
	t.Logf("%d backups up to position %d while a process appended", rounds, last)
}

// waitForLog returns a reader of a log that another process is about to make.
func waitForLog(t *testing.T, dir string) *Reader {
	t.Helper()
	for {
		r, err := OpenReader(dir, nil)
		if err == nil {
			return r
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := vfs.Pause(t.Context(), pollInterval); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWasScavengedLeavesTheBackupToo(t *testing.T) {
	world := inMemory()
	s, target := scavengeable(t, world, &Options{SegmentBytes: 3000, Logger: quiet}), "/backup"
	if _, err := backup(t.Context(), world, s.dir, target, nil); err != nil {
		t.Fatal(err)
	}
	forgetOne(t, s)
	if _, err := s.Scavenge(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := backup(t.Context(), world, s.dir, target, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := verify(t.Context(), world, target, nil); err != nil || !found.Sound() || len(found.Notes) > 0 || found.Events != 41 {
		t.Errorf("%v: %v", found, err)
	}
}
