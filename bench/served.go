package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A site is a server of an application: a program, and how it is started.
type site struct {
	key     string // see peers.Shared
	program string // its package, from the root of the module
	args    []string
}

// sites are the applications, and the one that does the same in the obvious way.
var sites = map[string]site{
	"orders":  {"orders", "./apps/orders/cmd/orders", []string{"serve", "--log-level=warn", "--rate=-1", "--max-requests-each=-1"}},
	"catalog": {"catalog", "./apps/catalog/cmd/catalog", []string{"serve", "--log-level=warn", "--rate=-1", "--max-requests-each=-1"}},
	"obvious": {"obvious", "./bench/peers/obvious", nil},
}

// A served site is a process that answers.
type served struct {
	key, host string
	dir       string
	process   *os.Process
	ended     chan error
}

// built builds a site's program, once in a run.
func (h *harness) built(s site) (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	program := filepath.Join(h.dir, "bin", s.key)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	from := s.program
	if inside, is := strings.CutPrefix(from, "./bench/"); is { // which is a module of its own
		root, from = filepath.Join(root, "bench"), "./"+inside
	}
	build := exec.Command("go", "build", "-o", program, from)
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", s.key, err, said)
	}
	return program, nil
}

// serve starts a site in a new directory, and returns when it is ready.
func (h *harness) serve(key string, more ...string) (*served, error) {
	s := sites[key]
	program, err := h.built(s)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(h.dir, key+"-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, append(append(append([]string(nil), s.args...), "--data", filepath.Join(dir, "data"), "--addr", "127.0.0.1:0"), more...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := os.Create(filepath.Join(dir, "stderr.txt"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	v := &served{key: key, dir: dir, process: cmd.Process, ended: make(chan error, 1)}
	lines := bufio.NewScanner(out)
	lines.Scan()
	v.host = strings.TrimPrefix(strings.TrimSpace(lines.Text()), "http://")
	go func() {
		for lines.Scan() {
		}
		v.ended <- cmd.Wait()
	}()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get("http://" + v.host + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return v, nil
			}
		}
		if time.Now().After(end) {
			why, _ := os.ReadFile(said.Name())
			return nil, errors.Join(fmt.Errorf("%s is not ready: %v\n%s", key, err, why), v.close())
		}
	}
}

// close ends the site as one ends a service, and removes what it kept.
func (v *served) close() error {
	_ = v.process.Signal(syscall.SIGTERM) // it may have ended
	var err error
	select {
	case err = <-v.ended:
	case <-time.After(patience):
		err = errors.Join(fmt.Errorf("%s did not end", v.key), v.process.Kill())
	}
	return errors.Join(err, os.RemoveAll(v.dir))
}

// used returns what the site's process has used.
func (v *served) used() (u usage) {
	u.addTree(v.process.Pid)
	return u
}

// held returns what the site's process holds. Its heap is what its metrics say; the obvious
// site has none.
func (v *served) held() (m memory) {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(v.process.Pid) + "/status") // of a process that has ended there is nothing
	for line := range strings.Lines(string(b)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			m.Anon = kib << 10
		}
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			m.RSS = kib << 10
		}
	}
	m.Heap = int64(v.metric("go_memstats_heap_inuse_bytes"))
	return m
}

// metric returns a metric without labels, or the sum over its labels; zero where there is
// none.
func (v *served) metric(name string) (sum float64) {
	answer, err := http.Get("http://" + v.host + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if end < 0 || line[:end] != name && !strings.HasPrefix(line, name+"{") {
			continue
		}
		n, _ := strconv.ParseFloat(line[end+1:], 64) // Prometheus writes numbers
		sum += n
	}
	return sum
}
