package vfs

import "golang.org/x/sys/unix"

// There it goes on while the machine sleeps.
const bootClock = unix.CLOCK_MONOTONIC
