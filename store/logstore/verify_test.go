package logstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// closed returns the directory of a log of n appends that was closed properly.
func closed(t *testing.T, n int, opts *Options) string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func verified(t *testing.T, dir string, o *VerifyOptions) *Verification {
	t.Helper()
	v, err := Verify(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// placesOf returns where the frames of a segment's file begin, and where the last one ends.
func placesOf(t *testing.T, dir, name string) []int64 {
	t.Helper()
	b := content(t, dir, name)
	at := int64(segmentHeaderBytes)
	found := []int64{at}
	for at+frame.HeaderBytes <= int64(len(b)) && frame.Length(b[at:]) > 0 {
		at += int64(frame.Length(b[at:]))
		found = append(found, at)
	}
	return found
}

func content(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// flip flips a bit of a file.
func flip(t *testing.T, dir, name string, at int64) {
	t.Helper()
	b := content(t, dir, name)
	b[at] ^= 4
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatIsSoundIsVerifiedAsSound(t *testing.T) {
	for name, dir := range map[string]string{
		"closed":  closed(t, 30, &Options{SegmentBytes: 800}),
		"crashed": crashed(t, 30, &Options{SegmentBytes: 800}),
	} {
		before := directoryOf(t, dir)
		var done, total int64
		v := verified(t, dir, &VerifyOptions{Indexes: true, Progress: func(d, all int64) { done, total = d, all }})
		if len(v.Damages) > 0 || !v.Sound() || v.Events != 30 || v.Appends != 30 || v.Head.Position != 30 || v.Unsettled != 0 || v.Closed != (name == "closed") {
			t.Errorf("%s: %+v", name, v)
		}
		if done == 0 || done != total || v.Bytes != done {
			t.Errorf("%s: progress ended at %d of %d, and %d bytes were read", name, done, total, v.Bytes)
		}
		if after := directoryOf(t, dir); after != before {
			t.Errorf("%s: verifying changed the directory from\n%s\nto\n%s", name, before, after)
		}
	}
}

// directoryOf returns all that is in a directory, as text.
func directoryOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range list(t, dir) {
		fmt.Fprintf(&b, "%s %x\n", name, content(t, dir, name))
	}
	return b.String()
}

func TestEveryDamageOfALogIsLocatedAndWhatComesAfterIsVerifiedToo(t *testing.T) {
	dir := closed(t, 40, &Options{SegmentBytes: 1200})
	first, second := placesOf(t, dir, "00000001.seg"), placesOf(t, dir, "00000002.seg")
	perSegment := len(first) - 1
	if perSegment < 4 {
		t.Fatalf("a segment has %d frames, want some", perSegment)
	}
	flip(t, dir, "00000001.seg", first[2]+60)
	flip(t, dir, "00000002.seg", second[0]+5) // the length
	flip(t, dir, "00000002.seg", second[2]+70)
	flip(t, dir, "00000003.idx", 100)
	if err := os.Remove(filepath.Join(dir, "00000004.seg")); err != nil {
		t.Fatal(err)
	}
	v := verified(t, dir, nil)
	if v.Sound() {
		t.Error("it is sound")
	}
	next := daybook.Position(perSegment)
	want := []Damage{
		{File: "00000001.seg", Begin: first[2], End: first[3], Harm: Loss, First: 3, Last: 3, Sound: 2, Next: 4},
		{File: "00000002.seg", Begin: second[0], End: second[1], Harm: Loss, First: next + 1, Last: next + 1, Sound: next, Next: next + 2},
		{File: "00000002.seg", Begin: second[2], End: second[3], Harm: Loss, First: next + 3, Last: next + 3, Sound: next + 2, Next: next + 4},
		{File: "00000003.idx", End: int64(len(content(t, dir, "00000003.idx"))), Harm: Harmless},
		{File: "00000004.seg", Harm: Loss, First: 3*next + 1, Last: 4 * next},
	}
	if len(v.Damages) != len(want) {
		t.Fatalf("damages:\n%v", v)
	}
	for i, d := range v.Damages {
		if d.Err == nil {
			t.Errorf("damage %d does not say how it shows", i)
		}
		d.Err = nil
		if d != want[i] {
			t.Errorf("damage %d is\n%+v, want\n%+v", i, d, want[i])
		}
	}
	if lost := 3 + uint64(next); v.Events != 40-lost {
		t.Errorf("%d events are sound, want %d", v.Events, 40-lost)
	}
}

func TestATornTailIsNoDamage(t *testing.T) {
	dir := crashed(t, 10, nil)
	name := "00000001.seg"
	ends := placesOf(t, dir, name)
	b := content(t, dir, name)
	copy(b[ends[10]:], b[ends[3]:ends[4]-3]) // a part of a group that was never acknowledged
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
		t.Fatal(err)
	}
	v := verified(t, dir, nil)
	if !v.Sound() || v.Events != 10 || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "durable") {
		t.Errorf("%v", v)
	}
}

func TestWhatWasDurableWhenALogCrashedIsDamageIfItIsGone(t *testing.T) {
	dir := crashed(t, 10, nil)
	name := "00000001.seg"
	ends := placesOf(t, dir, name)
	b := content(t, dir, name)
	clear(b[ends[8]:])
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
		t.Fatal(err)
	}
	v := verified(t, dir, nil)
	if v.Sound() || len(v.Damages) != 1 || v.Damages[0].First != 9 || v.Damages[0].Last != 10 || v.Damages[0].Begin != ends[8] {
		t.Errorf("%v", v)
	}
	// Without HEAD a frame is proof that the one before it was durable.
	dir = crashed(t, 10, nil)
	if err := os.Remove(filepath.Join(dir, headName)); err != nil {
		t.Fatal(err)
	}
	flip(t, dir, name, placesOf(t, dir, name)[5]+60)
	v = verified(t, dir, nil)
	if v.Sound() || len(v.Damages) != 1 || v.Damages[0].First != 6 || v.Damages[0].Last != 6 || v.Events != 8 || v.Unsettled != 1 {
		t.Errorf("%v, unsettled %d", v, v.Unsettled)
	}
}

func TestSegmentsAreVerifiedWithoutTheirManifest(t *testing.T) {
	dir := closed(t, 40, &Options{SegmentBytes: 1200})
	whole := verified(t, dir, nil)
	flip(t, dir, manifestName, 50)
	v := verified(t, dir, nil)
	if v.Sound() || len(v.Damages) != 1 || v.Damages[0].File != manifestName || v.Damages[0].Harm != Blocking || v.Events != whole.Events || v.Head != whole.Head {
		t.Errorf("%v", v)
	}
}

func TestVerifyingEndsWithItsContext(t *testing.T) {
	dir := closed(t, 10, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Verify(ctx, dir, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Verify(t.Context(), t.TempDir(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory without a log: %v", err)
	}
}

// Goal: an owner that appends and rolls is never taken for damaged. Method: verify again
// and again while it does.
func TestALogIsVerifiedWhileItIsWritten(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 4096, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	var acknowledged atomic.Uint64
	go func() {
		for i := range 600 {
			if err := appendOne(s, i); err != nil {
				done <- err
				return
			}
			acknowledged.Add(1)
		}
		done <- nil
	}()
	rounds, seen := 0, uint64(0)
	for running := true; running; rounds++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		least := max(seen, acknowledged.Load())
		v := verified(t, dir, nil)
		if !v.Sound() || v.Events < least || uint64(v.Head.Position) < least {
			t.Fatalf("round %d: position %d was acknowledged before: %v", rounds, least, v)
		}
		for _, note := range v.Notes {
			if strings.Contains(note, "does not name") {
				t.Errorf("round %d: %s", rounds, note)
			}
		}
		seen = v.Events
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v := verified(t, dir, nil); v.Events != 600 {
		t.Errorf("%v", v)
	}
}

func TestStatsSayWhatALogIs(t *testing.T) {
	dir := closed(t, 30, &Options{SegmentBytes: 800})
	s, err := ReadStats(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Head.Position != 30 || s.Events != 30 || !s.Closed || len(s.Segments) < 3 || s.SegmentBytes == 0 || s.IndexBytes == 0 || s.BytesPerEvent() == 0 || s.Oldest.IsZero() || !s.Newest.After(s.Oldest) {
		t.Errorf("%+v", s)
	}
	for i, part := range s.Segments {
		if i > 0 && part.First != s.Segments[i-1].Last+1 || part.Sealed != (i < len(s.Segments)-1) {
			t.Errorf("segment %d: %+v", i, part)
		}
	}
	if !strings.Contains(s.String(), s.Head.Log.String()) {
		t.Errorf("%s", s)
	}
}

func TestEveryFileOfALogCanBeDumped(t *testing.T) {
	dir := crashed(t, 20, &Options{SegmentBytes: 800, Owner: "somebody"})
	flip(t, dir, "00000001.seg", placesOf(t, dir, "00000001.seg")[1]+60)
	for _, name := range list(t, dir) {
		var text strings.Builder
		if err := Dump(&text, filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == lockName {
			continue
		}
		if damaged := strings.Contains(text.String(), "NO FRAME") || strings.Contains(text.String(), "DAMAGED"); damaged != (name == "00000001.seg") {
			t.Errorf("%s:\n%s", name, text.String())
		}
	}
	var text strings.Builder
	if err := Dump(&text, filepath.Join(dir, "00000001.seg")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1: Placed in order-1 version 1", "NO FRAME in", "3: Placed in order-1 version 3", "DOES NOT", "trailer: segment 1"} {
		if strings.Contains(text.String(), want) == (want == "DOES NOT") {
			t.Errorf("%q:\n%s", want, text.String())
		}
	}
	if err := Dump(io.Discard, filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Goal: a log is verified while its owner seals the segment that is written, and cuts off
// what was reserved of it. Method: the file ends long before where it ended when it was
// looked at.
func TestAFileThatWasCutBehindItsFramesIsVerified(t *testing.T) {
	dir := closed(t, 40, quietly)
	h := &home{dir: dir, world: vfs.OS()}
	m, err := existingManifest(h)
	if err != nil {
		t.Fatal(err)
	}
	f, err := h.world.FS.Open(h.path(segmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, judged := range []int64{m.clean.end, segmentHeaderBytes} {
		w := &sweep{file: f, name: f.Name(), salt: m.salt, end: 1 << 20, judged: judged}
		w.tail = tail{end: segmentHeaderBytes, checksum: m.salt}
		w.damaged = func(d Damage) { t.Error(d) }
		if err := w.run(t.Context()); err != nil || w.tail.head != 40 {
			t.Errorf("of 40 events that are there %d are verified: %v", w.tail.head, err)
		}
	}
}
