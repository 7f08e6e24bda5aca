package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/library"
	"github.com/daybook-es/daybook/apps/library/internal/crowd"
	"github.com/daybook-es/daybook/store/memstore"
)

// A service is one of the library's in this process, of which every connection can be cut,
// whatever is under way.
type service struct {
	t     *testing.T
	begin func() (http.Handler, func())
	at    string // where it listens
	kill  func()
}

// serve starts a service at a free address.
func serve(t *testing.T, begin func() (http.Handler, func())) *service {
	s := &service{t: t, begin: begin, at: "127.0.0.1:0"}
	s.Restart()
	t.Cleanup(func() { s.Kill() })
	return s
}

func (s *service) URL() string { return "http://" + s.at }
func (s *service) Kill()       { s.kill() }

func (s *service) Restart() {
	listener, err := net.Listen("tcp", s.at)
	if err != nil {
		s.t.Errorf("start a service: %v", err)
		return
	}
	if s.kill == nil {
		s.at = listener.Addr().String()
	}
	handler, end := s.begin()
	server := &http.Server{Handler: handler}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(listener) })
	s.kill = sync.OnceFunc(func() {
		_ = server.Close()
		done.Wait()
		end()
	})
}

// However many borrow at once, at whichever service, and whatever is killed meanwhile: no
// copy is lent twice, nobody has a sixth book, and the log explains every answer.
func TestACrowdAtTheDesk(t *testing.T) {
	store := memstore.New()
	var writes, reads []crowd.Service
	for range 2 {
		writes = append(writes, serve(t, func() (http.Handler, func()) {
			return NewWriteSite(store, &WriteOptions{Options: httpapi.Options{Logger: quiet}}), func() {}
		}))
	}
	for range 3 {
		reads = append(reads, serve(t, func() (http.Handler, func()) {
			inventory, err := library.Open(context.Background(), store, &library.InventoryOptions{Logger: quiet})
			if err != nil {
				t.Error(err)
				return http.NotFoundHandler(), func() {}
			}
			return NewReadSite(inventory, &ReadOptions{Options: httpapi.Options{Logger: quiet}}), func() { inventory.Close() }
		}))
	}
	crowd.Crowd{Readers: 64, Hands: 2, Turns: 12, Every: 40 * time.Millisecond, Down: 10 * time.Millisecond, Seed: 6}.Run(t, store, writes, reads)
}
