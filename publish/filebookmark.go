package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/daybook-es/daybook/internal/sealed"
	"github.com/daybook-es/daybook/internal/vfs"
)

// The names in a bookmark's directory.
const (
	markFile  = "bookmark.json"
	spareFile = "bookmark.json.tmp" // a mark that has no name of its own yet
	lockFile  = "lock"
)

// FileBookmark is a [Bookmark] in a directory of its own on the local disk. A mark
// survives a crash and a loss of power when Save has returned nil; what a crash interrupts
// leaves the mark before it or the new one. One FileBookmark has the directory at a time,
// in this process or in another.
//
// The mark is in the file bookmark.json, which has two lines: the SHA-256 of the second
// line in hexadecimal digits, and the [Mark] as JSON. These bytes are on people's disks.
type FileBookmark struct {
	dir  string
	disk vfs.FS
	lock io.Closer

	mu     sync.Mutex
	closed bool
}

// OpenFile opens the bookmark in a directory, and creates the directory if there is none.
// If somebody else has it open, that is an error which says so.
func OpenFile(dir string) (*FileBookmark, error) { return openFile(vfs.OS().FS, dir) }

func openFile(disk vfs.FS, dir string) (*FileBookmark, error) {
	if err := vfs.MkdirSync(disk, dir); err != nil {
		return nil, fmt.Errorf("publish: open the bookmark in %s: %w", dir, err)
	}
	lock, err := disk.Lock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("publish: open the bookmark in %s: %w", dir, err)
	}
	return &FileBookmark{dir: dir, disk: disk, lock: lock}, nil
}

// Close gives the directory free for others.
func (b *FileBookmark) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	return b.lock.Close()
}

// errClosed is the answer of a FileBookmark after Close.
var errClosed = errors.New("it is closed")

// Load implements [Bookmark]. A file that is not as it was saved is an error.
func (b *FileBookmark) Load(context.Context) (Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.load()
}

func (b *FileBookmark) load() (m Mark, err error) {
	if b.closed {
		return Mark{}, fmt.Errorf("bookmark in %s: %w", b.dir, errClosed)
	}
	content, err := b.read()
	if errors.Is(err, fs.ErrNotExist) {
		return Mark{}, nil
	}
	if err != nil {
		return Mark{}, fmt.Errorf("bookmark in %s: %w", b.dir, err)
	}
	line, sound := sealed.Open(content)
	if !sound {
		return Mark{}, fmt.Errorf("bookmark in %s: %s is damaged: it is not what was saved", b.dir, markFile)
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return Mark{}, fmt.Errorf("bookmark in %s: %s: %w", b.dir, markFile, err)
	}
	return m, nil
}

func (b *FileBookmark) read() (content []byte, err error) {
	f, err := b.disk.Open(filepath.Join(b.dir, markFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, size))
}

// Save implements [Bookmark].
func (b *FileBookmark) Save(_ context.Context, from, to Mark) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept, err := b.load()
	if err != nil {
		return err
	}
	if kept.ID != from.ID && kept.ID != to.ID {
		return ErrMoved
	}
	line, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("bookmark in %s: %w", b.dir, err)
	}
	if err := b.replace(append(sealed.Line(line), line...)); err != nil {
		return fmt.Errorf("bookmark in %s: %w", b.dir, err)
	}
	return nil
}

// replace puts a file in place of the one that may be there. The name must not come to
// stand for bytes that a loss of power can take, and must itself be durable: who saves a
// mark that something is set aside or skipped rests on it.
func (b *FileBookmark) replace(content []byte) error {
	spare := filepath.Join(b.dir, spareFile)
	if err := b.disk.Remove(spare); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := b.disk.Create(spare)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := b.disk.Rename(spare, filepath.Join(b.dir, markFile)); err != nil {
		return err
	}
	return b.disk.SyncDir(b.dir)
}
