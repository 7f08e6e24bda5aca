package logstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

var update = flag.Bool("update", false, "write testdata/vectors anew; the format has changed, and people's logs have not")

// vectorWorld is a world in which the same log has the same bytes each time.
func vectorWorld() vfs.World {
	world := vfs.OS()
	world.Clock = new(tick)
	world.Chance = strings.NewReader(strings.Repeat("daybook vectors ", 4))
	return world
}

// A tick is a clock that goes on by a second each time it is looked at. Opening looks at it once.
type tick struct{ seconds int }

func (c *tick) Now() time.Time {
	defer func() { c.seconds++ }()
	return time.Date(2026, 11, 21, 12, 0, c.seconds, 0, time.UTC)
}

func (c *tick) Boot() time.Duration { return time.Duration(c.seconds) * time.Second }

// vectorEvents are the appends of the log in testdata/vectors.
func vectorEvents() [][]daybook.Event {
	id := func(n byte) uuid.UUID {
		id := uuid.MustParse("019aa5c0-0000-7000-8000-000000000000")
		id[15] = n
		return id
	}
	return [][]daybook.Event{
		{{ID: id(1), Stream: "order-42", Type: "OrderPlaced", Tags: []string{"customer:7", "shop:köln"}, Data: []byte(`{"total":100}`)}},
		{
			{ID: id(2), Stream: "order-42", Type: "OrderPaid", Data: []byte(`{"amount":100}`), Metadata: []byte(`{"actor":"ada"}`)},
			{ID: id(3), Type: "DayClosed", HappenedAt: time.Date(2026, 11, 20, 23, 59, 59, 999, time.UTC)},
			{ID: uuid.MustParse("5f0c4b1e-8f5a-4f5e-9d0a-2b6f1f6a7c01"), Stream: "scan", Type: "PageScanned", ContentType: "image/png", Data: []byte{0, 1, 2, 0xff}},
		},
		{{ID: id(5), Stream: "order-43", Type: "OrderPlaced", Data: bytes.Repeat([]byte("x"), 600)}},
	}
}

// vectorLog makes the log of testdata/vectors again.
func vectorLog(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := open(vectorWorld(), dir, &Options{SegmentBytes: 1000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for _, events := range vectorEvents() {
		if _, err := s.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// These bytes are on people's disks.
func TestALogHasTheBytesOfTheFormat(t *testing.T) {
	compareWithVector(t, vectorLog(t), "", []string{"MANIFEST", "HEAD", "00000001.seg", "00000001.idx", "00000002.seg"})
}

// compareWithVector compares files of a log with those of a vector, which are written with
// the flag -update.
func compareWithVector(t *testing.T, dir, vector string, files []string) {
	t.Helper()
	for _, name := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "vectors", vector, name)
		if name != "MANIFEST" {
			golden += ".hex"
			got = []byte(dump(got))
		}
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(golden), 0o755), os.WriteFile(golden, got, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" && vector != "packed" {
			t.Errorf("%s is not what the format says (-want +got):\n%s", filepath.Join(vector, name), diff)
		}
	}
}

// Without the index file, which is made anew.
func TestALogOfThisFormatIsRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"MANIFEST", "00000001.seg", "00000002.seg"} {
		golden := filepath.Join("testdata", "vectors", name)
		if name != "MANIFEST" {
			golden += ".hex"
		}
		b, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if name != "MANIFEST" {
			b = undump(t, string(b))
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, &Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	var want []daybook.Recorded
	versions := map[string]daybook.Version{}
	for i, events := range vectorEvents() {
		for _, e := range events {
			if e.ContentType == "" {
				e.ContentType = daybook.JSON
			}
			r := daybook.Recorded{Event: e, Position: daybook.Position(len(want) + 1), RecordedAt: time.Date(2026, 11, 21, 12, 0, i+1, 0, time.UTC)}
			if e.Stream != "" {
				versions[e.Stream]++
				r.Version = versions[e.Stream]
			}
			want = append(want, r)
		}
	}
	got := read(t, s, daybook.All(), daybook.Span{})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the log in testdata/vectors is not read as it was written (-want +got):\n%s", diff)
	}
	if got := read(t, s, daybook.Query{{Tags: []string{"shop:köln"}}}, daybook.Span{}); len(got) != 1 || got[0].Position != 1 {
		t.Errorf("a tag of the first event selects %v", got)
	}
}

// dump writes bytes as lines of 32, with their offsets; lines of zeros are left out.
func dump(b []byte) string {
	var d strings.Builder
	fmt.Fprintf(&d, "bytes %d\n", len(b))
	for at := 0; at < len(b); at += 32 {
		line := b[at:min(at+32, len(b))]
		if len(bytes.Trim(line, "\x00")) > 0 {
			fmt.Fprintf(&d, "%06x %x\n", at, line)
		}
	}
	return d.String()
}

func undump(t testing.TB, d string) []byte {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(d), "\n")
	var size, at int
	if _, err := fmt.Sscanf(lines[0], "bytes %d", &size); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	for _, line := range lines[1:] {
		var digits string
		if _, err := fmt.Sscanf(line, "%x %s", &at, &digits); err != nil {
			t.Fatal(err)
		}
		part, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		copy(b[at:], part)
	}
	return b
}

// read returns what a query selects in a span.
func read(t *testing.T, s daybook.Store, q daybook.Query, span daybook.Span) []daybook.Recorded {
	t.Helper()
	r, err := s.Read(t.Context(), q, span)
	if err != nil {
		t.Fatal(err)
	}
	events, err := r.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clip(events)
}
