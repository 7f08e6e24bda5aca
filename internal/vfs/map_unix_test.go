//go:build linux || darwin || freebsd

package vfs

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"
)

func TestAMappingShowsWhatIsWrittenLater(t *testing.T) {
	f, m := mapped(t, 3*4096)
	defer m.Close()
	want := bytes.Repeat([]byte{7}, 5000)
	if _, err := f.WriteAt(want, 4000); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if n, err := m.ReadAt(got, 4000); n != len(got) || err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; equal: %v", n, err, bytes.Equal(got, want))
	}
	if n, err := m.ReadAt(got, 3*4096-10); n != 10 || err != io.EOF {
		t.Errorf("at its end the mapping yields %d bytes and %v, want 10 and io.EOF", n, err)
	}
	if n, err := m.ReadAt(got, 3*4096); n != 0 || err != io.EOF {
		t.Errorf("behind its end the mapping yields %d bytes and %v, want io.EOF", n, err)
	}
}

// Goal: a file that somebody cuts while it is mapped does not end the program. Method: the pages behind the new end
// raise a signal when they are looked at.
func TestReadingTheMappingOfAFileThatWasCutIsAnError(t *testing.T) {
	f, m := mapped(t, 3*4096)
	defer m.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	if n, err := m.ReadAt(make([]byte, 100), 2*4096); n != 0 || err == nil || err == io.EOF {
		t.Errorf("behind the new end the mapping yields %d bytes and %v, want an error", n, err)
	}
	if n, err := m.ReadAt(make([]byte, 100), 0); n != 100 || err != nil {
		t.Errorf("before the new end the mapping yields %d bytes and %v", n, err)
	}
}

// mapped returns a new file of so many bytes and its mapping.
func mapped(t *testing.T, size int64) (File, Mapping) {
	t.Helper()
	f, err := OS().FS.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	m, err := f.(Mapper).Map(size)
	if err != nil {
		t.Fatal(err)
	}
	return f, m
}

func TestWillNeedChangesNothingWhereverItPoints(t *testing.T) {
	f, m := mapped(t, 3*4096+100)
	defer m.Close()
	if _, err := f.WriteAt([]byte("here"), 3*4096+96); err != nil {
		t.Fatal(err)
	}
	for _, part := range [][2]int64{{0, 1}, {-5000, 6000}, {4095, 2}, {3 * 4096, 1 << 20}, {1 << 30, 1}, {5, 0}} {
		m.WillNeed(part[0], part[1])
	}
	b := make([]byte, 4)
	if n, err := m.ReadAt(b, 3*4096+96); n != 4 || err != nil || string(b) != "here" {
		t.Errorf("after that the mapping yields %q and %v", b[:n], err)
	}
}
