// Package vfstest states, as tests, what every file system behind package vfs promises while the power stays on, so
// that an engine tested on a simulated one meets the same answers on the real one.
package vfstest

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/internal/vfs"
)

var promises = []struct {
	sentence string
	check    func(t *testing.T, fsys vfs.FS, dir string)
}{
	{"a created file is empty and must not have existed", checkCreate},
	{"a missing file is not opened, sized, removed, renamed, linked or listed", checkMissing},
	{"what is written is read, through any handle", checkWrite},
	{"a gap between writes reads as zeros", checkGap},
	{"reading past the end gives what there is and io.EOF", checkEOF},
	{"a file opened for reading refuses writes and syncs", checkReadOnly},
	{"truncating cuts, and growing again shows zeros", checkTruncate},
	{"preallocating extends with zeros, keeps what was written, and never cuts", checkPreallocate},
	{"a negative size or offset is refused", checkNegative},
	{"a renamed file replaces the one that had the name", checkRename},
	{"a link is a second name for one file, and never replaces", checkLink},
	{"a removed file is still read through its handle", checkRemove},
	{"names are listed sorted, without their path, directories too", checkList},
	{"directories are created with their parents, and twice is once", checkMkdirAll},
	{"a directory is synced, and a missing one is not", checkSyncDir},
	{"a lock has one holder until it is closed, and names its file to the second", checkLock},
	{"a closed file does nothing more", checkClosed},
	{"one file is written and read by many goroutines", checkConcurrent},
}

// Run checks all promises on a file system, each in an empty directory of its own below dir, which must exist.
func Run(t *testing.T, fsys vfs.FS, dir string) {
	for i, p := range promises {
		t.Run(p.sentence, func(t *testing.T) {
			sub := filepath.Join(dir, string(rune('a'+i)))
			must(t, vfs.MkdirSync(fsys, sub))
			p.check(t, fsys, sub)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, act string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", act, err, want)
	}
}

// create makes a file that holds content and leaves it open until the test ends.
func create(t *testing.T, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	writeAt(t, f, content, 0)
	return f
}

func writeAt(t *testing.T, f vfs.File, content string, off int64) {
	t.Helper()
	n, err := f.WriteAt([]byte(content), off)
	must(t, err)
	if n != len(content) {
		t.Fatalf("wrote %d bytes of %d without an error", n, len(content))
	}
}

// wantFile compares what a handle reads and says of its size.
func wantFile(t *testing.T, f vfs.File, want string) {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	if size != int64(len(want)) {
		t.Errorf("%s has %d bytes, want %d", f.Name(), size, len(want))
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n != len(b) || err != nil && err != io.EOF {
		t.Errorf("reading all of %s: %d bytes and error %v, want %d and nil", f.Name(), n, err, len(b))
	}
	if string(b) != want {
		t.Errorf("%s holds %q, want %q", f.Name(), b, want)
	}
}

// wantNamed is wantFile through a new handle.
func wantNamed(t *testing.T, fsys vfs.FS, name, want string) {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	wantFile(t, f, want)

	size, err := fsys.Size(name)
	must(t, err)
	if size != int64(len(want)) {
		t.Errorf("size of %s is %d, want %d", name, size, len(want))
	}
}

func wantList(t *testing.T, fsys vfs.FS, dir string, want ...string) {
	t.Helper()
	got, err := fsys.List(dir)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func checkCreate(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "x")
	f := create(t, fsys, name, "")
	if f.Name() != name {
		t.Errorf("the file's name is %q, want %q", f.Name(), name)
	}
	wantFile(t, f, "")

	_, err := fsys.Create(name)
	wantError(t, "create again", err, fs.ErrExist)
	if !strings.Contains(err.Error(), name) {
		t.Errorf("the error %q does not name %s", err, name)
	}
	_, err = fsys.Create(filepath.Join(dir, "missing", "x"))
	wantError(t, "create in a missing directory", err, fs.ErrNotExist)
}

func checkMissing(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "missing")
	_, err := fsys.Open(name)
	wantError(t, "open", err, fs.ErrNotExist)
	_, err = fsys.OpenWrite(name)
	wantError(t, "open for writing", err, fs.ErrNotExist)
	_, err = fsys.Size(name)
	wantError(t, "size", err, fs.ErrNotExist)
	_, err = fsys.List(name)
	wantError(t, "list", err, fs.ErrNotExist)
	wantError(t, "remove", fsys.Remove(name), fs.ErrNotExist)
	wantError(t, "rename", fsys.Rename(name, name+"2"), fs.ErrNotExist)
	wantError(t, "link", fsys.Link(name, name+"2"), fs.ErrNotExist)
	wantList(t, fsys, dir)
}

func checkWrite(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "x")
	f := create(t, fsys, name, "hello, world")
	writeAt(t, f, "W", 7)
	wantFile(t, f, "hello, World")
	must(t, f.Sync())

	g, err := fsys.OpenWrite(name)
	must(t, err)
	defer g.Close()
	writeAt(t, g, "!", 12)
	wantFile(t, f, "hello, World!")
	wantNamed(t, fsys, name, "hello, World!")
}

func checkGap(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), "ab")
	writeAt(t, f, "z", 9000)
	wantFile(t, f, "ab"+strings.Repeat("\x00", 8998)+"z")
}

func checkEOF(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), "abc")
	b := make([]byte, 5)
	if n, err := f.ReadAt(b, 1); n != 2 || err != io.EOF || string(b[:n]) != "bc" {
		t.Errorf("5 bytes at 1 of abc: %q and error %v, want bc and io.EOF", b[:n], err)
	}
	if n, err := f.ReadAt(b, 100); n != 0 || err != io.EOF {
		t.Errorf("5 bytes past the end: %d bytes and error %v, want 0 and io.EOF", n, err)
	}
}

func checkReadOnly(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "x")
	create(t, fsys, name, "abc")
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()

	if _, err := f.WriteAt([]byte("z"), 0); err == nil {
		t.Error("a write was accepted")
	}
	if err := f.Truncate(1); err == nil {
		t.Error("a truncation was accepted")
	}
	if err := f.Preallocate(0, 10); err == nil {
		t.Error("a preallocation was accepted")
	}
	must(t, f.Sync())
	wantNamed(t, fsys, name, "abc")
}

func checkTruncate(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), strings.Repeat("x", 3000))
	must(t, f.Truncate(1100))
	wantFile(t, f, strings.Repeat("x", 1100))
	must(t, f.Truncate(5000))
	wantFile(t, f, strings.Repeat("x", 1100)+strings.Repeat("\x00", 3900))
	must(t, f.Truncate(0))
	writeAt(t, f, "y", 1)
	wantFile(t, f, "\x00y")
}

func checkPreallocate(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), "abc")
	must(t, f.Preallocate(0, 5000))
	want := "abc" + strings.Repeat("\x00", 4997)
	wantFile(t, f, want)
	must(t, f.Preallocate(0, 10))
	must(t, f.Preallocate(0, 0))
	wantFile(t, f, want)
	must(t, f.Preallocate(5000, 1))
	wantFile(t, f, want+"\x00")
}

func checkNegative(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), "abc")
	if _, err := f.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a read at -1 was accepted")
	}
	if _, err := f.WriteAt([]byte("z"), -1); err == nil {
		t.Error("a write at -1 was accepted")
	}
	if err := f.Truncate(-1); err == nil {
		t.Error("a size of -1 was accepted")
	}
	if err := f.Preallocate(-1, 10); err == nil {
		t.Error("a preallocation at -1 was accepted")
	}
	if err := f.Preallocate(0, -1); err == nil {
		t.Error("a preallocation of -1 bytes was accepted")
	}
	wantFile(t, f, "abc")
}

func checkRename(t *testing.T, fsys vfs.FS, dir string) {
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	f := create(t, fsys, from, "new")
	g := create(t, fsys, to, "old")
	must(t, fsys.Rename(from, to))
	wantNamed(t, fsys, to, "new")
	wantList(t, fsys, dir, "to")

	wantFile(t, g, "old")
	writeAt(t, f, "er", 3)
	wantNamed(t, fsys, to, "newer")
	must(t, fsys.Rename(to, to))
	wantNamed(t, fsys, to, "newer")
}

func checkLink(t *testing.T, fsys vfs.FS, dir string) {
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	create(t, fsys, a, "one")
	g := create(t, fsys, c, "two")
	must(t, fsys.Link(a, b))
	wantError(t, "link over a file", fsys.Link(a, c), fs.ErrExist)

	f, err := fsys.OpenWrite(b)
	must(t, err)
	defer f.Close()
	writeAt(t, f, "O", 0)
	wantNamed(t, fsys, a, "One")
	must(t, fsys.Remove(a))
	wantNamed(t, fsys, b, "One")
	wantFile(t, g, "two")
}

func checkRemove(t *testing.T, fsys vfs.FS, dir string) {
	name := filepath.Join(dir, "x")
	f := create(t, fsys, name, "abc")
	must(t, fsys.Remove(name))
	wantList(t, fsys, dir)
	writeAt(t, f, "d", 3)
	must(t, f.Sync())
	wantFile(t, f, "abcd")

	create(t, fsys, name, "other")
	wantFile(t, f, "abcd")

	must(t, fsys.MkdirAll(filepath.Join(dir, "sub", "below")))
	if err := fsys.Remove(filepath.Join(dir, "sub")); err == nil {
		t.Error("a directory that holds something was removed")
	}
	must(t, fsys.Remove(filepath.Join(dir, "sub", "below")))
	must(t, fsys.Remove(filepath.Join(dir, "sub")))
	wantList(t, fsys, dir, "x")
}

func checkList(t *testing.T, fsys vfs.FS, dir string) {
	for _, name := range []string{"b", "a10", "a2", "B"} {
		create(t, fsys, filepath.Join(dir, name), "")
	}
	must(t, fsys.MkdirAll(filepath.Join(dir, "aa")))
	wantList(t, fsys, dir, "B", "a10", "a2", "aa", "b")
	if _, err := fsys.List(filepath.Join(dir, "b")); err == nil {
		t.Error("a file was listed")
	}
}

func checkMkdirAll(t *testing.T, fsys vfs.FS, dir string) {
	deep := filepath.Join(dir, "a", "b", "c")
	must(t, fsys.MkdirAll(deep))
	must(t, fsys.MkdirAll(deep))
	must(t, vfs.MkdirSync(fsys, deep))
	create(t, fsys, filepath.Join(deep, "x"), "abc")
	wantNamed(t, fsys, filepath.Join(dir, "a", ".", "b", "..", "b", "c", "x"), "abc")

	if err := fsys.MkdirAll(filepath.Join(deep, "x")); err == nil {
		t.Error("a directory was made where a file is")
	}
	if err := fsys.MkdirAll(filepath.Join(deep, "x", "y")); err == nil {
		t.Error("a directory was made below a file")
	}
	if _, err := fsys.OpenWrite(deep); err == nil {
		t.Error("a directory was opened for writing")
	}
}

func checkSyncDir(t *testing.T, fsys vfs.FS, dir string) {
	create(t, fsys, filepath.Join(dir, "x"), "abc")
	must(t, fsys.SyncDir(dir))
	wantError(t, "sync a missing directory", fsys.SyncDir(filepath.Join(dir, "missing")), fs.ErrNotExist)
}

func checkLock(t *testing.T, fsys vfs.FS, dir string) {
	name, other := filepath.Join(dir, "LOCK"), filepath.Join(dir, "OTHER")
	l, err := fsys.Lock(name)
	must(t, err)
	wantList(t, fsys, dir, "LOCK")

	_, err = fsys.Lock(name)
	wantError(t, "lock again", err, vfs.ErrLocked)
	if err != nil && !strings.Contains(err.Error(), name) {
		t.Errorf("the error %q does not name %s", err, name)
	}
	must(t, fsys.Link(name, other))
	_, err = fsys.Lock(other)
	wantError(t, "lock by another name", err, vfs.ErrLocked)
	must(t, fsys.Remove(other))
	_, err = fsys.Lock(other)
	wantError(t, "lock by way of another file", err, vfs.ErrLocked)
	must(t, fsys.Remove(name))
	_, err = fsys.Lock(name)
	wantError(t, "lock after the file was removed", err, vfs.ErrLocked)
	inner := filepath.Join(dir, "dir")
	must(t, fsys.MkdirAll(inner))
	i, err := fsys.Lock(filepath.Join(inner, "LOCK"))
	must(t, err)
	must(t, i.Close())

	must(t, l.Close())
	l, err = fsys.Lock(name)
	must(t, err)
	must(t, l.Close())
	wantError(t, "close a lock twice", l.Close(), fs.ErrClosed)
}

func checkClosed(t *testing.T, fsys vfs.FS, dir string) {
	f := create(t, fsys, filepath.Join(dir, "x"), "abc")
	must(t, f.Close())

	_, err := f.ReadAt(make([]byte, 1), 0)
	wantError(t, "read", err, fs.ErrClosed)
	_, err = f.WriteAt([]byte("z"), 0)
	wantError(t, "write", err, fs.ErrClosed)
	_, err = f.Size()
	wantError(t, "size", err, fs.ErrClosed)
	wantError(t, "truncate", f.Truncate(0), fs.ErrClosed)
	wantError(t, "sync", f.Sync(), fs.ErrClosed)
	wantError(t, "preallocate", f.Preallocate(0, 10), fs.ErrClosed)
	wantError(t, "close", f.Close(), fs.ErrClosed)
	wantNamed(t, fsys, f.Name(), "abc")
}

func checkConcurrent(t *testing.T, fsys vfs.FS, dir string) {
	const writers, each = 4, 25
	f := create(t, fsys, filepath.Join(dir, "x"), "")
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				off := int64(i*writers + w)
				if _, err := f.WriteAt([]byte{byte('a' + w)}, off); err != nil {
					errs <- err
					return
				}
				b := make([]byte, 1)
				if _, err := f.ReadAt(b, off); err != nil && err != io.EOF {
					errs <- err
					return
				}
				if b[0] != byte('a'+w) {
					errs <- errors.New("a byte was not read as it was written")
					return
				}
			}
			errs <- f.Sync()
		}()
	}
	for range writers {
		must(t, <-errs)
	}
	wantFile(t, f, strings.Repeat("abcd", each))
}
