package logstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// scavengeable returns a log of several segments of which half of the events are forgotten.
func scavengeable(t *testing.T, world vfs.World, opts *Options) *subject {
	t.Helper()
	s := openSubject(t, world, opts)
	for i := range 40 {
		e := daybook.Event{Stream: fmt.Sprintf("order-%d", i%2), Type: "Placed", Tags: []string{fmt.Sprintf("n:%d", i)}, Data: fmt.Appendf(nil, "%0300d", i)}
		if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func forgetOne(t *testing.T, s daybook.Store) {
	t.Helper()
	if _, err := s.Append(t.Context(), []daybook.Event{daybook.Deleted("order-1")}, nil); err != nil {
		t.Fatal(err)
	}
}

// Goal: the files of a segment that was rewritten can be read by those who began before,
// have no name any more, and are closed once nobody can. Method: as few files as possible
// stay open, so that each would have to be opened again.
func TestWhoeverReadsARewrittenSegmentReadsOn(t *testing.T) {
	world := vfs.OS()
	open := &openCount{FS: world.FS}
	world.FS = open
	s := scavengeable(t, world, &Options{SegmentBytes: 3000, OpenFiles: 2, Logger: quiet})
	// What holds the readings is out of reach when it is left.
	held := func() int64 {
		reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		tagged, err := s.Read(t.Context(), daybook.Query{{Tags: []string{"n:3"}}}, daybook.Span{})
		if err != nil {
			t.Fatal(err)
		}
		forgetOne(t, s)
		report, err := s.Scavenge(t.Context(), nil)
		if err != nil || report.Rewritten < 3 || report.Events < 10 || report.Bytes < 2000 {
			t.Fatalf("scavenging did %+v: %v", report, err)
		}
		for range 2 {
			events, err := reading.Collect()
			if err != nil || len(events) != 40 {
				t.Fatalf("the reading yields %d events: %v", len(events), err)
			}
			for _, e := range events {
				if e.Stub != nil || e.Forgotten || len(e.Data) != 300 {
					t.Errorf("position %d is %+v", e.Position, e)
				}
			}
			if found, err := tagged.Collect(); err != nil || len(found) != 1 {
				t.Errorf("by its tag %d events are found: %v", len(found), err)
			}
		}
		return open.now.Load()
	}()
	const few = 6 // two that may stay open, the one that is written, and those of the reader looked up last
	for deadline := time.Now().Add(10 * time.Second); open.now.Load() > few && time.Now().Before(deadline); {
		runtime.GC()
	}
	if now := open.now.Load(); now > few || now >= held {
		t.Errorf("with a reading of rewritten segments %d files were open, and without it %d are", held, now)
	}
	names, err := world.FS.List(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, seg := range s.view.Load().segments {
		if seg.generation == 0 {
			continue
		}
		if slices.Contains(names, segmentName(seg.number)) || slices.Contains(names, fmt.Sprintf("%08d.idx", seg.number)) {
			t.Errorf("segment %d was rewritten, and the file of the one before is there: %q", seg.number, names)
		}
	}
}

// openCount counts the files that are open.
type openCount struct {
	vfs.FS
	now atomic.Int64
}

type countedFile struct {
	vfs.File
	count *openCount
}

func (f countedFile) Close() error {
	f.count.now.Add(-1)
	return f.File.Close()
}

func (o *openCount) Open(name string) (vfs.File, error) {
	f, err := o.FS.Open(name)
	if err != nil {
		return nil, err
	}
	o.now.Add(1)
	return countedFile{f, o}, nil
}

func TestAReadingOfARewrittenSegmentEndsWithTheStore(t *testing.T) {
	s := scavengeable(t, inMemory(), &Options{SegmentBytes: 3000, Logger: quiet})
	reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	forgetOne(t, s)
	if _, err := s.Scavenge(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if events, err := reading.Collect(); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("after closing the reading yields %d events and %v", len(events), err)
	}
}

// Goal: what a request was checked against stays known when the segment in which that ended
// is rewritten: its places are other ones then. Method: between the check of an append on
// its own goroutine and its turn, an event is recorded that makes its condition fail, and
// the segment is sealed and scavenged, so that this event moves to where the check had
// already been.
func TestARequestIsCheckedAgainstWhatMovedWhenItsSegmentWasRewritten(t *testing.T) {
	s := scavengeable(t, inMemory(), &Options{Logger: quiet})
	head, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seat := daybook.Query{{Tags: []string{"seat:12A"}}}
	event := func() daybook.Event {
		return daybook.Event{ID: uuid.New(), Type: "Sold", ContentType: daybook.JSON, Tags: []string{"seat:12A"}}
	}
	late := s.requests.of([]daybook.Event{event()}, daybook.Nothing(seat, head.Head))
	if _, err := s.precheck(late); err != nil {
		t.Fatal(err)
	}
	repeated := event()
	again := s.requests.of([]daybook.Event{repeated}, nil)
	if _, err := s.precheck(again); err != nil {
		t.Fatal(err)
	}
	sold, err := s.Append(t.Context(), []daybook.Event{repeated}, nil)
	if err != nil {
		t.Fatal(err)
	}
	forgetOne(t, s)
	if report, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil || report.Rewritten != 1 {
		t.Fatalf("scavenging did %+v: %v", report, err)
	}
	if end := s.view.Load().segments[0].end; end > late.checked.offset {
		t.Fatalf("the segment ends at %d, behind the place %d where the check ended", end, late.checked.offset)
	}
	for _, r := range []*request{late, again} {
		if err := s.order.take(r, false); err != nil {
			t.Fatal(err)
		}
		<-r.done
	}
	conflict := (*daybook.ConflictError)(nil)
	if !errors.As(late.err, &conflict) || conflict.Failures[0].Position != sold.Position {
		t.Errorf("the seat was sold at position %d, and the append answers %v", sold.Position, late.err)
	}
	if again.err != nil || !again.receipt.Repeated || again.receipt.Position != sold.Position {
		t.Errorf("the append of what was recorded at position %d answers %+v, %v", sold.Position, again.receipt, again.err)
	}
}

func TestScavengingKeepsWhatIsPinnedAndLeavesWhatGainsLittle(t *testing.T) {
	s := scavengeable(t, inMemory(), &Options{SegmentBytes: 3000, Logger: quiet})
	forgetOne(t, s)
	if report, err := s.Scavenge(t.Context(), &ScavengeOptions{Least: 0.9}); err != nil || report.Rewritten > 0 || report.Segments < 4 {
		t.Errorf("where nine tenths must be gained, scavenging does %+v: %v", report, err)
	}
	var told []Scavenged
	pinned := func(r daybook.Recorded) bool {
		if !r.Forgotten || r.Stub != nil || r.Stream != "order-1" {
			t.Errorf("it is asked whether to keep %+v", r)
		}
		return r.Position == 4
	}
	report, err := s.Scavenge(t.Context(), &ScavengeOptions{Keep: pinned, Newest: true, Progress: func(r Scavenged) { told = append(told, r) }})
	if err != nil || report.Kept != 1 || report.Events != 19 || len(told) != report.Segments || told[len(told)-1] != *report {
		t.Errorf("scavenging did %+v and told of %+v: %v", report, told, err)
	}
	for _, e := range contentsOf(t, s) {
		if want := e.Stream == "order-1" && e.Position != 4; (e.Stub != nil) != want {
			t.Errorf("position %d of %s is a stub: %t", e.Position, e.Stream, e.Stub != nil)
		}
	}
	again, err := s.Scavenge(t.Context(), nil)
	if err != nil || again.Events != 1 || again.Rewritten != 1 {
		t.Errorf("what is not pinned any more: %+v, %v", again, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unavailable := (*daybook.UnavailableError)(nil)
	if _, err := s.Scavenge(ctx, nil); !errors.As(err, &unavailable) {
		t.Errorf("in a context that has ended: %v", err)
	}
}

func TestADamagedSegmentIsNotScavenged(t *testing.T) {
	s := scavengeable(t, vfs.OS(), &Options{SegmentBytes: 3000, Logger: quiet})
	forgetOne(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := segmentName(2)
	change(t, s.dir, damaged, func(b []byte) []byte { b[900] ^= 1; return b })
	s.open(t)
	report, err := s.Scavenge(t.Context(), nil)
	corrupt := (*daybook.CorruptError)(nil)
	if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Where, damaged) || report.Rewritten != 1 {
		t.Errorf("segment 2 is damaged, and scavenging did %+v: %v", report, err)
	}
	if seg := s.view.Load().segments[1]; seg.generation != 0 {
		t.Errorf("the damaged segment is of generation %d", seg.generation)
	}
}

// What verifies a log knows what scavenging leaves.
func TestAScavengedLogIsSound(t *testing.T) {
	s := scavengeable(t, vfs.OS(), &Options{SegmentBytes: 3000, Logger: quiet})
	forgetOne(t, s)
	if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil {
		t.Fatal(err)
	}
	found, err := Verify(t.Context(), s.dir, nil)
	if err != nil || len(found.Damages) > 0 || len(found.Notes) > 0 {
		t.Errorf("a scavenged log that is open has damages %v and notes %q: %v", found.Damages, found.Notes, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err = Verify(t.Context(), s.dir, &VerifyOptions{Indexes: true}); err != nil || len(found.Damages) > 0 || len(found.Notes) > 0 {
		t.Errorf("a scavenged log has damages %v and notes %q: %v", found.Damages, found.Notes, err)
	}
}

// A crowded file system has no file left for the sync of the directory behind the renaming
// that replaces the manifest.
type crowded struct {
	vfs.FS
	armed, renamed atomic.Bool
}

func (c *crowded) Rename(from, to string) error {
	err := c.FS.Rename(from, to)
	if strings.HasSuffix(to, manifestName) && c.armed.CompareAndSwap(true, false) {
		c.renamed.Store(true)
	}
	return err
}

func (c *crowded) SyncDir(dir string) error {
	if c.renamed.CompareAndSwap(true, false) {
		return fmt.Errorf("open %s: %w", dir, syscall.EMFILE)
	}
	return c.FS.SyncDir(dir)
}

func TestNoManifestNamesASegmentThatCouldNotTakeItsPlace(t *testing.T) {
	world := inMemory()
	fsys := &crowded{FS: world.FS}
	world.FS = fsys
	s := scavengeable(t, world, &Options{SegmentBytes: 3000, Logger: quiet})
	forgetOne(t, s)
	fsys.armed.Store(true)
	if _, err := s.Scavenge(t.Context(), nil); !errors.Is(err, syscall.EMFILE) {
		t.Fatalf("scavenging answers %v", err)
	}
	found, err := verify(t.Context(), world, s.dir, nil)
	if err != nil || !found.Sound() || found.Events != 41 {
		t.Errorf("%v: %v", found, err)
	}
	if report, err := s.Scavenge(t.Context(), nil); err != nil || report.Rewritten == 0 {
		t.Errorf("when there are files again, scavenging does %+v: %v", report, err)
	}
}

func TestAScavengeThatTheEndOfTheStoreStopsLeavesNothing(t *testing.T) {
	world := inMemory()
	s := scavengeable(t, world, &Options{SegmentBytes: 3000, Logger: quiet})
	forgetOne(t, s)
	if _, err := s.Scavenge(t.Context(), &ScavengeOptions{Keep: func(daybook.Recorded) bool {
		s.order.stop() // as Close does
		return false
	}}); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("scavenging answers %v", err)
	}
	names, err := world.FS.List(s.dir)
	if err != nil || slices.Contains(names, generationName(1, 1)) || slices.Contains(names, "00000001-1.idx") {
		t.Errorf("files of a generation are left that no manifest names: %q, %v", names, err)
	}
}
