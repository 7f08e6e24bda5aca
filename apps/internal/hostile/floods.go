package hostile

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// many is how many connections an attack has that each hold something.
const many = 200

// drip sends some bytes at once and then one after the other, until the connection is
// closed, and returns what was answered.
func (on *target) drip(conn net.Conn, begin, rest string) (answer string) {
	go func() {
		_, err := io.WriteString(conn, begin)
		for i := 0; err == nil; i++ {
			time.Sleep(50 * time.Millisecond)
			_, err = conn.Write([]byte{rest[i%len(rest)]})
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(conn)
	if os.IsTimeout(err) {
		return "nothing, and not closed"
	}
	status, _, _ := strings.Cut(string(got), "\r\n")
	return status
}

// drips has many connections drip, and returns how often each answer came.
func (on *target) drips(t *testing.T, begin, rest string) map[string]int {
	var mu sync.Mutex
	answers := make(map[string]int)
	var all sync.WaitGroup
	for range many {
		conn := on.dial(t)
		all.Go(func() {
			answer := on.drip(conn, begin, rest)
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
		})
	}
	all.Wait()
	return answers
}

func slowHeaders(t *testing.T, on *target) {
	// Whose headers do not come is told so by nobody: there was no request.
	for answer, n := range on.drips(t, "GET "+on.Query+" HTTP/1.1\r\nHost: "+on.Host+"\r\nX-Never-Ending: ", "a") {
		if answer != "" {
			t.Errorf("%d of them end with %q", n, answer)
		}
	}
}

func slowBodies(t *testing.T, on *target) {
	for answer, n := range on.drips(t, on.post("Content-Length: 100000", ""), " ") {
		if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
			t.Errorf("%d of them end with %q", n, answer)
		}
	}
	for answer, n := range on.drips(t, on.post("Transfer-Encoding: chunked", ""), "1\r\n \r\n") {
		if !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
			t.Errorf("%d of them in chunks end with %q", n, answer)
		}
	}
}

// neverReads asks for large answers, one behind the other, and reads none of them.
func neverReads(t *testing.T, on *target) {
	ask := strings.Repeat("GET "+on.Large+" HTTP/1.1\r\nHost: "+on.Host+"\r\n\r\n", 1000)
	var all sync.WaitGroup
	for range many {
		conn := on.dial(t)
		all.Go(func() {
			_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
			for {
				if _, err := io.WriteString(conn, ask); err != nil {
					return // it reads no more of them, because it cannot answer
				}
			}
		})
	}
	all.Wait()
}

// thousands connects ten thousand times, or as often as this system lets it, and begins a
// request each time.
func thousands(t *testing.T, on *target) {
	const connections = 10_000
	conns := make([]net.Conn, 0, connections)
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	for range connections {
		conn, err := net.Dial("tcp", on.plain)
		if err != nil {
			t.Logf("this system lets it connect %d times: %v", len(conns), err)
			for range min(500, len(conns)) { // so that others can
				conns[len(conns)-1].Close()
				conns = conns[:len(conns)-1]
			}
			break
		}
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, "GET ") // which is closed perhaps
	}
	if err := on.honest(); err != nil {
		t.Errorf("beside %d connections: %v", len(conns), err)
	}
	if len(conns) < connections/2 {
		return
	}
	_ = conns[0].SetReadDeadline(time.Now().Add(patience))
	if _, err := conns[0].Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("of %d connections the first did not make room: %v", len(conns), err)
	}
}

// manyStreams opens more live streams than one client may have.
func manyStreams(t *testing.T, on *target) {
	statuses := make(map[int]int)
	for range many {
		conn := on.dial(t)
		if _, err := io.WriteString(conn, "GET "+on.Stream+" HTTP/1.1\r\nHost: "+on.Host+"\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if statuses[r.StatusCode]++; r.StatusCode == http.StatusTooManyRequests && r.Header.Get("Retry-After") == "" {
			t.Error("it is not told when to come again")
		}
		defer conn.Close()
	}
	if statuses[http.StatusOK] == 0 || statuses[http.StatusTooManyRequests] == 0 || len(statuses) != 2 {
		t.Errorf("of %d streams of one client, so many are answered so: %v", many, statuses)
	}
}
