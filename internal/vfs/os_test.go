package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/vfstest"
)

func TestOS(t *testing.T) {
	vfstest.Run(t, vfs.OS().FS, t.TempDir())
}

func TestClockIsTheWallClock(t *testing.T) {
	before := time.Now()
	now := vfs.OS().Clock.Now()
	if after := time.Now(); now.Before(before) || now.After(after) {
		t.Errorf("the clock shows %v, want a time from %v to %v", now, before, after)
	}
}

func TestTheTimeSinceBootRises(t *testing.T) {
	clock := vfs.OS().Clock
	began, wall := clock.Boot(), clock.Now()
	for clock.Now().Sub(wall) < time.Millisecond {
	}
	if passed := clock.Boot() - began; passed < time.Millisecond {
		t.Errorf("while a millisecond passed the time since boot went on by %v", passed)
	}
}

func TestChanceDoesNotRepeatItself(t *testing.T) {
	var a, b [16]byte
	for _, buf := range [][]byte{a[:], b[:]} {
		if n, err := vfs.OS().Chance.Read(buf); n != len(buf) || err != nil {
			t.Fatalf("%d bytes and error %v, want 16 and nil", n, err)
		}
	}
	if bytes.Equal(a[:], b[:]) {
		t.Errorf("two readings gave the same 16 bytes %x", a)
	}
}

// The test binary runs itself again as the other process: it takes the lock and says so, or says why not, and then
// waits for its input to end, or to be killed.
func TestMain(m *testing.M) {
	name := os.Getenv("VFS_TEST_LOCK")
	if name == "" {
		os.Exit(m.Run())
	}

	_, err := vfs.OS().FS.Lock(name)
	switch {
	case errors.Is(err, vfs.ErrLocked):
		fmt.Println("locked")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println("holding")
	}
	os.Stdin.Read(make([]byte, 1))
}

func TestLockKeepsOutAnotherProcessUntilItIsKilled(t *testing.T) {
	name := filepath.Join(t.TempDir(), "LOCK")
	other := func() (answer string, kill func()) {
		t.Helper()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "VFS_TEST_LOCK="+name)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = func() {
			cmd.Process.Kill()
			cmd.Wait()
		}
		t.Cleanup(kill)
		if _, err := fmt.Fscanln(out, &answer); err != nil {
			t.Fatal(err)
		}
		return answer, kill
	}

	answer, kill := other()
	if answer != "holding" {
		t.Fatalf("the other process answered %q, want holding", answer)
	}
	if _, err := vfs.OS().FS.Lock(name); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("lock while the other process holds it: %v, want ErrLocked", err)
	}
	kill()

	l, err := vfs.OS().FS.Lock(name)
	if err != nil {
		t.Fatalf("lock after the other process was killed: %v", err)
	}
	defer l.Close()
	if answer, _ := other(); answer != "locked" {
		t.Errorf("the other process answered %q while we hold the lock, want locked", answer)
	}
}

func TestNoSpaceIsRecognised(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	if !vfs.IsNoSpace(fmt.Errorf("append: %w", full)) {
		t.Errorf("%v is not taken for a full disk", full)
	}
	if !vfs.IsNoSpace(syscall.EDQUOT) {
		t.Error("a used-up quota is not taken for a full disk")
	}
	for _, err := range []error{nil, syscall.EIO, fs.ErrNotExist} {
		if vfs.IsNoSpace(err) {
			t.Errorf("%v is taken for a full disk", err)
		}
	}
}

// dirFS notes which directories are synced, and refuses one of them.
type dirFS struct {
	vfs.FS
	refuse string
	err    error
	synced []string
}

func (f *dirFS) SyncDir(dir string) error {
	f.synced = append(f.synced, dir)
	if dir == f.refuse {
		return f.err
	}
	return f.FS.SyncDir(dir)
}

func TestMkdirSyncSyncsEveryParent(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a", "b")

	f := &dirFS{FS: vfs.OS().FS}
	if err := vfs.MkdirSync(f, dir); err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(root, "a"), root, filepath.Dir(root)}; !slices.Equal(f.synced[:3], want) {
		t.Errorf("synced %q, want %q first", f.synced, want)
	}
	if last := f.synced[len(f.synced)-1]; filepath.Dir(last) != last {
		t.Errorf("synced %s last, want the root", last)
	}

	f = &dirFS{FS: vfs.OS().FS, refuse: root, err: &fs.PathError{Op: "open", Path: root, Err: syscall.EACCES}}
	if err := vfs.MkdirSync(f, dir); err != nil {
		t.Errorf("a parent that may not be read: %v, want nil", err)
	}
	f.err = syscall.EIO
	if err := vfs.MkdirSync(f, dir); !errors.Is(err, syscall.EIO) {
		t.Errorf("a parent whose sync fails: %v, want EIO", err)
	}
}

// A full disk is a small tmpfs of our own, which takes root to mount.
func TestPreallocateReportsAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small disk: %s", strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %s", out)
		}
	})

	f, err := vfs.OS().FS.Create(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Preallocate(0, 1<<20); !vfs.IsNoSpace(err) {
		t.Errorf("preallocating 1 MiB on a disk of 64 KiB: %v, want ENOSPC", err)
	}
	if err := f.Preallocate(0, 32<<10); err != nil {
		t.Errorf("preallocating 32 KiB on a disk of 64 KiB: %v", err)
	}
}
