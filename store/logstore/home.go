package logstore

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/daybook-es/daybook/internal/vfs"
)

// home is where a store lives and what all of its parts need.
type home struct {
	// quiet is a number below which no segment has events about streams.
	quiet atomic.Uint64
	// unpacked are blocks of packed segments.
	unpacked unpackedBlocks

	dir   string
	world vfs.World
	salt  uint32 // begins every frame's checksum
	lost  atomic.Pointer[[]lostRange]
	log   *logger

	open    openFiles
	indexer indexer
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// remove removes a file of the directory, if it is there. That is durable after syncDir.
func (h *home) remove(name string) error {
	if err := h.world.FS.Remove(h.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// put makes a file of some bytes, durably, in place of one of that name: whoever looks,
// before a power cut or after it, sees the one or the other. It is written under another
// name first; what an attempt that failed left there is replaced. An error of a sync is a
// [*syncError]; after that of the directory nobody knows which of the two it is.
func (h *home) put(temp, name string, b []byte) error {
	if err := h.writeTemp(temp, b); err != nil {
		return err
	}
	if err := h.world.FS.Rename(h.path(temp), h.path(name)); err != nil {
		return err
	}
	return h.syncDir()
}

// writeTemp makes a file of some bytes, which is to be renamed, in place of what an
// attempt that failed left under that name. The bytes are durable, the name is not. An
// error of the sync is a [*syncError].
func (h *home) writeTemp(temp string, b []byte) error {
	if err := h.remove(temp); err != nil {
		return err
	}
	f, err := h.world.FS.Create(h.path(temp))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if temp == manifestTemp && planted("manifest-replaced-without-sync") {
		return f.Close()
	}
	if err := f.Sync(); err != nil {
		return &syncError{errors.Join(err, f.Close())}
	}
	return f.Close()
}

// syncDir makes the names in the directory durable. An error of the sync is a
// [*syncError].
func (h *home) syncDir() error {
	if planted("no-directory-sync") {
		return nil
	}
	err := h.world.FS.SyncDir(h.dir)
	if err == nil || vfs.IsTooManyFiles(err) {
		return err // that would be before the sync, which can then be made up for
	}
	return &syncError{err}
}
