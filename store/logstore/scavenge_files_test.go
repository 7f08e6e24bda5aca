package logstore

import (
	"errors"
	"io/fs"
	"runtime"
	"testing"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
)

// Goal: scavenging a large log needs room for a segment, not for all of them: a file that
// was removed takes its room until it is closed. Method: the collector runs after each
// segment, and the files that are still open are counted.
func TestScavengingLetsGoOfWhatItReplaced(t *testing.T) {
	world := vfs.OS()
	open := &openCount{FS: world.FS}
	world.FS = open
	s := scavengeable(t, world, &Options{SegmentBytes: 1000, OpenFiles: 2, Logger: quiet})
	forgetOne(t, s)
	most := int64(0)
	settled := func(Scavenged) {
		for deadline := time.Now().Add(20 * time.Second); open.now.Load() > 8 && time.Now().Before(deadline); {
			runtime.GC()
		}
		most = max(most, open.now.Load())
	}
	report, err := s.Scavenge(t.Context(), &ScavengeOptions{Progress: settled})
	if err != nil || report.Rewritten < 12 {
		t.Fatalf("scavenging did %+v: %v", report, err)
	}
	if most > 8 {
		t.Errorf("while %d segments were rewritten up to %d files were open", report.Rewritten, most)
	}
}

// Goal: nobody has a segment that was replaced when all who read it are done, whatever was
// at work for it before.
func TestNothingKeepsASegmentThatWasReplaced(t *testing.T) {
	s := scavengeable(t, vfs.OS(), &Options{SegmentBytes: 1000, Logger: quiet})
	forgetOne(t, s)
	s.home.indexer.wait.Wait()
	if report, err := s.Scavenge(t.Context(), nil); err != nil || report.Rewritten != report.Segments {
		t.Fatalf("scavenging did %v, %v; want every segment rewritten", report, err)
	}
	kept := func() (names []string) {
		for _, r := range s.journal.(*disk).retired {
			if old := r.segment.Value(); old != nil {
				names = append(names, old.name())
			}
		}
		return names
	}
	if len(s.journal.(*disk).retired) == 0 {
		t.Fatal("no segment was replaced")
	}
	for deadline := time.Now().Add(10 * time.Second); len(kept()) > 0 && time.Now().Before(deadline); {
		runtime.GC()
	}
	if names := kept(); len(names) > 0 {
		t.Errorf("somebody keeps %v", names)
	}
}

// Goal: what a rewriting left that could not remove it does not stay until the log is opened again.
func TestScavengingRemovesWhatAnAttemptLeft(t *testing.T) {
	s := scavengeable(t, inMemory(), &Options{SegmentBytes: 1000, Logger: quiet})
	f, err := s.disk.Create(s.home.path(rewriteTemp))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Scavenge(t.Context(), nil); err != nil || report.Rewritten > 0 {
		t.Fatalf("scavenging did %v, %v; want nothing rewritten", report, err)
	}
	if _, err := s.disk.Size(s.home.path(rewriteTemp)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there still (%v)", rewriteTemp, err)
	}
}
