//go:build !linux && !darwin

package disk

import (
	"errors"
	"fmt"
)

func of(dir string) (Space, error) {
	return Space{}, fmt.Errorf("room on the disk of %s: %w", dir, errors.ErrUnsupported)
}
