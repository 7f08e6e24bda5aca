// Package natstest runs NATS servers with JetStream in the process of a test: one, or a
// cluster of them, which may be stopped and started one by one, and connections to them
// that can be cut and held.
package natstest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// patience is how long servers may take over anything before a test is given up.
const patience = time.Minute

// A Cluster is some servers that sync every message before they acknowledge it. Make it
// with [Start]. Its methods may be called by many goroutines at once.
type Cluster struct {
	tb     testing.TB
	routes []*url.URL
	ports  []int
	dir    string
	// Change, if set before a server is started, changes its options.
	change func(*server.Options)

	mu      sync.Mutex
	servers []*server.Server // nil while stopped
}

// Start starts n servers, whose streams are in directories of the test's own. Servers of a
// cluster are ready when they have elected who leads it. They are stopped when the test
// ends.
func Start(tb testing.TB, n int) *Cluster { return StartWith(tb, n, nil) }

// StartWith starts n servers whose options are changed first.
func StartWith(tb testing.TB, n int, change func(*server.Options)) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, dir: tb.TempDir(), servers: make([]*server.Server, n), change: change}
	for range n {
		c.ports = append(c.ports, freePort(tb))
		c.routes = append(c.routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", freePort(tb))})
	}
	tb.Cleanup(c.close)
	for i := range n {
		c.Start(i)
	}
	c.WaitReady()
	return c
}

// freePort returns a port that nobody listened at a moment ago.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *Cluster) close() {
	for i := range c.servers {
		c.Stop(i)
	}
}

// Dir returns the directory of a server's streams.
func (c *Cluster) Dir(i int) string { return filepath.Join(c.dir, fmt.Sprintf("server-%d", i)) }

// Start starts a server that is stopped, on its directory. It does not wait for others.
func (c *Cluster) Start(i int) {
	c.tb.Helper()
	o := &server.Options{
		ServerName: fmt.Sprintf("server-%d", i), Host: "127.0.0.1", Port: c.ports[i], StoreDir: c.Dir(i),
		JetStream: true, SyncAlways: true, NoSigs: true, NoLog: true,
	}
	if len(c.ports) > 1 {
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: portOf(c.routes[i])}
		o.Routes = c.routes
	}
	if c.change != nil {
		c.change(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		c.tb.Fatalf("server %d: %v", i, err)
	}
	go s.Start()
	if !s.ReadyForConnections(patience) {
		c.tb.Fatalf("server %d does not start", i)
	}
	c.mu.Lock()
	c.servers[i] = s
	c.mu.Unlock()
}

func portOf(u *url.URL) int {
	var port int
	fmt.Sscan(u.Port(), &port)
	return port
}

// Stop stops a server at once, if it runs; what it has not synced is on its disk all the
// same.
func (c *Cluster) Stop(i int) {
	c.mu.Lock()
	s := c.servers[i]
	c.servers[i] = nil
	c.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// Server returns a server, nil while it is stopped.
func (c *Cluster) Server(i int) *server.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[i]
}

// Len returns how many servers there are, those that are stopped among them.
func (c *Cluster) Len() int { return len(c.ports) }

// URL returns the addresses of all servers.
func (c *Cluster) URL() string {
	var urls []string
	for _, port := range c.ports {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	return strings.Join(urls, ",")
}

// WaitReady waits until the servers that run take streams.
func (c *Cluster) WaitReady() {
	c.tb.Helper()
	c.wait("elect who leads the cluster", func() bool {
		if len(c.ports) == 1 {
			return c.Server(0).JetStreamEnabled()
		}
		led := false
		for i := range c.ports {
			if s := c.Server(i); s != nil {
				led = led || s.JetStreamIsLeader()
			}
		}
		return led
	})
}

// Leader waits until a stream has a leader, and returns its number.
func (c *Cluster) Leader(stream string) int {
	c.tb.Helper()
	leader := -1
	c.wait("elect who leads stream "+stream, func() bool {
		for i := range c.ports {
			s := c.Server(i)
			if s != nil && (len(c.ports) == 1 || s.JetStreamIsStreamLeader("$G", stream)) {
				leader = i
				return true
			}
		}
		return false
	})
	return leader
}

func (c *Cluster) wait(what string, done func() bool) {
	c.tb.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.tb.Fatalf("the servers do not %s", what)
		}
	}
}

// Synced says that all servers sync, which they do: it is what a store asks for that is to
// state more than memory.
func (c *Cluster) Synced(_ context.Context, servers []string) error {
	for _, name := range servers {
		if !slices.ContainsFunc(c.names(), func(own string) bool { return own == name }) {
			return fmt.Errorf("there is no server %s", name)
		}
	}
	return nil
}

func (c *Cluster) names() []string {
	var names []string
	for i := range c.ports {
		names = append(names, fmt.Sprintf("server-%d", i))
	}
	return names
}

// A Gate is a way to servers that can be cut and held. The zero Gate is open.
type Gate struct {
	mu    sync.Mutex
	conns map[*gated]struct{}
	cut   bool
	held  chan struct{} // closed when answers come again; nil if they do
}

var _ nats.CustomDialer = (*Gate)(nil)

var errCut = errors.New("the connection is cut")

// Dial implements [nats.CustomDialer].
func (g *Gate) Dial(network, address string) (net.Conn, error) {
	g.mu.Lock()
	cut := g.cut
	g.mu.Unlock()
	if cut {
		return nil, errCut
	}
	conn, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return nil, err
	}
	c := &gated{Conn: conn, gate: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cut {
		return nil, errors.Join(errCut, conn.Close())
	}
	if g.conns == nil {
		g.conns = make(map[*gated]struct{})
	}
	g.conns[c] = struct{}{}
	return c, nil
}

// Cut closes all connections and refuses new ones, or lets them through again.
func (g *Gate) Cut(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = on
	if on {
		for c := range g.conns {
			c.Conn.Close()
		}
		clear(g.conns)
	}
}

// Hold keeps whatever the servers send from arriving, or lets it come. What is sent to
// them arrives.
func (g *Gate) Hold(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if on && g.held == nil {
		g.held = make(chan struct{})
	}
	if !on && g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// A gated connection goes through a gate.
type gated struct {
	net.Conn
	gate *Gate
}

func (c *gated) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.mu.Lock()
	held := c.gate.held
	c.gate.mu.Unlock()
	if held != nil {
		<-held
	}
	return n, err
}

func (c *gated) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
