package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook/access"
)

// limited returns a site that answers at /, and at /wait when the channel says so.
func limited(l Limits, principal func(*http.Request) string) (s *Server, answer chan struct{}) {
	o := Options{Limits: l, Logger: slog.New(slog.DiscardHandler)}
	if principal != nil {
		o.Authenticator = access.AuthenticatorFunc(func(r *http.Request) (access.Principal, error) {
			return access.Principal{Name: principal(r)}, nil // nobody is asked for more than a name
		})
	}
	s = NewServer("test", o)
	answer = make(chan struct{})
	s.Route([]Route{
		{Method: "GET", Path: "/{$}", Right: Open, Handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		{Method: "GET", Path: "/wait", Right: Open, Handle: func(http.ResponseWriter, *http.Request) error { <-answer; return nil }},
		{Method: "GET", Path: "/stream", Right: Open, Long: true, Handle: func(_ http.ResponseWriter, r *http.Request) error {
			if tooMany := visitOf(r).stay(); tooMany != nil {
				return tooMany
			}
			<-answer
			return nil
		}},
		{Method: "GET", Path: "/healthz", Right: Open, Handle: Healthz},
	})
	return s, answer
}

// from asks a site from an address.
func from(s *Server, address, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAClientThatSendsTooManyIsToldWhenToComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := limited(Limits{Rate: 0.25, Burst: 3}, nil)
		for range 3 {
			if w := from(s, "192.0.2.1:1000", "/"); w.Code != http.StatusOK {
				t.Fatalf("within the burst it answers %d", w.Code)
			}
		}
		w := from(s, "192.0.2.1:2000", "/")
		if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "4" || !strings.Contains(w.Body.String(), "#too-many") {
			t.Errorf("beyond it, it answers %d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		if w := from(s, "192.0.2.2:1000", "/"); w.Code != http.StatusOK {
			t.Errorf("another client is answered %d", w.Code)
		}
		if w := from(s, "192.0.2.1:1000", "/healthz"); w.Code != http.StatusOK {
			t.Errorf("asked for its health, it answers %d", w.Code)
		}
		time.Sleep(4 * time.Second)
		if w := from(s, "192.0.2.1:1000", "/"); w.Code != http.StatusOK {
			t.Errorf("coming when it was told to, the client is answered %d", w.Code)
		}
	})
}

func TestWhoARequestCountsFor(t *testing.T) {
	for _, c := range []struct {
		name                string
		one, other          string // principal and address
		together, principal bool
	}{
		{name: "two ports of an address", one: "192.0.2.1:1", other: "192.0.2.1:2", together: true},
		{name: "two addresses", one: "192.0.2.1:1", other: "192.0.2.2:1"},
		{name: "an address, and the same as IPv6 has it", one: "192.0.2.1:1", other: "[::ffff:192.0.2.1]:1", together: true},
		{name: "two addresses of one network of IPv6", one: "[2001:db8::1]:1", other: "[2001:db8::ffff:1]:1", together: true},
		{name: "two networks of IPv6", one: "[2001:db8:0:1::1]:1", other: "[2001:db8:0:2::1]:1"},
		{name: "two zones", one: "[fe80::1%eth0]:1", other: "[fe80::1%eth1]:1", together: true},
		{name: "a socket without addresses", one: "@", other: "", together: true},
	} {
		if got := clientOf("", c.one) == clientOf("", c.other); got != c.together {
			t.Errorf("%s: one client is %v, want %v", c.name, got, c.together)
		}
	}
	if clientOf("ada", "192.0.2.1:1") != clientOf("ada", "192.0.2.2:1") {
		t.Error("a principal at two addresses is two clients")
	}
	if clientOf(Local, "127.0.0.1:1") == clientOf(Local, "127.0.0.2:1") {
		t.Error("all at this machine are one client")
	}
	if clientOf("ada", "192.0.2.1:1") == clientOf("bob", "192.0.2.1:1") || clientOf("ada", "192.0.2.1:1") == clientOf("", "192.0.2.1:1") {
		t.Error("two principals at one address are one client")
	}
}

// Who should be known and is not may send less, and takes nothing from who is at the same
// address.
func TestStrangersAreBoundedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := ""
		s, _ := limited(Limits{Rate: 5000, Strangers: 0.1}, func(*http.Request) string { return name })
		for range strangersBurst {
			if w := from(s, "192.0.2.1:1", "/"); w.Code != http.StatusOK {
				t.Fatalf("within the burst it answers %d", w.Code)
			}
		}
		if w := from(s, "192.0.2.1:1", "/"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "10" {
			t.Errorf("beyond it, it answers %d, Retry-After %s", w.Code, w.Header().Get("Retry-After"))
		}
		name = "ada"
		if w := from(s, "192.0.2.1:1", "/"); w.Code != http.StatusOK {
			t.Errorf("a principal at the same address is answered %d", w.Code)
		}
	})
}

// Strangers cost a bounded amount of memory, however many there are, and none of them makes
// the server forget what somebody has going on.
func TestClientsAreForgotten(t *testing.T) {
	s, answer := limited(Limits{Rate: 1, Burst: 1, RequestsEach: 1}, nil)
	waiting := make(chan *httptest.ResponseRecorder)
	go func() { waiting <- from(s, "198.51.100.1:1", "/wait") }()
	for s.gate.inside.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for i := range 2 * mostQuiet {
		if w := from(s, fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "/"); w.Code != http.StatusOK {
			t.Fatalf("stranger %d is answered %d", i, w.Code)
		}
	}
	if got := len(s.gate.clients); got > mostQuiet+1 || got != s.gate.quiet.Len()+1 {
		t.Errorf("%d clients are remembered, of which %d are quiet", got, s.gate.quiet.Len())
	}
	if w := from(s, "198.51.100.1:1", "/"); w.Code != http.StatusTooManyRequests {
		t.Errorf("the client that has a request going on is answered %d", w.Code)
	}
	close(answer)
	if w := <-waiting; w.Code != http.StatusOK {
		t.Errorf("its request is answered %d", w.Code)
	}
}

func TestAServerThatIsFullSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var identified atomic.Int64
		s, answer := limited(Limits{Requests: 2}, func(*http.Request) string { identified.Add(1); return "" })
		for i := range 2 {
			go from(s, fmt.Sprintf("192.0.2.%d:1", i), "/wait")
		}
		synctest.Wait()
		before := identified.Load()
		w := from(s, "192.0.2.9:1", "/")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "#unavailable") {
			t.Errorf("it answers %d: %s", w.Code, w.Body)
		}
		if identified.Load() != before {
			t.Error("it first looks who asks")
		}
		if w := from(s, "192.0.2.9:1", "/healthz"); w.Code != http.StatusOK {
			t.Errorf("asked for its health, it answers %d", w.Code)
		}
		close(answer)
		synctest.Wait()
		if w := from(s, "192.0.2.9:1", "/"); w.Code != http.StatusOK {
			t.Errorf("once it has room again, it answers %d", w.Code)
		}
	})
}

func TestOneClientCannotTakeAllTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, answer := limited(Limits{RequestsEach: 2, Streams: 3, StreamsEach: 2}, nil)
		for _, path := range []string{"/stream", "/wait"} {
			for range 2 {
				go from(s, "192.0.2.1:1", path)
			}
			synctest.Wait()
		}
		if got := s.gate.inside.Load(); got != 2 {
			t.Errorf("%d requests are inside besides the streams, want 2", got)
		}
		for path, client := range map[string]string{"/": "192.0.2.1:1", "/stream": "192.0.2.1:1"} {
			if w := from(s, client, path); w.Code != http.StatusTooManyRequests {
				t.Errorf("its next request for %s is answered %d", path, w.Code)
			}
		}
		go from(s, "192.0.2.2:1", "/stream")
		synctest.Wait()
		if w := from(s, "192.0.2.3:1", "/stream"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("where there is no room for a stream, it answers %d", w.Code)
		}
		if s.LiveStreams() != 3 {
			t.Errorf("there are %d live streams, want 3", s.LiveStreams())
		}
		if w := from(s, "192.0.2.2:1", "/"); w.Code != http.StatusOK {
			t.Errorf("another client is answered %d", w.Code)
		}
		close(answer)
		synctest.Wait()
		if s.LiveStreams() != 0 || s.gate.inside.Load() != 0 || s.gate.quiet.Len() != len(s.gate.clients) {
			t.Errorf("in the end %d streams and %d requests are counted, and %d of %d clients are quiet",
				s.LiveStreams(), s.gate.inside.Load(), s.gate.quiet.Len(), len(s.gate.clients))
		}
	})
}

func TestLimitsCanBeLifted(t *testing.T) {
	s, _ := limited(Limits{Rate: -1, Requests: -1, RequestsEach: -1, Streams: -1, StreamsEach: -1, Connections: -1, Body: -1}, nil)
	for range 5000 {
		if w := from(s, "192.0.2.1:1", "/"); w.Code != http.StatusOK {
			t.Fatalf("it answers %d", w.Code)
		}
	}
}
