package httpapi

import (
	"bufio"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/daybook-es/daybook/apps/internal/hostile"
)

// Over HTTP/2 each request has the server's times on its own stream, and a live stream
// outlives them too.
func TestAStreamOverHTTP2OutlivesTheTimesOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		certificate, known := hostile.SelfSigned(t)
		s, on := NewServer("test", Options{Logger: slog.New(slog.DiscardHandler)}), newPipeline()
		s.Route(beating)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- s.Serve(ctx, tls.NewListener(on, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}))
		}()
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: known, ServerName: "localhost", MinVersion: tls.VersionTLS12},
			DialContext: func(context.Context, string, string) (net.Conn, error) { return on.dial(), nil }}}
		r, err := client.Get("https://localhost/stream")
		if err != nil {
			t.Fatal(err)
		}
		if r.ProtoMajor != 2 {
			t.Fatalf("it speaks %s", r.Proto)
		}
		lines := bufio.NewScanner(r.Body)
		for beats := 0; beats < 20; {
			if !lines.Scan() {
				t.Fatalf("the stream ended after %d beats: %v", beats, lines.Err())
			}
			if strings.Contains(lines.Text(), "still here") {
				beats++
			}
		}
		r.Body.Close()
		client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
}
