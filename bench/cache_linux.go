package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dropFile puts a file out of the page cache, once it is on the disk.
func dropFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
}
