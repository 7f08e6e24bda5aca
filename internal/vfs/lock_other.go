//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package vfs

import (
	"errors"
	"os"
)

func flock(*os.File) error { return errors.ErrUnsupported }
