package logstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// restoredVector restores the scavenged log into another one, with every other position: an
// append of it has gaps, and stubs are in a segment that was not rewritten.
func restoredVector(t *testing.T) (dir string, events []daybook.Recorded) {
	t.Helper()
	_, events = rewrittenVector(t, scavengeAll)
	for i := range events {
		events[i].Position *= 2
	}
	dir = t.TempDir()
	s, err := open(vectorWorld(), dir, &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	// One append after the other: how many are synced together is left to chance, and shows.
	for rest := events; len(rest) > 0; rest = rest[daybook.FirstAppend(rest):] {
		if err := s.Restore(t.Context(), rest[:daybook.FirstAppend(rest)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, events
}

var restoredFiles = []string{"MANIFEST", "00000001.seg", "00000002.seg"}

// repairedVector damages the first append of the log in testdata/vectors, and repairs the
// log without it.
func repairedVector(t *testing.T) (dir string) {
	t.Helper()
	dir = vectorLog(t)
	change(t, dir, "00000001.seg", func(b []byte) []byte { b[200] ^= 1; return b })
	if _, err := repair(t.Context(), vectorWorld(), dir, RepairOptions{Quarantine: true}); err != nil {
		t.Fatal(err)
	}
	return dir
}

var repairedFiles = []string{"MANIFEST", "00000001-1.seg", "00000002.seg", "lost-1.idx"}

func TestWhatRestoringAndRepairingLeaveHasTheBytesOfTheFormat(t *testing.T) {
	dir, _ := restoredVector(t)
	compareWithVector(t, dir, "restored", restoredFiles)
	compareWithVector(t, repairedVector(t), "repaired", repairedFiles)
}

func TestARestoredLogOfThisFormatIsRead(t *testing.T) {
	_, want := restoredVector(t)
	s, err := Open(putVector(t, "restored", restoredFiles), quietly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
		t.Errorf("the restored log is not read as it was written (-want +got):\n%s", diff)
	}
}

func TestARepairedLogOfThisFormatTellsWhatIsLost(t *testing.T) {
	dir := putVector(t, "repaired", repairedFiles)
	for _, past := range []bool{false, true} {
		s, err := Open(dir, &Options{Logger: quiet, PastLost: past})
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			query daybook.Query
			want  []daybook.Position
			lost  bool
		}{
			"everything":                       {daybook.All(), []daybook.Position{2, 3, 4, 5}, true},
			"the stream that lost an event":    {daybook.Stream("order-42"), []daybook.Position{2}, true},
			"a tag of the event":               {daybook.Query{{Tags: []string{"shop:köln"}}}, nil, true},
			"a stream that lost none":          {daybook.Stream("scan"), []daybook.Position{4}, false},
			"a stream of the segment behind":   {daybook.Stream("order-43"), []daybook.Position{5}, false},
			"a type that the event was not of": {daybook.Query{{Types: []string{"DayClosed"}}}, []daybook.Position{3}, false},
		} {
			got, err := readUntil(t, s, c.query, daybook.Span{})
			if c.lost && !past {
				wantLost(t, err, what)
				continue
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, past what is lost %t: %v, %v, want %v", what, past, got, err, c.want)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}

	// Without the index of what was there, anything may have been.
	change(t, dir, "lost-1.idx", func(b []byte) []byte { b[9] ^= 1; return b })
	s, err := Open(dir, quietly)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = readUntil(t, s, daybook.Stream("order-43"), daybook.Span{})
	wantLost(t, err, "a stream of the segment behind, with a damaged index")
}

func TestABrokenLogWithGapsIsTold(t *testing.T) {
	const segment = "00000001.seg"
	events := func(f frame.Frame) (all []frame.Event) {
		for _, e := range f.Events() {
			all = append(all, e)
		}
		return all
	}
	for what, change := range map[string]func(f frame.Frame){
		"gaps that the frame does not announce": func(f frame.Frame) { f[44] = 0 },
		"a flag that is not known":              func(f frame.Frame) { f[44] = 3 },
		"a place that is not above another":     func(f frame.Frame) { copy(events(f)[2][8:10], events(f)[1][8:10]) },
		"a first place that is not zero":        func(f frame.Frame) { events(f)[0][8] = 1 },
	} {
		t.Run(what, func(t *testing.T) {
			dir := putVector(t, "restored", restoredFiles)
			at := placesOf(t, dir, segment)[1] // of the append that has gaps
			b := content(t, dir, segment)
			f := frame.Frame(b[at:][:frame.Length(b[at:])])
			if f[44] != 1 || f.Len() != 3 {
				t.Fatalf("the second frame has %d events and flags %d", f.Len(), f[44])
			}
			change(f)
			le.PutUint32(f, crc32.Update(le.Uint32(b[12:]), castagnoli, f[4:]))
			if err := os.WriteFile(filepath.Join(dir, segment), b, 0o640); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir, quietly)
			if err == nil {
				_, err = everything(s)
				err = errors.Join(err, s.Close())
			}
			if corrupt := (*daybook.CorruptError)(nil); !errors.As(err, &corrupt) || !strings.HasSuffix(corrupt.Where, fmt.Sprintf("%s at %d", segment, at)) {
				t.Errorf("opening and reading says %v", err)
			}
		})
	}
}

// Goal: what HEAD says is gone by, and only if it is as it was written. Method: the log in
// testdata/vectors is one that nobody closed, of whose last append only HEAD says that it
// is durable.
func TestAHeadOfThisFormatIsRead(t *testing.T) {
	of := func(change func(b []byte)) []byte {
		b := vector(t, headName)
		salt := le.Uint32(vector(t, "00000002.seg")[12:])
		change(b)
		le.PutUint32(b[76:], crc32.Update(salt, castagnoli, b[:76]))
		return b
	}
	for what, c := range map[string]struct {
		head []byte
		want daybook.Position
	}{
		"as it was written":       {vector(t, headName), 5},
		"with its checksum again": {of(func([]byte) {}), 5},
		"missing":                 {nil, 4},
		"empty":                   {[]byte{}, 4},
		"too short":               {vector(t, headName)[:79], 4},
		"damaged":                 {slices.Concat(vector(t, headName)[:50], []byte{1}, vector(t, headName)[51:]), 4},
		"with another magic":      {of(func(b []byte) { b[0]++ }), 4},
		"of a version not known":  {of(func(b []byte) { b[8]++ }), 4},
		"of another log":          {of(func(b []byte) { b[16]++ }), 4},
		"of another incarnation":  {of(func(b []byte) { b[32]++ }), 4},
	} {
		dir := t.TempDir()
		unclosed := inManifest("closed head 5 end 800 checksum af5bd509\n", "")
		for name, b := range map[string][]byte{
			manifestName:   unclosed(vector(t, manifestName), 0),
			"00000001.seg": vector(t, "00000001.seg"), "00000002.seg": vector(t, "00000002.seg"),
			headName: c.head,
		} {
			if b == nil {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		r, err := OpenReader(dir, quietly)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if info, err := r.Info(t.Context()); err != nil || info.Head.Position != c.want {
			t.Errorf("a reader of a log whose HEAD is %s ends at %d (%v), want %d", what, info.Head.Position, err, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
