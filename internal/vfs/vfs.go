// Package vfs is the only door through which the embedded engine touches the world outside its memory: files,
// directories, the lock, the clock and chance.
//
// A [World] holds all of it. [OS] is the real one; a program needs no other. Tests hand in another: package crashfs
// is a machine in memory whose power can be cut after any call, and package errorfs fails any call of the world it
// wraps. That works only while nothing goes around the door, so the engine imports neither os nor math/rand and
// does not ask time.Now.
//
// An [FS] promises no more than disks keep. What was written is durable when [File.Sync] returned nil, and a name
// that was created, renamed, linked or removed is so for good when [FS.SyncDir] of its directory returned nil;
// before that a power cut may keep all of it, nothing, or part.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// A World is everything outside that an engine may use. Its fields are read by many goroutines and are not changed
// once an engine has been opened on it.
type World struct {
	FS    FS
	Clock Clock

	// Chance yields random bytes, for identities. It is safe for use by many goroutines and fails only as the
	// system's own source of chance does.
	Chance io.Reader
}

// A Clock tells the time. It is safe for use by many goroutines.
type Clock interface {
	// Now returns the wall clock's time. It may jump, backwards too, when somebody sets the clock.
	Now() time.Time

	// Boot returns the time since some moment before the program began, on a clock that nobody can set and that goes on
	// while the machine sleeps. It may begin anew with the machine.
	Boot() time.Duration
}

// ErrLocked says that somebody else, in this process or in another, holds the lock that was asked for. The error
// that wraps it names the file.
var ErrLocked = errors.New("locked by another holder")

// An FS is a file system as the engine sees it. Names are paths as package path/filepath writes them. It is safe
// for use by many goroutines.
//
// An error names the act and the file. It wraps [fs.ErrNotExist] or [fs.ErrExist] where that is the reason;
// [IsNoSpace] recognises a full disk.
type FS interface {
	// Open opens an existing file for reading. Its Sync works all the same.
	Open(name string) (File, error)

	// OpenWrite opens an existing file for reading and writing, its content as it is.
	OpenWrite(name string) (File, error)

	// Create creates a file, empty, and opens it for reading and writing. It must not exist. Its name is durable
	// after SyncDir of its directory, and syncing the file does not replace that.
	Create(name string) (File, error)

	// Remove removes the name of a file. A file that is open can still be read through its handle.
	Remove(name string) error

	// Rename gives the file another name in the same directory, taking it from the file that had it, if any. Whoever
	// looks, before a power cut or after it, sees all of that or nothing of it. It says nothing of the content: sync
	// the file before it is renamed, and the directory after it.
	Rename(oldName, newName string) error

	// Link gives a file a second name, which must not exist, on the same file system.
	Link(oldName, newName string) error

	// List returns the names in a directory, files and directories alike, without the path and sorted.
	List(dir string) ([]string, error)

	// MkdirAll creates a directory with its missing parents. Nothing is done if it exists. [MkdirSync] also makes
	// it durable.
	MkdirAll(dir string) error

	// SyncDir makes durable which names the directory holds at the time of the call, and for which files.
	SyncDir(dir string) error

	// Size returns the size of a file in bytes.
	Size(name string) (int64, error)

	// Lock takes the one lock that there is on a directory, by way of a file in it, which is created if it does not
	// exist and should hold nothing else. A second holder, in this process too, gets an error that wraps [ErrLocked],
	// also by way of another file, and after somebody has removed the file. The lock is released by Close, and by the
	// end of the process in whatever way it ends. Closing does not remove the file.
	Lock(name string) (io.Closer, error)
}

// A File is an open file. It is safe for use by many goroutines, except that nothing may be called during or after
// Close.
type File interface {
	// ReadAt reads as [io.ReaderAt] says: an error for fewer bytes than asked, io.EOF at the end of the file.
	io.ReaderAt

	// WriteAt writes as [io.WriterAt] says, extending the file as needed. When it fails, any part of the bytes
	// may have been written whatever count it returns: a short write that is followed by ENOSPC returns 0.
	io.WriterAt

	// Close releases the handle. It does not sync.
	io.Closer

	// Name returns the name that the file was opened with.
	Name() string

	// Size returns the size in bytes, which includes what was preallocated.
	Size() (int64, error)

	// Truncate makes the file n bytes long, cutting it or adding zeros. It is durable after Sync.
	Truncate(n int64) error

	// Sync makes durable what was written before it was called and whatever is needed to read that, the size
	// too, but not times (fdatasync). When it fails, what was not yet durable may never become so, even though it
	// can be read and even if a later Sync succeeds: the system may have dropped the only sign that it was not written.
	Sync() error

	// Preallocate reserves space for n bytes at off, which read as zeros where nothing was written before, and
	// extends the file to off+n if it was shorter. Where the file system cannot reserve, the file is extended and
	// nothing is reserved. When it fails the file may have grown by a part.
	Preallocate(off, n int64) error
}

// A Mapper is a [File] that can be read without a call to the system for each reading. Not every file is one: it
// changes speed and nothing else.
type Mapper interface {
	// Map returns the first n bytes of the file, of which there must be some, as they are at any time, so that what
	// is written later is seen too. It outlives the file's Close.
	Map(n int64) (Mapping, error)
}

// A Mapping is the bytes of a file as part of the program's memory. It is safe for use by many goroutines, except that
// nothing may be called during or after Close.
type Mapping interface {
	// ReadAt reads as [File] does, but only what was mapped. When the disk fails, or the file has been cut, which
	// would end a program that looked at the memory itself, it returns an error.
	io.ReaderAt

	// WillNeed has the system begin to read n bytes at off, if it does not have them in memory, and does not wait for
	// that. It costs a call to the system.
	WillNeed(off, n int64)

	// Close ends the mapping.
	io.Closer
}

// IsNoSpace reports whether err says that the disk, or the share of it that the user was given, is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsTooManyFiles reports whether err says that the program, or the whole machine, has as many files open as it may. It
// comes of opening a file or a directory, before anything was done with it.
func IsTooManyFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// MkdirSync creates a directory with its missing parents, as [FS.MkdirAll] does, and makes their names durable. It
// syncs the parents that it found, too, because whoever created them may have been stopped before that; one that may
// not be read (fs.ErrPermission) is taken to be durable.
func MkdirSync(fsys FS, dir string) error {
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}

	dir = filepath.Clean(dir)
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}
