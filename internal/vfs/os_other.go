//go:build !linux

package vfs

import (
	"errors"
	"os"
)

func datasync(f *os.File) error { return f.Sync() }

func fallocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

// willNeed does nothing where package syscall has no call for it.
func willNeed([]byte) {}

func readAlone([]byte) {}
