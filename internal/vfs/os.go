package vfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// OS returns the real world: the file system of the operating system, its clock, and its source of chance.
//
// On Linux it syncs with fdatasync, reserves with fallocate and locks with flock. On other Unix systems it syncs with
// what [os.File.Sync] does there (on macOS that is a full flush of the drive) and reserves nothing. The time since boot
// is the system's on Linux and macOS; elsewhere it is Go's own, which some systems stop while the machine sleeps. On systems without flock, Lock
// fails with [errors.ErrUnsupported].
func OS() World {
	return World{FS: osFS{}, Clock: osClock{}, Chance: rand.Reader}
}

type osClock struct{}

// Now implements [Clock].
func (osClock) Now() time.Time { return time.Now() }

// Boot implements [Clock].
func (osClock) Boot() time.Duration { return boot() }

// began is when the program began, on a clock that nobody can set.
var began = time.Now()

type osFS struct{}

var _ FS = osFS{}

// Open implements [FS].
func (osFS) Open(name string) (File, error) { return openFile(name, os.O_RDONLY) }

// OpenWrite implements [FS].
func (osFS) OpenWrite(name string) (File, error) { return openFile(name, os.O_RDWR) }

// Create implements [FS].
func (osFS) Create(name string) (File, error) {
	return openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func openFile(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o640) // #nosec G302 -- backups are read by the group
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Remove implements [FS].
func (osFS) Remove(name string) error { return os.Remove(name) }

// Rename implements [FS].
func (osFS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Link implements [FS].
func (osFS) Link(oldName, newName string) error { return os.Link(oldName, newName) }

// List implements [FS].
func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}

	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

// MkdirAll implements [FS].
func (osFS) MkdirAll(dir string) error { return os.MkdirAll(dir, 0o750) }

// SyncDir implements [FS].
func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}

	// A whole fsync, not fdatasync: the names are what matters.
	if err := d.Sync(); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}

// Size implements [FS].
func (osFS) Size(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// held is the lock files that this process holds. Where flock is made of POSIX record locks (NFS), the kernel would
// let the same process in a second time, and closing the second handle would release the first one's lock. So
// we look here before the file is opened.
var held struct {
	sync.Mutex
	files map[*osLock]os.FileInfo
}

type osLock struct{ f, dir *os.File }

// Lock implements [FS].
func (osFS) Lock(name string) (io.Closer, error) {
	held.Lock()
	defer held.Unlock()

	if info, err := os.Stat(name); err == nil {
		for _, other := range held.files {
			if os.SameFile(info, other) {
				return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
			}
		}
	}

	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640) // #nosec G302 -- as above
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	dir, err := lockDir(filepath.Dir(name))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	l := &osLock{f, dir}
	info, err := f.Stat()
	if err != nil {
		l.close()
		return nil, err
	}

	if held.files == nil {
		held.files = make(map[*osLock]os.FileInfo)
	}
	held.files[l] = info
	return l, nil
}

// lockDir locks the directory itself. The file is there to be seen, and whoever is told of a lock may take it for a
// leftover and remove it; then the next one would lock a new file while the first goes on writing.
func lockDir(name string) (*os.File, error) {
	dir, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if err := flock(dir); errors.Is(err, ErrLocked) {
		dir.Close()
		return nil, err
	}
	return dir, nil // where directories cannot be locked (NFS), the file alone is
}

// Close releases the lock.
func (l *osLock) Close() error {
	held.Lock()
	defer held.Unlock()

	delete(held.files, l)
	return l.close()
}

func (l *osLock) close() error {
	err := l.f.Close()
	l.dir.Close() // nothing was written through it, and a second closing is told by the file
	return err
}

// osFile adds to an [os.File], which has most of a [File] already, what it lacks.
type osFile struct{ *os.File }

// Size implements [File].
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync implements [File].
func (f osFile) Sync() error { return datasync(f.File) }

// Preallocate implements [File].
func (f osFile) Preallocate(off, n int64) error {
	if off < 0 || n < 0 {
		return &fs.PathError{Op: "preallocate", Path: f.Name(), Err: fs.ErrInvalid}
	}
	if n == 0 {
		return nil
	}

	err := fallocate(f.File, off, n)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}

	size, err := f.Size()
	if err != nil || size >= off+n {
		return err
	}
	return f.Truncate(off + n)
}
