package logstore

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// vector returns the bytes of a file in testdata/vectors.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	if name == manifestName {
		b, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	return undump(t, string(b))
}

// Goal: whatever lies behind a segment's header, opening and reading the log ends with what is there or an error. Method:
// any bytes, once as they are and once with their frames' checksums and chain made right, as another program's might be.
func FuzzActiveSegment(f *testing.F) {
	f.Add(vector(f, "00000002.seg")[segmentHeaderBytes:])
	f.Add(vector(f, "00000001.seg")[segmentHeaderBytes:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<20 {
			return
		}
		for _, mended := range []bool{false, true} {
			disk := crashfs.New(1)
			world := disk.World()
			s, err := open(world, "db", quietly)
			if err == nil {
				_, err = s.Append(t.Context(), []daybook.Event{{ID: daybook.DeriveID(s.life.Log, "first"), Stream: "order-1", Type: "Placed"}}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			salt := s.home.salt
			abandonStore(s)

			b := bytes.Clone(body)
			if mended {
				mendFrames(b, salt)
			}
			file, err := disk.OpenWrite(filepath.Join("db", segmentName(1)))
			if err == nil {
				_, err = file.WriteAt(b, segmentHeaderBytes)
			}
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			askAnything(t, world)
		}
	})
}

// mendFrames makes the checksums and the chain of frames right that lie end to end.
func mendFrames(b []byte, salt uint32) {
	before, head := salt, daybook.Position(0)
	for at := 0; at+frame.HeaderBytes <= len(b); {
		n := frame.Length(b[at:])
		if n == 0 || at+n > len(b) {
			return
		}
		f := frame.Frame(b[at : at+n])
		f.Seal(salt, frame.Seal{Before: before, First: head + 1, Durable: head, Stamp: int64(head) + 1})
		before, head = f.Checksum(), f.Last()
		at += n
	}
}

// askAnything opens a log, and if it opens asks for everything in several ways. Nothing may panic, and nothing but
// damage may be told.
func askAnything(t *testing.T, world vfs.World) {
	t.Helper()
	told := func(err error) {
		var corrupt *daybook.CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			t.Errorf("damage is told as %v", err)
		}
	}
	s, err := open(world, "db", quietly)
	if err != nil {
		told(err)
		return
	}
	defer abandonStore(s)
	for _, q := range []daybook.Query{daybook.All(), daybook.Stream("order-42"), {{Tags: []string{"customer:7"}}}} {
		for _, span := range []daybook.Span{{}, {Backward: true}} {
			reading, err := s.Read(t.Context(), q, span)
			if err != nil {
				told(err)
				continue
			}
			for _, err := range reading.Events() {
				told(err)
			}
		}
	}
}

// Goal: no footer, trailer, header or announcement is read past its end, and none is believed that was not written so.
// Method: any bytes, once as they are and once with their checksums made right.
func FuzzFooter(f *testing.F) {
	s := &segment{home: &home{salt: 7}, number: 1}
	marks := []mark{{1, 10, 64}, {9, 20, 70_000}}
	f.Add(encodeFooter(marks, sealedSegment{number: 1}, 7))
	f.Add(encodeFooter(nil, sealedSegment{number: 1, end: 64}, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		footerIn(b, 7)
		if len(b) < trailerBytes {
			return
		}
		b = bytes.Clone(b)
		table, trailer := b[:len(b)-trailerBytes], b[len(b)-trailerBytes:]
		copy(trailer, trailerMagic)
		le.PutUint32(trailer[40:], crc32.Checksum(table, castagnoli))
		le.PutUint32(trailer[44:], crc32.Update(7, castagnoli, trailer[:44]))
		sealed := &segment{home: s.home, number: le.Uint64(trailer[8:]), end: int64(le.Uint64(trailer[16:]))}
		marks, err := decodeFooter(b, sealed, 7)
		if err == nil && len(marks)*markSize != len(table) {
			t.Errorf("%d marks are read from %d bytes", len(marks), len(table))
		}
	})
}

func FuzzAnnouncement(f *testing.F) {
	a := announcement{head: 9, at: place{1, 64}, checksum: 3}
	f.Add(a.append(nil, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= announcementBytes {
			b = bytes.Clone(b)
			copy(b, announcementMagic)
			le.PutUint32(b[8:], formatVersion)
			le.PutUint32(b[72:], 0)
			le.PutUint32(b[76:], crc32.Update(7, castagnoli, b[:76]))
		}
		a, err := decodeAnnouncement(b, 7)
		if err == nil && !bytes.Equal(a.append(nil, 7), b[:announcementBytes]) {
			t.Errorf("%x is read as what would be written as %x", b[:announcementBytes], a.append(nil, 7))
		}
	})
}
