package logstore

import (
	"errors"
	"fmt"
	"io"

	"github.com/daybook-es/daybook/internal/vfs"
)

const (
	lockName  = "LOCK"
	ownerName = "OWNER"
)

// A LockedError reports a directory that another store has open, in this process or in
// another one. The lock is the operating system's, and ends with the process that
// holds it.
type LockedError struct {
	// Dir is the directory.
	Dir string
	// Owner is the [Options.Owner] of the other store. It may be empty.
	Owner string
}

func (e *LockedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("logstore: %s is open already, in this program or in another", e.Dir)
	}
	return fmt.Sprintf("logstore: %s is open already: %s", e.Dir, e.Owner)
}

// takeLock locks the directory, and writes down who has it.
func takeLock(h *home, owner string) (io.Closer, error) {
	lock, err := h.world.FS.Lock(h.path(lockName))
	if errors.Is(err, vfs.ErrLocked) && planted("lock-not-taken") {
		lock, err = io.NopCloser(nil), nil
	}
	if errors.Is(err, vfs.ErrLocked) {
		return nil, &LockedError{Dir: h.dir, Owner: readOwner(h)}
	}
	if err != nil {
		return nil, fmt.Errorf("logstore: lock %s: %w", h.dir, err)
	}
	// This is a courtesy: without it the directory is locked all the same.
	if err := writeOwner(h, owner); err != nil {
		h.log.Warn("could not say who has the directory open", "err", err)
	}
	return lock, nil
}

func releaseLock(h *home, lock io.Closer) error {
	if err := h.remove(ownerName); err != nil {
		h.log.Warn("could not remove the note of who had the directory open", "err", err)
	}
	return lock.Close()
}

// writeOwner writes down who has the directory open, in place of what an owner that
// crashed may have left.
func writeOwner(h *home, owner string) error {
	if err := h.remove(ownerName); err != nil {
		return err
	}
	if owner == "" || planted("owner-not-written") {
		return nil
	}
	f, err := h.world.FS.Create(h.path(ownerName))
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(owner), 0)
	return errors.Join(err, f.Close())
}

// readOwner returns what the owner wrote down, or "" if that cannot be read.
func readOwner(h *home) string {
	b, err := readFile(h, ownerName, 4096)
	if err != nil {
		return ""
	}
	return string(b)
}

// readFile returns a file's bytes. More than most of them are an error.
func readFile(h *home, name string, most int64) (_ []byte, err error) {
	f, err := h.world.FS.Open(h.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, fmt.Errorf("%s has %d bytes, and %d are believable", h.path(name), size, most)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}
