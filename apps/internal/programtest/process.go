// Package programtest runs the real programs of the applications, as processes, and tries what
// all of them promise: that one which is told to end loses nothing, and that none tells a
// secret. Only tests import it.
package programtest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Process is a program that serves.
type Process struct {
	Command *exec.Cmd
	Address string // which it printed

	mu  sync.Mutex
	all bytes.Buffer // what it printed and logged
	end chan struct{}
}

// Start starts a program that prints an address, with variables of the environment that are
// written NAME=VALUE. It is killed when the test ends.
func Start(t *testing.T, env []string, program string, args ...string) *Process {
	t.Helper()
	p := &Process{Command: exec.Command(program, args...), end: make(chan struct{})}
	p.Command.Env = append(os.Environ(), env...)
	p.Command.Stderr = p
	out, err := p.Command.StdoutPipe()
	if err == nil {
		err = p.Command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.Command.ProcessState == nil {
			_ = p.Command.Process.Kill()
			_ = p.Wait()
		}
	})
	first, err := bufio.NewReader(io.TeeReader(out, p)).ReadString('\n')
	go func() {
		_, _ = io.Copy(p, out)
		close(p.end)
	}()
	if err != nil {
		t.Fatalf("it printed no address:\n%s", p.Told())
	}
	p.Address = strings.TrimSpace(first)
	return p
}

// Write implements [io.Writer]: it keeps what the process tells.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Write(b)
}

// Told returns all that the process has printed and logged.
func (p *Process) Told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.String()
}

// Wait waits until the process has ended, and returns why unless it was well.
func (p *Process) Wait() error {
	<-p.end
	return p.Command.Wait()
}

// Kill kills the process, as kill -9 does, and waits until it is gone. The test fails if it had
// ended before.
func (p *Process) Kill(t *testing.T) {
	t.Helper()
	if err := p.Command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Error("it ended before it was killed")
	}
}

// Ready waits until /readyz answers with a status.
func (p *Process) Ready(t *testing.T, status int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		answer, err := http.Get(p.Address + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == status {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz never answers %d: %v\n%s", status, err, p.Told())
		}
	}
}

// Run runs a program until it is done, and returns what it printed. The test fails if the
// program does.
func Run(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	command := exec.Command(program, args...)
	command.Env = append(os.Environ(), env...)
	var wrong bytes.Buffer
	command.Stderr = &wrong
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, &wrong)
	}
	return string(out)
}
