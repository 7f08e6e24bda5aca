package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// fill appends one event at a time, with its number for data.
func fill(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed", Data: fmt.Append(nil, i)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// crashed returns a directory as a crash leaves it after n appends: the store in it was
// never closed. What is open stays open until the test ends.
func crashed(t *testing.T, n int, opts *Options) string {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 1, n)
	s.home.indexer.stop()
	copied := t.TempDir()
	copyDir(t, copied, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return copied
}

func copyDir(t *testing.T, to, from string) {
	t.Helper()
	for _, name := range list(t, from) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// change rewrites a file of a directory.
func change(t *testing.T, dir, name string, with func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, with(b), 0o640); err != nil {
		t.Fatal(err)
	}
}

// offsets returns where the frames of a segment's file begin, and where they end.
func offsets(b []byte) []int {
	at := []int{segmentHeaderBytes}
	for {
		last := at[len(at)-1]
		if last+frame.HeaderBytes > len(b) || frame.Length(b[last:]) == 0 {
			return at
		}
		at = append(at, last+frame.Length(b[last:]))
	}
}

// numbers opens a directory and returns the numbers that fill has recorded there.
func numbers(t *testing.T, dir string, opts *Options) []int {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return numbersIn(t, s)
}

func numbersIn(t *testing.T, s *Store) []int {
	t.Helper()
	var found []int
	for _, e := range read(t, s, daybook.All(), daybook.Span{}) {
		var n int
		if _, err := fmt.Sscan(string(e.Data), &n); err != nil {
			t.Fatal(err)
		}
		found = append(found, n)
	}
	return found
}

func upTo(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func corruption(t *testing.T, dir string) *daybook.CorruptError {
	t.Helper()
	s, err := Open(dir, &Options{Logger: quiet})
	if err == nil {
		s.Close()
		t.Fatal("the damaged log opens")
	}
	var corrupt *daybook.CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("the damaged log opens with %v, want a CorruptError", err)
	}
	return corrupt
}

var quietly = &Options{Logger: quiet}

func TestATornGroupIsCutOffAndKept(t *testing.T) {
	dir := crashed(t, 5, quietly)
	var torn []byte
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		torn = append(torn, b[at[4]:at[5]-20]...)
		clear(b[at[5]-20:]) // the end of the last frame did not reach the disk
		return b
	})
	s, err := Open(dir, quietly)
	if err != nil {
		t.Fatal(err)
	}
	if got := numbersIn(t, s); fmt.Sprint(got) != fmt.Sprint(upTo(4)) {
		t.Errorf("after the crash %v are there, want %v", got, upTo(4))
	}
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		if at := offsets(b); len(at) != 5 || len(bytes.Trim(b[at[4]:], "\x00")) > 0 {
			t.Errorf("behind %d frames there is still something in the segment", len(at)-1)
		}
		return b
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	kept := ""
	for _, name := range list(t, dir) {
		if strings.Contains(name, ".torn-") {
			kept = name
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, kept))
	if err != nil {
		t.Fatalf("nothing was kept of the torn group: %v", err)
	}
	if string(b) != strings.TrimRight(string(torn), "\x00") {
		t.Errorf("%s holds %d bytes, and not the %d that were torn", kept, len(b), len(torn))
	}
	if s, err = Open(dir, quietly); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, 5, 7)
	if got := numbersIn(t, s); fmt.Sprint(got) != fmt.Sprint(upTo(7)) {
		t.Errorf("after more appends %v are there, want %v", got, upTo(7))
	}
}

// A power cut keeps any sectors of a group that was not synced: here the first and the
// third of three frames, and not the second.
func TestASoundFrameBehindATornOneOfItsGroupIsNoProofOfDamage(t *testing.T) {
	dir := crashed(t, 2, quietly)
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		last := frame.Frame(b[at[1]:at[2]])
		salt, next := le.Uint32(b[12:]), at[2]
		before := last.Checksum()
		for i := range 3 {
			f := frame.Encode(nil, []daybook.Event{{Type: "Placed", Data: fmt.Append(nil, 3+i)}})
			f.Seal(salt, frame.Seal{Before: before, First: daybook.Position(3 + i), Durable: 2, Stamp: last.Stamp() + int64(i) + 1})
			before = f.Checksum()
			if i == 1 {
				f[60] ^= 1
			}
			next += copy(b[next:], f)
		}
		return b
	})
	if got := numbers(t, dir, quietly); fmt.Sprint(got) != fmt.Sprint(upTo(3)) {
		t.Errorf("after the crash %v are there, want %v", got, upTo(3))
	}
}

func TestDamageBeforeWhatWasDurableIsToldWithItsPlace(t *testing.T) {
	dir := crashed(t, 5, quietly)
	var where string
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		where = fmt.Sprintf("%s at %d", filepath.Join(dir, "00000001.seg"), at[2])
		b[at[2]+70] ^= 4
		return b
	})
	before := list(t, dir)
	corrupt := corruption(t, dir)
	if corrupt.Where != where || corrupt.Position != 2 {
		t.Errorf("the damage is at %s, sound up to %d; want %s and 2", corrupt.Where, corrupt.Position, where)
	}
	if after := list(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("opening a damaged log changed the directory from %v to %v", before, after)
	}
}

func TestAStaleFrameIsNotTakenForTheNextOne(t *testing.T) {
	dir := crashed(t, 5, quietly)
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		stale := append([]byte(nil), b[at[2]:at[3]]...)
		copy(b[at[5]:], stale) // sound, of this log, and of another place
		return b
	})
	if got := numbers(t, dir, quietly); fmt.Sprint(got) != fmt.Sprint(upTo(5)) {
		t.Errorf("after the crash %v are there, want %v", got, upTo(5))
	}
}

func TestNothingIsTakenForTornAfterAProperClosing(t *testing.T) {
	for _, damage := range []struct {
		what string
		with func([]byte) []byte
	}{
		{"the last frame is gone", func(b []byte) []byte { at := offsets(b); return b[:at[len(at)-2]] }},
		{"the last frame is zeros", func(b []byte) []byte { at := offsets(b); clear(b[at[len(at)-2]:]); return b }},
		{"a bit of the last frame is flipped", func(b []byte) []byte { b[len(b)-9] ^= 1; return b }},
		{"there is something behind the end", func(b []byte) []byte { return append(b, 0) }},
	} {
		dir := t.TempDir()
		s, err := Open(dir, quietly)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, s, 1, 3)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		change(t, dir, "00000001.seg", damage.with)
		if corrupt := corruption(t, dir); corrupt.Position < 2 {
			t.Errorf("%s: sound up to %d, want at least 2", damage.what, corrupt.Position)
		}
	}
}

func TestEverySegmentThatTheManifestNamesMustBeThere(t *testing.T) {
	small := &Options{SegmentBytes: 400, Logger: quiet}
	for _, missing := range []string{"00000001.seg", "00000002.seg", "00000003.seg"} {
		dir := crashed(t, 5, small)
		if err := os.Remove(filepath.Join(dir, missing)); err != nil {
			t.Fatal(err)
		}
		if corrupt := corruption(t, dir); corrupt.Where != filepath.Join(dir, missing) {
			t.Errorf("%s is missing, and the damage is at %s", missing, corrupt.Where)
		}
	}
	dir := crashed(t, 5, small)
	if err := os.Remove(filepath.Join(dir, manifestName)); err != nil {
		t.Fatal(err)
	}
	if corrupt := corruption(t, dir); corrupt.Where != filepath.Join(dir, manifestName) {
		t.Errorf("the manifest is missing, and the damage is at %s", corrupt.Where)
	}
}

func TestASegmentThatTheManifestDoesNotNameIsSetAside(t *testing.T) {
	dir := crashed(t, 3, quietly)
	b, err := os.ReadFile(filepath.Join(dir, "00000001.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"00000007.seg":       b,
		"00000007.seg.aside": []byte("taken"),
		"00000008.seg":       append([]byte("a header of a segment that never had a frame, and space for them"), make([]byte, 4096)...)[:4096],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if got := numbers(t, dir, quietly); fmt.Sprint(got) != fmt.Sprint(upTo(3)) {
		t.Errorf("%v are there, want %v", got, upTo(3))
	}
	aside, err := os.ReadFile(filepath.Join(dir, "00000007.seg.aside-2"))
	if err != nil || string(aside) != string(b) {
		t.Errorf("the segment that no manifest named is not kept: %v", err)
	}
	for _, gone := range []string{"00000007.seg", "00000008.seg"} {
		if _, err := os.Stat(filepath.Join(dir, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
}

func TestASealedSegmentIsReadWithoutItsIndexAndItsFooter(t *testing.T) {
	small := &Options{SegmentBytes: 2000, Logger: quiet}
	for _, damage := range []func(dir string){
		func(dir string) { os.Remove(filepath.Join(dir, "00000001.idx")) },
		func(dir string) { change(t, dir, "00000001.idx", func(b []byte) []byte { return b[:100] }) },
		func(dir string) { change(t, dir, "00000001.idx", func(b []byte) []byte { b[5000] ^= 1; return b }) },
		func(dir string) {
			change(t, dir, "00000001.seg", func(b []byte) []byte { b[len(b)-60] ^= 1; return b })
		},
		func(dir string) { change(t, dir, "00000001.seg", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }) },
	} {
		dir := crashed(t, 40, small)
		damage(dir)
		s, err := Open(dir, small)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(read(t, s, daybook.Stream("order-1"), daybook.Span{})); n != 40 {
			t.Errorf("the stream has %d events, want 40", n)
		}
		if n := len(read(t, s, daybook.All(), daybook.Span{After: 3})); n != 37 {
			t.Errorf("there are %d events after the third, want 37", n)
		}
		fill(t, s, 41, 41)
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Paid"}}, daybook.At("order-1", 41)); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestACrashBetweenTheFooterAndTheManifestLosesNothing(t *testing.T) {
	dir := crashed(t, 4, quietly)
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		end := at[len(at)-1]
		last := frame.Frame(b[at[len(at)-2]:end])
		footer := encodeFooter([]mark{{1, 1, segmentHeaderBytes}}, sealedSegment{number: 1, last: 4, end: int64(end), checksum: last.Checksum()}, le.Uint32(b[12:]))
		return append(b[:end:end], footer...)
	})
	if got := numbers(t, dir, quietly); fmt.Sprint(got) != fmt.Sprint(upTo(4)) {
		t.Errorf("after the crash %v are there, want %v", got, upTo(4))
	}
	for _, name := range list(t, dir) {
		if strings.Contains(name, ".torn-") {
			t.Errorf("the footer was kept as %s, and it is no torn group", name)
		}
	}

	dir = crashed(t, 4, quietly)
	change(t, dir, "00000001.seg", func(b []byte) []byte {
		at := offsets(b)
		end := at[len(at)-1]
		last := frame.Frame(b[at[len(at)-2]:end])
		footer := encodeFooter(nil, sealedSegment{number: 1, last: 4, end: int64(end), checksum: last.Checksum()}, le.Uint32(b[12:]))
		b = append(b[:end:end], footer...)
		b[at[3]+50] ^= 1 // the last frame, which only the footer knows to have been durable
		return b
	})
	if corrupt := corruption(t, dir); corrupt.Position != 3 {
		t.Errorf("sound up to %d, want 3", corrupt.Position)
	}
}

func TestOpeningWithoutAppendingLeavesNoSegment(t *testing.T) {
	dir := t.TempDir()
	var life daybook.Point
	for range 3 {
		s, err := Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if life != (daybook.Point{}) && info.Head != life {
			t.Errorf("the log is %v, and was %v", info.Head, life)
		}
		life = info.Head
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if names := list(t, dir); fmt.Sprint(names) != "[LOCK MANIFEST]" {
		t.Errorf("the directory has %v", names)
	}
}
