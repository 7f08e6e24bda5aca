package logstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// A moment is a file system as somebody beside the owner of a log sees it, in which something
// happens before a file of a certain name is looked at for the first time.
type moment struct {
	vfs.FS
	once sync.Once
	name string
	do   func()
}

func (m *moment) come(name string) {
	if strings.HasSuffix(name, m.name) {
		m.once.Do(m.do)
	}
}

func (m *moment) Open(name string) (vfs.File, error) {
	m.come(name)
	return m.FS.Open(name)
}

func (m *moment) Size(name string) (int64, error) {
	m.come(name)
	return m.FS.Size(name)
}

// whileScavenged calls do again and again with a log of 41 events in seven segments, and a
// world in which all of them are rewritten at some moment, the one that was written too.
func whileScavenged(t *testing.T, do func(t *testing.T, s *subject, beside vfs.World)) {
	for _, name := range []string{"00000001.seg", "00000002.seg", "00000003.idx", "00000006.idx", "00000007.seg", headName} {
		t.Run(name, func(t *testing.T) {
			world := inMemory()
			s := scavengeable(t, world, &Options{SegmentBytes: 3000, Logger: quiet})
			forgetOne(t, s)
			world.FS = &moment{FS: world.FS, name: name, do: func() {
				if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
					t.Error(err)
				}
			}}
			do(t, s, world)
		})
	}
}

func TestNothingIsMissingOfALogThatIsScavengedMeanwhile(t *testing.T) {
	whileScavenged(t, func(t *testing.T, s *subject, beside vfs.World) {
		if found, err := verify(t.Context(), beside, s.dir, nil); err != nil || !found.Sound() {
			t.Errorf("%v: %v", found, err)
		}
	})
	whileScavenged(t, func(t *testing.T, s *subject, beside vfs.World) {
		if stats, err := readStats(t.Context(), beside, s.dir); err != nil || stats.Events != 41 {
			t.Errorf("%v: %v", stats, err)
		}
	})
}

func TestALogIsCopiedWhileItIsScavenged(t *testing.T) {
	whileScavenged(t, func(t *testing.T, s *subject, beside vfs.World) {
		_, err := backup(t.Context(), beside, s.dir, "/backup", nil)
		if err := errors.Join(err, restoreBackup(t.Context(), beside, "/backup", "/again")); err != nil {
			t.Fatal(err)
		}
	})
	whileScavenged(t, func(t *testing.T, s *subject, beside vfs.World) {
		if err := restoreBackup(t.Context(), beside, s.dir, "/again"); err != nil {
			t.Fatal(err)
		}
		if found, err := verify(t.Context(), beside, "/again", nil); err != nil || !found.Sound() || found.Events != 41 {
			t.Errorf("%v: %v", found, err)
		}
	})
}

// Goal: a reader beside the owner answers as before while segments are replaced, whichever file it needs next, readings that
// were begun before too.
func TestAReaderReadsOnWhileSegmentsAreReplaced(t *testing.T) {
	spans := []daybook.Span{{}, {Backward: true}, {AfterVersion: 7}, {BeforeVersion: 9, Backward: true, Limit: 3}, {KnownAt: time.Unix(1<<33, 0)}, {After: 17, Limit: 9}}
	whileScavenged(t, func(t *testing.T, s *subject, beside vfs.World) {
		r, err := openReader(beside, s.dir, &Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		old, err := r.Read(t.Context(), daybook.Stream("order-0"), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(t.Context(), daybook.Query{{Tags: []string{"n:3"}}}, 0); err != nil {
			t.Error(err)
		}
		for _, span := range spans {
			reading, err := r.Read(t.Context(), daybook.Stream("order-0"), span)
			if err != nil {
				t.Errorf("%+v: %v", span, err)
				continue
			}
			got, err := reading.Collect()
			if want := collected(t, s, span); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%+v: %v instead of %v: %v", span, got, want, err)
			}
		}
		if got, err := old.Collect(); err != nil || len(got) != 20 {
			t.Errorf("a reading that was begun before yields %d events: %v", len(got), err)
		}
	})
}

func collected(t *testing.T, s daybook.Store, span daybook.Span) []daybook.Recorded {
	t.Helper()
	reading, err := s.Read(t.Context(), daybook.Stream("order-0"), span)
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return events
}
