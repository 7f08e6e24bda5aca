package logstore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// broken are the vectors of what must be refused: what is changed in a file of the log in
// testdata/vectors. Where a checksum is made right again, another program has written this,
// or a later version of this one.
var broken = []struct {
	what, file string
	change     func(b []byte, salt uint32) []byte
}{
	{"a bit of the data of an event is flipped", "00000002.seg", func(b []byte, _ uint32) []byte { b[300] ^= 1; return b }},
	{"a bit of the data of an event is flipped in a sealed segment", "00000001.seg", func(b []byte, _ uint32) []byte { b[200] ^= 1; return b }},
	{"a frame has no magic", "00000002.seg", func(b []byte, _ uint32) []byte { b[segmentHeaderBytes+8] = 'd'; return b }},
	{"a frame is shorter than its events", "00000002.seg", inFrame(func(f frame.Frame) { le.PutUint32(f[40:], 2) })},
	{"a frame has a flag", "00000002.seg", inFrame(func(f frame.Frame) { f[44] = 2 })},
	{"a frame with gaps does not begin at its first position", "00000002.seg", inFrame(func(f frame.Frame) { f[44], f[frame.HeaderBytes+8] = 1, 1 })},
	{"an event has a flag that is not known", "00000002.seg", inFrame(func(f frame.Frame) { f[frame.HeaderBytes+10] = 0x80 })},
	{"an event is not where it says that it is", "00000002.seg", inFrame(func(f frame.Frame) { f[frame.HeaderBytes+4] += 8 })},
	{"an event's parts are longer than the event", "00000002.seg", inFrame(func(f frame.Frame) { le.PutUint32(f[frame.HeaderBytes+24:], 1<<20) })},
	{"a frame follows another one", "00000002.seg", inFrame(func(f frame.Frame) { le.PutUint32(f[12:], 1) })},
	{"a frame has the position of one before", "00000002.seg", inFrame(func(f frame.Frame) { le.PutUint64(f[16:], 2) })},
	{"a frame was written before its time", "00000002.seg", inFrame(func(f frame.Frame) { le.PutUint64(f[24:], 9) })},
	{"a frame is of a log with another salt", "00000002.seg", func(b []byte, salt uint32) []byte {
		f := frame.Frame(b[segmentHeaderBytes:][:frame.Length(b[segmentHeaderBytes:])])
		le.PutUint32(f, crc32.Update(salt+1, castagnoli, f[4:]))
		return b
	}},
	{"a segment is of a version that is not known", "00000002.seg", inHeader(func(b []byte) { b[8] = 9 })},
	{"a segment is of another log", "00000002.seg", inHeader(func(b []byte) { b[16]++ })},
	{"a segment has another number", "00000002.seg", inHeader(func(b []byte) { b[32]++ })},
	{"a segment's header is damaged", "00000002.seg", func(b []byte, _ uint32) []byte { b[60]++; return b }},
	{"the active segment ends too early", "00000002.seg", func(b []byte, _ uint32) []byte { return b[:len(b)-8] }},
	{"the active segment goes on", "00000002.seg", func(b []byte, _ uint32) []byte { return append(b, 1) }},
	{"the active segment has no header", "00000002.seg", func(b []byte, _ uint32) []byte { return b[:40] }},
	{"a sealed segment ends too early", "00000001.seg", func(b []byte, _ uint32) []byte { return b[:len(b)-1] }},
	{"the manifest is damaged", manifestName, func(b []byte, _ uint32) []byte { b[30]++; return b }},
	{"the manifest is of a version that is not known", manifestName, inManifest("manifest 1", "manifest 9")},
	{"the manifest has a line that is not known", manifestName, inManifest("active", "passive")},
	{"the manifest lacks a number", manifestName, inManifest(" first 5", "")},
	{"the manifest does not say where events were lost", manifestName, inManifest("active", "lost first 1 last 1\nactive")},
	{"the manifest says in the wrong place that events were lost", manifestName, inManifest("closed", "lost first 1 last 1 segment 1 begin 64 end 272 frames 0 checksum 00000000\nclosed")},
	{"the manifest names a segment that is not there", manifestName, inManifest("active 2", "active 3")},
	{"the manifest ends too early", manifestName, func(b []byte, _ uint32) []byte { return b[:len(b)-10] }},
}

// inFrame changes the first frame of a segment, and makes its checksum right.
func inFrame(change func(frame.Frame)) func([]byte, uint32) []byte {
	return func(b []byte, salt uint32) []byte {
		f := frame.Frame(b[segmentHeaderBytes:][:frame.Length(b[segmentHeaderBytes:])])
		change(f)
		le.PutUint32(f, crc32.Update(salt, castagnoli, f[4:]))
		return b
	}
}

// inHeader changes the header of a segment, and makes its checksum right.
func inHeader(change func([]byte)) func([]byte, uint32) []byte {
	return func(b []byte, _ uint32) []byte {
		change(b)
		le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
		return b
	}
}

// inManifest replaces some words of a manifest, and makes its checksum right.
func inManifest(old, with string) func([]byte, uint32) []byte {
	return func(b []byte, _ uint32) []byte {
		b = bytes.Replace(b, []byte(old), []byte(with), 1)
		b = b[:bytes.LastIndex(b, []byte("checksum "))]
		return fmt.Appendf(b, "checksum %08x\n", crc32.Checksum(b, castagnoli))
	}
}

// Goal: what is not as the format says is refused, with the place and the reason. Method:
// files of the log are changed, one at a time. What is changed, byte by byte, and what is
// told is written down in broken.txt, which is all that another program needs for the same
// test.
func TestABrokenLogIsRefusedWithPlaceAndReason(t *testing.T) {
	golden := filepath.Join("testdata", "vectors", "broken.txt")
	salt := le.Uint32(vector(t, "00000002.seg")[12:])
	var got strings.Builder
	for _, c := range broken {
		good := vector(t, c.file)
		bad := c.change(bytes.Clone(good), salt)
		fmt.Fprintf(&got, "%s\n%s", c.what, edits(c.file, good, bad))
		told := refusal(t, c.file, bad)
		if told == "" {
			t.Errorf("%s, and the log is read", c.what)
		}
		fmt.Fprintf(&got, "  told: %s\n\n", told)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("what is told is not what broken.txt has (-want +got):\n%s", diff)
	}
}

// edits says how a file is changed: its new size, if that is another one, and bytes with
// their offset.
func edits(file string, good, bad []byte) string {
	var b strings.Builder
	if len(good) != len(bad) {
		fmt.Fprintf(&b, "  %s size %d\n", file, len(bad))
	}
	for at := 0; at < len(bad); at++ {
		from := at
		for at < len(bad) && (at >= len(good) || bad[at] != good[at]) {
			at++
		}
		if at > from {
			fmt.Fprintf(&b, "  %s %06x %s\n", file, from, hex.EncodeToString(bad[from:at]))
		}
	}
	return b.String()
}

// refusal returns what opening and reading the log tells when one of its files is another one.
func refusal(t *testing.T, file string, b []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{manifestName, "00000001.seg", "00000002.seg"} {
		content := vector(t, name)
		if name == file {
			content = b
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, quietly)
	if err == nil {
		defer s.Close()
		_, err = everything(s)
	}
	var corrupt *daybook.CorruptError
	if err == nil {
		return ""
	}
	if !errors.As(err, &corrupt) {
		t.Errorf("%s is broken, and that is told as %v", file, err)
	}
	return strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
}
