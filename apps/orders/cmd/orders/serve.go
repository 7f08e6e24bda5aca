package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/apps/orders/web"
)

// Serve serves the shop over HTTP.
type Serve struct {
	Data
	Fulfilment
	Addr string   `placeholder:"HOST:PORT" help:"Where to listen. Without it, 127.0.0.1:8080, or a free port if that one is taken."`
	Host []string `placeholder:"NAME" help:"A name under which the shop is asked for, such as that of a proxy in front. A server that only this machine can reach takes no others."`
}

const usualAddr = "127.0.0.1:8080"

// Run serves until ctx ends. It prints the address when it is ready.
func (c *Serve) Run(ctx context.Context, s *streams) (err error) {
	listener, err := c.listen()
	if err != nil {
		return err
	}
	address := addressOf(listener)
	options, payments, carrier, err := c.options()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	shop, err := c.open(ctx, address, s.log, options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer shop.close(&err)
	site := web.New(shop.Shop, &web.Options{
		Logger: s.log, Hosts: c.hosts(listener), Health: shop.health,
		Providers: []*simulated.Desk{payments.Desk, carrier.Desk},
	})
	fmt.Fprintln(s.out, address)
	s.log.Info("serving", "address", address, "data", c.Data.Data)
	err = site.Serve(ctx, listener)
	s.log.Info("stopped")
	return err
}

func (c *Serve) listen() (net.Listener, error) {
	if c.Addr != "" {
		return net.Listen("tcp", c.Addr)
	}
	listener, err := net.Listen("tcp", usualAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return listener, err
}

// hosts returns the names that the shop goes by: any, if others can reach it anyway and
// nobody says otherwise.
func (c *Serve) hosts(listener net.Listener) []string {
	if len(c.Host) == 0 && listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return []string{} // none but this machine's own
	}
	return c.Host
}

// addressOf returns where a browser on this machine finds what listens.
func addressOf(listener net.Listener) string {
	at := listener.Addr().(*net.TCPAddr)
	if at.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", at.Port)
	}
	return "http://" + at.String()
}
