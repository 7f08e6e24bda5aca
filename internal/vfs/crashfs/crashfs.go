// Package crashfs simulates a machine whose power can be cut after any call to its file system, so that a test can ask what a
// store makes of the disk that is left.
//
// Run a workload once on a [Disk], noting at which call ([Disk.Calls]) each promise was made. Then take the
// [Recording] and let [Recording.EveryCut] hand over the disk as a power cut after each call would leave it, for
// several choices of what survived of that which was not synced. Such a disk is whole, quick to make (a microsecond or
// two for a small one) and a Disk itself: open the store on it, check the promises, and cut it again if recovery is what is tested.
//
//	disk := crashfs.New(1)
//	acknowledged := run(disk.World()) // notes disk.Calls() at each answer
//	n, err := disk.Recording().EveryCut(4, func(cut crashfs.Cut) error {
//		return check(cut.Disk.World(), acknowledged, cut.Call)
//	})
//
// # The disk
//
// The model is meaner than most disks and kinder than none. Data and names are durable apart from each other: syncing a
// file makes its content and size durable, not its name; syncing a directory makes its names durable, not the
// content of its files. What was not synced may survive or not:
//
//   - A write survives by sectors of 512 bytes. A sector holds a prefix of the writes made to it; sectors are independent.
//   - Changes of size (extending writes, truncations, preallocation) survive as a prefix of those made to the file, apart from
//     its data. What was extended and not written reads as zeros, never as old rubbish.
//   - Creating, linking, renaming and removing survive in any selection in which no change of a name survives without
//     the earlier changes of the same name. A rename is whole or undone.
//   - A failed sync ([Disk.FailSync]) leaves its file readable as written, and makes nothing durable. What it should have
//     synced is not made durable by a later sync either; it must be written again.
//
// Not simulated: rot (flip bits yourself), reordering past a successful sync, a full disk (see package errorfs), and time.
package crashfs

import (
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/daybook-es/daybook/internal/vfs"
)

// A Disk is a machine in memory: a file system that starts with an empty root directory, and that records every
// call which changes it or makes a change durable; a clock; and a source of chance. All of it is deterministic as
// far as its user is.
//
// The same name with and without a leading slash is the same file. A Disk is safe for use by many goroutines.
type Disk struct {
	clock  *clock
	chance *chance

	mu       sync.Mutex
	nodes    []*node // by id; the root is 0
	base     []node  // the nodes as they were before the first call; nil until there is one
	calls    []call
	locks    map[string]bool
	failSync func(name string) bool
}

var _ vfs.FS = (*Disk)(nil)

// A node is a file or a directory. Its id is its index in Disk.nodes; directories refer to it by that.
type node struct {
	dir     bool
	content content // of a file
	entries entries // of a directory
}

// New returns a machine with an empty disk. The seed decides what its chance yields.
func New(seed uint64) *Disk {
	return &Disk{
		clock:  newClock(firstTime),
		chance: &chance{seed: seed},
		nodes:  []*node{{dir: true}},
	}
}

// World returns the machine's file system, which is the disk itself, its clock, which goes on by a millisecond every
// time it is read, and its chance.
func (d *Disk) World() vfs.World {
	return vfs.World{FS: d, Clock: d.clock, Chance: d.chance}
}

// Calls returns the number of calls recorded. What is promised after the n-th of them returned rests on those n
// calls; a later cut must not take it back.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.calls)
}

// Recording returns what was recorded until now. It does not change afterwards.
func (d *Disk) Recording() *Recording {
	d.mu.Lock()
	defer d.mu.Unlock()

	base := d.base
	if base == nil {
		base = d.snapshot()
	}
	return &Recording{base: base, calls: slices.Clip(d.calls)}
}

// CutNow returns what is left if the power goes off after the last call that was made, of
// which there may be others by the time it returns.
func (d *Disk) CutNow(survivors Survivors, seed uint64) *Disk {
	r := d.Recording()
	return r.Cut(r.Calls(), survivors, seed)
}

// FailSync lets fail decide about every Sync and SyncDir from now on, by the name of the file or directory; nil lets
// all succeed. One that fails returns EIO. It runs inside the call: it must not use the disk.
func (d *Disk) FailSync(fail func(name string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failSync = fail
}

// snapshot freezes the nodes as they are.
func (d *Disk) snapshot() []node {
	frozen := make([]node, len(d.nodes))
	for i, n := range d.nodes {
		frozen[i] = node{dir: n.dir, content: n.content.share(), entries: n.entries}
	}
	return frozen
}

// record adds a call to the recording. It comes before the change that the call makes.
func (d *Disk) record(c call) {
	if d.base == nil {
		d.base = d.snapshot()
	}
	c.time = d.clock.nanos.Load()
	d.calls = append(d.calls, c)
}

// add makes room for a new node and returns its id.
func (d *Disk) add(n *node) int32 {
	d.nodes = append(d.nodes, n)
	return int32(len(d.nodes) - 1)
}

// walk returns the id of the directory that holds a name, and the name without the path. The root has the
// name ".", in itself.
func (d *Disk) walk(name string) (dir int32, base string, err error) {
	rest := strings.TrimPrefix(filepath.ToSlash(filepath.Clean(name)), "/")
	if rest == "" {
		rest = "."
	}

	for {
		first, after, more := strings.Cut(rest, "/")
		if !more {
			return dir, first, nil
		}
		id, ok := d.nodes[dir].entries.get(first)
		if !ok {
			return 0, "", fs.ErrNotExist
		}
		if !d.nodes[id].dir {
			return 0, "", syscall.ENOTDIR
		}
		dir, rest = id, after
	}
}

// find returns the id of an existing file or directory.
func (d *Disk) find(name string) (int32, error) {
	dir, base, err := d.walk(name)
	if err != nil {
		return 0, err
	}
	if base == "." {
		return dir, nil
	}

	id, ok := d.nodes[dir].entries.get(base)
	if !ok {
		return 0, fs.ErrNotExist
	}
	return id, nil
}

// findFile is find for what must be a file, findDir for a directory.
func (d *Disk) findFile(name string) (int32, error) {
	id, err := d.find(name)
	if err == nil && d.nodes[id].dir {
		err = syscall.EISDIR
	}
	return id, err
}

func (d *Disk) findDir(name string) (int32, error) {
	id, err := d.find(name)
	if err == nil && !d.nodes[id].dir {
		err = syscall.ENOTDIR
	}
	return id, err
}

// vacant returns the directory and base of a name that does not exist yet.
func (d *Disk) vacant(name string) (dir int32, base string, err error) {
	dir, base, err = d.walk(name)
	if err != nil {
		return 0, "", err
	}
	if _, ok := d.nodes[dir].entries.get(base); ok || base == "." {
		return 0, "", fs.ErrExist
	}
	return dir, base, nil
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open implements [vfs.FS].
func (d *Disk) Open(name string) (vfs.File, error) { return d.open(name, false) }

// OpenWrite implements [vfs.FS].
func (d *Disk) OpenWrite(name string) (vfs.File, error) { return d.open(name, true) }

func (d *Disk) open(name string, write bool) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findFile(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &file{disk: d, node: d.nodes[id], id: id, name: name, write: write}, nil
}

// Create implements [vfs.FS].
func (d *Disk) Create(name string) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.create(name)
	if err != nil {
		return nil, pathError("create", name, err)
	}
	return &file{disk: d, node: d.nodes[id], id: id, name: name, write: true}, nil
}

func (d *Disk) create(name string) (int32, error) {
	dir, base, err := d.vacant(name)
	if err != nil {
		return 0, err
	}

	d.record(call{kind: create, name: name, dir: dir, node: int32(len(d.nodes)), to: base})
	id := d.add(&node{})
	d.nodes[dir].entries = d.nodes[dir].entries.with(base, id)
	return id, nil
}

// Remove implements [vfs.FS]. It removes an empty directory too.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	dir, base, err := d.walk(name)
	if err != nil {
		return pathError("remove", name, err)
	}
	id, ok := d.nodes[dir].entries.get(base)
	switch {
	case !ok:
		return pathError("remove", name, fs.ErrNotExist)
	case len(d.nodes[id].entries) > 0:
		return pathError("remove", name, syscall.ENOTEMPTY)
	}

	d.record(call{kind: remove, name: name, dir: dir, node: id, from: base})
	d.nodes[dir].entries = d.nodes[dir].entries.without(base)
	return nil
}

// Rename implements [vfs.FS].
func (d *Disk) Rename(oldName, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	dir, from, err := d.walk(oldName)
	if err != nil {
		return pathError("rename", oldName, err)
	}
	id, ok := d.nodes[dir].entries.get(from)
	if !ok {
		return pathError("rename", oldName, fs.ErrNotExist)
	}
	other, to, err := d.walk(newName)
	if err != nil {
		return pathError("rename", newName, err)
	}
	if other != dir {
		return pathError("rename", newName, syscall.EXDEV)
	}
	if over, ok := d.nodes[dir].entries.get(to); ok {
		if d.nodes[over].dir {
			return pathError("rename", newName, fs.ErrExist)
		}
		if over == id {
			return nil
		}
	}

	d.record(call{kind: rename, name: oldName, dir: dir, node: id, from: from, to: to})
	d.nodes[dir].entries = d.nodes[dir].entries.without(from).with(to, id)
	return nil
}

// Link implements [vfs.FS].
func (d *Disk) Link(oldName, newName string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findFile(oldName)
	if err != nil {
		return pathError("link", oldName, err)
	}
	dir, base, err := d.vacant(newName)
	if err != nil {
		return pathError("link", newName, err)
	}

	d.record(call{kind: link, name: newName, dir: dir, node: id, to: base})
	d.nodes[dir].entries = d.nodes[dir].entries.with(base, id)
	return nil
}

// List implements [vfs.FS].
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findDir(dir)
	if err != nil {
		return nil, pathError("list", dir, err)
	}
	names := make([]string, len(d.nodes[id].entries))
	for i, e := range d.nodes[id].entries {
		names[i] = e.name
	}
	return names, nil
}

// MkdirAll implements [vfs.FS]. Each directory that it creates is a call of its own.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	clean := filepath.ToSlash(filepath.Clean(dir))
	for end := range len(clean) + 1 {
		if end < len(clean) && (clean[end] != '/' || end == 0) {
			continue
		}
		path := clean[:end]
		if _, err := d.findDir(path); err == nil {
			continue
		}

		parent, base, err := d.vacant(path)
		if err != nil {
			return pathError("mkdir", path, err)
		}
		d.record(call{kind: mkdir, name: path, dir: parent, node: int32(len(d.nodes)), to: base})
		id := d.add(&node{dir: true})
		d.nodes[parent].entries = d.nodes[parent].entries.with(base, id)
	}
	return nil
}

// SyncDir implements [vfs.FS].
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findDir(dir)
	if err != nil {
		return pathError("syncdir", dir, err)
	}
	if d.failSync != nil && d.failSync(dir) {
		return d.lose(call{kind: failedSyncDir, name: dir, dir: id})
	}
	d.record(call{kind: syncDir, name: dir, dir: id})
	return nil
}

// LoseSyncDir is a SyncDir that fails, whatever [Disk.FailSync] says. The files of a Disk have a method LoseSync.
func (d *Disk) LoseSyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findDir(dir)
	if err != nil {
		return pathError("syncdir", dir, err)
	}
	return d.lose(call{kind: failedSyncDir, name: dir, dir: id})
}

// lose records a sync that fails.
func (d *Disk) lose(c call) error {
	d.record(c)
	return pathError("sync", c.name, syscall.EIO)
}

// Size implements [vfs.FS].
func (d *Disk) Size(name string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	id, err := d.findFile(name)
	if err != nil {
		return 0, pathError("size", name, err)
	}
	return d.nodes[id].content.size, nil
}

// Lock implements [vfs.FS]. A cut releases the lock.
func (d *Disk) Lock(name string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if _, err := d.findFile(name); err != nil {
		if _, err = d.create(name); err != nil {
			return nil, pathError("lock", name, err)
		}
	}
	dir := filepath.Dir(name)
	if d.locks[dir] {
		return nil, pathError("lock", name, vfs.ErrLocked)
	}
	if d.locks == nil {
		d.locks = make(map[string]bool)
	}
	d.locks[dir] = true
	return &lock{disk: d, dir: dir, name: name}, nil
}

type lock struct {
	disk      *Disk
	dir, name string
	closed    bool
}

// Close releases the lock.
func (l *lock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()

	if l.closed {
		return pathError("unlock", l.name, fs.ErrClosed)
	}
	l.closed = true
	delete(l.disk.locks, l.dir)
	return nil
}
