package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// Somebody who creates a product at a terminal, and then asks for the products, has no
// token in mind. So the first query of a client that has just sent a command waits until
// that is shown, though not for long: it is a kindness, and the token a promise.

const (
	// ownWithin is for how long such a query waits.
	ownWithin = 250 * time.Millisecond
	// mostOwn is of how many clients it is known what they have just done.
	mostOwn = 4096
)

// ownWrites are the newest points that clients were told, and have not asked since. The zero
// value is ready, and safe for use by many goroutines.
type ownWrites struct {
	mu sync.Mutex
	of map[string]daybook.Point
}

// clientOf tells clients apart, as far as can be without a token: by who they are and by
// the address that they ask from.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return access.Of(r.Context()).Name + " " + host
}

// note notes what a client was told. The zero Point tells nothing new.
func (o *ownWrites) note(r *http.Request, at daybook.Point) {
	if at.IsZero() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil || len(o.of) >= mostOwn {
		o.of = make(map[string]daybook.Point)
	}
	o.of[clientOf(r)] = at
}

// take returns what a client was told and has not asked since.
func (o *ownWrites) take(r *http.Request) (at daybook.Point, is bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	client := clientOf(r)
	at, is = o.of[client]
	delete(o.of, client)
	return at, is
}

// awaitOwn waits until a client is shown what it has just done, if it says nothing of that
// itself.
func (s *Site) awaitOwn(r *http.Request) {
	at, is := s.own.take(r)
	if !is || r.Header.Get(httpapi.TokenHeader) != "" {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), ownWithin)
	defer cancel()
	_ = s.showcase.Wait(ctx, at) // what is not shown by then is shown later
}
