//go:build !race

package logstore

import (
	"runtime"
	"testing"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
)

// The files of a segment that was replaced are closed when the collector finds that nobody has it. A program with the race
// detector keeps more alive than it uses.

// Goal: scavenging a large log needs room for a segment, not for all of them: a file that was removed takes its room until it is
// closed. Method: the collector runs after each segment, and the files that are still open are counted.
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
