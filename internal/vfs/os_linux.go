package vfs

import (
	"os"
	"syscall"
)

// datasync is fdatasync: data and size, without the times that fsync also writes, which would cost a second write
// to the file system's journal for every commit into a preallocated file.
func datasync(f *os.File) error {
	return control(f, "fdatasync", syscall.Fdatasync)
}

// fallocate reserves space and extends the file. It returns [errors.ErrUnsupported] where the file system cannot.
func fallocate(f *os.File, off, n int64) error {
	return control(f, "fallocate", func(fd int) error { return syscall.Fallocate(fd, 0, off, n) })
}

// control runs a system call on the file's descriptor, again when a signal interrupted it, as package os does for
// those that it offers.
func control(f *os.File, act string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}

	var callErr error
	err = conn.Control(func(fd uintptr) {
		for {
			callErr = call(int(fd))
			if callErr != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		// The only reason; package os would call it so too.
		callErr = os.ErrClosed
	}
	if callErr != nil {
		return &os.PathError{Op: act, Path: f.Name(), Err: callErr}
	}
	return nil
}

// willNeed has the kernel read a part of a mapping ahead. It is advice: what it does not do is read when it is needed.
func willNeed(b []byte) { _ = syscall.Madvise(b, syscall.MADV_WILLNEED) }

// readAlone has the kernel read a page of a mapping without its neighbours: otherwise it reads 128 KiB for each event
// that is looked at. Whoever reads more says so (see willNeed).
func readAlone(b []byte) { _ = syscall.Madvise(b, syscall.MADV_RANDOM) }
