package program

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listening are the flags that say where a server listens, and under which names.
type Listening struct {
	Addr string   `placeholder:"HOST:PORT" help:"Where to listen. Without it, the usual port of this machine, or a free one if that is taken."`
	Host []string `placeholder:"NAME" help:"A name under which the server is asked for, such as that of a proxy in front. One that only this machine can reach takes no others."`
}

// Listen listens where the flags say, or else at the usual address, or at a free port of
// this machine if somebody has that one.
func (l Listening) Listen(usual string) (net.Listener, error) {
	if l.Addr != "" {
		return net.Listen("tcp", l.Addr)
	}
	listener, err := net.Listen("tcp", usual)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return listener, err
}

// Hosts returns the names that the server goes by: any, if others can reach it anyway and
// nobody says otherwise.
func (l Listening) Hosts(listener net.Listener) []string {
	if len(l.Host) == 0 && listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return []string{} // none but this machine's own
	}
	return l.Host
}

// AddressOf returns where a browser on this machine finds what listens.
func AddressOf(listener net.Listener) string {
	at := listener.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", at.Port)
	}
	return "http://" + at.String()
}
