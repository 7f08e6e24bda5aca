package logstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// compressible returns a log of several segments of words.
func compressible(t testing.TB, world vfs.World, opts *Options) *subject {
	t.Helper()
	s := openSubject(t, world, opts)
	chance := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		var events []daybook.Event
		for range 30 {
			data := []byte(`{"note":"`)
			for range 30 {
				data = append(data, []string{"leave ", "it ", "with ", "the ", "neighbours "}[chance.IntN(5)]...)
			}
			events = append(events, daybook.Event{
				Stream: fmt.Sprintf("order-%d", chance.IntN(40)), Type: "Placed",
				Tags: []string{fmt.Sprintf("customer:%d", chance.IntN(20))}, Data: append(data, `"}`...),
			})
		}
		if _, err := s.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestACompressedLogIsTheSameLog(t *testing.T) {
	s := compressible(t, vfs.OS(), &Options{SegmentBytes: 100_000, OpenFiles: 3, Logger: quiet})
	want := contentsOf(t, s)
	held, err := s.Read(t.Context(), daybook.All(), daybook.Span{Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Compress(t.Context())
	if err != nil || report.Rewritten != report.Segments || report.Rewritten < 3 || report.Bytes < 200_000 {
		t.Fatalf("compressing did %+v: %v", report, err)
	}
	same := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
		for _, q := range []daybook.Query{daybook.Stream("order-7"), {{Tags: []string{"customer:3"}}}, {{Streams: []string{"order-1", "order-2"}}}} {
			found, err := selected(s, q)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, e := range want {
				if q.Selects(e.Event) {
					if n >= len(found) || found[n].ID != e.ID {
						t.Fatalf("%s: %v does not find position %d", when, q, e.Position)
					}
					n++
				}
			}
			if n != len(found) {
				t.Errorf("%s: %v finds %d events, want %d", when, q, len(found), n)
			}
		}
	}
	same("compressed")
	if events, err := held.Collect(); err != nil || len(events) != len(want) {
		t.Errorf("a reading begun before yields %d events: %v", len(events), err)
	}
	if again, err := s.Compress(t.Context()); err != nil || again.Rewritten != 0 {
		t.Errorf("compressing again did %+v: %v", again, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := Verify(t.Context(), s.dir, &VerifyOptions{Indexes: true}); err != nil || len(found.Damages)+len(found.Notes) > 0 {
		t.Errorf("a compressed log has damages %v and notes %q: %v", found.Damages, found.Notes, err)
	}
	removed := segmentIndex(t, s.dir)
	if err := os.Remove(removed); err != nil {
		t.Fatal(err)
	}
	s.open(t)
	same("opened again")

	forgotten := 0
	for _, e := range want {
		if e.Stream == "order-1" {
			forgotten++
		}
	}
	forgetOne(t, s)
	if report, err := s.Scavenge(t.Context(), &ScavengeOptions{Newest: true}); err != nil || report.Events != forgotten {
		t.Errorf("scavenging a compressed log did %+v: %v", report, err)
	}
	for _, seg := range s.view.Load().segments[:3] {
		if is, err := seg.isPacked(); err != nil || !is || seg.generation != 2 {
			t.Errorf("%s is compressed: %t, %v", seg.name(), is, err)
		}
	}
}

// segmentIndex returns an index file of a compressed segment.
func segmentIndex(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-1.idx"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there are index files %q: %v", names, err)
	}
	return names[0]
}

func TestSegmentsAreCompressedInTheBackground(t *testing.T) {
	s := compressible(t, inMemory(), &Options{SegmentBytes: 100_000, Compress: true, Logger: quiet})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		v, waiting := s.view.Load(), 0
		for _, seg := range v.segments[:len(v.segments)-1] {
			if is, err := seg.isPacked(); err != nil {
				t.Fatal(err)
			} else if !is {
				waiting++
			}
		}
		if waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %d of %d segments are not compressed", waiting, len(v.segments))
		}
	}
	if n := len(contentsOf(t, s)); n != 1800 {
		t.Errorf("the log has %d events", n)
	}
}

func TestWhatDoesNotBecomeSmallerIsLeftAlone(t *testing.T) {
	s := openSubject(t, inMemory(), &Options{SegmentBytes: 20_000, Logger: quiet})
	chance := rand.NewChaCha8([32]byte{})
	for range 20 {
		data := make([]byte, 5000)
		if _, err := chance.Read(data); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), []daybook.Event{{Type: "Encrypted", ContentType: "application/octet-stream", Data: data}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := s.Compress(t.Context()); err != nil || report.Rewritten != 0 || report.Segments < 3 {
		t.Errorf("compressing did %+v: %v", report, err)
	}
	names, err := s.real.FS.List(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if _, generation, is := segmentFile(name); is && generation > 0 || name == rewriteTemp {
			t.Errorf("%s was left", name)
		}
	}
}

// Goal: no damage of a compressed segment goes unnoticed. Method: bits are flipped all over
// its file; the log is opened, and gives what it gave or says that it is corrupt.
func TestDamageOfACompressedSegmentIsTold(t *testing.T) {
	s := compressible(t, vfs.OS(), &Options{SegmentBytes: 400_000, Logger: quiet})
	if _, err := s.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := contentsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.dir, generationName(1, 1))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for at := 0; at < len(whole); at += 1 + len(whole)/97 {
		b := append([]byte(nil), whole...)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(name, b, 0o640); err != nil {
			t.Fatal(err)
		}
		damaged, err := Open(s.dir, quietly)
		if err != nil {
			t.Fatalf("a sealed segment is damaged at %d, and the log does not open: %v", at, err)
		}
		got, err := everything(damaged)
		corrupt := (*daybook.CorruptError)(nil)
		switch {
		case errors.As(err, &corrupt):
			told++
		case err != nil:
			t.Errorf("damaged at %d: %v", at, err)
		case !cmp.Equal(want, got):
			t.Errorf("damaged at %d, the log reads as something else", at)
		}
		if err := damaged.Close(); err != nil {
			t.Error(err)
		}
		found, err := Verify(t.Context(), s.dir, nil)
		if err != nil || len(found.Damages) == 0 {
			t.Errorf("damaged at %d, and verifying finds %v: %v", at, found.Damages, err)
		}
	}
	if told < 80 {
		t.Errorf("%d damages were told by reading", told)
	}
}

func TestACompressedSegmentIsBackedUpAndMended(t *testing.T) {
	s := compressible(t, vfs.OS(), &Options{SegmentBytes: 200_000, Logger: quiet})
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := Backup(t.Context(), s.dir, backup, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), s.dir, backup, &BackupOptions{Copy: true}); err != nil {
		t.Fatal(err)
	}
	want := contentsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if err := RestoreBackup(t.Context(), backup, restored); err != nil {
		t.Fatal(err)
	}
	other, err := Open(restored, quietly)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contentsOf(t, other)); diff != "" {
		t.Errorf("the restored backup: %s", diff)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}

	change(t, s.dir, generationName(1, 1), func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	if report, err := Repair(t.Context(), s.dir, nil); err == nil {
		t.Errorf("without a backup a damaged block is mended: %+v", report)
	}
	report, err := Repair(t.Context(), s.dir, &RepairOptions{From: backup})
	if err != nil || len(report.Restored) == 0 {
		t.Fatalf("repairing did %+v: %v", report, err)
	}
	s.open(t)
	if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
		t.Errorf("the mended log: %s", diff)
	}
}
