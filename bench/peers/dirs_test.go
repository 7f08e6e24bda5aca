package peers

import (
	"os"
	"path/filepath"
	"testing"
)

// openDirs lets others than the owner pass through the directories above dir, as the
// user postgres must.
func openDirs(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
