package natstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A disk is a file system in an image of its own, mounted where a server keeps its streams.
// What the server has written and not synced is in the system's memory, and not in the
// image: a copy of the image is what a loss of power leaves.
type disk struct {
	image, dir string
}

// diskBytes is the size of an image, most of which is never written.
const diskBytes = 256 << 20

// StartProcessesOnDisks starts n servers, each with a disk of its own, whose power can be
// cut. It skips the test where file systems cannot be mounted: that takes Linux and root.
func StartProcessesOnDisks(tb testing.TB, n int) *Processes {
	tb.Helper()
	p := newProcesses(tb, n)
	for i := range n {
		d := &disk{image: filepath.Join(p.dir, fmt.Sprintf("disk-%d", i)), dir: p.storeDir(i)}
		if err := d.make(); err != nil {
			tb.Skipf("there are no disks to cut the power of: %v", err)
		}
		tb.Cleanup(func() {
			if err := run("umount", d.dir); err != nil {
				tb.Error(err)
			}
		})
		p.disks = append(p.disks, d)
	}
	p.begin()
	return p
}

// CutPower cuts the power of all servers at the same moment, and starts them again with what
// their disks have.
func (p *Processes) CutPower() {
	p.tb.Helper()
	for i := range p.Len() {
		p.Pause(i, true)
	}
	// What the servers have asked of the system comes to an end: a sync that is half done is
	// no state that a copy, which takes a while, could have.
	time.Sleep(50 * time.Millisecond)
	for _, d := range p.disks {
		if err := d.copy(); err != nil {
			p.tb.Fatal(err)
		}
	}
	for i := range p.Len() {
		p.Kill(i)
	}
	for _, d := range p.disks {
		if err := d.replace(); err != nil {
			p.tb.Fatal(err)
		}
	}
	for i := range p.Len() {
		p.Start(i)
	}
}

// make makes the image, and mounts it.
func (d *disk) make() error {
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(d.image)
	if err != nil {
		return err
	}
	err = f.Truncate(diskBytes)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = run("mkfs.ext4", "-q", "-E", "lazy_itable_init=1", d.image)
	}
	if err == nil {
		err = d.mount()
	}
	return err
}

// mount mounts the image, so that the system does not sync it by itself for a long time.
func (d *disk) mount() error { return run("mount", "-o", "loop,commit=300", d.image, d.dir) }

// copy copies the image as it is now.
func (d *disk) copy() error { return run("cp", "--sparse=always", d.image, d.image+".cut") }

// replace puts the copy in the place of the image.
func (d *disk) replace() error {
	if err := run("umount", d.dir); err != nil {
		return err
	}
	if err := os.Rename(d.image+".cut", d.image); err != nil {
		return err
	}
	return d.mount()
}

// run runs a command.
func run(name string, args ...string) error {
	if said, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, said)
	}
	return nil
}
