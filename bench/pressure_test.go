package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// In an open loop a server that stops for a while is held to account for every request that
// was due meanwhile, not only for the one that it stopped at.
func TestAnOpenLoopOmitsNothing(t *testing.T) {
	const pause = 300 * time.Millisecond
	var stopAt time.Time
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		// Everybody is held up until the pause is over.
		if now := time.Now(); now.After(stopAt) && now.Before(stopAt.Add(pause)) {
			time.Sleep(stopAt.Add(pause).Sub(now))
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	v := &served{host: host, process: self}
	stopAt = time.Now().Add(200 * time.Millisecond)
	ask := requestOf("GET", host, "/", "", "")
	out, err := v.open(500, time.Second, press{request: func(int, int) []byte { return ask }, status: 200})
	if err != nil {
		t.Fatal(err)
	}
	if n := out.times.TotalCount(); n < 400 || n > 600 || out.late != 0 {
		t.Errorf("%d requests came, and %d were late, want about 500", n, out.late)
	}
	// Of those that were due in the pause, a half waited for more than half of it.
	waited := 0
	for _, b := range out.times.Distribution() {
		if b.From > int64(pause/2) {
			waited += int(b.Count)
		}
	}
	if waited < 40 {
		t.Errorf("%d requests waited for more than half of the pause, want some 75", waited)
	}
}

func TestAWireReadsEveryAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		switch r.URL.Path {
		case "/unchanged":
			w.WriteHeader(http.StatusNotModified)
		case "/created":
			w.Header().Set("Location", "/things/1")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte("made"))
		case "/chunks":
			for range 3 {
				_, _ = w.Write([]byte(strings.Repeat("x", 3000)))
				w.(http.Flusher).Flush()
			}
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	w, err := dialWire(host)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, c := range []struct {
		method, path string
		status       int
		location     string
		bytes        int
	}{{"GET", "/unchanged", 304, "", 0}, {"POST", "/created", 201, "/things/1", 4}, {"GET", "/chunks", 200, "", 9000}, {"GET", "/", 200, "", 0}} {
		r, err := w.ask(requestOf(c.method, host, c.path, "", "{}"), true)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		if r.status != c.status || r.location != c.location || r.bytes != c.bytes || len(r.body) != c.bytes || r.etag != `"1"` {
			t.Errorf("%s is read as %+v, want %+v", c.path, r, c)
		}
	}
}
