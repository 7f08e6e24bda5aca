//go:build !linux && !darwin

package vfs

import "time"

func boot() time.Duration { return time.Since(began) }
