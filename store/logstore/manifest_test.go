package logstore

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/uuid"
)

func someManifest() *manifest {
	return &manifest{
		log: uuid.New(), incarnation: uuid.New(), salt: 0xabc,
		sealed: []sealedSegment{{1, 1, 20, 4000, 4100, 0xdeadbeef, 0, 0xdeadbeef}, {2, 21, 40, 5000, 5100, 1, 3, 0xabc}},
		active: 3, activeFirst: 41,
		clean: &ending{head: 44, end: 700, checksum: 7},
	}
}

func TestAManifestGivesBackWhatWasWritten(t *testing.T) {
	full := someManifest()
	dirty := *full
	dirty.clean = nil
	for _, m := range []*manifest{full, &dirty, {log: uuid.New(), incarnation: uuid.New()}} {
		got, err := decodeManifest(m.encode())
		if err != nil {
			t.Fatalf("%v\n%s", err, m.encode())
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("%s is read as %+v", m.encode(), got)
		}
	}
}

func TestNoChangeOfAManifestGoesUnnoticed(t *testing.T) {
	good := someManifest().encode()
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeManifest(b); err == nil {
			t.Fatalf("bit %d was flipped and nobody noticed", bit)
		}
	}
	for n := range good {
		if _, err := decodeManifest(good[:n]); err == nil {
			t.Fatalf("%d of %d bytes are left and nobody noticed", n, len(good))
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(someManifest().encode())
	f.Add([]byte("daybook manifest 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeManifest(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Errorf("%q is read and would be written as %q", b, m.encode())
		}
	})
}
