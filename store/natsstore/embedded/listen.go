package embedded

import (
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/daybook-es/daybook"
)

// listen has a server listen at an address.
func listen(opts *server.Options, address string) error {
	host, port, err := net.SplitHostPort(address)
	n, other := strconv.Atoi(port)
	if err != nil || other != nil {
		return &daybook.InvalidError{What: "address", Value: address, Reason: "is no host and port"}
	}
	opts.Host, opts.Port = host, n
	if n == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return nil
}
