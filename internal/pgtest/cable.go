package pgtest

import (
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// A Cable is between a program and a PostgreSQL server, and can be cut.
type Cable struct {
	listener            net.Listener
	server              string // its socket
	accepting, carrying sync.WaitGroup

	// ToServer and ToClient are asked about what is carried, before it is, where they are not
	// nil: one that returns true cuts the connection, and it is not carried. Until they
	// return nothing more is carried that way on that connection.
	ToServer, ToClient atomic.Pointer[func([]byte) bool]

	mu    sync.Mutex
	conns []net.Conn
}

// Committed is how a server says that a transaction was kept.
var Committed = []byte("C\x00\x00\x00\x0bCOMMIT\x00")

// Lay lays a cable to a database of a server of this package, and returns the address of
// its other end. It is taken away when the test ends.
func Lay(t testing.TB, database string) (*Cable, string) {
	t.Helper()
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cable{server: filepath.Join(at.Query().Get("host"), ".s.PGSQL.5432")}
	if c.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c.accepting.Go(c.accept)
	t.Cleanup(func() {
		if err := c.listener.Close(); err != nil {
			t.Error(err)
		}
		c.accepting.Wait()
		c.Cut()
		c.carrying.Wait()
	})
	at.Host, at.RawQuery = c.listener.Addr().String(), ""
	return c, at.String()
}

func (c *Cable) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, client, server)
		c.mu.Unlock()
		c.carrying.Go(func() { carry(server, client, &c.ToServer) })
		c.carrying.Go(func() { carry(client, server, &c.ToClient) })
	}
}

// carry carries bytes one way until the connection ends.
func carry(to, from net.Conn, cut *atomic.Pointer[func([]byte) bool]) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if ask := cut.Load(); n > 0 && ask != nil && (*ask)(buffer[:n]) {
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// Cut cuts all connections that there are.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close() // those that ended are closed already
	}
	c.conns = nil
}
