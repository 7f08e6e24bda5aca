package natstest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// serverOf is the environment variable that makes a test's program a server: its number,
// its port, its directory, and the ports of all routes.
const serverOf = "DAYBOOK_NATS_SERVER"

// Main runs the tests of a package that uses [StartProcesses]: call it in TestMain. In a
// process that is to be a server it does not return.
func Main(m *testing.M) {
	if of := os.Getenv(serverOf); of != "" {
		if err := beServer(of); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// beServer is a server until somebody kills it, or whoever started it is gone, for whose
// sake it holds on to its standard input.
func beServer(of string) error {
	fields := strings.Split(of, "|")
	port, err := strconv.Atoi(fields[1])
	if err != nil {
		return fmt.Errorf("port: %w", err)
	}
	o := &server.Options{
		ServerName: "server-" + fields[0], Host: "127.0.0.1", Port: port, StoreDir: fields[2],
		JetStream: true, SyncAlways: true, NoSigs: true, NoLog: true,
	}
	number, err := strconv.Atoi(fields[0])
	if err != nil {
		return fmt.Errorf("number: %w", err)
	}
	for i, text := range fields[3:] {
		route, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("route: %w", err)
		}
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", route)})
		if i == number {
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: route}
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	go s.Start()
	// The pipe ends with the process that started this one.
	_, _ = os.Stdin.Read(make([]byte, 1))
	s.Shutdown()
	return nil
}

// Processes are a cluster of servers in processes of their own, which can be killed and
// paused. Make them with [StartProcesses].
type Processes struct {
	tb     testing.TB
	dir    string
	ports  []int
	routes []int
	by     []string // the program that runs them, with its arguments
	disks  []*disk  // those of the servers that have their own

	mu   sync.Mutex
	cmds []*exec.Cmd // nil while killed
}

// StartProcesses starts n servers, whose streams are in directories of the test's own. They
// are killed when the test ends.
func StartProcesses(tb testing.TB, n int) *Processes { return StartProcessesBy(tb, n) }

// StartProcessesBy starts n servers by way of another program, such as strace.
func StartProcessesBy(tb testing.TB, n int, by ...string) *Processes {
	tb.Helper()
	p := newProcesses(tb, n)
	p.by = by
	p.begin()
	return p
}

// newProcesses returns n servers that are yet to be started.
func newProcesses(tb testing.TB, n int) *Processes {
	tb.Helper()
	p := &Processes{tb: tb, dir: tb.TempDir(), cmds: make([]*exec.Cmd, n)}
	for range n {
		p.ports, p.routes = append(p.ports, freePort(tb)), append(p.routes, freePort(tb))
	}
	return p
}

// begin starts all servers, which are killed when the test ends.
func (p *Processes) begin() {
	p.tb.Helper()
	p.tb.Cleanup(func() {
		for i := range p.Len() {
			p.Kill(i)
		}
	})
	for i := range p.Len() {
		p.Start(i)
	}
}

// storeDir is where a server keeps its streams.
func (p *Processes) storeDir(i int) string { return filepath.Join(p.dir, fmt.Sprintf("server-%d", i)) }

// Start starts a server that was killed. It returns when the server takes connections.
func (p *Processes) Start(i int) {
	p.tb.Helper()
	fields := []string{strconv.Itoa(i), strconv.Itoa(p.ports[i]), p.storeDir(i)}
	for _, route := range p.routes[:len(p.ports)*min(1, len(p.ports)-1)] { // a single one is no cluster
		fields = append(fields, strconv.Itoa(route))
	}
	exe, err := os.Executable()
	if err != nil {
		p.tb.Fatal(err)
	}
	command := append(p.by[:len(p.by):len(p.by)], exe)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), serverOf+"="+strings.Join(fields, "|"))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		p.tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.tb.Fatal(err)
	}
	p.mu.Lock()
	p.cmds[i] = cmd
	p.mu.Unlock()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.ports[i]))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			p.tb.Fatalf("server %d does not start: %v", i, err)
		}
	}
}

// Kill kills a server, if it runs: with SIGKILL.
func (p *Processes) Kill(i int) {
	p.mu.Lock()
	cmd := p.cmds[i]
	p.cmds[i] = nil
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Kill(); err != nil {
		p.tb.Errorf("kill server %d: %v", i, err)
	}
	_ = cmd.Wait() // that it was killed is no news
}

// Pause stops a server in the middle of whatever it does, or lets it go on.
func (p *Processes) Pause(i int, on bool) {
	p.mu.Lock()
	cmd := p.cmds[i]
	p.mu.Unlock()
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	if err := cmd.Process.Signal(signal); err != nil {
		p.tb.Errorf("signal server %d: %v", i, err)
	}
}

// URL returns the addresses of all servers.
func (p *Processes) URL() string {
	var urls []string
	for _, port := range p.ports {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	return strings.Join(urls, ",")
}

// Len returns how many servers there are, those that were killed among them.
func (p *Processes) Len() int { return len(p.ports) }

// Synced says that all servers sync, which they do.
func (p *Processes) Synced(context.Context, []string) error { return nil }

// Leader waits until a stream has a leader, and returns its number.
func (p *Processes) Leader(stream string) int {
	p.tb.Helper()
	conn, err := nats.Connect(p.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		p.tb.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		p.tb.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		s, err := js.Stream(ctx, stream)
		cancel()
		if err == nil && s.CachedInfo().Cluster != nil {
			number, found := strings.CutPrefix(s.CachedInfo().Cluster.Leader, "server-")
			if i, err := strconv.Atoi(number); found && err == nil {
				return i
			}
		}
		if time.Now().After(end) {
			p.tb.Fatalf("stream %s has no leader: %v", stream, err)
		}
	}
}
