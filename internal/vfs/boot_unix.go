//go:build linux || darwin

package vfs

import (
	"time"

	"golang.org/x/sys/unix"
)

func boot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(bootClock, &t); err != nil {
		return time.Since(began) // a kernel older than the clock
	}
	return time.Duration(t.Nano())
}
