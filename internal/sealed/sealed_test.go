package sealed

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsOpenedIsWhatWasWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kept")
	for _, content := range [][]byte{nil, []byte("one line"), []byte("two\nlines\n"), bytes.Repeat([]byte{0}, 100)} {
		if err := Write(file, content); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, sound := Open(written); !sound || !bytes.Equal(got, content) {
			t.Errorf("wrote %q, and opened %q, %v", content, got, sound)
		}
		for i := range written {
			damaged := bytes.Clone(written)
			damaged[i] ^= 1
			if _, sound := Open(damaged); sound {
				t.Errorf("%q is taken for what was written, with byte %d damaged", damaged, i)
			}
			if _, sound := Open(written[:i]); sound {
				t.Errorf("the first %d bytes are taken for what was written", i)
			}
		}
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("beside the file there is something left: %v, %v", left, err)
	}
}

func TestAFileThatCannotBeWrittenLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "taken"), []byte("content")); err == nil {
		t.Error("a directory was replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("something is left: %v, %v", left, err)
	}
}
