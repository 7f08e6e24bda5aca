//go:build unix

package httpapi

import "syscall"

// mostFiles returns how many files the program may have open, if the system says.
func mostFiles() (uint64, bool) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0, false
	}
	return uint64(files.Cur), true
}
