package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daybook-es/daybook/apps/library"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"library": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script")})
}

// A process is the real program, running a service.
type process struct {
	t       *testing.T
	command *exec.Cmd
	address string // when it has printed one
	logged  bytes.Buffer
	printed chan string
}

// start starts the program. It is killed when the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command("library", args...), printed: make(chan string, 1)}
	p.command.Stderr = &p.logged
	out, err := p.command.StdoutPipe()
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		p.printed <- strings.TrimSpace(line)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill kills it, as kill -9 does.
func (p *process) kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// up waits until it has printed its address, and is ready.
func (p *process) up() string {
	p.t.Helper()
	if p.address == "" {
		select {
		case p.address = <-p.printed:
		case <-time.After(30 * time.Second):
		}
		if p.address == "" {
			p.kill()
			p.t.Fatalf("library %v printed no address:\n%s", p.command.Args, &p.logged)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		answer, err := http.Get(p.address + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p.address
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is never ready: %v", p.address, err)
		}
	}
}

// post sends a command, and returns the answer and the token.
func post(t *testing.T, address, body string) (int, string) {
	t.Helper()
	answer, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Daybook-Token")
}

// books asks how many books there are, as soon as a token is shown.
func books(t *testing.T, address, token string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address+"/books", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Daybook-Token", token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page library.Page
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, answer.StatusCode, err)
	}
	return page.Matching
}

const (
	anyPort = "127.0.0.1:0"
	first   = `{"isbn": "9780141439587", "title": "Emma", "author": "Jane Austen", "copies": 2}`
	second  = `{"isbn": "9780141441146", "title": "Jane Eyre", "author": "Charlotte Brontë", "copies": 1}`
)

// Services are started in any order, a reader before there is a library, and each is
// killed and started again while the others go on; what was answered stays.
func TestInAnyOrder(t *testing.T) {
	store := filepath.Join(t.TempDir(), "log")
	early := start(t, "read", "--store", store, "--addr", anyPort)
	write := start(t, "write", "--store", store, "--addr", anyPort)
	late := start(t, "read", "--store", store, "--addr", anyPort, "--write", write.up(), "--data", filepath.Join(t.TempDir(), "snapshot"))
	status, token := post(t, write.up()+"/books", first)
	if status != http.StatusCreated {
		t.Fatalf("adding a book answers %d", status)
	}
	for _, reader := range []*process{early, late} {
		if n := books(t, reader.up(), token); n != 1 {
			t.Errorf("%d books are shown, want 1", n)
		}
	}
	write.kill()
	if n := books(t, early.up(), token); n != 1 {
		t.Errorf("without a write service %d books are shown, want 1", n)
	}
	if status, _ := post(t, late.up()+"/books", second); status != http.StatusServiceUnavailable {
		t.Errorf("a command to a write service that is away answers %d", status)
	}
	again := start(t, "write", "--store", store, "--addr", strings.TrimPrefix(write.address, "http://"))
	again.up()
	late.kill()
	status, token = post(t, again.up()+"/books", second)
	if n := books(t, early.up(), token); status != http.StatusCreated || n != 2 {
		t.Errorf("after the write service came back, adding answers %d and %d books are shown, want 2", status, n)
	}
}

// A directory that a write service has is named when another wants it.
func TestOneWriterForADirectory(t *testing.T) {
	store := filepath.Join(t.TempDir(), "log")
	write := start(t, "write", "--store", store, "--addr", anyPort)
	write.up()
	for _, args := range [][]string{{"write", "--store", store, "--addr", anyPort}, {"import", "--store", store, "testdata"}} {
		var out, errs bytes.Buffer
		code := new(Main).Execute(t.Context(), args, &out, &errs)
		if code != 1 || args[0] == "write" && !strings.Contains(errs.String(), "library write at "+write.address) {
			t.Errorf("library %s: %d, %q", args[0], code, &errs)
		}
	}
}

// The demo is one command: it prints an address, at which there are books to be lent, and
// stops cleanly; the next goes on with the same library.
func TestDemo(t *testing.T) {
	for _, kept := range []string{"--data", "--store"} {
		t.Run(kept, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "library")
			for range 2 {
				demo := start(t, "demo", kept, dir, "--addr", anyPort)
				if had := books(t, demo.up(), ""); had != len(library.Classics) {
					t.Errorf("the demo has %d books, want %d", had, len(library.Classics))
				}
				if status, _ := post(t, demo.address+"/loans", `{"isbn": "9780141439846", "reader": "somebody"}`); status != http.StatusUnprocessableEntity {
					t.Errorf("lending a book whose only copy is out answers %d", status)
				}
				if err := demo.command.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				if err := demo.command.Wait(); err != nil {
					t.Errorf("the demo ended with %v:\n%s", err, &demo.logged)
				}
			}
		})
	}
}
