// Package errorfs makes calls to a file system fail, so that a test can ask what a store does when the disk errs, at
// every place where it can.
//
// Wrap any [vfs.FS], arm one [Fault], and run. To meet every place, count up until a run meets none:
//
//	for _, fault := range errorfs.Faults() {
//		for fault.Call = 1; ; fault.Call++ {
//			disk := crashfs.New(1)
//			fsys := errorfs.New(disk)
//			fsys.Arm(fault)
//			run(fsys)
//			if fsys.Met() == 0 {
//				break
//			}
//		}
//	}
//
// Over a crashfs.Disk, a sync that fails here is one that loses what it should have made durable: no later sync makes up
// for it. Over other file systems it is only not done.
package errorfs

import (
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"strings"
	"sync"
	"syscall"

	"github.com/daybook-es/daybook/internal/vfs"
)

// Kinds is a set of kinds of calls, named after the methods of [vfs.FS] and [vfs.File]. Size is that of both.
// Releasing a lock is no call.
type Kinds uint32

const (
	Open Kinds = 1 << iota
	OpenWrite
	List
	Size
	ReadAt
	Create
	Remove
	Rename
	Link
	MkdirAll
	SyncDir
	Lock
	WriteAt
	Truncate
	Sync
	Preallocate
	Close

	// Reads are the calls that change nothing, Writes all others.
	Reads  = Open | OpenWrite | List | Size | ReadAt
	Writes = Create | Remove | Rename | Link | MkdirAll | SyncDir | Lock | WriteAt | Truncate | Sync | Preallocate | Close
)

var kindNames = [...]string{
	"open", "open for writing", "list", "size", "read", "create", "remove", "rename", "link", "mkdir", "sync directory", "lock",
	"write", "truncate", "sync", "preallocate", "close",
}

// String names the kinds.
func (k Kinds) String() string {
	switch k {
	case Reads:
		return "reads"
	case Writes:
		return "writes"
	case Reads | Writes:
		return "all calls"
	}

	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// An Effect is what a call that fails does all the same.
type Effect int

const (
	// Nothing is done.
	Nothing Effect = iota

	// Part of a write, a read or a preallocation is done: half of its bytes. The count that it returns is 0, as that of an
	// [os.File] whose short write is followed by an error. Of other calls, nothing is done.
	Part

	// PartCounted is Part, with the true count.
	PartCounted

	// Whole: all is done, and yet the call fails, as one whose answer was lost. A write returns 0.
	Whole
)

// String names the effect.
func (e Effect) String() string {
	return [...]string{"nothing", "part", "part, counted", "the whole"}[e]
}

// A Fault says which call fails, and how. The zero Fault fails none.
type Fault struct {
	// Call is which one fails, counted from 1 over the calls of these Kinds to names that Match, from the
	// moment when the fault is armed.
	Call int

	// Forever makes all those after it fail too.
	Forever bool

	// Kinds are the calls that count. Zero means Writes.
	Kinds Kinds

	// Match, if not nil, says of a file or directory, by the name that the call gives it (a rename: the old one), whether calls to it count.
	Match func(name string) bool

	// Err is what the call returns, wrapped. Nil means EIO.
	Err error

	// Effect is what it does all the same.
	Effect Effect
}

// Faults returns the kinds of trouble that a store should be shown, each once and for ever, over all calls that write:
// EIO with nothing done and with all done, ENOSPC with nothing and with part done, and EINTR. Their Call is not set.
func Faults() []Fault {
	var faults []Fault
	for _, forever := range []bool{false, true} {
		faults = append(faults,
			Fault{Err: syscall.EIO, Forever: forever},
			Fault{Err: syscall.EIO, Forever: forever, Effect: Whole},
			Fault{Err: syscall.ENOSPC, Forever: forever},
			Fault{Err: syscall.ENOSPC, Forever: forever, Effect: Part},
			Fault{Err: syscall.ENOSPC, Forever: forever, Effect: PartCounted},
			Fault{Err: syscall.EINTR, Forever: forever},
		)
	}
	return faults
}

// String says what fails: "writes from call 3 on: no space left on device, part is done".
func (f Fault) String() string {
	if f.Call == 0 {
		return "no fault"
	}

	f = f.withDefaults()
	when := fmt.Sprintf("at call %d", f.Call)
	if f.Forever {
		when = fmt.Sprintf("from call %d on", f.Call)
	}
	return fmt.Sprintf("%v %s: %v, %v is done", f.Kinds, when, f.Err, f.Effect)
}

func (f Fault) withDefaults() Fault {
	if f.Kinds == 0 {
		f.Kinds = Writes
	}
	if f.Err == nil {
		f.Err = syscall.EIO
	}
	return f
}

// An FS is a file system that fails as its fault says. It is safe for use by many goroutines.
type FS struct {
	inner vfs.FS

	mu    sync.Mutex
	calls [len(kindNames)]int
	fault Fault
	count int // calls that the fault counted
	met   []string
}

var _ vfs.FS = (*FS)(nil)

// New wraps a file system. Nothing fails yet.
func New(inner vfs.FS) *FS { return &FS{inner: inner} }

// Arm replaces the fault, and forgets what the one before met. The zero Fault ends all trouble, as when space returns.
func (f *FS) Arm(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.count, f.met = fault.withDefaults(), 0, nil
}

// Met returns how many calls failed since the fault was armed.
func (f *FS) Met() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.met)
}

// Where names the first of them: "sync db/1.seg". It is empty if there was none.
func (f *FS) Where() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.met) == 0 {
		return ""
	}
	return f.met[0]
}

// Calls returns how many calls of these kinds were made since New.
func (f *FS) Calls(kinds Kinds) int {
	f.mu.Lock()
	defer f.mu.Unlock()

	sum := 0
	for i, n := range f.calls {
		if kinds&(1<<i) != 0 {
			sum += n
		}
	}
	return sum
}

// meet counts a call and returns the error that it must return, or nil, and what it does all the same.
func (f *FS) meet(kind Kinds, name string) (Effect, error) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.calls[bits.TrailingZeros32(uint32(kind))]++
	if f.fault.Call == 0 || kind&f.fault.Kinds == 0 || f.fault.Match != nil && !f.fault.Match(name) {
		return Nothing, nil
	}
	f.count++
	if f.count < f.fault.Call || f.count > f.fault.Call && !f.fault.Forever {
		return Nothing, nil
	}

	act := kind.String()
	f.met = append(f.met, act+" "+name)
	return f.fault.Effect, &fs.PathError{Op: act, Path: name, Err: f.fault.Err}
}

// do makes a call that is done or not.
func (f *FS) do(kind Kinds, name string, call func() error) error {
	effect, fault := f.meet(kind, name)
	if fault == nil {
		return call()
	}
	if effect == Whole {
		if err := call(); err != nil {
			return err
		}
	}
	return fault
}

// Open implements [vfs.FS].
func (f *FS) Open(name string) (vfs.File, error) { return f.open(Open, name, f.inner.Open) }

// OpenWrite implements [vfs.FS].
func (f *FS) OpenWrite(name string) (vfs.File, error) {
	return f.open(OpenWrite, name, f.inner.OpenWrite)
}

// Create implements [vfs.FS].
func (f *FS) Create(name string) (vfs.File, error) { return f.open(Create, name, f.inner.Create) }

func (f *FS) open(kind Kinds, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	var inner vfs.File
	err := f.do(kind, name, func() (err error) {
		inner, err = open(name)
		return err
	})
	if err != nil {
		if inner != nil {
			inner.Close()
		}
		return nil, err
	}
	return &file{File: inner, fs: f}, nil
}

// Remove implements [vfs.FS].
func (f *FS) Remove(name string) error {
	return f.do(Remove, name, func() error { return f.inner.Remove(name) })
}

// Rename implements [vfs.FS].
func (f *FS) Rename(oldName, newName string) error {
	return f.do(Rename, oldName, func() error { return f.inner.Rename(oldName, newName) })
}

// Link implements [vfs.FS].
func (f *FS) Link(oldName, newName string) error {
	return f.do(Link, oldName, func() error { return f.inner.Link(oldName, newName) })
}

// List implements [vfs.FS].
func (f *FS) List(dir string) (names []string, err error) {
	err = f.do(List, dir, func() (err error) {
		names, err = f.inner.List(dir)
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// MkdirAll implements [vfs.FS].
func (f *FS) MkdirAll(dir string) error {
	return f.do(MkdirAll, dir, func() error { return f.inner.MkdirAll(dir) })
}

// A syncLoser is a file system that can fail a sync as disks do. That of package crashfs is one.
type syncLoser interface {
	LoseSyncDir(dir string) error
}

// SyncDir implements [vfs.FS].
func (f *FS) SyncDir(dir string) error {
	effect, fault := f.meet(SyncDir, dir)
	if fault == nil {
		return f.inner.SyncDir(dir)
	}

	if effect == Whole {
		if err := f.inner.SyncDir(dir); err != nil {
			return err
		}
	} else if loser, ok := f.inner.(syncLoser); ok {
		loser.LoseSyncDir(dir)
	}
	return fault
}

// Size implements [vfs.FS].
func (f *FS) Size(name string) (n int64, err error) {
	err = f.do(Size, name, func() (err error) {
		n, err = f.inner.Size(name)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Lock implements [vfs.FS]. If it fails the lock is free, but the file may have been created.
func (f *FS) Lock(name string) (io.Closer, error) {
	var lock io.Closer
	err := f.do(Lock, name, func() (err error) {
		lock, err = f.inner.Lock(name)
		return err
	})
	if err != nil {
		if lock != nil {
			lock.Close()
		}
		return nil, err
	}
	return lock, nil
}
