//go:build unix

package programtest

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// KillReading starts a program that reads a table at a path, and kills it. The table is a pipe
// that is never closed, so that the program cannot be through. It is killed when it has told
// something, which must have the words of its progress in it, and late if so, when it has also
// read nearly all. In the end there is nothing at the path. Where there are no such pipes the
// test is skipped.
func KillReading(t *testing.T, path, table, progress string, late bool, program string, args ...string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("there are no pipes with names here: %v", err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for reading too, so that it waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	go func() {
		// It ends when the pipe is closed, if nobody has read it all.
		_, _ = pipe.WriteString(table)
		close(written)
	}()
	command := exec.Command(program, args...)
	told, err := command.StderrPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(told).ReadString('\n')
	if err != nil || !strings.Contains(line, progress) {
		t.Errorf("it told %q, %v; want its progress", line, err)
	}
	if late {
		<-written
	}
	if err := command.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err == nil {
		t.Error("it was through before it was killed")
	}
	if err := pipe.Close(); err != nil {
		t.Error(err)
	}
	<-written
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
