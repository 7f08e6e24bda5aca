package logstore

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// panics is a file system of which every sync panics.
type panics struct{ vfs.FS }

type panickingFile struct{ vfs.File }

func (panickingFile) Sync() error { panic("a mistake of the engine's") }

func (p panics) OpenWrite(name string) (vfs.File, error) {
	f, err := p.FS.OpenWrite(name)
	return panickingFile{f}, err
}

// Goal: a panic while an append is recorded ends the program, also if the caller recovers from panics, as servers do: it
// would otherwise have a store that waits for ever. Method: another process does that.
func TestAPanicWhileAnAppendIsRecordedEndsTheProgram(t *testing.T) {
	const inside = "DAYBOOK_TEST_PANIC_IN"
	if dir := os.Getenv(inside); dir != "" {
		world := vfs.OS()
		world.FS = panics{world.FS}
		s, err := open(world, dir, quietly)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { t.Logf("survived: %v", recover()) }()
		_, err = s.Append(context.Background(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil) // which cannot end, so the caller records it
		t.Logf("answered: %v", err)
		return
	}

	dir := t.TempDir()
	s, err := Open(dir, quietly)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	child := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), inside+"="+dir)
	child.Stdout, child.Stderr = &said, &said
	if err := child.Run(); err == nil || !strings.Contains(said.String(), "a mistake of the engine's") || strings.Contains(said.String(), "survived") {
		t.Errorf("the process ends with %v, and says\n%s", err, said.String())
	}
}
