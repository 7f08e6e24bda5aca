package embedded

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// lockName is the file in a server's directory that says that a server has it.
const lockName = "LOCK"

// takeLock takes the lock of a server's directory, which it makes if it is not there. A
// server looks at nothing of the kind itself: two of them would write the same files.
func takeLock(dir string) (io.Closer, error) {
	files := vfs.OS().FS
	if err := files.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("embedded: make the directory of a server: %w", err)
	}
	lock, err := files.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, &daybook.UnavailableError{Doing: "start a server", Err: fmt.Errorf("another one has the directory %s: %w", dir, err)}
	}
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	return lock, nil
}
