//go:build linux || darwin || freebsd

package vfs

import (
	"io"
	"os"
	"runtime/debug"
	"syscall"
)

// Map implements [Mapper].
func (f osFile) Map(n int64) (Mapping, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var bytes []byte
	var mapErr error
	if err := conn.Control(func(fd uintptr) {
		bytes, mapErr = syscall.Mmap(int(fd), 0, int(n), syscall.PROT_READ, syscall.MAP_SHARED)
	}); err != nil {
		return nil, err
	}
	if mapErr != nil {
		return nil, &os.PathError{Op: "map", Path: f.Name(), Err: mapErr}
	}
	readAlone(bytes)
	return &mapping{f.Name(), bytes}, nil
}

type mapping struct {
	name  string
	bytes []byte
}

// ReadAt implements [io.ReaderAt].
func (m *mapping) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= int64(len(m.bytes)) {
		return 0, io.EOF
	}
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		// Nothing but the copying can go wrong: the disk could not read a page, or the
		// file has become shorter.
		if recover() != nil {
			n, err = 0, &os.PathError{Op: "read the mapping of", Path: m.name, Err: syscall.EIO}
		}
	}()
	n = copy(b, m.bytes[off:])
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// WillNeed implements [Mapping].
func (m *mapping) WillNeed(off, n int64) {
	page := int64(os.Getpagesize())
	begin := max(off, 0) / page * page
	if end := min(off+n, int64(len(m.bytes))); begin < end {
		willNeed(m.bytes[begin:end])
	}
}

// Close implements [io.Closer].
func (m *mapping) Close() error {
	if err := syscall.Munmap(m.bytes); err != nil {
		return &os.PathError{Op: "unmap", Path: m.name, Err: err}
	}
	return nil
}
