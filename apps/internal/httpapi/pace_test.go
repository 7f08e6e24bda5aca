package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeline is a listener whose connections are pipes, so that they obey the clock of a
// test.
type pipeline struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeline() *pipeline {
	return &pipeline{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipeline) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeline) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipeline) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns a connection, of which the server has the other end.
func (p *pipeline) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// served runs a site with a test's routes on a pipeline, inside a bubble of time.
func served(t *testing.T, o Options, routes []Route, work func(*Server, *pipeline)) {
	synctest.Test(t, func(t *testing.T) {
		o.Logger = slog.New(slog.DiscardHandler)
		s, on := NewServer("test", o), newPipeline()
		s.Route(routes)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, on) }()
		work(s, on)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// counting are routes that read what they are sent, and say how much it was.
func counting() []Route {
	count := func(w http.ResponseWriter, r *http.Request) error {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return CutShort(err)
		}
		_, err = fmt.Fprintf(w, "%d bytes", n)
		return err
	}
	return []Route{{Method: "POST", Path: "/short", Right: Open, Handle: count}, {Method: "POST", Path: "/long", Right: Open, Handle: count, Long: true}}
}

// send sends a body at a pace, and returns the answer and when it came.
func send(t *testing.T, conn net.Conn, path string, length int, step int, every time.Duration) (answer string, took time.Duration) {
	t.Helper()
	began := time.Now()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", path, length)
		for n := 0; n < length; n += step {
			if _, err := conn.Write(bytes.Repeat([]byte("x"), min(step, length-n))); err != nil {
				return
			}
			time.Sleep(every)
		}
	}()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("there is no answer: %v", err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read the answer: %v", err)
	}
	took = time.Since(began)
	conn.Close()
	<-sent
	return fmt.Sprint(r.StatusCode, " ", string(body)), took
}

func TestABodyComesInTimeOrNotAtAll(t *testing.T) {
	for _, c := range []struct {
		name, path   string
		length, step int
		every        time.Duration
		want         string
		within       time.Duration
	}{
		{"a slow client's command", "/short", 40_000, 4000, time.Second, "200 40000 bytes", 11 * time.Second},
		{"a command that drips", "/short", 40_000, 10, time.Second, "408 ", 16 * time.Second},
		{"a command that stops", "/short", 40_000, 1000, time.Hour, "408 ", 16 * time.Second},
		{"a slow client's import", "/long", 10 << 20, 5 << 10, time.Second, "200 10485760 bytes", time.Hour},
		{"an import that drips", "/long", 10 << 20, 1 << 10, time.Second, "408 ", 17 * time.Second},
		{"an import that stops", "/long", 10 << 20, 1 << 20, time.Hour, "408 ", 17 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			served(t, Options{}, counting(), func(_ *Server, on *pipeline) {
				answer, took := send(t, on.dial(), c.path, c.length, c.step, c.every)
				if !strings.HasPrefix(answer, c.want) || took > c.within {
					t.Errorf("after %v it is answered %s, want %s within %v", took, answer, c.want, c.within)
				}
			})
		})
	}
}

func TestABodyTooLargeIsNotRead(t *testing.T) {
	served(t, Options{Limits: Limits{Body: 1000}}, counting(), func(_ *Server, on *pipeline) {
		if answer, _ := send(t, on.dial(), "/short", 1001, 500, 0); !strings.HasPrefix(answer, "413 ") {
			t.Errorf("it is answered %s", answer)
		}
		if answer, _ := send(t, on.dial(), "/short", 1000, 500, 0); answer != "200 1000 bytes" {
			t.Errorf("what just fits is answered %s", answer)
		}
	})
}

// What a handler takes is not the client's fault.
func TestAHandlerMayTakeItsTime(t *testing.T) {
	const length = 300_000
	routes := []Route{{Method: "POST", Path: "/long", Right: Open, Long: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
		part := make([]byte, 100_000)
		for range length / len(part) {
			if _, err := io.ReadFull(r.Body, part); err != nil {
				return err
			}
			time.Sleep(time.Minute)
			if _, err := w.Write([]byte("a line\n")); err != nil {
				return err
			}
		}
		return r.Context().Err()
	}}}
	served(t, Options{}, routes, func(_ *Server, on *pipeline) {
		if answer, _ := send(t, on.dial(), "/long", length, length, 0); answer != "200 a line\na line\na line\n" {
			t.Errorf("it is answered %s", answer)
		}
	})
}

// readSlowly reads an answer step by step, and returns how much of it came.
func readSlowly(conn net.Conn, path string, step int, every time.Duration) (read int) {
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
	part := make([]byte, step)
	for {
		n, err := io.ReadFull(conn, part)
		read += n
		if err != nil {
			return read
		}
		time.Sleep(every)
	}
}

func TestAnAnswerIsReadInTimeOrNotAtAll(t *testing.T) {
	const size = 4 << 20
	write := func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write(make([]byte, size))
		return err
	}
	routes := []Route{{Method: "GET", Path: "/short", Right: Open, Handle: write}, {Method: "GET", Path: "/long", Right: Open, Handle: write, Long: true}}
	for _, path := range []string{"/short", "/long"} {
		served(t, Options{}, routes, func(s *Server, on *pipeline) {
			slow, slower, none := on.dial(), on.dial(), on.dial()
			if got := readSlowly(slow, path, 8<<10, time.Second); got < size {
				t.Errorf("%s: who reads slowly gets %d of %d bytes", path, got, size)
			}
			began := time.Now()
			if got := readSlowly(slower, path, 256, time.Second); got > 64<<10 || time.Since(began) > 5*time.Minute {
				t.Errorf("%s: who reads a trickle gets %d bytes in %v", path, got, time.Since(began))
			}
			fmt.Fprintf(none, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
			time.Sleep(time.Minute)
			if got := s.gate.inside.Load(); got != 0 {
				t.Errorf("%s: the request of one who reads nothing is still being answered", path)
			}
		})
	}
}

// beating is the route of a stream that says every 20 seconds that it is alive.
var beating = []Route{{Method: "GET", Path: "/stream", Right: Open, Long: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
	out := &liveWriter{w: w, control: http.NewResponseController(w), may: func() error { return nil }}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-time.After(20 * time.Second):
			if err := out.comment("still here"); err != nil {
				return nil
			}
		}
	}
}}}

// A live stream of which the client never writes again lives for as long as it is read.
func TestAStreamOutlivesTheTimesOfARequest(t *testing.T) {
	served(t, Options{}, beating, func(s *Server, on *pipeline) {
		conn := on.dial()
		fmt.Fprint(conn, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
		lines := bufio.NewScanner(conn)
		for beats := 0; beats < 100; {
			if !lines.Scan() {
				t.Fatalf("the stream ended after %d beats: %v", beats, lines.Err())
			}
			if strings.Contains(lines.Text(), "still here") {
				beats++
			}
		}
		// Now it is not read any more.
		time.Sleep(time.Minute)
		if got := s.gate.inside.Load(); got != 0 {
			t.Error("the stream of one who does not read goes on")
		}
	})
}

func TestTheConnectionWithoutARequestForLongestMakesRoom(t *testing.T) {
	answer := make(chan struct{})
	routes := []Route{
		{Method: "GET", Path: "/", Right: Open, Handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		{Method: "GET", Path: "/wait", Right: Open, Handle: func(http.ResponseWriter, *http.Request) error { <-answer; return nil }},
	}
	served(t, Options{Limits: Limits{Connections: 3}}, routes, func(_ *Server, on *pipeline) {
		asked := func(conn net.Conn, path string) string {
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
			r, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return err.Error()
			}
			return r.Status
		}
		answer = make(chan struct{})
		busy, idle := on.dial(), on.dial()
		waiting := make(chan string, 1)
		go func() { waiting <- asked(busy, "/wait") }()
		if got := asked(idle, "/"); got != "200 OK" {
			t.Errorf("the first request is answered %s", got)
		}
		time.Sleep(time.Second)
		slow := on.dial()
		fmt.Fprint(slow, "GET / HTTP/1.1\r\nX-Never-Ending: ")
		synctest.Wait()

		first, second := on.dial(), on.dial()
		synctest.Wait()
		for name, conn := range map[string]net.Conn{"the idle one": idle, "the one with endless headers": slow} {
			if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s is not closed: %v", name, err)
			}
		}
		for _, conn := range []net.Conn{first, second} {
			if got := asked(conn, "/"); got != "200 OK" {
				t.Errorf("who came last is answered %s", got)
			}
		}
		close(answer)
		if got := <-waiting; got != "200 OK" {
			t.Errorf("the request that was being answered is answered %s", got)
		}
	})
}
