package logstore

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// rewrittenVector makes the log of testdata/vectors again, with a stream of it forgotten,
// and rewrites its first segment.
func rewrittenVector(t *testing.T, rewrite func(*Store) error) (dir string, events []daybook.Recorded) {
	t.Helper()
	dir = t.TempDir()
	s, err := open(vectorWorld(), dir, &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	deleted := daybook.Deleted("order-42")
	deleted.ID = uuid.MustParse("019aa5c0-0000-7000-8000-000000000006")
	for _, events := range append(vectorEvents(), []daybook.Event{deleted}) {
		if _, err := s.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := rewrite(s); err != nil {
		t.Fatal(err)
	}
	events = contentsOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, events
}

func scavengeAll(s *Store) error {
	_, err := s.Scavenge(context.Background(), nil)
	return err
}

// pack packs the first segment, which is so small that it does not become smaller.
func pack(s *Store) error {
	seg := s.view.Load().segments[0]
	next, err := s.rewrite(seg, true, copyFrame)
	if err != nil {
		return err
	}
	return s.replace(seg, next)
}

var rewrittenVectors = []struct {
	name    string
	rewrite func(*Store) error
	files   []string
}{
	{"scavenged", scavengeAll, []string{"MANIFEST", "00000001-1.seg", "00000001-1.idx", "00000002.seg"}},
	{"packed", pack, []string{"MANIFEST", "00000001-1.seg", "00000002.seg"}},
}

// These bytes are on people's disks, too. Of a packed segment only that it is read: what a
// compressor writes, another one may write otherwise.
func TestARewrittenLogHasTheBytesOfTheFormat(t *testing.T) {
	for _, v := range rewrittenVectors {
		dir, _ := rewrittenVector(t, v.rewrite)
		compareWithVector(t, dir, v.name, v.files)
	}
}

// putVector writes the files of a vector into a directory of their own.
func putVector(t *testing.T, name string, files []string) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range files {
		if strings.HasSuffix(file, ".idx") && !strings.HasPrefix(file, "lost-") {
			continue // it is made anew
		}
		golden := filepath.Join("testdata", "vectors", name, file)
		if file != "MANIFEST" {
			golden += ".hex"
		}
		b, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if file != "MANIFEST" {
			b = undump(t, string(b))
		}
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestARewrittenLogOfThisFormatIsRead(t *testing.T) {
	for _, v := range rewrittenVectors {
		_, want := rewrittenVector(t, v.rewrite)
		dir := putVector(t, v.name, v.files)
		s, err := Open(dir, quietly)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
			t.Errorf("the %s log is not read as it was written (-want +got):\n%s", v.name, diff)
		}
		stubs := 0
		for _, e := range read(t, s, daybook.Query{{Tags: []string{"shop:köln"}}, {Types: []string{"OrderPaid"}}}, daybook.Span{Forgotten: true}) {
			if e.Stub != nil {
				stubs++
			}
		}
		if want := map[string]int{"scavenged": 2}[v.name]; stubs != want {
			t.Errorf("of the %s log %d stubs are found by tag and type, want %d", v.name, stubs, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What is wrong in each of these is told, as damage of that file, and nothing else is read
// in its place.
func TestABrokenRewrittenLogIsTold(t *testing.T) {
	const segment = "00000001-1.seg"
	reseal := func(b []byte) { // the checksum of the first frame is right for what is in it now
		le.PutUint32(b[segmentHeaderBytes:], crc32.Update(le.Uint32(b[12:]), castagnoli, b[segmentHeaderBytes+4:][:le.Uint32(b[segmentHeaderBytes+4:])-4]))
	}
	firstEvent := segmentHeaderBytes + 48
	for _, c := range []struct {
		vector, what string
		change       func(b []byte) []byte
	}{
		{"scavenged", "an unknown flag of a frame", func(b []byte) []byte { b[segmentHeaderBytes+44] = 2; reseal(b); return b }},
		{"scavenged", "an unknown flag of an event", func(b []byte) []byte { b[firstEvent+10] = 3; reseal(b); return b }},
		{"scavenged", "a stub that says it is none", func(b []byte) []byte { b[firstEvent+10] = 0; return b }},
		{"scavenged", "a frame that follows another one", func(b []byte) []byte { b[segmentHeaderBytes+12] ^= 1; reseal(b); return b }},
		{"scavenged", "a file that is too short", func(b []byte) []byte { return b[:len(b)-1] }},
		{"packed", "a block that was damaged", func(b []byte) []byte { b[segmentHeaderBytes+20] ^= 1; return b }},
		{"packed", "a table that was damaged", func(b []byte) []byte {
			b[bytes.LastIndex(b, []byte(trailerMagic))-markSize-packedTableEnd-packedEntry] ^= 1
			return b
		}},
	} {
		t.Run(c.vector+"/"+c.what, func(t *testing.T) {
			dir := putVector(t, c.vector, []string{"MANIFEST", segment, "00000002.seg"})
			change(t, dir, segment, c.change)
			s, err := Open(dir, quietly)
			if err == nil {
				_, err = everything(s)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if corrupt := (*daybook.CorruptError)(nil); !errors.As(err, &corrupt) || !strings.Contains(corrupt.Where, segment) {
				t.Errorf("opening and reading says %v", err)
			}
			if found, err := Verify(t.Context(), dir, nil); err != nil || !slices.ContainsFunc(found.Damages, func(d Damage) bool { return d.File == segment }) {
				t.Errorf("verifying finds %v: %v", found, err)
			}
		})
	}
}
