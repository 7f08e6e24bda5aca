package crashfs

import (
	"io"
	"io/fs"
	"slices"
	"syscall"

	"github.com/daybook-es/daybook/internal/vfs"
)

// A file is an open file of a Disk.
type file struct {
	disk   *Disk
	node   *node
	id     int32
	name   string
	write  bool
	closed bool
}

var _ vfs.File = (*file)(nil)

// enter locks the disk for a call on the file. If it returns nil the caller must unlock.
func (f *file) enter(op string, write bool) error {
	f.disk.mu.Lock()

	var err error
	switch {
	case f.closed:
		err = fs.ErrClosed
	case write && !f.write:
		err = syscall.EBADF
	default:
		return nil
	}
	f.disk.mu.Unlock()
	return pathError(op, f.name, err)
}

// Name implements [vfs.File].
func (f *file) Name() string { return f.name }

// Close implements [vfs.File].
func (f *file) Close() error {
	if err := f.enter("close", false); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	f.closed = true
	return nil
}

// Size implements [vfs.File].
func (f *file) Size() (int64, error) {
	if err := f.enter("size", false); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()
	return f.node.content.size, nil
}

// ReadAt implements [vfs.File].
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	if err := f.enter("read", false); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()

	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	n := f.node.content.readAt(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements [vfs.File].
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	if err := f.enter("write", true); err != nil {
		return 0, err
	}
	defer f.disk.mu.Unlock()

	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	if len(b) == 0 {
		return 0, nil
	}
	f.disk.record(call{kind: write, name: f.name, node: f.id, off: off, data: slices.Clone(b)})
	f.node.content.extend(off + int64(len(b)))
	f.node.content.overwrite(b, off)
	return len(b), nil
}

// Truncate implements [vfs.File].
func (f *file) Truncate(n int64) error {
	if err := f.enter("truncate", true); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()

	if n < 0 {
		return pathError("truncate", f.name, fs.ErrInvalid)
	}
	f.disk.record(call{kind: truncate, name: f.name, node: f.id, off: n})
	f.node.content.resize(n)
	return nil
}

// Sync implements [vfs.File].
func (f *file) Sync() error {
	if err := f.enter("sync", false); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()

	if f.disk.failSync != nil && f.disk.failSync(f.name) {
		return f.disk.lose(call{kind: failedSync, name: f.name, node: f.id})
	}
	f.disk.record(call{kind: syncFile, name: f.name, node: f.id})
	return nil
}

// LoseSync is a Sync that fails.
func (f *file) LoseSync() error {
	if err := f.enter("sync", false); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()
	return f.disk.lose(call{kind: failedSync, name: f.name, node: f.id})
}

// Preallocate implements [vfs.File].
func (f *file) Preallocate(off, n int64) error {
	if err := f.enter("preallocate", true); err != nil {
		return err
	}
	defer f.disk.mu.Unlock()

	if off < 0 || n < 0 {
		return pathError("preallocate", f.name, fs.ErrInvalid)
	}
	if n == 0 {
		return nil
	}
	f.disk.record(call{kind: preallocate, name: f.name, node: f.id, off: off + n})
	f.node.content.extend(off + n)
	return nil
}
