package httpapi

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connections bound how many there are. Each is counted until it is closed, and waits in
// line while it has no request: while its handshake and its headers take their time, and
// between requests.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // its place in line; nil while it has a request
	waiting *list.List                 // of net.Conn, the longest without a request first
}

func newConnections(most int) *connections {
	return &connections{most: most, open: make(map[net.Conn]*list.Element), waiting: list.New()}
}

// note is told of what becomes of a connection, as [http.Server.ConnState] has it. Where there
// are too many, the one at the head of the line is closed, which may be the new one.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	place, open := c.open[conn]
	if state != http.StateNew && !open {
		return // it was closed here
	}
	if place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(conn)
	case http.StateActive:
		c.open[conn] = nil
	default:
		delete(c.open, conn)
	}
	for len(c.open) > c.most && c.waiting.Len() > 0 {
		longest := c.waiting.Remove(c.waiting.Front()).(net.Conn)
		delete(c.open, longest)
		if secured, is := longest.(interface{ NetConn() net.Conn }); is {
			longest = secured.NetConn() // without a word of farewell, which might wait for its reader
		}
		_ = longest.Close() // whose peer is nobody to tell
	}
}
