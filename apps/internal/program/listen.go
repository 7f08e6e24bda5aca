package program

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"
)

// Listening are the flags that say where a server listens, under which names, how much it
// takes on, and how it ends.
type Listening struct {
	Addr string   `placeholder:"HOST:PORT" help:"Where to listen. Without it, the usual port of this machine, or a free one if that is taken."`
	Host []string `placeholder:"NAME" help:"A name under which the server is asked for, such as that of a proxy in front. One that only this machine can reach takes no others."`
	Secured
	Limiting
	Drain time.Duration `placeholder:"TIME" help:"How long a server that was told to end goes on, not ready any more, so that whoever shares out requests notices. Then it finishes those that it has begun."`
}

// Check returns what is wrong with what the flags say.
func (l Listening) Check() error {
	var wrong []error
	if l.Addr != "" {
		if _, err := net.ResolveTCPAddr("tcp", l.Addr); err != nil {
			wrong = append(wrong, fmt.Errorf("--addr: %w", err))
		}
	}
	if l.Drain < 0 {
		wrong = append(wrong, fmt.Errorf("--drain: %v is before now", l.Drain))
	}
	return errors.Join(append(wrong, l.Secured.check())...)
}

// Listen listens where the flags say, or else at the usual address, or at a free port of
// this machine if somebody has that one, of which log is told. With a certificate it speaks TLS,
// and log is told when the files of that have changed.
func (l Listening) Listen(usual string, log *slog.Logger) (net.Listener, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	listener, err := l.listen(usual, log)
	if err != nil {
		return nil, err
	}
	secured, err := l.secure(listener, log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return secured, nil
}

func (l Listening) listen(usual string, log *slog.Logger) (net.Listener, error) {
	if l.Addr != "" {
		return net.Listen("tcp", l.Addr)
	}
	listener, err := net.Listen("tcp", usual)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		log.Warn("another program has the usual address; say with --addr where to listen", "usual", usual, "address", listener.Addr().String())
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
	scheme := "http"
	if _, is := listener.(secured); is {
		scheme = "https"
	}
	at := listener.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() {
		return fmt.Sprintf("%s://127.0.0.1:%d", scheme, at.Port)
	}
	return scheme + "://" + at.String()
}
