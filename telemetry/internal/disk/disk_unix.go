//go:build linux || darwin

package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func of(dir string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return Space{}, fmt.Errorf("room on the disk of %s: %w", dir, err)
	}
	block := uint64(s.Bsize) // of another type on each system
	return Space{Size: uint64(s.Blocks) * block, Free: uint64(s.Bavail) * block}, nil
}
